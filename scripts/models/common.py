"""What the makers' scripts share: frames in, an ONNX file and the maker's boxes out."""

import argparse
import json
from pathlib import Path

CONFIDENCE, IOU, MOST = 0.25, 0.7, 300
SEED = 20_261_130
# About how many places of a frame score above CONFIDENCE.
PLACES = 40


def options(description, cases):
    """The frames, the folder for the files, and the cases that are asked for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--frames", type=Path, required=True, help="folder with PNG files")
    parser.add_argument("--out", type=Path, required=True, help="folder for models and boxes")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    parser.add_argument("cases", nargs="*", help="[all]")
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - set(cases):
        parser.error(f"'{', '.join(sorted(unknown))}', expected some of {', '.join(cases)}")
    arguments.cases = arguments.cases or list(cases)
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


def frames(folder):
    found = sorted(folder.glob("*.png"))
    if not found:
        raise SystemExit(f"error: '{folder}' has no PNG file")
    return found


def some(found):
    """A few of the frames, of every colour, to calibrate networks on."""
    return found[:: max(1, len(found) // 3)][:3]


def write(arguments, case, boxes, **told):
    """The maker's boxes beside the model: x1, y1, x2, y2 in pixels of the frame, score and class, by frame.

    With another `task` than detect each has a list more: x and y of the points of its outline (segment), x, y and
    confidence of its keypoints (pose), or x and y of its corners (obb).

    `told` is what else the comparison wants to know: `family`, `maker`, `weights`, `confidence`, `iou`, `description`
    (lines of a MODEL.yml, where the file alone does not suffice).
    """
    record = {"case": case, "confidence": CONFIDENCE, "iou": IOU, "most": MOST, **told, "frames": boxes}
    file = arguments.out / f"{case}.json"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(record), encoding="utf-8")
    part.rename(file)
    counts = [len(found) for found in boxes.values()]
    print(f"{case}: {sum(counts)} boxes in {len(counts)} frames, {min(counts)} to {max(counts)}", flush=True)
