#!/usr/bin/env python3
"""Gives a camweave-street detector another input size: the same weights, other anchors.

    python3 scripts/resize_model.py models/camweave-street-320.onnx --size 448x256 --out FILE.onnx

The network is fully convolutional, so only what `export_onnx.py` wrote as constants of the size changes:
the input's shape, the cells of each stride's map, and the anchors. A picture of 16:9 fills 56 % of a square
input and 98 % of 448 x 256, so the same computing time shows objects 1.4 times larger.
Needs the packages onnx and numpy.
"""

import argparse
import datetime
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

STRIDES = (8, 16, 32)


def anchors(width, height):
    """Cell centres [2, anchors] (x, y) in units of their stride, and the strides [1, anchors]."""
    points, strides = [], []
    for stride in STRIDES:
        y, x = np.meshgrid(np.arange(height // stride) + 0.5, np.arange(width // stride) + 0.5, indexing="ij")
        points.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full((1, x.size), stride))
    return np.concatenate(points, 1), np.concatenate(strides, 1)


def input_size(model):
    batch_channels_height_width = model.graph.input[0].type.tensor_type.shape.dim
    height, width = (d.dim_value for d in batch_channels_height_width[2:])
    return width, height


def resize(model, width, height):
    """Changes `model` in place; returns how many constants were changed."""
    old_points, old_strides = anchors(*input_size(model))
    new_points, new_strides = anchors(width, height)
    old_cells = [int((old_strides == s).sum()) for s in STRIDES] + [old_strides.size]
    new_cells = [int((new_strides == s).sum()) for s in STRIDES] + [new_strides.size]
    changed = 0
    for node in model.graph.node:
        if node.op_type != "Constant":
            continue
        tensor = node.attribute[0].t
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.int64 and value.ndim == 1 and value.size >= 3 and value[-1] in old_cells:
            value = value.copy()
            value[-1] = new_cells[old_cells.index(value[-1])]
        elif value.shape == old_points.shape and np.array_equal(value, old_points):
            value = new_points.astype(value.dtype)
        elif value.shape == old_strides.shape and np.array_equal(value, old_strides):
            value = new_strides.astype(value.dtype)
        else:
            continue
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
        changed += 1
    shape = model.graph.input[0].type.tensor_type.shape.dim
    shape[2].dim_value, shape[3].dim_value = height, width
    del model.graph.value_info[:]
    return changed


def describe(model, width, height):
    values = {
        "imgsz": str([height, width]),
        "description": f"camweave-street detector, {width}x{height}, trained on rendered street scenes",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    for entry in model.metadata_props:
        entry.value = values.get(entry.key, entry.value)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a camweave-street-*.onnx of export_onnx.py")
    parser.add_argument("--size", required=True, help="WIDTHxHEIGHT in pixels, multiples of 32")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    try:
        width, height = (int(side) for side in args.size.split("x"))
    except ValueError:
        parser.error(f"--size {args.size}: expected WIDTHxHEIGHT")
    if min(width, height) <= 0 or width % STRIDES[-1] or height % STRIDES[-1]:
        parser.error(f"--size {args.size}: expected multiples of {STRIDES[-1]}")
    model = onnx.load(args.model)
    # Seven reshapes, the points twice, the strides once.
    expected = 10
    changed = resize(model, width, height)
    if changed != expected:
        sys.exit(f"error: {args.model}: {changed} constants of its size found, expected {expected}")
    describe(model, width, height)
    onnx.checker.check_model(model, full_check=True)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, args.out)


if __name__ == "__main__":
    main()
