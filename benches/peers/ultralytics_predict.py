"""Ultralytics' own `predict`, as its documentation shows it, on one file after the other.

    ultralytics_predict.py MODEL.onnx SECONDS BATCH FILE...

Needs PyPI's ultralytics (AGPL: run it, do not ship it), torch and onnxruntime. `predict` takes one file's
frames in batches; several files at once it does not take. Prints frames per second after 3 s."""
import sys
import time

from ultralytics import YOLO

model, seconds, batch, files = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
network = YOLO(model, task="detect")
began, since, frames, found = time.perf_counter(), None, 0, 0
while True:
    for file in files:
        for result in network.predict(file, stream=True, batch=batch, verbose=False, device="cpu"):
            frames, found = frames + 1, found + len(result.boxes)
            now = time.perf_counter()
            if since is None and now - began > 3:
                since, before = now, frames
            if since and now - since > seconds:
                print(f"{(frames - before) / (now - since):.2f} frames/s, {found / frames:.2f} boxes a frame")
                sys.exit()
