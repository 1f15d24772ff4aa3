#!/usr/bin/env python3
"""Compares the boxes of camweave with those of the detectors' makers, on the same frames.

    scripts/check_models.py [CASE...] [--document docs/models.md]

Each family is exported with its own package, or, where no registry has that, made as a small graph with the family's
inputs, outputs and coding. Weights are random, from a fixed seed. Its maker's own predict and camweave's nodes
(cpu-infer, cpu-nms) then find boxes in the same frames. What this machine lacks is skipped, and said. Needs the
programs (cargo build --release --workspace --bins), ffmpeg and dora; the makers' packages are installed from PyPI into
.cache/makers.
"""

import argparse
import fnmatch
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAKERS = ROOT / "scripts/models"
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
PACKAGES = ["ultralytics==8.4.190", "rfdetr==1.11.2", "transformers==5.24.0", "onnx==1.23.2", "onnxruntime==1.32.0",
            "onnxscript", "onnxslim"]
SCRIPTS = ["graph_models.py", "ultralytics_models.py", "detr_models.py"]
# Frames for networks that scale them, or make much of little: see film.py. The rest have them as rendered.
FILMS = {"": [], "-inside": ["--luma", "40", "215"], "-square": ["--grey", "--size", "640x640"]}
SPECIAL = {"detr_models.py": "-inside", "pp-yoloe": "-inside", "ssd": "-inside", "rtdetr-*": "-square"}
# All nodes of the graph have inputs, so dora takes it for one that ends, and kills what opens for longer than 120 s.
PATIENT = {"DORA_FINISH_DRAIN_GRACE_SECS": "off"}
# One thread, and nothing is fetched at run time: weights are random.
OFFLINE = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false",
           "YOLO_VERBOSE": "false", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
           "TRANSFORMERS_VERBOSITY": "error"}
BEGIN, END = "<!-- makers, from scripts/check_models.py -->", "<!-- end -->"
# Beside the threshold a difference in the last digits decides whether a box is there.
BESIDE = 0.01
# Seconds for a model, opened in all engines and run on all frames.
LIMIT = 1800
# Boxes that are farther apart are not the same.
PIXELS = 8.0
# Masks whose largest part is smaller, in square pixels, are crumbs of which any may be the largest.
OUTLINE = 64


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help="names or patterns, as yolo26* [all]")
    add("--out", type=Path, default=ROOT / "out/makers", help="folder for frames, models and results [out/makers]")
    add("--python", type=Path, metavar="FILE", help="a Python that has the packages, instead of one made here")
    add("--engines", nargs="+", default=["auto"], help="engines of cpu-infer [auto]")
    add("--document", type=Path, metavar="FILE.md", help=f"write the table there, after '{BEGIN}'")
    add("--again", action="store_true", help="make the models again")
    add("--list", action="store_true", help="print the cases and end")
    return parser.parse_args()


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def die(text):
    raise SystemExit(f"error: {text}")


def environment(python):
    """A Python with the makers' packages."""
    if python:
        return python
    folder = ROOT / ".cache/makers"
    mark, python = folder / "installed", folder / "bin/python3"
    if mark.exists() and mark.read_text() == " ".join(PACKAGES):
        return python
    say(f"installing {' '.join(PACKAGES)} (some GB)")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # PyTorch for CPUs only, where its index can be reached; else PyPI's, which brings CUDA.
    if subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1",
                       "--extra-index-url", "https://download.pytorch.org/whl/cpu", *PACKAGES], check=False).returncode:
        die(f"pip could not install {' '.join(PACKAGES)}")
    mark.write_text(" ".join(PACKAGES))
    return python


@dataclass
class Film:
    """A clip without loss, and its frames as PNG files."""

    clip: Path
    folder: Path


def film(arguments, python, name):
    made = Film(arguments.out / f"clip{name}.mp4", arguments.out / f"frames{name}")
    if not made.clip.exists():
        scenes = arguments.out / "scenes"
        if not scenes.exists():
            say("rendering frames")
            subprocess.run([PROGRAMS / "render-scenes", "--seeds", "2000100..2000102", "--frames", "6", "--burst", "1",
                            "--png", "--out", scenes], check=True, stdout=subprocess.DEVNULL)
        part = arguments.out / f"clip{name}.part.mp4"
        images = sorted(scenes.glob("*.png"))
        subprocess.run([python, MAKERS / "film.py", part, made.folder, *images, *FILMS[name]], check=True)
        part.rename(made.clip)
    return made


def shown(script, case):
    """The name of a case's film."""
    special = (name for pattern, name in SPECIAL.items() if fnmatch.fnmatch(case, pattern) or pattern == script)
    return next(special, "")


@dataclass
class Model:
    file: Path
    record: dict
    clip: Path

    @property
    def name(self):
        return self.record["case"]


def models(arguments, python):
    """Models and their makers' boxes, script by script, and why some are missing."""
    found, missing, environment = [], [], {**os.environ, **OFFLINE}
    for script in SCRIPTS:
        command = [python, MAKERS / script, "--out", arguments.out, "--frames"]
        listed = subprocess.run([*command, arguments.out, "--list"], check=False, capture_output=True, text=True,
                                env=environment)
        if listed.returncode:
            why = (listed.stderr.strip() or "no message").splitlines()[-1]
            missing.append(f"{script}: skipped: {why}")
            say(missing[-1])
            continue
        wanted = [case for case in listed.stdout.split()
                  if not arguments.cases or any(fnmatch.fnmatch(case, pattern) for pattern in arguments.cases)]
        if arguments.list:
            print("\n".join(wanted))
            continue
        record = {case: arguments.out / f"{case}.json" for case in wanted}
        todo = [case for case in wanted if arguments.again or not record[case].exists()]
        films = {name: film(arguments, python, name) for name in {shown(script, case) for case in wanted}}
        failed = {}
        for name, clip in films.items():
            part = [case for case in todo if shown(script, case) == name]
            if not part:
                continue
            say(f"{script}: making {', '.join(part)}")
            for case in part:
                record[case].unlink(missing_ok=True)
            run = subprocess.Popen([*command, clip.folder, *part], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, env=environment)
            for line in run.stdout:
                if re.match(r"[\w.-]+: (?:failed|\d+ boxes)", line):
                    say(line.strip())
                    case, _, told = line.strip().partition(": ")
                    failed[case] = told
            run.wait()
        for case in wanted:
            if record[case].exists():
                told = json.loads(record[case].read_text())
                found.append(Model(arguments.out / f"{case}.onnx", told, films[shown(script, case)].clip))
            else:
                missing.append(f"{case}: {failed.get(case, 'not made')}")
                say(missing[-1])
    return found, missing


GRAPH = """\
env:
  FILES: "frames={clip}"
  PACE: fast
  MODEL: {model}
  ENGINE: {engine}
  MAX_WAIT_MS: 60000
  QUEUE: 32
  CONFIDENCE: {confidence}
  IOU: {iou}
  MAX_DETECTIONS: {most}
  OUT: {out}
  OPENVINO_DYLIB_PATH: "{openvino}"
  ORT_DYLIB_PATH: "{onnxruntime}"
nodes:
  - id: source
    path: {programs}/file-source
    inputs: {{done: {{source: nms/out, queue_size: 1024, queue_policy: backpressure}}}}
    outputs: [out]
    env: {{WINDOW: 24, RETURN_TIMEOUT_MS: 600000}}
  - id: decode
    path: {programs}/sw-decode
    inputs: {{in: {{source: source/out, queue_size: 1024, queue_policy: backpressure}}}}
    outputs: [out]
    env: {{SLOTS: 48}}
  - id: infer
    path: {programs}/cpu-infer
    inputs: {{in: {{source: decode/out, queue_size: 1024, queue_policy: backpressure}}}}
    outputs: [heads]
  - id: nms
    path: {programs}/cpu-nms
    inputs: {{in: {{source: infer/heads, queue_size: 1024, queue_policy: backpressure}}}}
    outputs: [out]
  - id: sink
    path: {programs}/sink
    inputs: {{in: {{source: nms/out, queue_size: 1024, queue_policy: backpressure}}}}
    env: {{SNAPSHOT_EVERY_MS: 0, TABLE_EVERY_MS: 0}}
"""


class Refused(Exception):
    """What camweave says of a model that it does not run."""


def camweave(arguments, model, engine, python):
    """The lines of `detections.jsonl`, in the frames' order."""
    folder = arguments.out / "runs" / f"{model.name}-{engine}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = GRAPH.format(clip=model.clip.resolve(), model=model.file.resolve(), engine=engine,
                        programs=PROGRAMS.resolve(), out=folder.resolve() / "out",
                        openvino=os.environ.get("OPENVINO_DYLIB_PATH", ""),
                        onnxruntime=os.environ.get("ORT_DYLIB_PATH") or library(python),
                        confidence=model.record["confidence"], iou=model.record["iou"], most=model.record["most"])
    (folder / "graph.yml").write_text(text)
    description = model.file.with_suffix(".yml")
    description.unlink(missing_ok=True)
    if model.record.get("description"):
        description.write_text("\n".join(model.record["description"]) + "\n")
    with (folder / "log.txt").open("w") as log:
        try:
            subprocess.run([dora(), "run", "graph.yml"], cwd=folder, check=False, stdout=log,
                           stderr=subprocess.STDOUT, timeout=LIMIT, env={**os.environ, **PATIENT})
        except subprocess.TimeoutExpired:
            raise Refused(f"no end after {LIMIT} s") from None
    lines = folder / "out/detections.jsonl"
    found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if len(found) < len(model.record["frames"]):
        log = re.sub(r"\x1b\[[0-9;]*m", "", (folder / "log.txt").read_text(errors="replace"))
        told = [line for line in log.splitlines() if re.search(r"\binfer\b.*error", line, re.IGNORECASE)]
        raise Refused(re.sub(r"^.*?error:?\s*", "", told[0], flags=re.IGNORECASE) if told
                      else f"{len(found)} of {len(model.record['frames'])} frames")
    return sorted(found, key=lambda line: line["pts_nanos"])


def dora():
    own = ROOT / ".cache/python/bin/dora"
    return shutil.which("dora") or (own if own.exists() else die("no dora; run scripts/setup.sh"))


def library(python):
    """ONNX Runtime's library in the makers' environment."""
    found = sorted(Path(python).parent.parent.glob("lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"))
    return found[0] if found else ""


@dataclass
class Comparison:
    makers: int = 0
    ours: int = 0
    missing: int = 0
    extra: int = 0
    pixels: float = 0.0
    score: float = 0.0
    # Overlaps of outlines.
    overlaps: list = field(default_factory=list)
    # The largest difference of a keypoint or a corner.
    points: float = 0.0

    def shapes(self):
        """How far outlines, keypoints or corners are apart, in words."""
        if self.overlaps:
            mean, close = sum(self.overlaps) / len(self.overlaps), sum(it > 0.95 for it in self.overlaps)
            return f"mask IoU {mean:.4f}, {close} of {len(self.overlaps)} above 0.95"
        return f"points {self.points:.3f} px" if self.points else ""


def apart(one, other):
    return max(abs(a - b) for a, b in zip(one[:4], other[:4], strict=True))


def clipped(boxes, width, height):
    """Boxes within the frame, as camweave's are; some makers clip none, and some keep those that are empty then."""
    found = [[max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]), *box[4:]] for box in boxes]
    return [box for box in found if box[2] > box[0] and box[3] > box[1]]


def spans(outline, rows):
    """The parts of each row of pixels that are inside a polygon."""
    points = list(zip(outline[::2], outline[1::2], strict=True))
    crossings = [[] for _ in range(rows)]
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        # The row's middle: corners of outlines are on neither.
        for row in range(max(0, math.ceil(y1 - 0.51)), min(rows, math.ceil(y2 - 0.51))):
            crossings[row].append(x1 + (row + 0.51 - y1) / (y2 - y1) * (x2 - x1))
    return [list(zip(row[::2], row[1::2], strict=True)) for row in map(sorted, crossings)]


def area(outline, height):
    return sum(end - begin for row in spans(outline, height) for begin, end in row)


def overlap(one, other, height):
    """Intersection over union of two polygons; 1 of two that enclose nothing."""
    both = either = 0.0
    for mine, theirs in zip(spans(one, height), spans(other, height), strict=True):
        both += sum(max(0.0, min(b, d) - max(a, c)) for a, b in mine for c, d in theirs)
        either += sum(b - a for a, b in mine + theirs)
    return both / (either - both) if either else 1.0


def corners(x, y, width, height, angle):
    along = (width / 2 * math.cos(angle), width / 2 * math.sin(angle))
    across = (-height / 2 * math.sin(angle), height / 2 * math.cos(angle))
    return [value for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
            for value in (x + a * along[0] + b * across[0], y + a * along[1] + b * across[1])]


def beside(line, task):
    """What a line has of each box beside it."""
    if task == "segment":
        return line["masks"] if line["boxes"] else []
    if task == "pose":
        return line["keypoints"] if line["boxes"] else []
    if task == "obb":
        return [corners(*rectangle) for rectangle in line["oriented"]] if line["boxes"] else []
    return [None] * len(line["boxes"])


def compare(model, lines):
    result, least = Comparison(), model.record["confidence"] + BESIDE
    for name, line in zip(sorted(model.record["frames"]), lines, strict=True):
        theirs = clipped(model.record["frames"][name], line["width"], line["height"])
        task = model.record.get("task", "detect")
        ours = [[*box, score, number, more] for box, score, number, more in
                zip(line["boxes"], line["scores"], line["class_ids"], beside(line, task), strict=True)]
        pairs = sorted((apart(one, other), i, j) for (i, one), (j, other) in
                       itertools.product(enumerate(theirs), enumerate(ours)) if int(one[5]) == int(other[5]))
        left, right = set(range(len(theirs))), set(range(len(ours)))
        for distance, i, j in pairs:
            if i in left and j in right and distance <= PIXELS:
                left.remove(i)
                right.remove(j)
                result.pixels = max(result.pixels, distance)
                result.score = max(result.score, abs(theirs[i][4] - ours[j][4]))
                if task == "segment" and area(theirs[i][6], line["height"]) >= OUTLINE:
                    result.overlaps.append(overlap(theirs[i][6], ours[j][6], line["height"]))
                elif task in ("pose", "obb"):
                    result.points = max(result.points, max(
                        abs(a - b) for a, b in zip(theirs[i][6], ours[j][6], strict=True)))
        result.makers += sum(box[4] > least for box in theirs)
        result.ours += sum(box[4] > least for box in ours)
        result.missing += sum(theirs[i][4] > least for i in left)
        result.extra += sum(ours[j][4] > least for j in right)
    return result


def row(model, engine, result):
    record = model.record
    told = [record["family"], record.get("variant") or "", f"`{model.name}`", record["maker"],
            "; ".join(f"`{line}`" for line in record.get("description") or []), engine]
    if isinstance(result, str):
        return f"| {' | '.join(told)} | | | | | {result.replace('|', '/')} |"
    return (f"| {' | '.join(told)} | {result.makers} | {result.missing + result.extra} | {result.pixels:.3f} | "
            f"{result.score:.4f} | {result.shapes()} |")


def table(rows, missing, engines):
    lines = [
        f"Made by `scripts/check_models.py` on {time.strftime('%Y-%m-%d')}: each model's own tool and camweave's nodes "
        "on the same rendered frames. Weights are random, from a fixed seed: no weights of trained models are needed. "
        f"'unmatched' are boxes above the confidence plus {BESIDE} that only one side has; pixels and scores are the "
        "largest differences of the others. Boxes are clipped to the frame, and those beside it left out. Of masks the "
        "outlines of their largest parts are compared (intersection over union), where those are of at least "
        f"{OUTLINE} square pixels; of keypoints and of the corners of oriented boxes the largest difference.",
        "",
        "| family | variant | model | its own tool | MODEL.yml | engine | boxes | unmatched | pixels | score | shapes, "
        "or why not |",
        "|---|---|---|---|---|---|---:|---:|---:|---:|---|",
        *rows,
    ]
    if missing:
        lines += ["", "Not had: " + "; ".join(missing) + "."]
    return "\n".join(lines)


def main():
    arguments = options()
    arguments.out = arguments.out.resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for program in ("render-scenes", "file-source", "sw-decode", "cpu-infer", "cpu-nms", "sink"):
        if not (PROGRAMS / program).exists():
            die(f"'{PROGRAMS / program}': no such program; cargo build --release --workspace --bins")
    python = environment(arguments.python)
    found, missing = models(arguments, python)
    if arguments.list:
        return
    rows, bad = [], 0
    # A model in half precision is compared in the engine in which its maker runs it: another rounds elsewhere.
    runs = [(model, engine) for model in found for engine in
            ([model.record["engine"]] if model.record.get("engine") and arguments.engines == ["auto"]
             else arguments.engines)]
    for number, (model, engine) in enumerate(runs, 1):
        count = len(runs)
        try:
            result = compare(model, camweave(arguments, model, engine, python))
            unmatched = result.missing + result.extra
            # Without a box on either side nothing is compared. Beyond 512 pixels, half precision has steps of 0.5.
            most = 1.0 if model.record.get("engine") else 0.5
            bad += unmatched > 0 or result.pixels > most or result.makers == 0
            say(f"{number}/{count} {model.name}, {engine}: {result.makers} boxes, {unmatched} unmatched "
                f"({result.missing} missing, {result.extra} extra), {result.pixels:.3f} px, score {result.score:.4f} "
                f"{result.shapes()}".rstrip())
        except Refused as reason:
            # The folder is this machine's.
            result = f"refused: {reason}".replace(f"{arguments.out}/", "")
            bad += 1
            say(f"{number}/{count} {model.name}, {engine}: {result}")
        rows.append(row(model, engine, result))
    text = table(rows, missing, arguments.engines)
    (arguments.out / "table.md").write_text(text + "\n")
    if arguments.document:
        before, mark, after = arguments.document.read_text().partition(BEGIN)
        if not mark or END not in after:
            die(f"'{arguments.document}' has no lines '{BEGIN}' and '{END}'")
        arguments.document.write_text(before + BEGIN + "\n" + text + "\n" + END + after.partition(END)[2])
    else:
        print(text)
    say(f"{len(rows) - bad} of {len(rows)} as their makers', within 0.5 px (1 px in half precision)")
    if not rows:
        die("no model could be made: nothing was compared")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
