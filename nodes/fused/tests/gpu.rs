//! The stages on a GPU allocate nothing once they run: no memory of the device, no pinned memory,
//! and on the host only what rows are made of. Builds an engine.
//!
//! `CAMWEAVE_TEST_MODEL` names a plan, or another ONNX file than the smallest model.

mod support;

use camweave_tensorrt::testing;

/// What other users of the device may take meanwhile.
const DEVICE_BYTES: i64 = 64 << 20;

#[test]
fn nothing_is_allocated_once_the_stages_run() {
    let Some(device) = camweave_cuda::testing::device() else {
        return;
    };
    let model = match std::env::var("CAMWEAVE_TEST_MODEL") {
        Ok(model) => model,
        Err(_) if !testing::has_builder() => return,
        Err(_) => testing::model("camweave-street-320.onnx")
            .display()
            .to_string(),
    };
    let stages = "decode=nvdec,batch=batcher,infer=trt-infer,nms=gpu-nms,track=tracker";
    // The test is about memory, not speed.
    let variables = [
        ("MODEL", model.as_str()),
        ("MAX_BATCH", "4"),
        ("LEVEL", "0"),
        ("MAX_WAIT_MS", "10000"),
    ];
    let steady = support::steady(stages, &variables, Some(&device));
    println!("{stages}: {steady}");
    steady.check_host();
    assert!(steady.device_before > 0, "nothing was counted: {steady}");
    assert_eq!(steady.device, 0, "{steady}");
    // What libraries take by themselves is in nobody's count.
    assert!(steady.device_bytes_less < DEVICE_BYTES, "{steady}");
}
