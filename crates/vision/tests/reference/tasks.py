"""Prints the values that tests/vision/tasks.rs expects, as Rust.

Computed with Ultralytics' own functions on the data that the test generates too:
    pip install ultralytics==8.4.190
"""

import cv2
import numpy as np
import torch
from ultralytics.utils import ops
from ultralytics.utils.metrics import batch_probiou
from ultralytics.utils.nms import TorchNMS

MODEL, SOURCE = (48, 64), (72, 128)  # height, width


class Random:
    """Knuth's MMIX generator."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def rust(values):
    return "[" + ", ".join(f"{float(it):.9g}" if it % 1 else f"{float(it):.1f}" for it in values) + "]"


def masks():
    random = Random(3)
    prototypes = [[[random.below(17) - 8 for _ in range(16)] for _ in range(12)] for _ in range(3)]
    coefficients, boxes = [], []
    for _ in range(12):
        coefficients.append([random.below(7) - 3 for _ in range(3)])
        x, y = random.below(200) / 4 - 4, random.below(140) / 4 - 4
        boxes.append([x, y, x + random.below(160) / 4, y + random.below(120) / 4])
    found = ops.process_mask(
        torch.tensor(prototypes, dtype=torch.float32), torch.tensor(coefficients, dtype=torch.float32),
        torch.tensor(boxes, dtype=torch.float32), MODEL, upsample=True)
    print("const OUTLINES: [&[f32]; 12] = [")
    for mask, box in zip(found.numpy(), boxes, strict=True):
        outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        # The one that encloses most, of more points where several enclose nothing.
        best = max(outlines, key=lambda it: (cv2.contourArea(it), len(it)), default=np.zeros((0, 1, 2)))
        points = best.reshape(-1, 2).astype(np.float32)
        points = ops.scale_coords(MODEL, points, SOURCE)
        x1, y1, x2, y2 = ops.scale_boxes(MODEL, np.array(box), SOURCE)
        # Boxes beside the picture are no detections.
        points = points if x1 < x2 and y1 < y2 else points[:0]
        print(f"    &{rust(points.reshape(-1))}, // of {len(outlines)}")
    print("];")


def oriented():
    random = Random(5)
    boxes, scores, classes = [], [], []
    for index in range(120):
        boxes.append([random.below(100) / 2, random.below(80) / 2, 1 + random.below(120) / 4,
                      1 + random.below(120) / 4, random.below(201) / 64 - 0.78125])
        classes.append(random.below(2))
        scores.append((index * 37 % 120 + 1) / 128)
    boxes, scores = torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores, dtype=torch.float32)
    print("const PROBIOU: [[f32; 5]; 5] = [")
    for row in batch_probiou(boxes[:5], boxes[:5]):
        print(f"    {rust(row)},")
    print("];")
    shifted = boxes.clone()
    shifted[:, :2] += 7680 * torch.tensor(classes, dtype=torch.float32)[:, None]
    for threshold in (0.2, 0.45):
        kept = TorchNMS.fast_nms(shifted, scores, threshold, iou_func=batch_probiou)
        print(f"// {threshold}\n[{', '.join(str(int(it)) for it in kept)}]")
    kept = kept[:4]
    scaled = ops.scale_boxes(MODEL, boxes[kept, :4].clone(), SOURCE, xywh=True)
    scaled = torch.cat((scaled, boxes[kept, 4:]), dim=1)
    corners = ops.xywhr2xyxyxyxy(scaled)
    print("const CORNERS: [[f32; 8]; 4] = [")
    for each in corners:
        print(f"    {rust(each.reshape(-1))},")
    print("];")


def keypoints():
    points = torch.tensor([[[10.0, 20.0, 0.25], [-3.0, 40.0, 1.0], [70.0, 2.0, 0.0], [63.5, 45.5, 0.5]]])
    print("keypoints", rust(ops.scale_coords(MODEL, points, SOURCE).reshape(-1)))


masks()
oriented()
keypoints()
