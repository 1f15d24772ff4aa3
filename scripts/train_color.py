#!/usr/bin/env python3
"""Trains camweave-car-color, a classifier of the paint of rendered cars, from scratch on a CPU.

    target/release/render-scenes --seeds 2000..2160 --frames 16 --burst 1 --out data/train
    target/release/render-scenes --seeds 100100..100125 --frames 16 --burst 1 --out data/val
    python3 scripts/train_color.py --data data --minutes 4 --out models

DIR holds train/ and val/ with <seed>.mp4 and <seed>.jsonl. OUT gets camweave-car-color.onnx, with the
metadata that Ultralytics' exporter writes for its classifiers, and record-car-color.json.
"""

import argparse
import json
import math
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

COLORS = ["white", "gray", "black", "red", "blue", "green", "yellow", "orange", "brown", "purple"]
SIDE = 32
OPSET = 17
# Of a box's sides, by which its edges are shifted: a detector's boxes are not exact.
JITTER = 0.08
CROPS_PER_OBJECT = 2
LEAST_SHORT_SIDE = 16
AVERAGE_DECAY = 0.998


class Net(nn.Module):
    """Three strided convolutions, their mean, and a layer; probabilities at the end."""

    def __init__(self, classes, widths=(16, 32, 48)):
        super().__init__()
        layers = []
        for before, after in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.attention = nn.Conv2d(widths[-1], 1, 1)
        self.head = nn.Linear(widths[-1], classes)

    def logits(self, images):
        maps = self.features(images)
        # What is paint counts, not what is glass or street.
        weights = torch.sigmoid(self.attention(maps))
        return self.head((maps * weights).sum((2, 3)) / (weights.sum((2, 3)) + 1e-3))

    def forward(self, images):
        return self.logits(images).softmax(1)


def crop(picture, box):
    """The centre square of a box on even pixels, resized as camweave does: two taps for each axis."""
    high, wide = picture.shape[:2]
    x1, y1, x2, y2 = (min(max(v, 0), side) for v, side in zip(box, (wide, high, wide, high), strict=True))
    half = min(x2 - x1, y2 - y1) / 2
    if half < 2:
        return None
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    left, top = int(x - half) & ~1, int(y - half) & ~1
    part = picture[top : math.ceil(y + half), left : math.ceil(x + half)]
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def crops_of(folder, jitter, random):
    """Crops [N, SIDE, SIDE, 3] of uint8 RGB, and the class of each."""
    images, classes = [], []
    for path in sorted(Path(folder).glob("*.mp4")):
        reader = cv2.VideoCapture(str(path))
        for line in path.with_suffix(".jsonl").read_text().splitlines():
            good, picture = reader.read()
            if not good:
                raise SystemExit(f"{path}: fewer frames than lines of its .jsonl")
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            for found in json.loads(line)["objects"]:
                x1, y1, x2, y2 = found["bbox"]
                if "color" not in found or found["ignore"] or min(x2 - x1, y2 - y1) < LEAST_SHORT_SIDE:
                    continue
                for _ in range(CROPS_PER_OBJECT if jitter else 1):
                    shift = random.uniform(-jitter, jitter, 4) * np.array([x2 - x1, y2 - y1] * 2)
                    image = crop(picture, np.array([x1, y1, x2, y2]) + shift)
                    if image is not None:
                        images.append(image)
                        classes.append(COLORS.index(found["color"]))
    if not images:
        raise SystemExit(f"{folder}: no crops, expected <seed>.mp4 with <seed>.jsonl of render-scenes")
    return np.stack(images), np.array(classes)


def tensor(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def accuracy(net, images, classes):
    net.eval()
    with torch.no_grad():
        best = torch.cat([net(tensor(part)).argmax(1) for part in np.array_split(images, max(1, len(images) // 512))])
    right = best.numpy() == classes
    by_class = {name: round(float(right[classes == i].mean()), 4)
                for i, name in enumerate(COLORS) if (classes == i).any()}
    return float(right.mean()), by_class


def train(net, images, classes, minutes, batch, rate, random):
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    began, steps = time.monotonic(), 0
    while (part := (time.monotonic() - began) / (60 * minutes)) < 1:
        net.train()
        chosen = random.integers(0, len(images), batch)
        inputs = tensor(images[chosen])
        flipped = torch.from_numpy(random.random(batch) < 0.5)
        inputs[flipped] = inputs[flipped].flip(3)
        # Exposure, which differs between cameras.
        inputs = (inputs * torch.from_numpy(random.uniform(0.85, 1.15, (batch, 1, 1, 1))).float()).clamp(0, 1)
        optimizer.param_groups[0]["lr"] = rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))
        loss = functional.cross_entropy(net.logits(inputs), torch.from_numpy(classes[chosen]), label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value.detach(), 1 - min(AVERAGE_DECAY, steps / (steps + 10)))
            else:
                average[name].copy_(value)
        if steps % 200 == 0:
            print(f"{steps} steps, loss {loss.item():.3f}", flush=True)
    net.load_state_dict(average)
    return steps


def export(net, path):
    net.eval()
    example = torch.rand(2, 3, SIDE, SIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (example,),
            str(path),
            input_names=["images"],
            output_names=["output0"],
            opset_version=OPSET,
            dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    metadata = {
        "description": "camweave-car-color classifier, trained on rendered street scenes",
        "author": "camweave",
        "version": "0.1.0",
        "license": "MIT OR Apache-2.0",
        "docs": "models/README.md",
        "stride": "1",
        "task": "classify",
        "batch": "1",
        "imgsz": str([SIDE, SIDE]),
        "names": str(dict(enumerate(COLORS))),
        "args": str({"batch": 1, "half": False, "dynamic": True}),
    }
    del model.metadata_props[:]
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train/ and val/")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3, help="peak learning rate (AdamW)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    images, classes = crops_of(Path(options.data) / "train", JITTER, random)
    checked = crops_of(Path(options.data) / "val", 0, random)
    print(f"{len(images)} crops to train on, {len(checked[0])} to check", flush=True)
    net = Net(len(COLORS))
    steps = train(net, images, classes, options.minutes, options.batch, options.rate, random)
    part, by_class = accuracy(net, *checked)
    path = Path(options.out) / "camweave-car-color.onnx"
    export(net, path)
    record = {
        "model": path.name,
        "bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in net.parameters()),
        "crops": {"train": len(images), "val": len(checked[0])},
        "minutes": options.minutes,
        "steps": steps,
        "batch": options.batch,
        "rate": options.rate,
        "seed": options.seed,
        "torch": torch.__version__,
        "accuracy": round(part, 4),
        "accuracy_by_class": by_class,
    }
    path.with_name("record-car-color.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
