use super::*;

fn open(folder: &Path, run: &str) -> Ledger {
    Ledger::open(folder, "decode", run).expect("a writable folder")
}

fn sorted(entries: Vec<Entry>) -> Vec<(String, u64)> {
    let mut found: Vec<_> = entries
        .into_iter()
        .map(|it| (format!("{} {:?}", it.camera, it.tally()), it.count))
        .collect();
    found.sort();
    found
}

#[test]
fn counts_outlive_the_one_who_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(folder.path(), "run");
    // More than one chunk has room for.
    let cells: Vec<Cell> = (0..300)
        .map(|number| {
            let camera = format!("cam{number}");
            let cell = ledger.cell(&camera, Tally::Dropped("superseded"), 1);
            cell.expect("a disk with room")
        })
        .collect();
    for (number, cell) in cells.iter().enumerate() {
        cell.store(number as u64);
    }
    let seen = sorted(read(folder.path(), "decode", "run").expect("a ledger"));
    assert_eq!(seen.len(), 300);
    let last = ("cam299 Some(Dropped(\"superseded\"))".to_owned(), 299);
    assert!(seen.contains(&last), "{seen:?}");
    drop((ledger, cells));
    let mut again = open(folder.path(), "run");
    let entries = again.entries().into_iter().map(|it| it.0).collect();
    assert_eq!(sorted(entries), seen);
    again.cell("cam0", Tally::Received, 7).expect("room");
    let seen = read(folder.path(), "decode", "run").expect("a ledger");
    assert_eq!(seen.len(), 301);
}

#[test]
fn another_runs_counts_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = open(folder.path(), "first");
    first.cell("cam1", Tally::Received, 5).expect("room");
    drop(first);
    let second = open(folder.path(), "second");
    assert!(second.entries().is_empty());
    assert_eq!(read(folder.path(), "decode", "second"), Some(Vec::new()));
    assert_eq!(read(folder.path(), "decode", "first"), None);
    assert_eq!(read(folder.path(), "other", "first"), None);
}

#[test]
fn what_is_no_ledger_is_replaced_and_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = path(folder.path(), "decode");
    for bytes in [0, 1, 255, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        for byte in [0_u8, 0xff] {
            fs::write(&file, vec![byte; bytes]).expect("writable");
            assert_eq!(read(folder.path(), "decode", "run"), None);
            assert!(open(folder.path(), "run").entries().is_empty());
        }
    }
    // The mark of a ledger, and nonsense behind it.
    let mut bytes = fs::read(&file).expect("readable");
    bytes[layout::CELL..].fill(0xff);
    for cell in bytes[layout::CELL..].chunks_mut(layout::CELL) {
        cell[8..12].copy_from_slice(&1_u32.to_le_bytes());
    }
    fs::write(&file, &bytes).expect("writable");
    assert_eq!(read(folder.path(), "decode", "run"), Some(Vec::new()));
    assert!(open(folder.path(), "run").entries().is_empty());
}

#[test]
fn nothing_is_written_through_a_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, mine) = (path(folder.path(), "decode"), folder.path().join("mine"));
    fs::write(&mine, "precious").expect("writable");
    let is_whole = || assert_eq!(fs::read_to_string(&mine).expect("there"), "precious");
    // Where the new file is built, whatever is there is removed.
    for name in ["decode.counts.new", ".camweave.decode.counts.new"] {
        std::os::unix::fs::symlink(&mine, folder.path().join(name)).expect("a link");
    }
    drop(open(folder.path(), "run"));
    is_whole();
    fs::remove_file(&file).expect("ours");
    std::os::unix::fs::symlink(&mine, &file).expect("a link");
    Ledger::open(folder.path(), "decode", "run").expect_err("a link");
    is_whole();
    fs::remove_file(&file).expect("ours");
    fs::hard_link(&mine, &file).expect("a second name");
    Ledger::open(folder.path(), "decode", "run").expect_err("a second name");
    is_whole();
    fs::remove_file(&file).expect("ours");
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, 0o600.into()).expect("a FIFO");
    Ledger::open(folder.path(), "decode", "run").expect_err("a FIFO");
    assert_eq!(read(folder.path(), "decode", "run"), None);
}

#[test]
fn a_name_that_is_too_long_has_no_cell() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ledger = open(folder.path(), "run");
    for bytes in [241, 300] {
        let camera = "x".repeat(bytes);
        assert!(ledger.cell(&camera, Tally::Sent, 1).is_none());
    }
    assert!(ledger.cell(&"x".repeat(240), Tally::Sent, 1).is_some());
}

#[test]
fn a_folder_that_takes_no_file_is_an_error_that_names_it() {
    let folder = Path::new("/proc/self");
    let error = Ledger::open(folder, "decode", "run").expect_err("no place for files");
    assert!(
        error.to_string().contains("/proc/self/decode.counts"),
        "{error}"
    );
}
