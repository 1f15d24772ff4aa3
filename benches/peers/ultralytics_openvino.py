"""Ultralytics' own `predict` with OpenVINO, which its documentation recommends on CPUs.

    ultralytics_openvino.py MODEL.onnx SECONDS BATCH FILE...

As ultralytics_predict.py, and openvino. The same network in the form that `export(format="openvino")` writes: a
folder with OpenVINO's files in FP32 and metadata.yaml. It is made of the ONNX file before anything is measured, since
there are no PyTorch weights of camweave's models in Ultralytics' form."""
import ast
import sys
from pathlib import Path

from ultralytics_predict import main


def convert(model, metadata):
    import openvino
    import yaml

    folder = Path(sys.prefix, f"{Path(model).stem}_openvino_model")
    folder.mkdir(exist_ok=True)
    openvino.save_model(openvino.convert_model(model), folder / "peer.xml", compress_to_fp16=False)
    values = {}
    for key, value in metadata.items():
        try:
            values[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            values[key] = value
    (folder / "metadata.yaml").write_text(yaml.safe_dump(values))
    return folder


if __name__ == "__main__":
    main(convert)
