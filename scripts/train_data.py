"""Reading rendered clips: <seed>.mp4 with <seed>.jsonl, one line of truth a frame.

A line is {"frame": n, "objects": [{"track_id", "class_id", "bbox": [x1, y1, x2, y2] in pixels,
"visible": 0..1, "ignore": bool}]}.
"""

import json
import mmap
import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

# Sixteen processes decode at once: no threads inside them. OpenCV reads this when it opens a file.
os.environ.setdefault("OPENCV_FFMPEG_THREADS", "1")

import cv2  # noqa: E402
import numpy as np  # noqa: E402

DEFAULT_CLASSES = ["person", "bicycle", "car", "truck"]


class DataError(Exception):
    """The data folder is not what training needs; the text says what was found and expected."""


@dataclass
class Clips:
    """Frames [F, H, W, 3] uint8 RGB and their truth, padded to M objects a frame."""

    frames: np.ndarray
    boxes: np.ndarray  # [F, M, 4] float32, pixels
    classes: np.ndarray  # [F, M] int64
    valid: np.ndarray  # [F, M] bool
    ignore: np.ndarray  # [F, M] bool
    names: list  # of the clips, in order

    def summary(self, class_names):
        """What the record says about a set."""
        count = {n: int((self.classes[self.valid] == i).sum()) for i, n in enumerate(class_names)}
        return {
            "clips": len(self.names),
            "seeds": _ranges(self.names),
            "frames": len(self.frames),
            "frame_size": [int(self.frames.shape[2]), int(self.frames.shape[1])],
            "objects": count,
            "ignored_objects": int(self.ignore.sum()),
        }


def load_class_names(folder):
    """Names from DIR's or DIR/train's classes.json: a list, {"names": [...]} or {"0": "person", ...}."""
    places = [Path(folder) / "classes.json", Path(folder) / "train" / "classes.json"]
    path = next((p for p in places if p.exists()), None)
    if path is None:
        return list(DEFAULT_CLASSES)
    names = json.loads(path.read_text())
    if isinstance(names, dict):
        names = names.get("names", names)
    if isinstance(names, dict):
        names = [names[str(i)] for i in range(len(names))]
    if not names or not all(isinstance(n, str) for n in names):
        raise DataError(f"{path}: expected a list of class names, found {names!r}")
    return names


def find_clips(folder):
    """Clips of (training, validation): DIR/train or DIR itself, and DIR/val or every tenth clip."""
    folder = Path(folder)
    train = _clips_in(folder / "train" if (folder / "train").is_dir() else folder)
    validation = _clips_in(folder / "val")
    if not validation:
        validation, train = train[9::10], [c for i, c in enumerate(train) if i % 10 != 9]
    if not train or not validation:
        raise DataError(
            f"{folder}: {len(train)} training and {len(validation)} validation clips; expected "
            "<seed>.mp4 with <seed>.jsonl in it or its train/, and in its val/"
        )
    return train, validation


def _clips_in(folder):
    def key(path):
        return (0, int(path.stem), "") if path.stem.isdigit() else (1, 0, path.stem)

    return sorted((p for p in folder.glob("*.mp4") if p.with_suffix(".jsonl").exists()), key=key)


def _ranges(names):
    """Clips named 1 to 9 and 20 are "1..9 20"."""
    if not all(n.isdigit() for n in names):
        return " ".join(names)
    parts, numbers = [], sorted(int(n) for n in names)
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(str(a) if a == b else f"{a}..{b}" for a, b in parts)


def read_truth(path, class_count):
    """Per frame a list of (box, class, ignore)."""
    frames = []
    first = None
    for number, line in enumerate(path.read_text().splitlines()):
        entry = json.loads(line)
        first = entry["frame"] if first is None else first
        if entry["frame"] != first + number:
            raise DataError(f"{path}: line {number + 1} is frame {entry['frame']}, expected {first + number}")
        objects = []
        for found in entry["objects"]:
            x1, y1, x2, y2 = (float(v) for v in found["bbox"])
            label = int(found["class_id"])
            if not 0 <= label < class_count:
                raise DataError(f"{path}: frame {number}: class_id {label}, expected below {class_count}")
            # Of an object wholly hidden there is nothing to see: not even an ignored one.
            if x2 > x1 and y2 > y1 and found.get("visible", 1.0) > 0:
                objects.append(((x1, y1, x2, y2), label, bool(found.get("ignore", False))))
        frames.append(objects)
    return frames


# The workers are forked and write straight into this shared mapping: nothing is sent between processes.
_shared = None


def _decode(job):
    path, start, count = job
    cv2.setNumThreads(1)
    reader = cv2.VideoCapture(str(path))
    for offset in range(count):
        good, picture = reader.read()
        if not good:
            return f"{path}: {offset} frames decoded, but its .jsonl has {count} lines"
        if picture.shape != _shared.shape[1:]:
            return f"{path}: frame {offset} is {picture.shape}, expected {_shared.shape[1:]}"
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=_shared[start + offset])
    if reader.read()[0]:
        return f"{path}: more frames than the {count} lines of its .jsonl"
    return None


def load_clips(paths, class_count, workers=16):
    """Decode all clips. Call it before CUDA is touched: it forks."""
    global _shared
    truth = [read_truth(p.with_suffix(".jsonl"), class_count) for p in paths]
    reader = cv2.VideoCapture(str(paths[0]))
    good, first = reader.read()
    reader.release()
    if not good:
        raise DataError(f"{paths[0]}: no frame could be decoded")
    total = sum(len(t) for t in truth)
    shape = (total, *first.shape)
    _shared = np.frombuffer(mmap.mmap(-1, int(np.prod(shape))), np.uint8).reshape(shape)
    starts = np.cumsum([0] + [len(t) for t in truth])
    jobs = [(p, int(s), len(t)) for p, s, t in zip(paths, starts[:-1], truth, strict=True)]
    with multiprocessing.get_context("fork").Pool(min(workers, os.cpu_count() or 1)) as pool:
        for problem in pool.imap_unordered(_decode, jobs):
            if problem:
                raise DataError(problem)
    frames = [objects for clip in truth for objects in clip]
    most = max(1, max(len(f) for f in frames))
    boxes = np.zeros((total, most, 4), np.float32)
    classes = np.zeros((total, most), np.int64)
    valid = np.zeros((total, most), bool)
    ignore = np.zeros((total, most), bool)
    for row, objects in enumerate(frames):
        for column, (box, label, skip) in enumerate(objects):
            boxes[row, column] = box
            classes[row, column] = label
            valid[row, column] = not skip
            ignore[row, column] = skip
    result = Clips(_shared, boxes, classes, valid, ignore, [p.stem for p in paths])
    _shared = None
    return result


def write_smoke_clips(folder, clips=12, frames=24, seed=0):
    """Coloured shapes, one shape a class, so that the whole script can be tried with no data at hand."""
    random = np.random.default_rng(seed)
    folder = Path(folder)
    for clip in range(clips):
        path = folder / f"{clip}.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 15, (640, 360))
        lines = []
        for frame in range(frames):
            picture = np.full((360, 640, 3), random.integers(40, 200, 3), np.uint8)
            objects = []
            for track in range(6):
                label = int(random.integers(4))
                w, h = [(30, 80), (60, 50), (120, 60), (150, 100)][label]
                x, y = int(random.integers(0, 640 - w)), int(random.integers(0, 360 - h))
                colour = tuple(int(v) for v in random.integers(0, 255, 3))
                if label % 2:
                    cv2.ellipse(picture, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, colour, -1)
                else:
                    cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), colour, -1)
                objects.append(
                    {
                        "track_id": track,
                        "class_id": label,
                        "bbox": [x, y, x + w, y + h],
                        "visible": 1.0,
                        "ignore": False,
                    }
                )
            writer.write(picture)
            lines.append(json.dumps({"frame": frame, "objects": objects}))
        writer.release()
        path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")


def dump_batch(path, images, targets):
    """A contact sheet of the first 16 pictures: truths green, ignored red."""
    tiles = []
    for i in range(min(16, len(images))):
        tile = (images[i].permute(1, 2, 0).float().cpu().numpy()[..., ::-1] * 255).astype(np.uint8).copy()
        for flags, colour in ((targets.valid, (0, 255, 0)), (targets.ignore, (0, 0, 255))):
            boxes, labels = (of_all[i][flags[i]].tolist() for of_all in (targets.boxes, targets.classes))
            for box, label in zip(boxes, labels, strict=True):
                x1, y1, x2, y2 = (round(v) for v in box)
                cv2.rectangle(tile, (x1, y1), (x2 - 1, y2 - 1), colour, 1)
                cv2.putText(tile, str(label), (x1 + 2, y1 + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
    sheet = np.vstack([np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)])
    cv2.imwrite(str(path), sheet)
