"""The training loss of the YOLOv8 layout, vectorised over the batch.

Assignment: Feng et al., "TOOD: Task-aligned One-stage Object Detection", ICCV 2021 (top 10, alpha
0.5, beta 6). Boxes: complete IoU (Zheng et al., AAAI 2020) and distribution focal loss (Li et al.,
NeurIPS 2020). Scores: binary cross-entropy against the normalised alignment. All boxes are x1, y1,
x2, y2 in model pixels unless a name says strides.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from train_net import BINS, STRIDES

TOP = 10
ALPHA = 0.5
BETA = 6.0
GAIN_BOX = 7.5
GAIN_SCORE = 0.5
GAIN_BINS = 1.5


@dataclass
class Targets:
    """Truth of a batch, padded to the same number of objects a picture."""

    boxes: torch.Tensor  # [B, M, 4] float32, model pixels
    classes: torch.Tensor  # [B, M] int64
    valid: torch.Tensor  # [B, M] bool: to be found
    ignore: torch.Tensor  # [B, M] bool: neither to be found nor held against the detector


def complete_iou(a, b, plain=False):
    """Complete IoU of broadcastable boxes [..., 4]; the plain IoU if asked."""
    ax1, ay1, ax2, ay2 = a.unbind(-1)
    bx1, by1, bx2, by2 = b.unbind(-1)
    aw, ah = ax2 - ax1, ay2 - ay1
    bw, bh = bx2 - bx1, by2 - by1
    inter_w = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(min=0)
    inter_h = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(min=0)
    inter = inter_w * inter_h
    iou = inter / (aw * ah + bw * bh - inter + 1e-7)
    if plain:
        return iou
    hull_w = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    hull_h = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    diagonal = hull_w**2 + hull_h**2 + 1e-7
    apart = ((ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2) / 4
    shape = (torch.atan(bw / (bh + 1e-7)) - torch.atan(aw / (ah + 1e-7))) ** 2 * (4 / math.pi**2)
    with torch.no_grad():
        weight = shape / (shape - iou + (1 + 1e-7))
    return iou - (apart / diagonal + shape * weight)


def _inside(points, boxes):
    """[B, M, A]: is anchor centre `points` [A, 2] strictly inside `boxes` [B, M, 4]."""
    x, y = points[:, 0], points[:, 1]
    x1, y1, x2, y2 = boxes.unsqueeze(-1).unbind(2)
    return (x > x1) & (x < x2) & (y > y1) & (y < y2)


def _at_least(boxes, side):
    """Boxes grown about their centre to `side`, so that a tiny object still owns an anchor."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = (boxes[..., 2:] - boxes[..., :2]).clamp(min=side) / 2
    return torch.cat([centre - half, centre + half], -1)


@torch.no_grad()
def assign(scores, boxes, targets, points):
    """Task-aligned assignment.

    scores [B, A, classes] after the sigmoid, boxes [B, A, 4], points [A, 2], all in model pixels.
    Returns positives [B, A] bool, their boxes [B, A, 4] and soft score targets [B, A, classes].
    """
    batch, anchors, classes = scores.shape
    objects = targets.boxes.shape[1]
    owned = _inside(points, _at_least(targets.boxes, STRIDES[0] + 0.01)) & targets.valid[:, :, None]
    score = scores.transpose(1, 2).gather(1, targets.classes[:, :, None].expand(-1, -1, anchors))
    overlap = complete_iou(targets.boxes[:, :, None, :], boxes[:, None, :, :]).clamp(min=0) * owned
    metric = score**ALPHA * overlap**BETA
    # The tiny term lets anchors inside the object win while nothing overlaps it yet.
    best = (metric + owned * 1e-20).topk(min(TOP, anchors), dim=-1).indices
    chosen = torch.zeros_like(owned).scatter_(-1, best, True) & owned
    # An anchor that several objects want goes to the one it overlaps most.
    winner = overlap.masked_fill(~chosen, -1.0).argmax(1)
    chosen &= torch.arange(objects, device=winner.device)[None, :, None] == winner[:, None, :]
    positive = chosen.any(1)
    metric = metric * chosen
    best_metric = metric.amax(-1, keepdim=True)
    best_overlap = (overlap * chosen).amax(-1, keepdim=True)
    quality = (metric * best_overlap / (best_metric + 1e-16)).amax(1)
    target_boxes = targets.boxes.gather(1, winner[:, :, None].expand(-1, -1, 4))
    target_class = targets.classes.gather(1, winner)
    target_scores = torch.zeros(batch, anchors, classes, device=scores.device)
    target_scores.scatter_(2, target_class[:, :, None], (quality * positive)[:, :, None])
    return positive, target_boxes, target_scores


def detection_loss(box_logits, score_logits, targets, points, strides):
    """Loss of a batch.

    box_logits [B, 64, A], score_logits [B, classes, A], points [2, A] in strides, strides [1, A].
    Returns the weighted sum and a detached [3] tensor of its parts: box, score, bins.
    """
    batch, _, anchors = box_logits.shape
    score_logits = score_logits.float().transpose(1, 2)
    sides = box_logits.float().reshape(batch, 4, BINS, anchors).permute(0, 3, 1, 2)
    points, strides = points.t(), strides.t()
    bins = torch.arange(BINS, device=sides.device, dtype=torch.float32)
    distance = (sides.softmax(-1) * bins).sum(-1)
    boxes_in_strides = torch.cat([points - distance[..., :2], points + distance[..., 2:]], -1)
    centres = points * strides
    positive, target_boxes, target_scores = assign(
        score_logits.detach().sigmoid(), boxes_in_strides.detach() * strides, targets, centres
    )
    scale = target_scores.sum().clamp(min=1)

    ignored = (_inside(centres, targets.boxes) & targets.ignore[:, :, None]).any(1) & ~positive
    score_loss = F.binary_cross_entropy_with_logits(score_logits, target_scores, reduction="none")
    score_loss = (score_loss * (~ignored)[:, :, None]).sum() / scale

    weight = target_scores.sum(-1)[positive]
    wanted = (target_boxes / strides)[positive]
    box_loss = ((1 - complete_iou(boxes_in_strides[positive], wanted)) * weight).sum() / scale

    origin = points.expand(batch, -1, -1)[positive]
    wanted_sides = torch.cat([origin - wanted[:, :2], wanted[:, 2:] - origin], -1).clamp(0, BINS - 1.01)
    left = wanted_sides.floor().long()
    right_share = wanted_sides - left
    log_odds = sides[positive].log_softmax(-1)
    at_left = log_odds.gather(-1, left[..., None]).squeeze(-1)
    at_right = log_odds.gather(-1, left[..., None] + 1).squeeze(-1)
    bins_loss = -(at_left * (1 - right_share) + at_right * right_share).mean(-1)
    bins_loss = (bins_loss * weight).sum() / scale

    total = GAIN_BOX * box_loss + GAIN_SCORE * score_loss + GAIN_BINS * bins_loss
    return total, torch.stack([box_loss, score_loss, bins_loss]).detach()
