//! `cameras.yml`: no text makes the reader fail otherwise than with one safe line.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

/// Never part of an error, wherever the file puts it.
const SECRET: &str = "Zq7xWv9k";

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let lookup = |name: &str| match name {
        "S" | "CAM_PASSWORD" => Some(SECRET.to_owned()),
        "E" => Some(String::new()),
        _ => None,
    };
    match camweave_cameras::parse(Path::new("c.yml"), text, &lookup) {
        Ok(cameras) => {
            for camera in &cameras {
                assert!(camweave_message::camera_id::is_valid(&camera.id));
                assert!(camera.url.expose().host_str().is_some());
                assert!(camera.url.expose().username().is_empty());
                assert!(camera.url.expose().password().is_none());
                if let Some(record) = &camera.record {
                    assert!(record.url.expose().username().is_empty());
                    assert!(record.url.expose().password().is_none());
                }
                let shown = format!("{camera:?} {}", camera.url);
                assert!(!shown.contains(char::is_control));
                if let Some(credentials) = &camera.credentials {
                    let (user, password) = credentials.expose();
                    let known = camera.known_secrets();
                    for text in [format!("{user}:{password}"), format!("500 '{password}'")] {
                        let hidden = known.hide(&text);
                        assert!(password.len() < 8 || !hidden.contains(password), "{hidden}");
                    }
                }
            }
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains(SECRET), "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.len() < 1000, "{} bytes", line.len());
        }
    }
});
