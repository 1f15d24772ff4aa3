#!/usr/bin/env python3
"""Writes a trained detector as ONNX, FP32 and FP16, with the metadata Ultralytics' exporter writes.

python3 scripts/export_onnx.py --checkpoint out/checkpoint-320.pt --out models
"""

import argparse
import datetime
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from train_net import Deployed, Detector, folded

OPSET = 17
LICENSE = "MIT OR Apache-2.0"
VERSION = "0.1.0"
LARGEST_FILE_BYTES = 13_000_000


def model_path(folder, size, half):
    return Path(folder) / f"camweave-street-{size}{'-fp16' if half else ''}.onnx"


def export(detector, class_names, size, path, half):
    """Write one file: batch normalisation folded, only the batch dynamic."""
    device = "cuda" if half and torch.cuda.is_available() else "cpu"
    model = Deployed(folded(detector).cpu(), size).eval().to(device, memory_format=torch.contiguous_format)
    example = torch.rand(2, 3, size, size, device=device)
    if half:
        model, example = model.half(), example.half()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model(example)
        torch.onnx.export(
            model,
            (example,),
            str(path),
            input_names=["images"],
            output_names=["output0"],
            opset_version=OPSET,
            do_constant_folding=True,
            dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
            dynamo=False,
        )
    written = onnx.load(str(path))
    onnx.checker.check_model(written)
    _describe(written, class_names, size, half)
    onnx.save(written, str(path))
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ValueError(f"{path.name}: {path.stat().st_size} bytes, expected at most {LARGEST_FILE_BYTES}")


def _describe(model, class_names, size, half):
    metadata = {
        "description": f"camweave-street detector, {size}x{size}, trained on rendered street scenes",
        "author": "camweave",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "version": VERSION,
        "license": LICENSE,
        "docs": "models/README.md",
        "stride": "32",
        "task": "detect",
        "batch": "1",
        "imgsz": str([size, size]),
        "names": str(dict(enumerate(class_names))),
        "args": str({"batch": 1, "half": half, "dynamic": True, "nms": False}),
    }
    del model.metadata_props[:]
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def compare(detector, size, path, half, images=None):
    """Largest differences of the file in onnxruntime on the CPU from FP32 PyTorch on the CPU.

    images [3, 3, size, size] float32 in 0..1; random ones if not given.
    """
    import onnxruntime

    if images is None:
        images = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(1))
    images = images.float().cpu()
    if half:
        images = images.half().float()
    reference_model = Deployed(folded(detector).cpu(), size).eval()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result = {"onnxruntime": onnxruntime.__version__}
    for batch in (1, 3):
        with torch.no_grad():
            reference = reference_model(images[:batch]).numpy()
        fed = images[:batch].numpy().astype(np.float16 if half else np.float32)
        output = session.run(["output0"], {"images": fed})[0]
        if output.shape != reference.shape:
            raise ValueError(f"{path.name}: output {output.shape} at batch {batch}, expected {reference.shape}")
        apart = np.abs(output.astype(np.float32) - reference)
        result[f"batch_{batch}"] = {
            "box_pixels": float(apart[:, :4].max()),
            "score": float(apart[:, 4:].max()),
        }
    return result


def export_all(detector, class_names, size, folder, images=None):
    """Both precisions; returns what the record says about them. A failed comparison is recorded."""
    report = {}
    for half in (False, True):
        path = model_path(folder, size, half)
        export(detector, class_names, size, path, half)
        report[path.name] = {"bytes": path.stat().st_size}
        try:
            report[path.name]["onnxruntime_difference"] = compare(detector, size, path, half, images)
        except Exception as problem:  # the file is there; the record says what could not be checked
            report[path.name]["onnxruntime_problem"] = f"{type(problem).__name__}: {problem}"[:500]
    return report


def load_detector(path, device="cpu"):
    """The averaged weights of a checkpoint, with its class names and size."""
    state = torch.load(path, map_location=device, weights_only=True)
    detector = Detector(len(state["class_names"])).to(device)
    detector.load_state_dict(state["average"])
    return detector.eval(), state["class_names"], state["size"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="a checkpoint-SIZE.pt of train_detector.py")
    parser.add_argument("--size", type=int, help="model input side in pixels; the checkpoint's if left out")
    parser.add_argument("--out", default="models")
    args = parser.parse_args()
    detector, class_names, size = load_detector(args.checkpoint)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    report = export_all(detector, class_names, args.size or size, args.out)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
