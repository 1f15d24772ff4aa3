#!/usr/bin/env python3
"""Families whose package no registry has: small graphs with their inputs, outputs and coding.

The reference is what the family's own tool does with the outputs, in numpy; each case names the tool.
"""

import os
from dataclasses import dataclass, field

import numpy as np
import onnxruntime
from onnx import TensorProto
from PIL import Image

from common import CONFIDENCE, IOU, MOST, SEED, frames, options, write
from graph_net import Net, grid, save, suppressed

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
COCO = {"names": str({number: f"class {number}" for number in range(80)}), "stride": "32"}
# Of YOLOv5, in pixels.
ANCHORS = [[(10, 13), (16, 30), (33, 23)], [(30, 61), (62, 45), (59, 119)], [(116, 90), (156, 198), (373, 326)]]


@dataclass
class Case:
    family: str
    tool: str
    make: object
    size: int = 640
    classes: int = 80
    fit: str = "letterbox"
    bgr: bool = False
    white: int = 1
    mean: float = 0.0
    deviation: float = 1.0
    nhwc: bool = False
    element: type = np.float32
    iou: float = IOU
    multi_label: bool = False
    overlaps: bool = True
    description: list = field(default_factory=list)


# --- how a frame becomes the network's input, and a box the frame's again ---

def resized(image, width, height):
    """Two taps a side with aligned pixel centres, as OpenCV's INTER_LINEAR, but not rounded to whole numbers."""
    pixels = np.asarray(image, np.float64)
    for axis, length in ((0, height), (1, width)):
        step = pixels.shape[axis] / length
        if step != 1:
            positions = (np.arange(length) + 0.5) * step - 0.5
            low = np.clip(np.floor(positions), 0, pixels.shape[axis] - 1).astype(int)
            high = np.minimum(low + 1, pixels.shape[axis] - 1)
            part = np.clip(positions - low, 0, 1).reshape([-1 if other == axis else 1 for other in range(3)])
            pixels = np.take(pixels, low, axis) * (1 - part) + np.take(pixels, high, axis) * part
    return pixels


def geometry(case, image):
    """Scale and offset of each axis, from pixels of the frame to pixels of the input."""
    if case.fit == "stretch":
        return (case.size / image.width, case.size / image.height), (0, 0)
    scale = min(case.size / image.width, case.size / image.height)
    spare = (case.size - round(image.width * scale), case.size - round(image.height * scale))
    return (scale, scale), (0, 0) if case.fit == "top_left" else (spare[0] // 2, spare[1] // 2)


def prepared(case, image):
    (x, y), (left, top) = geometry(case, image)
    inside = resized(image, round(image.width * x), round(image.height * y))
    pixels = np.full((case.size, case.size, 3), 114.0)
    pixels[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    if case.bgr:
        pixels = pixels[..., ::-1]
    is_byte = case.element is np.uint8
    pixels = np.rint(pixels) if is_byte else (pixels / 255 - case.mean) / case.deviation * case.white
    if not case.nhwc:
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels[None], case.element)


# --- the families' heads: each saves a model and returns how boxes, scores and classes are read from its outputs ---

def corners(boxes):
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def start(case, values, name):
    """The network and its maps."""
    net = Net(name, values, SEED)
    x = name
    if case.element is np.uint8:
        x = net.add("Cast", x, to=FLOAT)
    if case.nhwc:
        x = net.add("Transpose", x, perm=[0, 3, 1, 2])
    return net, net.maps(x)


def centres_and_sizes(case, net, maps):
    """Boxes in pixels of the input: centre, and size."""
    cells, strides = grid(case.size, case.size)
    values = net.places(maps, 4, 0.3)
    strides = net.constant(strides)
    centre = net.add("Mul", net.add("Add", net.slice(values, 0, 2), net.constant(cells + 0.5)), strides)
    size = net.add("Exp", net.add("Add", net.slice(values, 2, 4), net.constant(2.0)))
    return centre, net.add("Mul", size, strides)


def corners_of(net, centre, size):
    half = net.add("Mul", size, net.constant(0.5))
    return net.concat(net.add("Sub", centre, half), net.add("Add", centre, half))


def yolov8(case, values, file, name="images", transposed=True, metadata=True):
    net, maps = start(case, values, name)
    whole = net.concat(*centres_and_sizes(case, net, maps), net.scores(maps, case.classes))
    last = {"perm": [0, 1, 2] if transposed else [0, 2, 1], "name": "output0"}
    net.add("Transpose", whole, **last)
    shape = [1, 8400, 4 + case.classes] if transposed else [1, 4 + case.classes, 8400]
    save(net, file, {"output0": FLOAT}, {"output0": shape}, COCO if metadata and case.classes == 80 else None)

    def read(output):
        rows = output[0] if transposed else output[0].T
        return corners(rows[:, :4]), rows[:, 4:]
    return read


def yolov8_columns(case, values, file):
    return yolov8(case, values, file, transposed=False)


def yolov8_nameless(case, values, file):
    return yolov8(case, values, file, metadata=False)


def yolov5(case, values, file, output="output0", metadata=True):
    net, maps = start(case, values, "images")
    cells, strides = grid(case.size, case.size, 3)
    sides = np.concatenate([np.full((80 * 80 // 4**level, 2), side) for level, sides in enumerate(ANCHORS)
                            for side in sides])[None]
    box = net.add("Sigmoid", net.places(maps, 4, 0.5, [0.0, 0.0, 1.0, 1.0], 3))
    double = net.add("Mul", box, net.constant(2.0))
    centre = net.add("Mul", net.add("Add", net.slice(double, 0, 2), net.constant(cells - 0.5)), net.constant(strides))
    wide = net.slice(double, 2, 4)
    size = net.add("Mul", net.add("Mul", wide, wide), net.constant(sides))
    net.add("Concat", centre, size, net.scores(maps, case.classes, 3, True), axis=-1, name=output)
    save(net, file, {output: FLOAT}, {output: [1, 25200, 5 + case.classes]},
         COCO if metadata and case.classes == 80 else None)

    def read(rows):
        return corners(rows[0, :, :4]), rows[0, :, 4:5] * rows[0, :, 5:]
    return read


def yolov7(case, values, file):
    return yolov5(case, values, file, "output", False)


def yolox(case, values, file, decoded=False):
    net, maps = start(case, values, "images")
    cells, strides = grid(case.size, case.size)
    box = net.places(maps, 4, 0.3, [0.5, 0.5, 2.0, 2.0])
    if decoded:
        centre = net.add("Add", net.slice(box, 0, 2), net.constant(cells))
        size = net.add("Exp", net.slice(box, 2, 4))
        box = net.concat(*(net.add("Mul", part, net.constant(strides)) for part in (centre, size)))
    net.add("Concat", box, net.scores(maps, case.classes, 1, True), axis=-1, name="output")
    save(net, file, {"output": FLOAT}, {"output": [1, 8400, 5 + case.classes]})

    def read(rows):
        box = rows[0, :, :4].astype(np.float64)
        if not decoded:
            box = np.concatenate([box[:, :2] + cells[0], np.exp(box[:, 2:])], 1) * strides[0]
        return corners(box), rows[0, :, 4:5] * rows[0, :, 5:]
    return read


def yolox_decoded(case, values, file):
    return yolox(case, values, file, True)


def yolo_nas(case, values, file):
    net, maps = start(case, values, "input")
    scores = net.add("Identity", net.scores(maps, case.classes), name="output1")
    net.add("Identity", corners_of(net, *centres_and_sizes(case, net, maps)), name="output0")
    save(net, file, {"output0": FLOAT, scores: FLOAT},
         {"output0": [1, 8400, 4], scores: [1, 8400, case.classes]})
    return lambda boxes, scores: (boxes[0], scores[0])


def pp_yoloe(case, values, file):
    net, maps = start(case, values, "image")
    scores = net.add("Transpose", net.scores(maps, case.classes), perm=[0, 2, 1], name="concat_14.tmp_0")
    net.add("Identity", corners_of(net, *centres_and_sizes(case, net, maps)), name="tmp_16")
    save(net, file, {"tmp_16": FLOAT, scores: FLOAT}, {"tmp_16": [1, 8400, 4], scores: [1, case.classes, 8400]})
    return lambda boxes, scores: (boxes[0], scores[0].T)


def deepstream(case, values, file):
    net, maps = start(case, values, "input")
    scores = net.scores(maps, case.classes)
    best = net.add("ReduceMax", scores, axes=[-1], keepdims=1)
    label = net.add("Cast", net.add("ArgMax", scores, axis=-1, keepdims=1), to=FLOAT)
    net.add("Concat", corners_of(net, *centres_and_sizes(case, net, maps)), best, label, axis=-1, name="output")
    save(net, file, {"output": FLOAT}, {"output": [1, 8400, 6]})
    return lambda rows: (rows[0, :, :4], rows[0, :, 4], rows[0, :, 5].astype(int))


def ssd(case, values, file):
    net = Net("input", values, SEED)
    maps = net.maps("input")
    # Not whole multiples of the strides: cells as the maps have them.
    cells, strides = ssd_grid(net, maps)
    box = net.places(maps, 4, 0.3)
    strides = net.constant(strides / case.size)
    centre = net.add("Mul", net.add("Add", net.slice(box, 0, 2), net.constant(cells + 0.5)), strides)
    size = net.add("Mul", net.add("Exp", net.add("Add", net.slice(box, 2, 4), net.constant(2.0))), strides)
    # As logits against that of the background, 0, which a softmax leaves what they are.
    score = net.scores(maps, case.classes)
    low = net.constant(1e-6)
    odds = net.add("Div", score, net.add("Add", net.add("Sub", net.constant(1.0), score), low))
    logits = net.add("Log", net.add("Add", odds, low))
    nothing = net.add("Mul", net.slice(logits, 0, 1), net.constant(0.0))
    # Surer than before, so that one class of a place is far above the others.
    surer = net.add("Add", net.add("Mul", logits, net.constant(2.0)), net.constant(1.5))
    net.add("Softmax", net.concat(nothing, surer), axis=-1, name="scores")
    net.add("Identity", corners_of(net, centre, size), name="boxes")
    places = cells.shape[1]
    save(net, file, {"scores": FLOAT, "boxes": FLOAT},
         {"scores": [1, places, case.classes + 1], "boxes": [1, places, 4]})
    return lambda scores, boxes: (boxes[0] * case.size, scores[0, :, 1:])


def ssd_grid(net, maps):
    cells, strides = [], []
    for stride, found in zip((8, 16, 32), net.run(*maps), strict=True):
        height, width = found.shape[2:]
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        cells.append(np.stack([columns, rows], -1).reshape(-1, 2))
        strides.append(np.full((height * width, 1), stride))
    return np.concatenate(cells)[None], np.concatenate(strides)[None]


CASES = {
    "yolov5": Case("YOLOv5", "ultralytics/yolov5 detect.py", yolov5, iou=0.45),
    "yolov5-1-class": Case("YOLOv5", "ultralytics/yolov5 detect.py", yolov5, classes=1, iou=0.45),
    "yolov7": Case("YOLOv7", "WongKinYiu/yolov7 detect.py", yolov7, iou=0.45),
    "yolov7-1-class": Case("YOLOv7", "WongKinYiu/yolov7 detect.py", yolov7, classes=1, iou=0.45),
    "yolox": Case("YOLOX", "Megvii YOLOX demo.py", yolox, fit="top_left", bgr=True, white=255, iou=0.45),
    "yolox-1-class": Case("YOLOX", "Megvii YOLOX demo.py", yolox, classes=1, fit="top_left", bgr=True, white=255,
                          iou=0.45),
    "yolox-decoded": Case("YOLOX, decoded", "Megvii YOLOX demo.py", yolox_decoded, fit="top_left", bgr=True,
                          white=255, iou=0.45, description=["family: yolox_decoded"]),
    "yolo-nas": Case("YOLO-NAS", "SuperGradients PPYoloEPostPredictionCallback", yolo_nas, multi_label=True,
                     description=["family: yolo_nas"]),
    "pp-yoloe": Case("PP-YOLOE+", "PaddleDetection multiclass_nms", pp_yoloe, fit="stretch", multi_label=True,
                     description=["family: pp_yoloe_plus"]),
    "deepstream-yolo": Case("DeepStream-Yolo", "nvinfer clustering by NMS", deepstream, iou=0.45),
    "ssd": Case("SSD", "pytorch-ssd Predictor", ssd, size=304, classes=20, fit="stretch", mean=127 / 255,
                deviation=128 / 255, iou=0.45, multi_label=True),
    "yolov8-transposed": Case("YOLOv8, transposed", "Ultralytics predict", yolov8),
    "yolov8-transposed-2-classes": Case("YOLOv8, transposed", "Ultralytics predict", yolov8, classes=2),
    "yolov8-nhwc": Case("YOLOv8, NHWC", "Ultralytics predict", yolov8_columns, nhwc=True),
    "yolov8-nhwc-uint8": Case("YOLOv8, NHWC, uint8", "Ultralytics predict", yolov8_columns, nhwc=True, white=255,
                              element=np.uint8),
}


def expected(case, found, image):
    """What the family's tool shows for one frame's outputs."""
    boxes, scores, *labels = found
    if labels:
        places, classes = np.arange(len(boxes)), labels[0]
    elif case.multi_label:
        places, classes = np.nonzero(scores > CONFIDENCE)
        scores = scores[places, classes]
    else:
        places, classes = np.arange(len(boxes)), scores.argmax(1)
        scores = scores.max(1)
    boxes = np.asarray(boxes, np.float64)[places]
    kept = scores > CONFIDENCE
    boxes, scores, classes = boxes[kept], scores[kept], classes[kept]
    kept = suppressed(boxes, scores, classes, case.iou, MOST)
    scale, offset = geometry(case, image)
    boxes = (boxes[kept] - np.tile(offset, 2)) / np.tile(scale, 2)
    boxes = np.clip(boxes, 0, np.tile([image.width, image.height], 2))
    rows = np.concatenate([boxes, scores[kept][:, None], classes[kept][:, None]], 1)
    return rows[(boxes[:, 2:] > boxes[:, :2]).all(1)].tolist()


def make(case, name, arguments, images):
    values = np.concatenate([prepared(case, image) for image in images.values()])
    file = arguments.out / f"{name}.onnx"
    read = case.make(case, values, file)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    boxes = {}
    for number, (frame, image) in enumerate(images.items()):
        found = session.run(None, {source: values[number : number + 1]})
        boxes[frame] = expected(case, read(*found), image)
    write(arguments, name, boxes, family=case.family, maker=f"numpy after {case.tool}", iou=case.iou,
          variant="" if case.classes == 80 else f"{case.classes} class{'es' * (case.classes > 1)}",
          description=case.description)


def main():
    arguments = options(__doc__, CASES)
    if arguments.list:
        print("\n".join(CASES))
        return
    images = {file.name: Image.open(file).convert("RGB") for file in frames(arguments.frames)}
    for name in arguments.cases:
        try:
            make(CASES[name], name, arguments, images)
        except Exception as error:
            print(f"{name}: failed: {type(error).__name__}: {error}", flush=True)
            if os.environ.get("RAISE"):
                raise


if __name__ == "__main__":
    main()
