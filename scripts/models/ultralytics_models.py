#!/usr/bin/env python3
"""Detectors of Ultralytics with random weights: its own export, and what its own predict finds.

The weights are drawn from a fixed seed. Normalisations are calibrated on the frames, and the last layers scaled, so
that some tens of places of a frame pass the threshold, in many classes and sizes.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import ultralytics
from PIL import Image
from ultralytics import RTDETR, YOLO
from ultralytics.nn.modules import RTDETRDecoder
from ultralytics.nn.tasks import DetectionModel, OBBModel, PoseModel, RTDETRDetectionModel, SegmentationModel
from ultralytics.utils import ops

from common import CONFIDENCE, IOU, MOST, SEED, frames, options, some, write
from random_weights import calibrate, frequencies, inputs_of, level, scale, shift_scores


@dataclass
class Case:
    family: str
    config: str
    classes: int = 80
    size: object = 640
    task: str = "detect"
    export: dict = field(default_factory=dict)


CASES = {
    "yolov8n": Case("YOLOv8", "yolov8n"),
    "yolov8n-dynamic": Case("YOLOv8", "yolov8n", export={"dynamic": True}),
    "yolov8n-half": Case("YOLOv8", "yolov8n", export={"half": True}),
    "yolov8n-nms": Case("YOLOv8", "yolov8n", export={"nms": True}),
    "yolov8n-nms-dynamic": Case("YOLOv8", "yolov8n", export={"nms": True, "dynamic": True}),
    "yolov8n-batch4": Case("YOLOv8", "yolov8n", export={"batch": 4}),
    "yolov8n-1-class": Case("YOLOv8", "yolov8n", classes=1),
    "yolov8n-2-classes": Case("YOLOv8", "yolov8n", classes=2),
    "yolov8n-640x384": Case("YOLOv8", "yolov8n", size=[384, 640]),
    "yolov5nu": Case("YOLOv5u", "yolov5n"),
    "yolov9t": Case("YOLOv9", "yolov9t"),
    "yolov10n": Case("YOLOv10", "yolov10n"),
    "yolo11n": Case("YOLO11", "yolo11n"),
    "yolo12n": Case("YOLO12", "yolo12n"),
    "yolo26n": Case("YOLO26", "yolo26n"),
    "yolo26n-1-class": Case("YOLO26", "yolo26n", classes=1),
    "yolo26n-half-dynamic": Case("YOLO26", "yolo26n", export={"half": True, "dynamic": True}),
    "yolov8n-seg": Case("YOLOv8, masks", "yolov8n-seg", task="segment"),
    "yolov8n-pose": Case("YOLOv8, keypoints", "yolov8n-pose", classes=1, task="pose"),
    "yolov8n-obb": Case("YOLOv8, oriented", "yolov8n-obb", classes=15, task="obb"),
    "yolo11n-seg": Case("YOLO11, masks", "yolo11n-seg", task="segment"),
    "yolo11n-seg-640x384": Case("YOLO11, masks", "yolo11n-seg", size=[384, 640], task="segment"),
    "yolo26n-seg": Case("YOLO26, masks", "yolo26n-seg", task="segment"),
    "yolo26n-pose": Case("YOLO26, keypoints", "yolo26n-pose", classes=1, task="pose"),
    "yolo26n-obb": Case("YOLO26, oriented", "yolo26n-obb", classes=15, task="obb"),
    "rtdetr-l": Case("RT-DETR", "rtdetr-l"),
    "rtdetr-l-1-class": Case("RT-DETR", "rtdetr-l", classes=1),
    "rtdetr-l-2-classes": Case("RT-DETR", "rtdetr-l", classes=2),
}


# By task: the network, and how what it gives beside boxes is to vary before it is decoded.
KINDS = {"detect": (DetectionModel, 0.0), "segment": (SegmentationModel, 1.0), "pose": (PoseModel, 2.0),
         "obb": (OBBModel, 0.5)}


def batch_of(files, size, stretch):
    """The frames as the network gets them: stretched, or with gray around."""
    height, width = (size, size) if isinstance(size, int) else size
    batch = torch.full((len(files), 3, height, width), 114 / 255)
    for place, file in zip(batch, files, strict=True):
        image = Image.open(file).convert("RGB")
        scale = min(width / image.width, height / image.height)
        inside = (width, height) if stretch else (round(image.width * scale), round(image.height * scale))
        image = image.resize(inside, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
        top, left = (height - image.height) // 2, (width - image.width) // 2
        place[:, top : top + image.height, left : left + image.width] = pixels
    return batch


def enliven(model, batch, beside):
    """Makes features of random weights vary, and the last layers give scores and boxes to look at."""
    head = model.model[-1]
    model.eval()
    calibrate(model, lambda: model(batch))
    given = inputs_of(lambda: model(batch), head)

    def run():
        # It puts what it makes into the list that it is given.
        head(*(list(values) if isinstance(values, list) else values for values in given))

    if isinstance(head, RTDETRDecoder):
        boxes = [layer.layers[-1] for layer in [head.enc_bbox_head, *head.dec_bbox_head]]
        for layer in boxes:
            torch.nn.init.normal_(layer.weight, std=0.1)
        scale(run, [head.enc_score_head], 2.0, 0.0)
        for layer in boxes:
            scale(run, [layer], 0.4, 0.0)
        scores = [head.dec_score_head[-1]]
        level(run, scores[0])
        scale(run, scores, 1.0, frequencies(head.nc))
        # It gives the 300 best pairs, and which of two equal ones comes last is anybody's.
        shift_scores(run, scores, len(batch), pairs=True)
        return
    deviation, mean = (1.0, 0.0) if head.reg_max > 1 else (1.0, 4.0)
    for prefix in ("one2one_",) if getattr(head, "end2end", False) else ("",):
        boxes, scores = ([layer[-1] for layer in getattr(head, prefix + kind)] for kind in ("cv2", "cv3"))
        scale(run, boxes, deviation, mean)
        scale(run, scores, 1.0, frequencies(head.nc))
        shift_scores(run, scores, len(batch))
        more = next((name for name in ("cv4_kpts", "cv4") if hasattr(head, prefix + name)), None)
        if more:
            layers = getattr(head, prefix + more)
            scale(run, [layer[-1] if more == "cv4" else layer for layer in layers], beside, 0.0)


def outline(mask, shape):
    """That of the part of a mask that encloses most, in pixels of the frame."""
    parts = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    points = max(parts, key=lambda part: (cv2.contourArea(part), len(part))).reshape(-1, 2).astype(np.float32)
    return ops.scale_coords(mask.shape, points, shape).reshape(-1).tolist()


def found_in(result):
    """Of each object: its box, score and class, and its outline, keypoints or corners."""
    if result.obb is not None:
        boxes = torch.cat([result.obb.xyxy, result.obb.conf[:, None], result.obb.cls[:, None]], 1).tolist()
        beside = result.obb.xyxyxyxy.flatten(1).tolist()
    elif result.masks is not None:
        boxes = result.boxes.data.tolist()
        beside = [outline(mask, result.orig_shape) for mask in result.masks.data.numpy().astype(np.uint8)]
    elif result.keypoints is not None:
        boxes, beside = result.boxes.data.tolist(), result.keypoints.data.flatten(1).tolist()
    else:
        return result.boxes.data.tolist()
    return [[*box, more] for box, more in zip(boxes, beside, strict=True)]


def make(case, name, arguments, files):
    torch.manual_seed(SEED)
    kind, beside = KINDS[case.task]
    kind = RTDETRDetectionModel if case.config.startswith("rtdetr") else kind
    front = RTDETR if case.config.startswith("rtdetr") else YOLO
    model = kind(f"{case.config}.yaml", nc=case.classes, verbose=False)
    model.names = {number: f"class {number}" for number in range(case.classes)}
    enliven(model, batch_of(some(files), case.size, kind is RTDETRDetectionModel), beside)
    model.args = {"task": case.task, "imgsz": case.size}
    weights = arguments.out / f"{name}.pt"
    torch.save({"model": model, "train_args": {"task": case.task}}, weights)
    wanted = {"format": "onnx", "imgsz": case.size, "device": "cpu", **case.export}
    if case.export.get("nms"):
        wanted |= {"conf": CONFIDENCE, "iou": IOU, "max_det": MOST}
    exported = front(weights).export(**wanted)
    file = arguments.out / f"{name}.onnx"
    if Path(exported).resolve() != file.resolve():
        shutil.move(exported, file)
    weights.unlink()
    found = front(file, task=case.task) if front is YOLO else front(file)
    boxes = {}
    step = case.export.get("batch", 1)
    for start in range(0, len(files), step):
        chosen = files[start : start + step]
        padded = [str(path) for path in chosen + [chosen[-1]] * (step - len(chosen))]
        results = found.predict(padded, imgsz=case.size, conf=CONFIDENCE, iou=IOU, max_det=MOST, batch=step,
                                device="cpu", rect=False, verbose=False, save=False)
        for path, result in zip(chosen, results, strict=False):
            boxes[path.name] = found_in(result)
    changed = ", ".join(f"{key}={value}" for key, value in case.export.items())
    # Ultralytics runs ONNX files in ONNX Runtime, which keeps values between operators in half precision.
    told = {"engine": "onnxruntime"} if case.export.get("half") else {}
    usual = case.classes == 80 or case.task in ("pose", "obb")
    write(arguments, name, boxes, family=case.family, task=case.task,
          maker=f"ultralytics {ultralytics.__version__}, predict",
          variant=", ".join(filter(None, [changed, "" if usual else f"{case.classes} classes",
                                          "" if case.size == 640 else f"{case.size[1]}x{case.size[0]}"])), **told)


def main():
    arguments = options(__doc__, CASES)
    if arguments.list:
        print("\n".join(CASES))
        return
    torch.set_num_threads(1)
    files = frames(arguments.frames)
    for name in arguments.cases:
        try:
            make(CASES[name], name, arguments, files)
        except Exception as error:
            print(f"{name}: failed: {type(error).__name__}: {error}", flush=True)
            if os.environ.get("RAISE"):
                raise


if __name__ == "__main__":
    main()
