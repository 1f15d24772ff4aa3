"""Detection accuracy as COCO defines it, on frames letterboxed exactly as at inference.

Average precision: mean over 101 recall points and IoU 0.50 to 0.95 in steps of 0.05 (Lin et al.,
"Microsoft COCO", ECCV 2014; pycocotools' COCOeval). An ignored truth is a crowd of its class: any
number of detections may match it, by the share of their own area inside it, and count neither way.
"""

import numpy as np
import torch
import torch.nn.functional as F

from train_augment import GREY

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_DETECTIONS = 100  # a class and frame


class Letterbox:
    """Ultralytics' geometry: smaller ratio, centred, odd padding to the right and below."""

    def __init__(self, width, height, size):
        ratio = min(size / width, size / height)
        self.size = size
        self.width, self.height = round(width * ratio), round(height * ratio)
        self.left = round((size - self.width) / 2 - 0.1)
        self.top = round((size - self.height) / 2 - 0.1)
        self.scale = (self.width / width, self.height / height)
        self.source = (width, height)

    def __call__(self, frames):
        """[B, H, W, 3] uint8 to [B, 3, size, size] float32 0..1."""
        x = frames.permute(0, 3, 1, 2).float()
        if x.shape[2:] != (self.height, self.width):
            x = F.interpolate(x, size=(self.height, self.width), mode="bilinear", align_corners=False)
            x = x.round_()
        right = self.size - self.width - self.left
        below = self.size - self.height - self.top
        return F.pad(x / 255, (self.left, right, self.top, below), value=GREY)

    def to_source(self, boxes):
        """x1, y1, x2, y2 from model to source pixels, clipped to the frame."""
        x = ((boxes[..., 0::2] - self.left) / self.scale[0]).clamp(0, self.source[0])
        y = ((boxes[..., 1::2] - self.top) / self.scale[1]).clamp(0, self.source[1])
        return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)


def suppress(output, confidence, iou, candidates=1000):
    """Class-aware greedy suppression of a batch; best class an anchor.

    output [B, 4 + classes, A]. Returns boxes [B, K, 4] (x1, y1, x2, y2), scores and classes [B, K],
    best first, and kept [B, K] bool.
    """
    scores, classes = output[:, 4:].float().max(1)
    scores, index = scores.topk(min(candidates, scores.shape[1]), dim=1)
    classes = classes.gather(1, index)
    centre_size = output[:, :4].float().transpose(1, 2).gather(1, index[:, :, None].expand(-1, -1, 4))
    half = centre_size[..., 2:] / 2
    boxes = torch.cat([centre_size[..., :2] - half, centre_size[..., :2] + half], -1)
    live = scores > confidence

    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
    union = (area[:, :, None] + area[:, None, :] - inter).clamp(min=1e-9)
    over = (inter / union > iou) & (classes[:, :, None] == classes[:, None, :])
    over = (over & live[:, :, None]).triu(1).float()
    # Greedy suppression is the one fixed point of this map; each round settles at least one more box.
    kept = live
    for _ in range(scores.shape[1]):
        fewer = live & ~(torch.bmm(kept.float()[:, None, :], over)[:, 0] > 0)
        if torch.equal(fewer, kept):
            break
        kept = fewer
    return boxes, scores, classes, kept


@torch.no_grad()
def detect(model, clips, size, device, confidence=0.001, iou=0.7, limit=None, batch=64, dtype=torch.float32):
    """Per frame (boxes [n, 4] in source pixels, scores [n], classes [n]), best first."""
    height, width = clips.frames.shape[1:3]
    letterbox = Letterbox(width, height, size)
    found = []
    chosen = chosen_frames(clips, limit)
    for start in range(0, len(chosen), batch):
        rows = chosen[start : start + batch]
        frames = torch.from_numpy(clips.frames[rows]).to(device)
        images = letterbox(frames).to(dtype).contiguous(memory_format=torch.channels_last)
        boxes, scores, classes, kept = suppress(model(images), confidence, iou)
        boxes = letterbox.to_source(boxes)
        boxes, scores, classes, kept = (v.cpu().numpy() for v in (boxes, scores, classes, kept))
        for b, s, c, k in zip(boxes, scores, classes, kept, strict=True):
            best = np.flatnonzero(k)[:300]
            found.append((b[best], s[best], c[best]))
    return found


def chosen_frames(clips, limit):
    """All frames, or `limit` of them spread over all clips."""
    count = len(clips.frames)
    if limit is None or limit >= count:
        return np.arange(count)
    return np.linspace(0, count - 1, limit).astype(int)


def _match(boxes, truth, ignored):
    """One class in one frame. boxes [n, 4], best first.

    Returns hits and skips, both [thresholds, n] bool.
    """
    count = len(boxes)
    hits = np.zeros((len(THRESHOLDS), count), bool)
    skips = np.zeros((len(THRESHOLDS), count), bool)
    if not count or not len(truth):
        return hits, skips
    low = np.maximum(boxes[:, None, :2], truth[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truth[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(-1)
    area = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1)[:, None]
    other = np.clip(truth[:, 2:] - truth[:, :2], 0, None).prod(-1)[None]
    union = np.where(ignored[None], area, area + other - inter)
    iou = inter / np.maximum(union, 1e-9)
    in_crowd = np.where(ignored[None], iou, 0).max(1)
    real = iou[:, ~ignored]
    if real.shape[1]:
        for level, threshold in enumerate(THRESHOLDS):
            free = np.ones(real.shape[1], bool)
            for row in np.flatnonzero(real.max(1) >= threshold):
                open_iou = np.where(free, real[row], -1)
                best = int(open_iou.argmax())
                if open_iou[best] >= threshold:
                    free[best] = False
                    hits[level, row] = True
    skips = ~hits & (in_crowd[None] >= THRESHOLDS[:, None])
    return hits, skips


def _curve(hits, skips, positives):
    """Average precision at one threshold from flags in order of score."""
    hits = hits[~skips]
    if not len(hits):
        return 0.0
    true = np.cumsum(hits)
    recall = true / positives
    precision = true / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0).mean())


def score(found, clips, class_names, limit=None, confidence=0.25):
    """COCO scores of detections `found`, over all of them and over those above `confidence`."""
    rows = chosen_frames(clips, limit)
    emitted = f"at_confidence_{confidence}"
    result = {"frames": len(rows), "classes": {}}
    for label, name in enumerate(class_names):
        scores, hits, skips, positives = [], [], [], 0
        for row, (boxes, confidences, classes) in zip(rows, found, strict=True):
            mine = np.flatnonzero(classes == label)[:MOST_DETECTIONS]
            there = (clips.valid[row] | clips.ignore[row]) & (clips.classes[row] == label)
            positives += int((clips.valid[row] & there).sum())
            hit, skip = _match(boxes[mine], clips.boxes[row][there], clips.ignore[row][there])
            scores.append(confidences[mine])
            hits.append(hit)
            skips.append(skip)
        if not positives:
            continue
        scores = np.concatenate(scores)
        order = np.argsort(-scores, kind="stable")
        scores, hits, skips = scores[order], np.concatenate(hits, 1)[:, order], np.concatenate(skips, 1)[:, order]
        above = scores > confidence
        all_levels = [_curve(h, s, positives) for h, s in zip(hits, skips, strict=True)]
        high_levels = [_curve(h[above], s[above], positives) for h, s in zip(hits, skips, strict=True)]
        true = int(hits[0][above].sum())
        counted = int((~skips[0][above]).sum())
        precision, recall = true / max(1, counted), true / positives
        result["classes"][name] = {
            "objects": positives,
            "ap50": all_levels[0],
            "ap50_95": float(np.mean(all_levels)),
            emitted: {
                "ap50": high_levels[0],
                "ap50_95": float(np.mean(high_levels)),
                "precision": precision,
                "recall": recall,
                "f1": 2 * precision * recall / max(1e-9, precision + recall),
            },
        }
    each = list(result["classes"].values())
    for key in ("ap50", "ap50_95"):
        result[key] = float(np.mean([e[key] for e in each])) if each else 0.0
    if each:
        result[emitted] = {k: float(np.mean([e[emitted][k] for e in each])) for k in each[0][emitted]}
    return _rounded(result)


def _rounded(value):
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 5) if isinstance(value, float) else value
