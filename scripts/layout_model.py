#!/usr/bin/env python3
"""Writes a detector of a known layout with random weights, for measuring speed only.

    python3 scripts/layout_model.py --out FILE.onnx [--layout yolov8n] [--size 640 or WxH] [--classes 80]

Its convolutions and products have the shapes of those in the network that it is named after, in FP32; what it finds
means nothing. The weights follow from a fixed seed. Of a frame of 640x640 with 80 classes:

    layout       after                      parameters  GFLOP  output of a frame
    yolov8n      Ultralytics' YOLOv8n         3.15 M      8.7  [84, 8400]
    yolo11m      Ultralytics' YOLO11m        20.09 M     68.1  [84, 8400]
    yolo11l      Ultralytics' YOLO11l        25.34 M     87.2  [84, 8400]
    rtdetr-r50   RT-DETR with ResNet-50-vd   41.99 M    133.9  [300, 6]

GFLOP are those of convolutions and products, a multiplication and an addition as two. A YOLO's rows are centre x,
centre y, width and height in pixels and a score per class. RT-DETR has an end-to-end head, one detection a row: x1, y1,
x2, y2, score and class. As in networks made for inference, normalisations are folded into convolutions, and what only
training needs is left out. Needs the packages onnx and numpy.
"""

import argparse
import re
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from layouts.graph import STRIDES
from layouts.rtdetr import Rtdetr
from layouts.yolo import Yolo11l, Yolo11m, Yolov8n

LAYOUTS = {"yolov8n": Yolov8n, "yolo11m": Yolo11m, "yolo11l": Yolo11l, "rtdetr-r50": Rtdetr}


def model(layout, width, height, classes):
    """The model, and how many parameters it has."""
    graph = LAYOUTS[layout]()
    head = graph.network("images", width, height, classes)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, height, width])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", *head])
    made = helper.make_model(
        helper.make_graph(graph.nodes, f"{layout}-layout", [images], [output], graph.weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="camweave",
    )
    metadata = {
        "description": f"{graph.TITLE} layout, random weights: for measuring speed only",
        "task": "detect",
        "stride": str(STRIDES[-1]),
        "batch": "1",
        "imgsz": str([height, width]),
        "names": str({number: f"class{number}" for number in range(classes)}),
        "args": str({"batch": 1, "half": False, "dynamic": True, "nms": False}),
    }
    if graph.END_TO_END:
        metadata["end2end"] = "True"
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made, full_check=True)
    return made, graph.parameters


def size_of(text):
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    sides = match and (int(match[1]), int(match[2] or match[1]))
    if not sides or any(side == 0 or side % STRIDES[-1] for side in sides):
        raise argparse.ArgumentTypeError(f"'{text}', expected W or WxH, multiples of {STRIDES[-1]}")
    return sides


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--layout", choices=list(LAYOUTS), default="yolov8n", help="[yolov8n]")
    parser.add_argument("--size", type=size_of, default=(640, 640), help="of the input, W or WxH [640]")
    parser.add_argument("--classes", type=int, default=80, help="[80]")
    arguments = parser.parse_args()
    made, parameters = model(arguments.layout, *arguments.size, arguments.classes)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    part = arguments.out.with_suffix(".part")
    onnx.save(made, part)
    part.rename(arguments.out)
    print(f"{arguments.out}: {parameters / 1e6:.2f} million parameters")


if __name__ == "__main__":
    main()
