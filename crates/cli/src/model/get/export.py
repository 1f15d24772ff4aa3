"""Makes an ONNX file of a detector with its maker's own tool.

    python export.py KIND NAME FOLDER [FILE URL SHA256]...

writes FOLDER/NAME.onnx and FOLDER/NAME.json, the classes' names. Each FILE of the maker's is fetched into FOLDER unless
it is there. One of another SHA-256 is refused, and read by nothing; where that is empty, any is taken.
"""

import hashlib
import json
import os
import shutil
import sys
import time
import urllib.request
from pathlib import Path

# No detector that is got by name is near either.
MOST_BYTES = 2 << 30
MOST_SECONDS = 3600

COCO = """person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,
parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,
frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,
wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,
couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,
refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"""


def digest_of(file):
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def fetch(url, file, expected):
    """What an earlier call has fetched stays, unless it is not what is expected."""
    if file.exists():
        found = digest_of(file)
        if not expected or found == expected:
            print(f"{file.name}: is there, SHA-256 {found}", file=sys.stderr, flush=True)
            return
    # Two calls at once do not share one.
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        found = received(url, file.name, part)
        if expected and found != expected:
            raise OSError(f"SHA-256 {found}, expected the maker's {expected} (--accept-other-weights takes any)")
        print(f"{file.name}: SHA-256 {found}", file=sys.stderr, flush=True)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def received(url, name, part):
    """Writes what is at an address into a file; its SHA-256."""
    started = said = time.monotonic()
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=60) as source, part.open("wb") as target:
        size, done = int(source.headers.get("Content-Length") or 0), 0
        while block := source.read(1 << 20):
            done += target.write(block)
            digest.update(block)
            if done > MOST_BYTES or time.monotonic() - started > MOST_SECONDS:
                raise OSError(f"more than {MOST_BYTES >> 20} MiB or {MOST_SECONDS} s")
            if time.monotonic() - said > 2:
                said = time.monotonic()
                of = f" of {size >> 20}" if size else ""
                print(f"{name}: {done >> 20}{of} MiB", file=sys.stderr, flush=True)
    if not size or done != size:
        raise OSError(f"{done} bytes of {size or 'a file without Content-Length'}")
    return digest.hexdigest()


def ultralytics(name, folder, weights):
    from ultralytics import YOLO

    # The file has its names.
    return YOLO(weights).export(format="onnx", dynamic=True), {}


def rfdetr(name, folder, weights):
    import rfdetr as package
    from rfdetr.assets.coco_classes import COCO_CLASSES
    from rfdetr.models import weights as loading

    # It fetches a file again that it cannot load; only what has been checked is read.
    loading.download_pretrain_weights = lambda *_, **__: None
    kind = {"rf-detr-nano": package.RFDETRNano, "rf-detr-small": package.RFDETRSmall}[name]
    model = kind(pretrain_weights=str(weights), device="cpu")
    return model.export(output_dir=str(folder / "export"), dynamic_batch=True, verbose=False), dict(COCO_CLASSES)


def transformers(name, folder, _config, _weights):
    import torch
    from transformers import AutoModelForObjectDetection

    network = AutoModelForObjectDetection.from_pretrained(folder, local_files_only=True).eval()

    class BoxesAndLogits(torch.nn.Module):
        """The outputs that Optimum's export has, and no others."""

        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, pixel_values):
            found = self.network(pixel_values=pixel_values)
            return found.logits, found.pred_boxes

    made = folder / "export.onnx"
    axes = {tensor: {0: "batch_size"} for tensor in ("pixel_values", "logits", "pred_boxes")}
    torch.onnx.export(BoxesAndLogits(), (torch.zeros(2, 3, 640, 640),), str(made), opset_version=17, dynamo=False,
                      input_names=["pixel_values"], output_names=["logits", "pred_boxes"], dynamic_axes=axes)
    return made, {int(number): label for number, label in network.config.id2label.items()}


def onnx(name, folder, file):
    """The maker's own ONNX file, of 80 classes."""
    return shutil.copyfile(file, folder / "export.onnx"), dict(enumerate(COCO.replace("\n", "").split(",")))


def main():
    kind, name, folder, *files = sys.argv[1:]
    # rfdetr takes a bare name for one in its own cache.
    folder = Path(folder).resolve()
    files = list(zip(files[::3], files[1::3], files[2::3], strict=True))
    for file, url, expected in files:
        try:
            fetch(url, folder / file, expected)
        except (OSError, ValueError) as error:
            sys.exit(f"'{url}' cannot be taken: {error}")
    make = {"ultralytics": ultralytics, "rfdetr": rfdetr, "transformers": transformers, "onnx": onnx}[kind]
    made, names = make(name, folder, *(folder / file for file, *_ in files))
    (folder / f"{name}.json").write_text(json.dumps(names))
    Path(made).replace(folder / f"{name}.onnx")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
