"""Ultralytics' own `predict`, as its documentation shows it, on one file after the other.

    ultralytics_predict.py MODEL.onnx SECONDS BATCH FILE...

Needs PyPI's ultralytics (or ultralytics-opencv-headless), torch and onnxruntime. Ultralytics is under the AGPL:
it is run from an environment of its own, and no part of camweave imports, links or contains it.

`predict` takes the ONNX file as it is, with ONNX Runtime. `rect=False` and `imgsz` give the network the whole input
of the file, as every other peer and camweave do; `conf` and `iou` are theirs, too; nothing is saved, drawn or
printed. A video's frames go through in batches of BATCH. Prints frames per second after a warm-up of 3 s."""
import ast
import os
import sys
import time
from pathlib import Path


def main(prepare=lambda model, metadata: model):
    os.environ.update(YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_VERBOSE="false")
    # Else it writes settings into the user's folders.
    os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(sys.prefix, "settings")))
    Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)
    import onnx
    from ultralytics import YOLO

    model, seconds, batch, files = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    exported = onnx.load(model, load_external_data=False)
    metadata = {entry.key: entry.value for entry in exported.metadata_props}
    size = [side.dim_value for side in exported.graph.input[0].type.tensor_type.shape.dim[2:]]
    size = size if all(size) else ast.literal_eval(metadata["imgsz"])
    network = YOLO(prepare(model, metadata), task="detect")
    settings = {"imgsz": size, "rect": False, "conf": 0.25, "iou": 0.45, "verbose": False, "device": "cpu"}
    began, since, frames, found = time.perf_counter(), None, 0, 0
    while True:
        for file in files:
            for result in network.predict(file, stream=True, batch=batch, **settings):
                frames, found = frames + 1, found + len(result.boxes)
                now = time.perf_counter()
                if since is None and now - began > 3 and frames % batch == 0:
                    since, before = now, frames
                if since and now - since > seconds and frames % batch == 0:
                    rate, boxes = (frames - before) / (now - since), found / frames
                    print(f"{rate:.2f} frames/s, {boxes:.2f} boxes a frame", flush=True)
                    os._exit(0)  # it reads ahead in a thread


if __name__ == "__main__":
    main()
