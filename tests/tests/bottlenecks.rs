//! Bottlenecks that are planted on the CPU, and what a profile names.

mod support;

use serde_json::Value;
use support::measure::{Place, errors, graph, run};

fn verdict(place: &Place, name: &str, more: &[&str]) -> Value {
    // A hitch of this machine drops nothing.
    let patient = ["--env", "MAX_WAIT_MS=10000"];
    let more: Vec<&str> = more.iter().chain(&patient).copied().collect();
    let output = run(place.profile(&graph(name), &more));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// One stream, which one thread decodes, with so much noise that a frame takes it a tenth of a second,
/// and a small detector. On a busy machine the cores are full, but it is still the decoder that
/// takes most of what the graph has of them.
#[test]
fn a_decoder_with_one_thread_is_named() {
    let place = Place::new();
    let noisy = [
        "-vf",
        "scale=1920:1080,noise=alls=40:allf=t",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-qp",
        "26",
    ];
    let clip = support::clip(place.0.path(), "noisy.mp4", 20, &noisy);
    let clip = clip.display().to_string();
    let model = camweave_tests::workspace().join("models/camweave-street-320.onnx");
    let model = model.display().to_string();
    let more = ["--cameras", "1", "--files", &clip, "--model", &model];
    let profile = verdict(&place, "cpu-batched.yml", &more);
    let found = &profile["verdict"];
    assert_eq!(found["stage"], "decode", "{profile}");
    let limit = found["limit"].as_str().expect("a name");
    assert!(["thread", "cores"].contains(&limit), "{profile}");
    let marked = profile["bottleneck"].as_u64().expect("a component") as usize;
    assert_eq!(profile["components"][marked]["stage"], "decode");
    let sentence = found["sentence"].as_str().expect("a text");
    assert!(sentence.contains("decode"), "{sentence}");
}

/// Two cameras that send little: nothing is full, and the detector is not blamed for being the
/// slowest stage.
#[test]
fn cameras_that_send_little_are_the_limit() {
    let place = Place::new();
    let more = ["--cameras", "2", "--pace", "live", "--fps", "2"];
    let profile = verdict(&place, "cpu-batched.yml", &more);
    let found = &profile["verdict"];
    assert_eq!(found["limit"], "load", "{profile}");
    assert_eq!(found["stage"], Value::Null, "{profile}");
    assert_eq!(profile["bottleneck"], Value::Null, "{profile}");
    let shares = found["shares"].as_array().expect("a list");
    assert!(!shares.is_empty(), "{profile}");
}
