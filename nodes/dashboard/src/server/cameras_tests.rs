use camweave_message::Polygon;
use camweave_message::limits::MAX_IGNORED;

use super::*;

const TEXT: &str = "# ours
cameras:
  - id: gate # the front one
    url: rtsp://192.0.2.1/live?channel=1&pwd=t0psecret1
    username: anna
    password: t0psecret2
  - id: yard
    url: rtsp://192.0.2.2/token/k3JdPq92Lm
";

fn file() -> (tempfile::TempDir, File) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cameras.yml");
    std::fs::write(&path, TEXT).expect("writable");
    let file = File::new(&path);
    (folder, file)
}

fn set(fields: &[(&str, &str)]) -> Changed {
    let set = fields.iter().map(|(field, value)| {
        let value = Given::Text((*value).to_owned());
        ((*field).to_owned(), value)
    });
    Changed {
        set: set.collect(),
        ..Changed::default()
    }
}

fn text(file: &File) -> String {
    std::fs::read_to_string(&file.path).expect("readable")
}

#[test]
fn no_answer_has_what_opens_a_camera() {
    let (_folder, file) = file();
    let added = Added {
        id: "door".to_owned(),
        fields: set(&[("url", "rtsp://bob:t0psecret3@192.0.2.3/x")]).set,
    };
    let answers = [
        serde_json::to_string(&file.list().expect("valid")),
        serde_json::to_string(&file.add(&added).expect("valid")),
        serde_json::to_string(
            &file
                .change("yard", &set(&[("detect_fps", "5")]))
                .expect("valid"),
        ),
        serde_json::to_string(&file.remove("yard").expect("valid")),
    ];
    for answer in answers {
        let answer = answer.expect("JSON");
        for secret in ["t0psecret", "anna", "bob", "k3Jd"] {
            assert!(!answer.contains(secret), "{answer}");
        }
        assert!(answer.contains(r#""has_credentials":true"#), "{answer}");
    }
    let refused = file.change("gate", &set(&[("detect_fps", "t0psecret9 x")]));
    assert_eq!(
        refused.expect_err("no number").status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[test]
fn the_file_is_edited_with_its_comments_kept() {
    let (_folder, file) = file();
    let change = Changed {
        set: set(&[("transport", "udp")]).set,
        unset: vec!["username".to_owned(), "password".to_owned()],
        version: None,
    };
    let listed = file.change("gate", &change).expect("valid");
    assert_eq!(
        (listed[0].transport, listed[0].has_credentials),
        (Some("udp"), false)
    );
    let text = text(&file);
    assert!(
        text.starts_with("# ours\ncameras:\n  - id: gate # the front one\n"),
        "{text}"
    );
    assert!(
        text.contains("transport: udp") && !text.contains("anna"),
        "{text}"
    );
}

#[test]
fn a_change_of_what_has_changed_meanwhile_is_refused() {
    let (_folder, file) = file();
    let version = |id: &str| {
        let cameras = file.list().expect("valid");
        let found = cameras.into_iter().find(|camera| camera.id == id);
        found.expect("listed").version
    };
    let (gate, yard) = (version("gate"), version("yard"));
    let of_gate = |version: &str| Changed {
        version: Some(version.to_owned()),
        ..set(&[("transport", "udp")])
    };
    // Neither is shown.
    for secret in [("password", "an0ther"), ("username", "eve")] {
        let before = version("gate");
        file.change("gate", &set(&[secret])).expect("valid");
        assert_ne!(version("gate"), before);
    }
    let text_before = text(&file);
    let refused = file.change("gate", &of_gate(&gate)).map_err(|it| it.status);
    assert_eq!(refused, Err(StatusCode::PRECONDITION_FAILED));
    assert_eq!(text(&file), text_before);
    assert_eq!(version("yard"), yard, "no other camera has changed");
    file.change("gate", &of_gate(&version("gate")))
        .expect("it is as it was read");
    assert_ne!(
        file.list(),
        File::new(&file.path).list(),
        "the key is the server's own"
    );
}

#[test]
fn a_page_knows_which_fields_are_written_and_which_are_variables() {
    let (_folder, file) = file();
    let text = TEXT.replace("t0psecret2", "${PASSWORD:-x}");
    std::fs::write(&file.path, text).expect("writable");
    let listed = file.list().expect("valid");
    assert_eq!(listed[0].fields, ["url", "username", "password"]);
    assert_eq!(listed[0].variables, ["password"]);
    assert_eq!(listed[1].fields, ["url"]);
}

#[test]
fn a_camera_is_tried_with_changes_that_are_not_saved() {
    let (_folder, file) = file();
    let camera = file.camera("gate", &set(&[("url", "rtsp://192.0.2.1/other")]));
    let camera = camera.expect("the same host");
    assert_eq!(camera.url.expose().path(), "/other");
    assert!(
        camera
            .credentials
            .is_some_and(|it| it.expose() == ("anna", "t0psecret2"))
    );
    let elsewhere = file.camera("gate", &set(&[("url", "rtsp://evil.example/live")]));
    assert_eq!(elsewhere.map_err(|it| it.status), Err(StatusCode::CONFLICT));
    assert_eq!(text(&file), TEXT);
}

#[test]
fn a_password_is_not_sent_to_another_host() {
    let (_folder, file) = file();
    let elsewhere = ("url", "rtsp://evil.example/live");
    let refused = file
        .change("gate", &set(&[elsewhere]))
        .expect_err("another host");
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(text(&file), TEXT);
    let with_user = set(&[elsewhere, ("username", "eve")]);
    assert!(
        file.change("gate", &with_user).is_err(),
        "the password is the old one"
    );
    let with_password = set(&[elsewhere, ("password", "x")]);
    let refused = file
        .change("gate", &with_password)
        .expect_err("the user is the old one");
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(file.camera("gate", &with_password).is_err(), "nor tested");
    let without_user = Changed {
        unset: vec!["username".to_owned()],
        ..set(&[elsewhere, ("password", "x")])
    };
    let refused = file.change("gate", &without_user).expect_err("no user");
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let with_login = set(&[elsewhere, ("username", "eve"), ("password", "x")]);
    assert!(file.change("gate", &with_login).is_ok());
    let path = set(&[("url", "rtsp://evil.example/other")]);
    assert!(file.change("gate", &path).is_ok(), "the same host");
}

#[test]
fn what_cannot_be_done_is_refused_with_its_status() {
    let (_folder, file) = file();
    let add = |id: &str, url: &str| {
        let added = Added {
            id: id.to_owned(),
            fields: set(&[("url", url)]).set,
        };
        file.add(&added).map_err(|refused| refused.status.as_u16())
    };
    assert_eq!(add("gate", "rtsp://192.0.2.9/"), Err(409));
    assert_eq!(add("../x", "rtsp://192.0.2.9/"), Err(422));
    assert_eq!(add("door", "no url"), Err(422));
    assert_eq!(add("door", "rtsp://evil.example/${HOME}"), Err(422));
    let status = |refused: Refusal| refused.status.as_u16();
    assert_eq!(file.remove("none").map_err(status), Err(404));
    let renamed = set(&[("id", "door"), ("url", "rtsp://evil.example/")]);
    assert_eq!(file.change("gate", &renamed).map_err(status), Err(422));
    let unknown = set(&[("passwort", "x")]);
    assert_eq!(file.change("gate", &unknown).map_err(status), Err(422));
    assert_eq!(text(&file), TEXT);
    file.remove("gate").expect("there is another");
    let status = |refused: Refusal| refused.status.as_u16();
    assert_eq!(file.remove("yard").map_err(status), Err(409));
}

#[test]
fn a_login_in_the_url_goes_with_a_new_one() {
    let (_folder, file) = file();
    let in_url = TEXT
        .replace("    username: anna\n    password: t0psecret2\n", "")
        .replace("rtsp://192.0.2.1", "rtsp://anna:t0psecret2@192.0.2.1");
    std::fs::write(&file.path, &in_url).expect("writable");
    let url = ("url", "rtsp://anna:x@192.0.2.9/live");
    file.change("gate", &set(&[url])).expect("it has a login");
    assert!(text(&file).contains("anna:x@192.0.2.9"));
}

#[test]
fn a_variable_that_the_node_lacks_is_made_up_for_nobody() {
    let (_folder, file) = file();
    let text_with = |url: &str, password: &str| {
        TEXT.replace("rtsp://192.0.2.1/live?channel=1&pwd=t0psecret1", url)
            .replace("t0psecret2", password)
    };
    let write = |text: &str| std::fs::write(&file.path, text).expect("writable");
    write(&text_with("rtsp://192.0.2.1/live", "${CAMWEAVE_NO_SUCH}"));
    let refused = file.camera("gate", &Changed::default());
    let refused = refused.expect_err("a wrong password locks accounts");
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.line.contains("CAMWEAVE_NO_SUCH is not set"),
        "{}",
        refused.line
    );
    file.change("gate", &set(&[("url", "rtsp://192.0.2.1/other")]))
        .expect("the host is known");

    write(&text_with("rtsp://${CAMWEAVE_NO_SUCH}/live", "t0psecret2"));
    let listed = file.list().expect("valid");
    assert_eq!(listed[0].url, "***");
    for host in ["host", "192.0.2.1"] {
        let url = format!("rtsp://{host}/live");
        let refused = file.change("gate", &set(&[("url", &url)]));
        let refused = refused.expect_err("it may be another host");
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(
            refused.line.contains("give user and password again"),
            "{}",
            refused.line
        );
    }
    file.change("gate", &set(&[("detect_fps", "3")]))
        .expect("the URL stays");
}

#[test]
fn a_fault_of_the_file_is_not_one_of_what_is_asked_for() {
    let (_folder, file) = file();
    let wrong = format!("{TEXT}    detect_fps: often\n");
    std::fs::write(&file.path, &wrong).expect("writable");
    let change = set(&[("detect_fps", "5")]);
    let added = Added {
        id: "door".to_owned(),
        fields: set(&[("url", "rtsp://192.0.2.3/")]).set,
    };
    for refused in [
        file.list().map(drop),
        file.change("gate", &change).map(drop),
        file.camera("gate", &change).map(drop),
        file.add(&added).map(drop),
        file.remove("gate").map(drop),
    ] {
        let refused = refused.expect_err("it cannot be used");
        assert_eq!(refused.status, StatusCode::FAILED_DEPENDENCY);
        assert!(
            refused.line.contains(":9:17: detect_fps 'often'"),
            "{}",
            refused.line
        );
    }
}

#[test]
fn a_rate_is_listed_where_nothing_is_detected() {
    let (_folder, file) = file();
    file.change("yard", &set(&[("detect", "off"), ("detect_fps", "4")]))
        .expect("valid");
    let yard = || {
        let cameras = file.list().expect("valid");
        cameras.into_iter().nth(1).expect("listed")
    };
    let before = yard();
    assert_eq!((before.detect, before.detect_fps), ("off", Some(4.0)));
    file.change("yard", &set(&[("detect_fps", "2")]))
        .expect("valid");
    assert_ne!(yard().version, before.version, "a page is told");
}

#[test]
fn a_version_says_which_server_gave_it() {
    let (_folder, file) = file();
    let server = |file: &File| {
        let cameras = file.list().expect("valid").into_iter();
        let servers = cameras.map(|it| it.version.split_once('-').expect("two parts").0.to_owned());
        servers.collect::<Vec<_>>()
    };
    let own = server(&file);
    assert_eq!(own[0], own[1]);
    file.change("gate", &set(&[("transport", "udp")]))
        .expect("valid");
    assert_eq!(server(&file), own);
    assert_ne!(server(&File::new(&file.path)), own);
}

#[test]
fn areas_are_shown_as_numbers_and_changed_with_the_rest_of_the_file_kept() {
    let (_folder, file) = file();
    let areas = "    region: [0, 0.4, 1, 1] # the road\n    ignore:\n      - - [0, 0.4]\n        - [0.3, 0.4]\n        - [0, 0.7]\n";
    let before = TEXT.replace("t0psecret2\n", &format!("t0psecret2\n{areas}"));
    std::fs::write(&file.path, &before).expect("writable");
    let gate = &file.list().expect("valid")[0];
    assert_eq!(gate.region, Some([0.0, 0.4, 1.0, 1.0]));
    assert_eq!(gate.ignore, [[[0.0, 0.4], [0.3, 0.4], [0.0, 0.7]]]);
    let json = serde_json::to_string(gate).expect("JSON");
    assert!(json.contains(r#""region":[0.0,0.4,1.0,1.0]"#), "{json}");
    let polygons = "[[[0.5, 0.5], [0.75, 0.5], [0.5, 1]], [[0, 0], [0.1, 0], [0, 0.1]]]";
    let change = set(&[("region", "[0.1, 0.2, 0.9, 1]"), ("ignore", polygons)]);
    let gate = &file.change("gate", &change).expect("valid")[0];
    assert_eq!(
        (gate.region, gate.ignore.len()),
        (Some([0.1, 0.2, 0.9, 1.0]), 2)
    );
    let expected = before
        .replace("[0, 0.4, 1, 1] #", "[0.1, 0.2, 0.9, 1] #")
        .replace(
            &areas[areas.find("    ignore").expect("there")..],
            &format!("    ignore: {polygons}\n"),
        );
    assert_eq!(text(&file), expected);
    for (field, value, said) in [
        ("region", "[0.9, 0, 0.1, 1]", "expected x1 < x2"),
        ("region", "[0, 0, 2, 1]", "expected a part of the frame"),
        ("ignore", "[[[0, 0], [1, 1]]]", "a polygon of 2 points"),
    ] {
        let refused = file.change("gate", &set(&[(field, value)]));
        let refused = refused.expect_err(value);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.line.contains(said), "{}", refused.line);
    }
    let all = vec![vec![[0.1234_f32, 0.5678]; Polygon::MAX_POINTS]; MAX_IGNORED];
    let all = serde_json::to_string(&all)
        .expect("JSON")
        .replace(',', ", ");
    let gate = &file
        .change("gate", &set(&[("ignore", &all)]))
        .expect("valid")[0];
    assert_eq!(gate.ignore.len(), MAX_IGNORED);
    let unset = Changed {
        unset: vec!["region".to_owned(), "ignore".to_owned()],
        ..Changed::default()
    };
    file.change("gate", &unset).expect("valid");
    assert_eq!(text(&file), TEXT);
}

#[test]
fn areas_that_refer_to_variables_are_named_as_such() {
    let (_folder, file) = file();
    let text = TEXT.replace(
        "t0psecret2",
        "t0psecret2\n    region: [0, '${TOP:-0.5}', 1, 1]",
    );
    std::fs::write(&file.path, text).expect("writable");
    assert_eq!(file.list().expect("valid")[0].variables, ["region"]);
}

#[test]
fn a_camera_of_two_streams_is_shown_and_its_streams_are_left_alone() {
    let (_folder, file) = file();
    let with = |record: &str| {
        format!(
            "cameras:\n  - id: gate # the front one\n    streams: {{detect: 'rtsp://192.0.2.1/sub', record: '{record}'}} # both\n    username: anna\n    password: t0psecret2\n"
        )
    };
    let before = with("rtsp://192.0.2.9/main?pwd=t0psecret1");
    std::fs::write(&file.path, &before).expect("writable");
    let listed = file.list().expect("valid").remove(0);
    assert_eq!(listed.url, "rtsp://192.0.2.1/sub");
    let record = listed.record_url.as_deref().expect("two streams");
    assert!(record.starts_with("rtsp://192.0.2.9/main") && !record.contains("t0psecret"));
    assert!(listed.has_credentials && listed.fields.contains(&"streams".to_owned()));
    // Another field: the rest of the text stays.
    let changed = Changed {
        version: Some(listed.version.clone()),
        ..set(&[("detect_fps", "5")])
    };
    file.change("gate", &changed).expect("valid");
    assert_eq!(text(&file), format!("{before}    detect_fps: 5\n"));
    for (field, value) in [
        (
            "streams",
            "{detect: 'rtsp://evil/', record: 'rtsp://evil/'}",
        ),
        ("streams", "[a]"),
        ("url", "rtsp://192.0.2.1/other"),
    ] {
        let refused = file
            .change("gate", &set(&[(field, value)]))
            .expect_err(value);
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{refused:?}"
        );
        assert!(refused.line.contains("streams"), "{refused:?}");
    }
    assert_eq!(text(&file), format!("{before}    detect_fps: 5\n"));
    // That the stream changes which is not shown whole is a change, too.
    let version = file.list().expect("valid").remove(0).version;
    std::fs::write(
        &file.path,
        with("rtsp://192.0.2.9/main?pwd=t0psecret9") + "    detect_fps: 5\n",
    )
    .expect("writable");
    assert_ne!(file.list().expect("valid").remove(0).version, version);
    std::fs::write(&file.path, with("rtsp://${NOT_SET_ANYWHERE}/main")).expect("writable");
    let listed = file.list().expect("valid").remove(0);
    assert_eq!(listed.record_url.as_deref(), Some("***"));
}
