#!/usr/bin/env python3
"""How much of what moves `detect: motion` lets through, by the simulator's truth.

Simulated cameras show rendered streets to dataflows/cpu-batched.yml, each with `detect: motion`. A frame
counts as moving if an object in it, at least half visible and no taken for ignorable one, has moved by
1 % of the frame's width or more within the last half second; it is found if the frame was detected on.
The first two seconds are left out: there everything is let through. Needs a release build and dora.

usage: motion_recall.py [--cameras N] [--fps F] [--seconds S] [--seed N] [--area PERCENT]
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "target/release"
# Of the frame, in percent: who is at the far end of the street, and who passes the camera.
SIZES = (("below 0.2 %", 0.0, 0.2), ("0.2 to 1 %", 0.2, 1.0), ("1 % and more", 1.0, 101.0))


def run(options, folder):
    """Runs the graph until the cameras have ended."""
    cameras = folder / "cameras.yml"
    simulator = subprocess.Popen(
        [PROGRAMS / "camera-sim", "serve", "--cameras", str(options.cameras), "--fps", str(options.fps), "--seconds",
         str(options.seconds), "--seed", str(options.seed), "--port", "0", "--record", folder / "record",
         "--write-cameras", cameras], stdout=subprocess.PIPE, text=True)
    if not simulator.stdout.readline():
        sys.exit("error: camera-sim has not started")
    area = f"\n    motion_area: {options.area}" if options.area else ""
    text = re.sub(r"(\n\s+url: .*)", rf"\1\n    detect: motion{area}", cameras.read_text())
    cameras.write_text(text)
    environment = dict(os.environ, CAMERAS=str(cameras), OUT=str(folder / "out"))
    with (folder / "dora.log").open("w") as log:
        dora = subprocess.Popen(["dora", "run", ROOT / "dataflows/cpu-batched.yml"], env=environment, stdout=log,
                                stderr=log, start_new_session=True)
        # The simulator stays connected, and silent, after the last frame.
        time.sleep(options.seconds + 10)
        os.killpg(dora.pid, signal.SIGINT)
        dora.wait()
    simulator.terminate()
    simulator.wait()


def moving(frames, fps, width):
    """Of each frame: the area of the largest object that has moved, in pixels; 0 for none."""
    before = max(1, round(fps / 2))
    areas = []
    for number, frame in enumerate(frames):
        then = {it["track_id"]: it["bbox"] for it in frames[max(0, number - before)]["objects"]}
        largest = 0.0
        for it in frame["objects"]:
            x1, y1, x2, y2 = it["bbox"]
            was = then.get(it["track_id"])
            if it["ignore"] or it["visible"] < 0.5 or was is None:
                continue
            way = max(abs(x1 + x2 - was[0] - was[2]), abs(y1 + y2 - was[1] - was[3])) / 2
            if way >= 0.01 * width:
                largest = max(largest, (x2 - x1) * (y2 - y1))
        areas.append(largest)
    return areas


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--area", type=float, help="motion_area of the cameras")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(options, folder)
        clocks = {it["id"]: it for it in json.loads((folder / "record/cameras.json").read_text())}
        lines = [json.loads(line) for line in (folder / "out/detections.jsonl").read_text().splitlines()]
        found = {}
        for line in lines:
            clock = clocks[line["camera"]]
            offset = (line["captured_unix_nanos"] - clock["t0_unix_nanos"]) / 1e9
            found.setdefault(line["camera"], set()).add(round(offset * options.fps))
        width, height = lines[0]["width"], lines[0]["height"]
        totals = {label: [0, 0] for label, _, _ in (*SIZES, ("nothing moves", 0, 0), ("all", 0, 0))}
        for camera in clocks:
            text = (folder / f"record/{camera}.truth.jsonl").read_text()
            frames = [json.loads(line) for line in text.splitlines()]
            for number, area in enumerate(moving(frames, options.fps, width)):
                if number < 2 * options.fps:
                    continue
                percent = 100 * area / (width * height)
                label = next((label for label, least, most in SIZES if percent > 0 and least <= percent < most),
                             "nothing moves")
                for key in (label, "all"):
                    totals[key][0] += 1
                    totals[key][1] += number in found.get(camera, ())
    print("| largest object that moves, of the frame | frames | detected on | share |\n|---|---:|---:|---:|")
    for label, (count, hits) in totals.items():
        print(f"| {label} | {count} | {hits} | {100 * hits / count:.1f} % |" if count else f"| {label} | 0 | 0 | |")


if __name__ == "__main__":
    main()
