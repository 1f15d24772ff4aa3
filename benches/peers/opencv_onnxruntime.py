"""What anyone would write: OpenCV reads files, ONNX Runtime detects in batches, NumPy and OpenCV do the rest.

    opencv_onnxruntime.py MODEL.onnx SECONDS BATCH FILE...

Needs PyPI's opencv-python-headless and onnxruntime. Prints frames per second after a warm-up of 3 s."""
import ast
import sys
import time

import cv2
import numpy as np


def load(model, batch):
    """How frames are detected, and the width and height of the network's input."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    height, width = entry.shape[2:]
    if isinstance(height, str):  # an export of any size names the one that it is meant for
        height, width = ast.literal_eval(session.get_modelmeta().custom_metadata_map["imgsz"])
    return lambda input: session.run(None, {entry.name: input})[0], width, height


def letterbox(frame, width, height):
    scale = min(width / frame.shape[1], height / frame.shape[0])
    w, h = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    left, top = (width - w) // 2, (height - h) // 2
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[top : top + h, left : left + w] = cv2.resize(frame, (w, h))
    return canvas[:, :, ::-1].transpose(2, 0, 1), scale, left, top


def detections(head, scale, left, top):
    scores = head[4:].max(0)
    keep = scores > 0.25
    boxes, scores, classes = head[:4, keep].T, scores[keep], head[4:, keep].argmax(0)
    boxes[:, :2] -= boxes[:, 2:] / 2
    chosen = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), classes.tolist(), 0.25, 0.45)
    return [((boxes[i] - [left, top, 0, 0]) / scale, scores[i], classes[i]) for i in chosen]


def main(load):
    model, seconds, batch, files = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    detect, width, height = load(model, batch)
    videos = [cv2.VideoCapture(file) for file in files]
    began, since, frames, found = time.perf_counter(), None, 0, 0
    while True:
        pictures = []
        while len(pictures) < batch:
            index = (frames + len(pictures)) % len(videos)
            there, frame = videos[index].read()
            if not there:
                videos[index] = cv2.VideoCapture(files[index])
                if not videos[index].grab():
                    sys.exit(f"error: '{files[index]}' cannot be read")
                continue
            pictures.append(letterbox(frame, width, height))
        input = np.ascontiguousarray(np.stack([picture[0] for picture in pictures]), np.float32) / 255
        heads = detect(input)
        found += sum(len(detections(head, *picture[1:])) for head, picture in zip(heads, pictures, strict=True))
        frames += batch
        now = time.perf_counter()
        if since is None and now - began > 3:
            since, before = now, frames
        if since and now - since > seconds:
            print(f"{(frames - before) / (now - since):.2f} frames/s, {found / frames:.2f} boxes a frame")
            break


if __name__ == "__main__":
    main(load)
