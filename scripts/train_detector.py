#!/usr/bin/env python3
"""Trains the camweave-street detector from scratch on rendered clips, in a fixed time.

    python3 scripts/train_detector.py --data DIR --size 320 --minutes 16 --out OUT --resume
    python3 scripts/train_detector.py --smoke --out OUT        # everything once, about a minute

DIR holds train/ and val/ with <seed>.mp4 and <seed>.jsonl (`render-scenes` writes them), or the clips
themselves, of which every tenth is then held out; and, optionally, classes.json. OUT gets, a size:
checkpoint-SIZE.pt, camweave-street-SIZE.onnx, camweave-street-SIZE-fp16.onnx and record-SIZE.json,
which carries the log. Both sizes can be trained into one OUT at the same time.

The checkpoint and the record are written every minute; with --resume the same command goes on where
it was, or starts. SIGTERM ends training early, with evaluation and export. The learning rate follows
the time, not the steps, so two runs are alike but not equal.
"""

import argparse
import copy
import datetime
import json
import math
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

import train_augment
import train_data
import train_eval
from export_onnx import export_all
from train_loss import GAIN_BINS, GAIN_BOX, GAIN_SCORE, detection_loss
from train_net import DEPTHS, WIDTHS, Deployed, Detector, anchor_grid, cost, flatten_maps

MOSAIC_SHARE = 0.3
MOSAIC_UNTIL = 0.8  # of the time
AVERAGE_DECAY = 0.9995
LAST_RATE_SHARE = 0.01
# The pipeline's default (camweave-vision), and the value Ultralytics validates with.
NMS_IOU = (0.45, 0.7)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of clips")
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, default=320, help="model input side in pixels, a multiple of 32")
    parser.add_argument("--minutes", type=float, default=16.0, help="training time, resumed parts counted together")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate (AdamW)")
    parser.add_argument("--decay", type=float, default=0.02, help="weight decay of convolution weights")
    parser.add_argument("--warm-up-steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=16, help="decoding processes")
    parser.add_argument("--validate-seconds", type=float, default=120.0, help="between looks at a part of val")
    parser.add_argument("--save-seconds", type=float, default=60.0)
    parser.add_argument("--resume", action="store_true", help="go on from OUT's checkpoint, if there is one")
    parser.add_argument("--init", help="begin with the averaged weights of this checkpoint, on a schedule of its own")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--smoke", action="store_true", help="everything once, quickly; makes clips if no --data")
    parser.add_argument("--dump-batch", help="write the first augmented batch with its boxes to this .jpg")
    args = parser.parse_args()
    if args.size % 32 or args.size <= 0:
        parser.error(f"--size {args.size}: expected a positive multiple of 32")
    if not args.data and not args.smoke:
        parser.error("--data is missing (only --smoke makes its own clips)")
    if args.smoke:
        args.minutes = min(args.minutes, 0.4)
        args.batch = min(args.batch, 32)
        args.warm_up_steps = 20
        args.validate_seconds = 10.0
        args.save_seconds = 8.0
    return args


class Log:
    """Lines on stdout that are kept for the record."""

    def __init__(self, lines=()):
        self.lines = list(lines)

    def __call__(self, text):
        line = f"{datetime.datetime.now(datetime.timezone.utc):%H:%M:%S} {text}"
        self.lines.append(line)
        print(line, flush=True)


class Average:
    """Exponential moving average of weights and normalisation statistics."""

    def __init__(self, detector):
        self.detector = copy.deepcopy(detector).eval().requires_grad_(False)
        self.mine = [v for v in self.detector.state_dict().values() if v.is_floating_point()]
        self.theirs = [v for v in detector.state_dict().values() if v.is_floating_point()]

    @torch.no_grad()
    def update(self, step):
        decay = AVERAGE_DECAY * (1 - math.exp(-(step + 1) / 1000))
        torch._foreach_mul_(self.mine, decay)
        torch._foreach_add_(self.mine, self.theirs, alpha=1 - decay)


def make_optimizer(detector, args):
    decayed = [p for p in detector.parameters() if p.dim() > 1]
    plain = [p for p in detector.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": args.decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.999), fused=next(detector.parameters()).is_cuda)


def save_checkpoint(path, detector, average, optimizer, state):
    """Written beside and renamed, so that a killed run leaves the last good one."""
    content = dict(state, average=average.detector.state_dict())
    if not state["finished"]:
        moments = optimizer.state_dict()
        # Halved to keep the file small; AdamW gets FP32 back on loading.
        moments["state"] = {
            index: {k: v.bfloat16() if k.startswith("exp") else v for k, v in entry.items()}
            for index, entry in moments["state"].items()
        }
        content |= {"detector": detector.state_dict(), "optimizer": moments}
    beside = path.with_suffix(".partial")
    torch.save(content, beside)
    beside.replace(path)


def write_json(path, value):
    beside = path.with_suffix(".partial-json")
    beside.write_text(json.dumps(value, indent=1) + "\n")
    beside.replace(path)


def command_line():
    """The command as typed, folders by their last name only."""
    words = [f"scripts/{Path(sys.argv[0]).name}"] + sys.argv[1:]
    return shlex.join(["python3"] + [Path(w).name if Path(w).is_absolute() else w for w in words])


def train(args, detector, average, optimizer, augmenter, validation, class_names, state, log, stop, on_save, device):
    """Steps until the time is used up. `state` carries what a resumed run needs."""
    points, strides = (v.to(device) for v in anchor_grid(args.size))
    forward = torch.compile(detector) if args.compile else detector
    budget = args.minutes * 60
    before, begun = state["elapsed"], time.monotonic()
    last_save = last_look = last_log = begun
    last_step = state["step"]
    sums = torch.zeros(4, device=device)
    while True:
        now = time.monotonic()
        state["elapsed"] = before + now - begun
        progress = state["elapsed"] / budget
        if progress >= 1 or stop:
            break
        step = state["step"]
        rate = args.rate * (LAST_RATE_SHARE + (1 - LAST_RATE_SHARE) * 0.5 * (1 + math.cos(math.pi * progress)))
        rate *= min(1.0, (step + 1) / args.warm_up_steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, targets = augmenter.batch(args.batch, MOSAIC_SHARE if progress < MOSAIC_UNTIL else 0.0)
        if step == 0 and args.dump_batch:
            train_data.dump_batch(args.dump_batch, images, targets)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            box, score = flatten_maps(forward(images), args.size, detector.classes)
        loss, parts = detection_loss(box, score, targets, points, strides)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 10.0)
        optimizer.step()
        average.update(step)
        sums += torch.cat([loss.detach()[None], parts])
        state["step"] = step + 1

        now = time.monotonic()
        if now - last_log >= (2 if args.smoke else 10):
            taken = state["step"] - last_step
            total, box_loss, score_loss, bins_loss = (sums / taken).tolist()
            if not math.isfinite(total):
                raise FloatingPointError(f"step {step}: loss {total}; the last checkpoint is kept")
            pace = taken * args.batch / (now - last_log)
            state["losses"].append(
                {
                    "step": state["step"],
                    "seconds": round(state["elapsed"], 1),
                    "rate": round(rate, 7),
                    "total": round(total, 4),
                    "box": round(box_loss, 4),
                    "score": round(score_loss, 4),
                    "bins": round(bins_loss, 4),
                }
            )
            log(
                f"{args.size}: step {state['step']} {progress:6.1%} loss {total:.3f} box {box_loss:.3f} "
                f"score {score_loss:.3f} bins {bins_loss:.3f} rate {rate:.2e} {pace:.0f} pictures/s"
            )
            sums.zero_()
            last_log, last_step = now, state["step"]
        if now - last_look >= args.validate_seconds:
            look = evaluate(average.detector, args.size, validation, class_names, device, NMS_IOU[1], limit=240)
            state["looks"].append({"step": state["step"], "ap50": look["ap50"], "ap50_95": look["ap50_95"]})
            log(f"{args.size}: part of val: AP50 {look['ap50']:.3f} AP50-95 {look['ap50_95']:.3f}")
            last_look = time.monotonic()
        if now - last_save >= args.save_seconds:
            if not math.isfinite(float(loss.detach())):
                raise FloatingPointError(f"step {step}: loss not finite; the last checkpoint is kept")
            on_save()
            last_save = time.monotonic()


def evaluate(detector, size, validation, class_names, device, nms_iou, limit=None, half=False):
    model = Deployed(detector, size).eval().to(device)
    dtype = torch.float32
    if half:
        model, dtype = copy.deepcopy(model).half(), torch.float16
    found = train_eval.detect(model, validation, size, device, iou=nms_iou, limit=limit, dtype=dtype)
    return train_eval.score(found, validation, class_names, limit)


def final_scores(args, detector, validation, class_names, device, log):
    """Held-out accuracy at the trained size (both suppressions, and FP16), and at the other size."""
    scores = {}
    for size in dict.fromkeys((args.size, 320, 640)):
        for nms_iou in NMS_IOU if size == args.size else NMS_IOU[:1]:
            result = evaluate(detector, size, validation, class_names, device, nms_iou)
            scores[f"size_{size}_nms_{nms_iou}"] = result
            ap = f"AP50 {result['ap50']:.3f} AP50-95 {result['ap50_95']:.3f}"
            log(f"{args.size}: val at {size}, NMS IoU {nms_iou}: {ap}")
    if device.type == "cuda":
        scores[f"size_{args.size}_nms_{NMS_IOU[0]}_fp16"] = evaluate(
            detector, args.size, validation, class_names, device, NMS_IOU[0], half=True
        )
    return scores


def main():
    args = parse_arguments()
    begun = time.monotonic()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, record_path = out / f"checkpoint-{args.size}.pt", out / f"record-{args.size}.json"
    smoke_folder = None
    if not args.data:
        smoke_folder = tempfile.TemporaryDirectory()
        train_data.write_smoke_clips(smoke_folder.name)
        args.data = smoke_folder.name

    class_names = train_data.load_class_names(args.data)
    train_paths, validation_paths = train_data.find_clips(args.data)
    if args.smoke:
        train_paths, validation_paths = train_paths[:16], validation_paths[:4]
    # Decoding forks, so it comes before CUDA starts.
    clips = train_data.load_clips(train_paths, len(class_names), args.workers)
    validation = train_data.load_clips(validation_paths, len(class_names), args.workers)
    if clips.frames.shape[1:] != validation.frames.shape[1:]:
        raise train_data.DataError(f"frames of {clips.frames.shape[1:]} but val of {validation.frames.shape[1:]}")
    loaded_seconds = time.monotonic() - begun

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(args.seed)
    detector = Detector(len(class_names))
    detector.initialise_head(args.size)
    detector = detector.to(device, memory_format=torch.channels_last).train()
    average = Average(detector)
    optimizer = make_optimizer(detector, args)
    state = {
        "size": args.size,
        "class_names": class_names,
        "step": 0,
        "elapsed": 0.0,
        "finished": False,
        "losses": [],
        "looks": [],
        "log": [],
    }
    if args.init and not (args.resume and checkpoint.exists()):
        saved = torch.load(args.init, map_location=device, weights_only=True)
        if saved["class_names"] != class_names:
            raise train_data.DataError(f"{args.init}: knows {saved['class_names']}, expected {class_names}")
        detector.load_state_dict(saved["average"])
        average.detector.load_state_dict(saved["average"])
    if args.resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        if (saved["size"], saved["class_names"]) != (args.size, class_names):
            raise train_data.DataError(
                f"{checkpoint.name}: trained for {saved['size']} and {saved['class_names']}, "
                f"expected {args.size} and {class_names}"
            )
        average.detector.load_state_dict(saved["average"])
        if not saved["finished"]:
            detector.load_state_dict(saved["detector"])
            optimizer.load_state_dict(saved["optimizer"])
        state = {key: saved[key] for key in state}
    log = Log(state["log"])

    parameters, gflop = cost(len(class_names), args.size)
    record = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": command_line(),
        "finished": False,
        "network": {
            "layout": "YOLOv8",
            "widths": WIDTHS,
            "depths": DEPTHS,
            "size": args.size,
            "classes": class_names,
            "parameters": parameters,
            "gflop_per_picture": round(gflop, 4),
        },
        "settings": {k: v for k, v in vars(args).items() if k not in ("data", "out", "dump_batch", "resume", "init")}
        | {
            "optimizer": "AdamW",
            "gains": {"box": GAIN_BOX, "score": GAIN_SCORE, "bins": GAIN_BINS},
            "mosaic_share": MOSAIC_SHARE,
            "mosaic_until": MOSAIC_UNTIL,
            "average_decay": AVERAGE_DECAY,
        },
        "data": {"train": clips.summary(class_names), "val": validation.summary(class_names)},
        "versions": {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }
    log(
        f"{args.size}: {parameters:,} parameters, {gflop:.3f} GFLOP a picture; {len(clips.frames)} frames to train on, "
        f"{len(validation.frames)} held out, loaded in {loaded_seconds:.1f} s; {record['device']}; step {state['step']}"
    )

    def on_save():
        state["log"] = log.lines
        save_checkpoint(checkpoint, detector, average, optimizer, state)
        write_record()

    def write_record():
        record.update(
            steps=state["step"],
            pictures=state["step"] * args.batch,
            training_seconds=round(state["elapsed"], 1),
            losses=state["losses"],
            looks=state["looks"],
            log=log.lines,
        )
        write_json(record_path, record)

    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    if not state["finished"]:
        augmenter = train_augment.Augmenter(clips, args.size, device, args.seed + 1000 + state["step"])
        train(args, detector, average, optimizer, augmenter, validation, class_names, state, log, stop, on_save, device)
        del augmenter
        state["finished"] = True
        on_save()

    log(f"{args.size}: {state['step']} steps in {state['elapsed']:.0f} s; evaluating and exporting")
    validated = average.detector.eval()
    height, width = validation.frames.shape[1:3]
    samples = np.linspace(0, len(validation.frames) - 1, 3).astype(int)
    images = train_eval.Letterbox(width, height, args.size)(torch.from_numpy(validation.frames[samples]))
    export_problem = None
    try:
        record["models"] = export_all(validated, class_names, args.size, out, images)
        for name, facts in record["models"].items():
            log(f"{args.size}: {name}: {json.dumps(facts)}")
    except Exception as problem:  # the scores are wanted all the same; it is raised below
        export_problem = problem
        log(f"{args.size}: export failed: {type(problem).__name__}: {problem}")
    write_record()
    record["accuracy"] = final_scores(args, validated, validation, class_names, device, log)
    record["finished"] = export_problem is None
    record["wall_seconds"] = round(time.monotonic() - begun, 1)
    log(f"{args.size}: done")
    state["log"] = log.lines
    write_record()
    if smoke_folder:
        smoke_folder.cleanup()
    if export_problem:
        raise export_problem


if __name__ == "__main__":
    try:
        main()
    except train_data.DataError as problem:
        sys.exit(f"train_detector: {problem}")
