//! A stage that takes rows of two others runs as a node of its own.

use camweave_fused::PARTS;
use camweave_stage::fused::{Part, Plan};

#[test]
fn a_stage_of_two_inputs_is_refused_in_a_list_with_what_to_write() {
    for list in [
        "dashboard",
        "rtsp-source,dashboard",
        "tracker,page=dashboard",
    ] {
        let error = Plan::parse(list, PARTS).expect_err("it takes two kinds of rows");
        let text = error.to_string();
        assert!(
            text.contains("'dashboard' takes rows of two other stages"),
            "{text}"
        );
        assert!(text.contains("'path: bin/dashboard'"), "{text}");
    }
    let alone = PARTS.iter().filter(|part| part.is_alone()).map(Part::kind);
    assert_eq!(
        alone.collect::<Vec<_>>(),
        ["dashboard", "recorder", "metrics"]
    );
    let error = Plan::parse("nothing", PARTS).expect_err("there is none");
    assert!(
        !error.to_string().contains("dashboard"),
        "it is not one of the choices"
    );
}
