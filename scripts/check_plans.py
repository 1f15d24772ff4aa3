#!/usr/bin/env python3
"""Compares the boxes of detectors on a GPU with those on the CPU, on the same frames.

    scripts/check_plans.py MODEL.onnx... --clip FILE [--confidence 0.25]

Each model is run by file-source, nvdec, trt-infer, gpu-nms and sink, and by file-source, sw-decode, cpu-infer, cpu-nms
and sink. A clip of H.264 or H.265 with 4:2:0 decodes to the same frames on both sides. Needs a GPU, TensorRT with its
builder, the programs (cargo build --release --workspace --bins) and dora. Ends with 1 if boxes differ by more than a
pixel, or above the confidence plus 0.01 only one side has one.
"""

import argparse
import itertools
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from check_models import BESIDE, PIXELS, PROGRAMS, Refused, apart, corners, dora, say

SIDES = {
    # The decoder, inference and suppression of each side, and what inference needs beyond the model.
    "gpu": ("nvdec", "trt-infer", "gpu-nms", {"PRECISION": "fp32"}),
    "cpu": ("sw-decode", "cpu-infer", "cpu-nms", {"ENGINE": "rten"}),
}
MOST = 300


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL.onnx")
    add("--clip", type=Path, required=True, metavar="FILE", help="coded video that both decoders read")
    add("--out", type=Path, default=Path("out/plans"), help="folder for graphs and results [out/plans]")
    add("--confidence", type=float, default=0.25, help="of every model [0.25]")
    add("--iou", type=float, default=0.7, help="of every model that needs suppression [0.7]")
    add("--batch", type=int, default=4, help="frames of one inference [4]")
    add("--level", type=int, default=1, help="TensorRT's builder optimization level [1]")
    return parser.parse_args()


def graph(side, model, arguments, out):
    decoder, infer, nms, own = SIDES[side]
    batch = {"MAX_BATCH": arguments.batch, **({"LEVEL": arguments.level} if side == "gpu" else {})}
    edge = {"queue_size": 1024, "queue_policy": "backpressure"}

    def node(name, program, source, env, outputs=("out",)):
        return {"id": name, "path": str((PROGRAMS / program).resolve()), "env": env, "outputs": list(outputs),
                "inputs": {"in": {"source": source, **edge}}}

    source = node("source", "file-source", "nms/out", {
        "FILES": f"frames={arguments.clip.resolve()}", "PACE": "fast", "WINDOW": 16, "RETURN_TIMEOUT_MS": 60000})
    source["inputs"] = {"done": source["inputs"]["in"]}
    # For the nodes that know them: a frame that waits is not dropped.
    return {"env": {"MAX_WAIT_MS": 30000, "QUEUE": 64}, "nodes": [
        source,
        node("decode", decoder, "source/out", {"SLOTS": 48}),
        node("infer", infer, "decode/out", {"MODEL": str(model.resolve()), **batch, **own}),
        node("nms", nms, "infer/out", {
            "CONFIDENCE": arguments.confidence, "IOU": arguments.iou, "MAX_DETECTIONS": MOST}),
        node("sink", "sink", "nms/out", {"OUT": str(out.resolve()), "SNAPSHOT_EVERY_MS": 0, "TABLE_EVERY_MS": 0}, ()),
    ]}


def run(side, model, arguments):
    """The lines of `detections.jsonl`, in the frames' order."""
    folder = arguments.out / f"{model.stem}-{side}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # JSON is YAML.
    (folder / "graph.yml").write_text(json.dumps(graph(side, model, arguments, folder / "out"), indent=1))
    with (folder / "log.txt").open("w") as log:
        try:
            subprocess.run([dora(), "run", "graph.yml"], cwd=folder, check=False, stdout=log,
                           stderr=subprocess.STDOUT, timeout=540)
        except subprocess.TimeoutExpired:
            raise Refused(f"{side}: no end after 540 s") from None
    lines = folder / "out/detections.jsonl"
    found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if not found:
        log = re.sub(r"\x1b\[[0-9;]*m", "", (folder / "log.txt").read_text(errors="replace"))
        told = [line for line in log.splitlines() if re.search(r"error", line, re.IGNORECASE)]
        raise Refused(f"{side}: {told[0] if told else 'no frame'}")
    return sorted(found, key=lambda line: line["pts_nanos"])


def boxes(line):
    """Corners, score and class of each box, and its keypoints or the corners of its rotated rectangle."""
    rotated = [corners(*rectangle) for rectangle in line.get("oriented") or []]
    shapes = line.get("keypoints") or rotated or [[]] * len(line["boxes"])
    return [[*box, score, number, shape] for box, score, number, shape in
            zip(line["boxes"], line["scores"], line["class_ids"], shapes, strict=True)]


def outlines(line):
    return line.get("masks") or [[]] * len(line["boxes"])


def points_apart(one, other):
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), default=0.0)


def compare(gpu, cpu, least):
    if [line["pts_nanos"] for line in gpu] != [line["pts_nanos"] for line in cpu]:
        raise Refused(f"{len(gpu)} frames on the GPU, {len(cpu)} on the CPU, or others")
    count = unmatched = masks = equal = 0
    pixels = score = points = 0.0
    for one, other in zip(gpu, cpu, strict=True):
        left, right = boxes(one), boxes(other)
        free = [set(range(len(left))), set(range(len(right)))]
        pairs = sorted((apart(a, b), i, j) for (i, a), (j, b) in itertools.product(enumerate(left), enumerate(right))
                       if a[5] == b[5])
        for distance, i, j in pairs:
            if distance <= PIXELS and i in free[0] and j in free[1]:
                free[0].remove(i)
                free[1].remove(j)
                pixels = max(pixels, distance)
                score = max(score, abs(left[i][4] - right[j][4]))
                points = max(points, points_apart(left[i][6], right[j][6]))
                mask = outlines(one)[i], outlines(other)[j]
                masks += bool(mask[0] or mask[1])
                # An outline follows the grid of pixels: one pixel more or less is another number of points.
                equal += bool(mask[0]) and mask[0] == mask[1]
        count += sum(box[4] > least for box in right)
        unmatched += sum(left[i][4] > least for i in free[0]) + sum(right[j][4] > least for j in free[1])
    shapes = f"{equal} of {masks} outlines equal" if masks else f"points {points:.3f}" if points else ""
    return count, unmatched, max(pixels, points), score, shapes


def main():
    arguments = options()
    rows, bad = [], 0
    for model in arguments.models:
        started = time.monotonic()
        try:
            gpu, cpu = (run(side, model, arguments) for side in SIDES)
            count, unmatched, pixels, score, shapes = compare(gpu, cpu, arguments.confidence + BESIDE)
            bad += unmatched > 0 or pixels > 1 or count == 0
            rows.append(f"| `{model.stem}` | {len(gpu)} | {count} | {unmatched} | {pixels:.3f} | {score:.4f} | "
                        f"{shapes} |")
        except Refused as reason:
            bad += 1
            rows.append(f"| `{model.stem}` | | | | | | {reason} |")
        say(f"{rows[-1]} {time.monotonic() - started:.0f} s")
    print("| model | frames | boxes | unmatched | pixels | score | keypoints, corners or outlines, or why not |",
          "|---|---:|---:|---:|---:|---:|---|", *rows, sep="\n")
    say(f"{len(rows) - bad} of {len(rows)} within a pixel")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
