#!/usr/bin/env python3
"""Writes a detector of the YOLOv8n layout with random weights, for measuring speed only.

    python3 scripts/layout_model.py --out FILE.onnx [--size 640 or WxH] [--classes 80]

Its convolutions have the shapes of those in Ultralytics' YOLOv8n (3.2 million parameters, 8.7 GFLOP a frame at
640x640), in FP32; what it finds means nothing. The weights follow from a fixed seed. Needs the packages onnx and numpy.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS = (16, 32, 64, 128, 256)
DEPTHS = (1, 2, 2, 1)
STRIDES = (8, 16, 32)
BINS = 16
# With these a frame of the rendered streets gets some ten boxes of a score above 0.25, as with a trained model.
SCORE_BIAS = -3.6
SCORE_GAIN = 10.0


class Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self, seed):
        self.nodes, self.weights = [], []
        self.random = np.random.default_rng(seed)

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values, dtype=np.float32):
        name = f"constant{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def plain(self, x, inputs, outputs, kernel=1, stride=1, gain=1.0, bias=0.0):
        """A convolution whose outputs vary about as much as its inputs, times `gain`."""
        scale = gain / np.sqrt(inputs * kernel * kernel)
        weights = self.random.standard_normal((outputs, inputs, kernel, kernel)) * scale
        weights -= weights.mean((1, 2, 3), keepdims=True)  # else what SiLU leaves positive adds up from layer to layer
        weights, bias = self.constant(weights), self.constant(np.full(outputs, bias))
        pads = [kernel // 2] * 4
        return self.add("Conv", x, weights, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)

    def conv(self, x, inputs, outputs, kernel=1, stride=1):
        """Convolution and SiLU; the gain makes up for what SiLU takes away."""
        y = self.plain(x, inputs, outputs, kernel, stride, gain=1.85)
        return self.add("Mul", y, self.add("Sigmoid", y))

    def c2f(self, x, inputs, outputs, depth, shortcut):
        half = outputs // 2
        halves = self.constant([half, half], np.int64)
        parts = list(self.add("Split", self.conv(x, inputs, outputs), halves, outputs=2, axis=1))
        for _ in range(depth):
            y = self.conv(self.conv(parts[-1], half, half, 3), half, half, 3)
            parts.append(self.add("Add", parts[-1], y) if shortcut else y)
        return self.conv(self.add("Concat", *parts, axis=1), (2 + depth) * half, outputs)

    def sppf(self, x, channels):
        parts = [self.conv(x, channels, channels // 2)]
        for _ in range(3):
            parts.append(self.add("MaxPool", parts[-1], kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
        return self.conv(self.add("Concat", *parts, axis=1), channels * 2, channels)

    def up_and_join(self, x, other):
        scales = self.constant([1, 1, 2, 2])
        up = self.add("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                      nearest_mode="floor")
        return self.add("Concat", up, other, axis=1)

    def branch(self, x, inputs, width, outputs, gain=1.0, bias=0.0):
        x = self.conv(self.conv(x, inputs, width, 3), width, width, 3)
        return self.plain(x, width, outputs, gain=gain, bias=bias)


def network(graph, images, width, height, classes):
    c3, c4, c5 = WIDTHS[2:]
    x = graph.conv(images, 3, WIDTHS[0], 3, 2)
    maps = []
    for inputs, outputs, depth in zip(WIDTHS[:-1], WIDTHS[1:], DEPTHS, strict=True):
        x = graph.c2f(graph.conv(x, inputs, outputs, 3, 2), outputs, outputs, depth, True)
        maps.append(x)
    p3, p4 = maps[1:3]
    p5 = graph.sppf(x, c5)
    up4 = graph.c2f(graph.up_and_join(p5, p4), c5 + c4, c4, 1, False)
    p3 = graph.c2f(graph.up_and_join(up4, p3), c4 + c3, c3, 1, False)
    down = graph.conv(p3, c3, c3, 3, 2)
    p4 = graph.c2f(graph.add("Concat", down, up4, axis=1), c3 + c4, c4, 1, False)
    down = graph.conv(p4, c4, c4, 3, 2)
    p5 = graph.c2f(graph.add("Concat", down, p5, axis=1), c4 + c5, c5, 1, False)

    boxes, scores, points, strides = [], [], [], []
    for x, inputs, stride in zip((p3, p4, p5), (c3, c4, c5), STRIDES, strict=True):
        rows, columns = height // stride, width // stride
        box = graph.branch(x, inputs, 4 * BINS, 4 * BINS)
        score = graph.branch(x, inputs, max(c3, min(classes, 100)), classes, SCORE_GAIN, SCORE_BIAS)
        boxes.append(graph.add("Reshape", box, graph.constant([0, 4 * BINS, rows * columns], np.int64)))
        scores.append(graph.add("Reshape", score, graph.constant([0, classes, rows * columns], np.int64)))
        y, x = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, indexing="ij")
        points.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full((1, x.size), stride))
    points, strides = np.concatenate(points, 1), np.concatenate(strides, 1)
    anchors = strides.size

    # The expected distance of each side of a box, over bins, in strides.
    sides = graph.add("Reshape", graph.add("Concat", *boxes, axis=2), graph.constant([0, 4, BINS, anchors], np.int64))
    odds = graph.add("Softmax", graph.add("Transpose", sides, perm=[0, 2, 1, 3]), axis=1)
    bins = graph.constant(np.arange(BINS).reshape(1, BINS, 1, 1))
    sides = graph.add("Reshape", graph.add("Conv", odds, bins), graph.constant([0, 4, anchors], np.int64))
    low, high = graph.add("Split", sides, graph.constant([2, 2], np.int64), outputs=2, axis=1)
    points = graph.constant(points[None])
    first, last = graph.add("Sub", points, low), graph.add("Add", points, high)
    centre = graph.add("Div", graph.add("Add", first, last), graph.constant(2))
    box = graph.add("Concat", centre, graph.add("Sub", last, first), axis=1)
    box = graph.add("Mul", box, graph.constant(strides[None]))
    score = graph.add("Sigmoid", graph.add("Concat", *scores, axis=2))
    graph.nodes.append(helper.make_node("Concat", [box, score], ["output0"], axis=1))
    return anchors


def model(width, height, classes):
    graph = Graph(seed=8)
    anchors = network(graph, "images", width, height, classes)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, height, width])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 4 + classes, anchors])
    made = helper.make_model(
        helper.make_graph(graph.nodes, "yolov8n-layout", [images], [output], graph.weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="camweave",
    )
    metadata = {
        "description": "YOLOv8n layout, random weights: for measuring speed only",
        "task": "detect",
        "stride": str(STRIDES[-1]),
        "batch": "1",
        "imgsz": str([height, width]),
        "names": str({number: f"class{number}" for number in range(classes)}),
        "args": str({"batch": 1, "half": False, "dynamic": True, "nms": False}),
    }
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made, full_check=True)
    return made


def size_of(text):
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    sides = match and (int(match[1]), int(match[2] or match[1]))
    if not sides or any(side == 0 or side % STRIDES[-1] for side in sides):
        raise argparse.ArgumentTypeError(f"'{text}', expected W or WxH, multiples of {STRIDES[-1]}")
    return sides


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--size", type=size_of, default=(640, 640), help="of the input, W or WxH [640]")
    parser.add_argument("--classes", type=int, default=80, help="[80]")
    arguments = parser.parse_args()
    made = model(*arguments.size, arguments.classes)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    part = arguments.out.with_suffix(".part")
    onnx.save(made, part)
    part.rename(arguments.out)
    parameters = sum(int(np.prod(tensor.dims)) for tensor in made.graph.initializer)
    print(f"{arguments.out}: {parameters / 1e6:.2f} million parameters")


if __name__ == "__main__":
    main()
