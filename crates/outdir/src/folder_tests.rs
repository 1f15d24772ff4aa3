use super::*;

fn place() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&place.path().join("out")).expect("a folder");
    (place, folder)
}

fn write(folder: &Folder, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).expect("writable");
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect("readable")
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn what_others_have_written_is_refused_by_name_and_left_alone() {
    let (_place, folder) = place();
    write(&folder, "summary.json", "precious");
    fs::create_dir(folder.path().join("stats")).expect("writable");
    let error = folder
        .claim("summary.json")
        .expect_err("theirs")
        .to_string();
    let path = folder.path().display().to_string();
    assert!(
        error.contains(&path) && error.contains("'summary.json'"),
        "{error}"
    );
    let error = folder
        .claim_folder("stats")
        .expect_err("theirs")
        .to_string();
    assert!(error.contains("'stats/'"), "{error}");
    let wanted = ["a.png", "summary.json", "stats/"];
    let error = Folder::check(folder.path(), wanted)
        .expect_err("theirs")
        .to_string();
    assert!(error.contains("'summary.json', 'stats/'"), "{error}");
    folder.claim("a.png").expect("free");
    folder.remove_own(&[]).expect("nothing to remove");
    assert_eq!(read(&folder, "summary.json"), "precious");
}

#[test]
fn looking_changes_nothing() {
    let (place, folder) = place();
    let missing = place.path().join("not/there");
    Folder::check(&missing, ["summary.json"]).expect("free");
    Folder::check(folder.path(), ["summary.json"]).expect("free");
    assert!(!place.path().join("not").exists() && names(&folder).is_empty());
    let file = place.path().join("file");
    fs::write(&file, "x").expect("writable");
    let error = Folder::check(&file, ["summary.json"]).expect_err("no folder");
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn own_files_go_and_those_of_others_stay_also_within_own_folders() {
    let (_place, folder) = place();
    for name in ["a.png", "summary.json"] {
        folder.claim(name).expect("free");
        write(&folder, name, "ours");
    }
    let cameras = folder.claim_folder("cameras").expect("free");
    cameras.claim("cameras.json").expect("free");
    write(&cameras, "cameras.json", "ours");
    write(&cameras, "notes.txt", "precious");
    let stats = folder.claim_folder("stats").expect("free");
    stats.claim("sink.json").expect("free");
    write(&stats, "sink.json", "ours");
    write(&folder, "b.png", "precious");
    folder.remove_own(&["summary.json"]).expect("removable");
    assert_eq!(
        names(&folder),
        [".camweave", "b.png", "cameras", "summary.json"]
    );
    assert_eq!(read(&cameras, "notes.txt"), "precious");
    // What is gone is not camweave's any more, should somebody else create it.
    write(&folder, "a.png", "precious");
    folder.claim("a.png").expect_err("theirs");
    folder
        .claim_folder("cameras")
        .expect("ours")
        .claim("cameras.json")
        .expect("free");
}

#[test]
fn a_link_in_the_place_of_a_folder_is_not_followed() {
    let (place, folder) = place();
    let theirs = place.path().join("theirs");
    fs::create_dir(&theirs).expect("writable");
    fs::write(theirs.join("sink.json"), "precious").expect("writable");
    folder.claim_folder("stats").expect("free");
    fs::remove_dir(folder.path().join("stats")).expect("ours");
    std::os::unix::fs::symlink(&theirs, folder.path().join("stats")).expect("a link");
    folder.claim_folder("stats").expect_err("a link");
    folder.remove_own(&[]).expect("nothing to remove");
    assert_eq!(
        fs::read_to_string(theirs.join("sink.json")).expect("there"),
        "precious"
    );
}

#[test]
fn names_are_no_paths() {
    let (_place, folder) = place();
    for name in [
        "",
        ".",
        "..",
        "../escape",
        "a/b",
        ".hidden",
        "a\nb",
        "a\u{1b}[2J",
        &"x".repeat(201),
    ] {
        let error = folder.claim(name).expect_err("no name").to_string();
        assert!(
            !error.contains('\n') && !error.contains('\u{1b}'),
            "{error}"
        );
    }
    assert!(names(&folder).is_empty());
}

#[test]
fn a_mark_of_somebody_else_is_named() {
    let (_place, folder) = place();
    write(&folder, ".camweave", "my notes");
    let error = folder.claim("a.png").expect_err("theirs").to_string();
    assert!(error.contains("not a mark"), "{error}");
    assert_eq!(read(&folder, ".camweave"), "my notes");
    // Names in a mark are no paths either.
    write(&folder, ".camweave", "# x\n+ ../file\n+ a.png\n+ b.pn");
    fs::write(folder.path().with_file_name("file"), "precious").expect("writable");
    write(&folder, "a.png", "ours");
    write(&folder, "b.pn", "precious");
    folder.remove_own(&[]).expect("removable");
    assert!(folder.path().with_file_name("file").exists());
    assert_eq!(names(&folder), [".camweave", "b.pn"]);
}

#[test]
fn an_earlier_run_comes_back_unless_the_new_one_has_started() {
    let (_place, folder) = place();
    let run = |text: &str, cameras: &[&str]| {
        let record = folder.claim_folder("cameras").expect("ours");
        for name in cameras {
            record.claim(name).expect("ours");
            write(&record, name, text);
        }
        folder.claim("summary.json").expect("ours");
        write(&folder, "summary.json", text);
    };
    run("first", &["a.jsonl", "b.jsonl"]);
    let record = folder.path().join("cameras");
    fs::write(record.join("notes.txt"), "precious").expect("writable");
    let aside = folder.set_aside(&[]).expect("movable");
    assert!(aside.path("summary.json").is_some() && aside.path("b.png").is_none());
    assert!(!folder.path().join("summary.json").exists());
    run("second", &["a.jsonl", "c.jsonl"]);
    drop(aside);
    assert_eq!(names(&folder), [".camweave", "cameras", "summary.json"]);
    assert_eq!(read(&folder, "summary.json"), "first");
    assert_eq!(read(&folder, "cameras/b.jsonl"), "first");
    assert!(!record.join("c.jsonl").exists());

    let aside = folder.set_aside(&["summary.json"]).expect("movable");
    assert_eq!(read(&folder, "summary.json"), "first");
    run("third", &["a.jsonl"]);
    aside.remove().expect("removable");
    assert_eq!(read(&folder, "cameras/a.jsonl"), "third");
    assert!(!record.join("b.jsonl").exists());
    assert_eq!(read(&folder, "cameras/notes.txt"), "precious");
    assert_eq!(names(&folder), [".camweave", "cameras", "summary.json"]);
}

#[test]
fn what_somebody_puts_in_the_place_of_a_listed_file_is_theirs() {
    let (_place, folder) = place();
    let path = folder.claim("cam1.png").expect("free");
    for text in ["first", "second", "third"] {
        crate::replace(&path, text.as_bytes(), FILE_MODE).expect("writable");
        folder.claim("cam1.png").expect("ours");
    }
    if mark::created(&fs::metadata(&path).expect("there")).is_none() {
        return; // a file system that does not keep these times
    }
    let log = folder.claim_file("dora.log").expect("free");
    folder.claim_file("dora.log").expect("ours");
    folder.claim_folder("stats").expect("free");
    // `rm -rf OUT/*` leaves the mark.
    for file in [&path, &log] {
        fs::remove_file(file).expect("ours");
        fs::write(file, "precious").expect("writable");
    }
    fs::remove_dir(folder.path().join("stats")).expect("ours");
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::create_dir(folder.path().join("stats")).expect("writable");
    folder.claim("cam1.png").expect_err("theirs");
    folder.claim_file("dora.log").expect_err("theirs");
    folder.claim_folder("stats").expect_err("theirs");
    let names = ["cam1.png", "dora.log", "stats/"];
    let error = Folder::check(folder.path(), names).expect_err("theirs");
    assert!(
        error
            .to_string()
            .contains("'cam1.png', 'dora.log', 'stats/'"),
        "{error}"
    );
    folder.remove_own(&[]).expect("nothing to remove");
    drop(folder.set_aside(&[]).expect("nothing to move"));
    assert_eq!(read(&folder, "cam1.png"), "precious");
    // Once it is gone, the name is free again.
    fs::remove_file(&path).expect("there");
    folder.claim("cam1.png").expect("free");
    crate::replace(&path, b"ours", FILE_MODE).expect("writable");
    folder.remove_own(&[]).expect("removable");
    assert!(!path.exists());
}

#[test]
fn a_copy_of_a_folder_goes_by_names_until_its_files_are_its_own() {
    let (place, folder) = place();
    let path = folder.claim("cam1.png").expect("free");
    crate::replace(&path, b"ours", FILE_MODE).expect("writable");
    folder.claim("cam1.png").expect("ours");
    if mark::created(&fs::metadata(&path).expect("there")).is_none() {
        return; // a file system that does not keep these times
    }
    // A backup that is put back, or a move to another disk.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let to = place.path().join("copy");
    fs::create_dir(&to).expect("writable");
    for name in [".camweave", "cam1.png"] {
        fs::copy(folder.path().join(name), to.join(name)).expect("writable");
    }
    Folder::check(&to, ["cam1.png"]).expect("ours");
    let copy = Folder::open(&to).expect("ours");
    let path = copy.claim("cam1.png").expect("ours");
    crate::replace(&path, b"new", FILE_MODE).expect("writable");
    copy.claim("cam1.png").expect("ours");
    fs::remove_file(&path).expect("there");
    fs::write(&path, "precious").expect("writable");
    copy.claim("cam1.png").expect_err("theirs");
    // The folder that it was copied from is as it was.
    folder.claim("cam1.png").expect("ours");
}

#[test]
fn what_a_killed_run_has_left_aside_comes_back() {
    let (_place, folder) = place();
    let write_all = |text: &str| {
        let record = folder.claim_folder("cameras").expect("ours");
        record.claim("a.jsonl").expect("ours");
        write(&record, "a.jsonl", text);
        for name in ["detections.jsonl", "cam1.png"] {
            folder.claim(name).expect("ours");
            write(&folder, name, text);
        }
    };
    let kill = |except: &[&str]| {
        // No Drop is run.
        let _aside = std::mem::ManuallyDrop::new(folder.set_aside(except).expect("movable"));
    };
    write_all("first");
    kill(&[]);
    assert!(!folder.path().join("cam1.png").exists());
    let aside = folder.set_aside(&[]).expect("movable");
    assert_eq!(aside.recovered(), 3);
    assert!(aside.path("cameras/a.jsonl").is_some());
    drop(aside);
    assert_eq!(read(&folder, "cam1.png"), "first");
    assert_eq!(read(&folder, "cameras/a.jsonl"), "first");
    // Killed later: the new run has results of its own.
    kill(&[]);
    write_all("second");
    drop(folder.set_aside(&["history/"]).expect("movable"));
    assert_eq!(read(&folder, "cam1.png"), "second");
    let history = fs::read_dir(folder.path().join("history")).expect("a folder");
    let kept: Vec<String> = history
        .filter_map(|entry| fs::read_to_string(entry.expect("an entry").path()).ok())
        .filter(|text| !text.starts_with('#'))
        .collect();
    assert_eq!(kept, ["first"]);
    let left = names(&folder)
        .into_iter()
        .filter(|it| it.starts_with(".camweave-"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_damaged_mark_costs_no_claim() {
    let (_place, folder) = place();
    folder.claim("a.png").expect("free");
    let path = folder.path().join(".camweave");
    let text = fs::read_to_string(&path).expect("there");
    fs::write(&path, format!("{text}+ half")).expect("ours");
    folder.claim("b.png").expect("free");
    write(&folder, "b.png", "ours");
    folder.claim("b.png").expect("ours");
    write(&folder, "half", "precious");
    folder.claim("half").expect_err("theirs");
    // A process was killed within the first line.
    fs::write(&path, &text[..20]).expect("ours");
    folder.claim("c.png").expect("free");
    fs::write(&path, b"# x\n+ a\xff\n").expect("ours");
    let error = folder.claim("d.png").expect_err("damaged").to_string();
    assert!(error.contains("damaged: name another folder"), "{error}");
}

#[test]
fn a_long_mark_is_shortened_and_says_the_same() {
    let (_place, folder) = place();
    folder.claim_file("b.jsonl").expect("free");
    let path = folder.path().join(".camweave");
    let mut text = fs::read_to_string(&path).expect("there");
    text.push_str(&"+ a.png\n- a.png\n".repeat(6000));
    fs::write(&path, &text).expect("ours");
    folder.claim("c.png").expect("free");
    let bytes = fs::metadata(&path).expect("there").len();
    assert!(bytes < 1000, "{bytes}");
    folder.claim_file("b.jsonl").expect("ours");
    assert!(!folder.owns("a.png").expect("a mark"));
    assert_eq!(names(&folder), [".camweave", "b.jsonl"]);
}

#[test]
fn what_cannot_be_a_folder_is_named() {
    let (place, _) = place();
    let path = |name: &str| place.path().join(name);
    fs::write(path("file"), "x").expect("writable");
    std::os::unix::fs::symlink(path("nothing"), path("link")).expect("a link");
    std::os::unix::fs::symlink(path("out"), path("latest")).expect("a link");
    for (name, part) in [
        ("file", "it is a file"),
        ("file/below", "what it is to be in is a file"),
        ("link", "leads nowhere"),
    ] {
        for error in [
            Folder::check(&path(name), ["a.png"]).expect_err(name),
            Folder::open(&path(name)).expect_err(name),
        ] {
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.is_configuration());
        }
    }
    Folder::open(&path("latest")).expect("a link to a folder");
    assert!(!path("nothing").exists());
}
