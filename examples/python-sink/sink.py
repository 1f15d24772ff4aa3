"""Counts the objects that each camera sees, by class."""

import os
import signal
from collections import Counter, defaultdict

from dora import Node

# Ctrl-C reaches every process of the graph; it is dora that stops them in order.
signal.signal(signal.SIGINT, signal.SIG_IGN)

min_score = float(os.environ.get("MIN_SCORE", "0"))
frames = Counter()
boxes = defaultdict(Counter)

node = Node()
for event in node:  # ends when the graph has stopped and every message is read
    if event["type"] != "INPUT":
        continue
    for frame in event["value"].to_pylist():  # one row per frame
        camera = frame["camera"]
        frames[camera] += 1
        for i, (score, label) in enumerate(zip(frame["conf"], frame["labels"], strict=True)):
            x1, y1, x2, y2 = frame["bbox"][4 * i : 4 * i + 4]  # pixels of the source image
            if score >= min_score and x2 > x1 and y2 > y1:
                boxes[camera][label] += 1

for camera in sorted(frames):
    classes = ", ".join(f"{label} {count}" for label, count in sorted(boxes[camera].items()))
    print(f"{camera}: {frames[camera]} frames, {boxes[camera].total()} boxes ({classes})", flush=True)
