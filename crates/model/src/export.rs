//! What to do with files that are models of other kinds.

use std::path::Path;

/// How an ONNX file is made of a file whose name ends like this; `None` where it may be one.
#[must_use]
pub fn advice(path: &Path) -> Option<String> {
    let end = path.extension()?.to_str()?.to_ascii_lowercase();
    let name = path.file_name()?.to_string_lossy();
    let (what, how) = match end.as_str() {
        "pt" => (
            "PyTorch weights",
            format!("'yolo export model={name} format=onnx' makes one of an Ultralytics model"),
        ),
        "pth" | "ckpt" | "safetensors" => (
            "PyTorch weights",
            "the export script of the model's own project makes one, as torch.onnx.export does"
                .to_owned(),
        ),
        "engine" | "trt" => (
            "a TensorRT engine",
            "the one that it was made of; 'trt-infer' runs the engine itself".to_owned(),
        ),
        "tflite" | "pb" | "h5" | "keras" => (
            "a TensorFlow model",
            "'python -m tf2onnx.convert --opset 17 --output model.onnx' makes one".to_owned(),
        ),
        "xml" | "bin" => (
            "OpenVINO's intermediate format",
            "take the ONNX file that it was made of: OpenVINO reads it too".to_owned(),
        ),
        "mlmodel" | "mlpackage" | "param" | "pdmodel" | "pdiparams" => (
            "a model of another runtime",
            "the exporter that made it makes ONNX as well".to_owned(),
        ),
        _ => return None,
    };
    Some(format!("{what}, expected an ONNX file: {how}"))
}
