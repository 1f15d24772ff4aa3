#!/usr/bin/env python3
"""DETR-like detectors of rfdetr and transformers with random weights: own export, own predict."""

import contextlib
import io
import os
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import torch
from PIL import Image

from common import CONFIDENCE, SEED, frames, options, some, write
from random_weights import calibrate, frequencies, level, scale, shift_scores


@dataclass
class Case:
    family: str
    package: str
    model: str
    settings: dict = field(default_factory=dict)
    dynamic: bool = False


CASES = {
    "rf-detr-nano": Case("RF-DETR", "rfdetr", "RFDETRNano"),
    "rf-detr-nano-dynamic": Case("RF-DETR", "rfdetr", "RFDETRNano", dynamic=True),
    "rf-detr-nano-3-classes": Case("RF-DETR", "rfdetr", "RFDETRNano", {"num_classes": 3}),
    "rf-detr-small": Case("RF-DETR", "rfdetr", "RFDETRSmall"),
    "d-fine": Case("D-FINE", "transformers", "DFine"),
    "rt-detr-v2": Case("RT-DETRv2", "transformers", "RTDetrV2"),
    "rt-detr-v2-1-class": Case("RT-DETRv2", "transformers", "RTDetrV2", {"num_labels": 1}),
    "rt-detr-v2-2-classes": Case("RT-DETRv2", "transformers", "RTDetrV2", {"num_labels": 2}),
}


class BoxesAndLogits(torch.nn.Module):
    """The outputs that optimum's export names, and nothing else."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        outputs = self.model(pixel_values=pixel_values)
        return outputs.logits, outputs.pred_boxes


def pairs(layers):
    return [layer.layers[-1] for layer in layers]


def rfdetr(case, name, arguments, images):
    import numpy
    import rfdetr as package

    detector = getattr(package, case.model)(pretrain_weights=None, device="cpu", **case.settings)
    network, side = detector.model.model, detector.model.resolution
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (detector.means, detector.stds))
    batch = torch.stack([(tensor(image.resize((side, side), Image.Resampling.BILINEAR)) - mean) / deviation
                         for image in some(list(images.values()))])

    def run():
        network(batch)

    network.eval()
    # A proposal gets the learned query of its rank by score. Two of nearly equal scores change places where inputs
    # differ by a millionth; with random queries, each of them then finds another object.
    with torch.no_grad():
        network.query_feat.weight[:] = network.query_feat.weight[:1].clone()
    calibrate(network, run)
    scale(run, [network.transformer.enc_out_class_embed[0]], 2.0, 0.0)
    for layer in [network.transformer.enc_out_bbox_embed[0], network.bbox_embed]:
        torch.nn.init.normal_(layer.layers[-1].weight, std=0.1)
        scale(run, [layer.layers[-1]], 0.3, 0.0)
    level(run, network.class_embed)
    scale(run, [network.class_embed], 1.0, frequencies(network.class_embed.out_features))
    shift_scores(run, [network.class_embed], len(batch))
    boxes = {}
    for file in images:
        # Not rounded, as camweave has them.
        pixels = torch.from_numpy(numpy.load((arguments.frames / file).with_suffix(".npy")))
        found = detector.predict(pixels, threshold=CONFIDENCE)
        boxes[file] = [[*map(float, box), float(score), int(number)] for box, score, number in
                       zip(found.xyxy, found.confidence, found.class_id, strict=True)]
    made = detector.export(output_dir=str(arguments.out / "rfdetr"), verbose=False, dynamic_batch=case.dynamic)
    Path(made).replace(arguments.out / f"{name}.onnx")
    return boxes, "predict"


def tensor(image):
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.view(image.height, image.width, 3).permute(2, 0, 1) / 255


def transformers(case, name, arguments, images):
    import transformers as package

    config = getattr(package, f"{case.model}Config")(**case.settings)
    network = getattr(package, f"{case.model}ForObjectDetection")(config).eval()
    processor = package.RTDetrImageProcessor()
    batch = processor(some(list(images.values())), return_tensors="pt")["pixel_values"]

    def run():
        network(pixel_values=batch)

    calibrate(network, run)
    decoder = network.model.decoder
    scale(run, [network.model.enc_score_head], 2.0, 0.0)
    boxes = [network.model.enc_bbox_head.layers[-1]]
    if case.model != "DFine":  # its boxes are distributions
        boxes += pairs(decoder.bbox_embed)
    for layer in boxes:
        torch.nn.init.normal_(layer.weight, std=0.1)
        scale(run, [layer], 0.4, 0.0)
    scores = [decoder.class_embed[-1]]
    level(run, scores[0])
    scale(run, scores, 1.0, frequencies(scores[0].out_features))
    shift_scores(run, scores, len(batch))
    boxes = {}
    for file, image in images.items():
        with torch.no_grad():
            outputs = network(**processor(image, return_tensors="pt"))
        size = torch.tensor([[image.height, image.width]])
        found = processor.post_process_object_detection(outputs, CONFIDENCE, size)[0]
        boxes[file] = [[*box, score, int(number)] for box, score, number in
                       zip(found["boxes"].tolist(), found["scores"].tolist(), found["labels"], strict=True)]
    torch.onnx.export(BoxesAndLogits(network), (batch[:1],), str(arguments.out / f"{name}.onnx"), opset_version=17,
                      input_names=["pixel_values"], output_names=["logits", "pred_boxes"], dynamo=False,
                      dynamic_axes={"pixel_values": {0: "batch_size"}, "logits": {0: "batch_size"},
                                    "pred_boxes": {0: "batch_size"}})
    return boxes, "post_process_object_detection"


def main():
    arguments = options(__doc__, CASES)
    if arguments.list:
        print("\n".join(CASES))
        return
    torch.set_num_threads(1)
    images = {file.name: Image.open(file).convert("RGB") for file in frames(arguments.frames)}
    for name in arguments.cases:
        case, log = CASES[name], io.StringIO()
        torch.manual_seed(SEED)
        make = rfdetr if case.package == "rfdetr" else transformers
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                boxes, way = make(case, name, arguments, images)
        except Exception as error:
            print(f"{name}: failed: {type(error).__name__}: {error}", flush=True)
            if os.environ.get("RAISE"):
                raise
            continue
        variant = ", ".join([f"{key}={value}" for key, value in case.settings.items()]
                            + (["dynamic_batch"] if case.dynamic else []))
        write(arguments, name, boxes, family=case.family, variant=variant,
              maker=f"{case.package} {metadata.version(case.package)}, {way}")


if __name__ == "__main__":
    main()
