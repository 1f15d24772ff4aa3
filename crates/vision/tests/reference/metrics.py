"""Prints the values that tests/vision/metrics/ expects.

Computed with pycocotools 2.0.11 and trackeval 1.3.0 on the data that the test generates too:
    pip install numpy pycocotools==2.0.11 trackeval==1.3.0
"""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from trackeval.metrics import CLEAR, HOTA, Identity


class Random:
    """Knuth's MMIX generator."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def detection_data():
    random = Random(1)
    frames = []
    for frame in range(40):
        truths, found = [], []
        for _ in range(6):
            cls = random.below(3)
            x, y = random.below(200), random.below(200)
            w, h = 8 + random.below(60), 8 + random.below(60)
            truths.append((cls, x, y, w, h, random.below(6) == 0))
            for chance in (9, 3):
                if random.below(10) < chance:
                    jitter = [random.below(9) - 4 for _ in range(4)]
                    kind = random.below(3) if random.below(12) == 0 else cls
                    score = 1 + random.below(64)
                    found.append((kind, x + jitter[0], y + jitter[1], w + jitter[2], h + jitter[3], score))
        for _ in range(122 if frame == 0 else 2):
            cls = random.below(3)
            x, y = random.below(200), random.below(200)
            w, h = 8 + random.below(60), 8 + random.below(60)
            found.append((cls, x, y, w, h, 1 + random.below(64)))
        frames.append((truths, found))
    return frames


def detection(scale):
    frames = detection_data()
    annotations, results = [], []
    for image, (truths, found) in enumerate(frames):
        for cls, *box, ignore in truths:
            x, y, w, h = (scale * edge for edge in box)
            # Outside every area range is how cocoeval ignores an object that is not a crowd.
            annotations.append(dict(
                id=len(annotations) + 1, image_id=image, category_id=cls, bbox=[x, y, w, h],
                area=1e11 if ignore else w * h, iscrowd=0))
        for cls, *box, score in found:
            x, y, w, h = (scale * edge for edge in box)
            results.append(dict(image_id=image, category_id=cls, bbox=[x, y, w, h], score=score / 64))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(
            images=[dict(id=i) for i in range(len(frames))],
            categories=[dict(id=i) for i in range(3)], annotations=annotations)
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.areaRng = [[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]
        evaluation.params.areaRngLbl = ["all", "small", "medium", "large"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0]  # threshold, recall, class, area
    print("scale", scale)
    for cls in (slice(None), 0, 1, 2):
        means = []
        for area in range(4):
            found = precision[:, :, cls, area]
            found = found[found > -1]  # -1: no true object
            means.append(found.mean())
        name = "all" if cls == slice(None) else cls
        print(name, "AP50", repr(precision[0, :, cls, 0].mean()), "AP all, small, medium, large", means)


def tracking_data(seed):
    random = Random(seed)
    segments = [0] * 5
    frames = []
    for frame in range(80):
        truths, tracks = [], []
        for i in range(5):
            x, y = 12 * i + (2 if i % 2 == 0 else 1) * frame, 100
            truths.append((i, x, y, x + 40, y + 40))
            if random.below(15) == 0:
                segments[i] += 1
            if random.below(8) > 0:
                jitter = [random.below(9) - 4 for _ in range(4)]
                box = (x + jitter[0], y + jitter[1], x + 40 + jitter[2], y + 40 + jitter[3])
                tracks.append((i + 10 * (segments[i] % 3), *box))
        if random.below(5) == 0:
            x = 12 * random.below(5) + frame
            tracks.append((100 + random.below(3), x, 103, x + 40, 143))
        frames.append((truths, tracks))
    return frames


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def box_iou(a, b):
    w = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    h = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return w * h / (area(a) + area(b) - w * h)


def tracking():
    clear, identity, hota = {}, {}, {}
    for seed in (2, 3):
        frames = tracking_data(seed)
        truth_ids, track_ids = (sorted({box[0] for frame in frames for box in frame[which]}) for which in (0, 1))
        data = dict(
            gt_ids=[np.array([truth_ids.index(t[0]) for t in f[0]], int) for f in frames],
            tracker_ids=[np.array([track_ids.index(t[0]) for t in f[1]], int) for f in frames],
            similarity_scores=[
                np.array([[box_iou(t[1:], p[1:]) for p in f[1]] for t in f[0]]).reshape(len(f[0]), len(f[1]))
                for f in frames],
            num_gt_ids=len(truth_ids), num_tracker_ids=len(track_ids), num_timesteps=len(frames),
            num_gt_dets=sum(len(f[0]) for f in frames), num_tracker_dets=sum(len(f[1]) for f in frames))
        config = dict(PRINT_CONFIG=False)
        clear[seed] = CLEAR(config).eval_sequence(data)
        identity[seed] = Identity(config).eval_sequence(data)
        hota[seed] = HOTA(config).eval_sequence(data)
    total = {**CLEAR(config).combine_sequences(clear), **Identity(config).combine_sequences(identity)}
    for key in ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW", "MOTA", "MOTP", "IDTP", "IDFN", "IDFP", "IDF1"):
        print(key, repr(total[key]))
    total = HOTA(config).combine_sequences(hota)
    for key in ("HOTA", "DetA", "AssA", "LocA"):
        print(key, repr(total[key].mean()))


detection(1)
detection(2)
tracking()
