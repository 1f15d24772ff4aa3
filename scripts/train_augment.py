"""Augmentation of whole batches on the device.

A source frame is resampled once, from its own pixels to the model input, by an affine map
`model = source * scale + shift` (after an optional mirror), bilinearly and without antialiasing, as
OpenCV's INTER_LINEAR does at inference. Outside the frame is letterbox grey.
"""

import math

import torch
import torch.nn.functional as F

from train_loss import Targets

GREY = 114 / 255
# Kept as a truth while at least this share of the box is in the picture; ignored below it.
KEPT_SHARE = 0.35
# Model pixels; below it an object is ignored.
SMALLEST_SIDE = 3.0


class Augmenter:
    """Draws training batches of one square model size from frames held on the device."""

    def __init__(self, clips, size, device, seed):
        frames = torch.from_numpy(clips.frames)
        self.frames = torch.empty(frames.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(frames), 512):
            self.frames[start : start + 512].copy_(frames[start : start + 512])
        self.boxes = torch.from_numpy(clips.boxes).to(device)
        self.classes = torch.from_numpy(clips.classes).to(device)
        self.valid = torch.from_numpy(clips.valid).to(device)
        self.ignore = torch.from_numpy(clips.ignore).to(device)
        self.size = size
        self.device = device
        self.height, self.width = self.frames.shape[1:3]
        self.letterbox = min(size / self.width, size / self.height)
        self.random = torch.Generator(device).manual_seed(seed)

    @torch.no_grad()
    def batch(self, count, mosaic_share):
        """Images [count, 3, size, size] float32 0..1 and their Targets; mosaics come first."""
        mosaics = round(count * mosaic_share)
        images, parts = [], []
        if mosaics:
            image, part = self._mosaics(mosaics)
            images.append(image)
            parts.append(part)
        if count > mosaics:
            image, part = self._singles(count - mosaics)
            images.append(image)
            parts.append(part)
        images = self._photometric(torch.cat(images))
        return images, _joined(parts)

    def _uniform(self, low, high, *shape):
        return torch.rand(*shape, generator=self.random, device=self.device) * (high - low) + low

    def _scales(self, count, low, high):
        """Horizontal and vertical scale [count, 1], log-uniform around the letterbox scale."""
        scale = self._uniform(math.log(low), math.log(high), count, 1).exp() * self.letterbox
        aspect = self._uniform(-0.06, 0.06, count, 1).exp()
        return scale * aspect, scale / aspect

    def _draw(self, count):
        index = torch.randint(len(self.frames), (count,), generator=self.random, device=self.device)
        flip = self._uniform(0, 1, count, 1) < 0.5
        return index, flip

    def _singles(self, count):
        index, flip = self._draw(count)
        sx, sy = self._scales(count, 0.6, 1.6)
        shifts = []
        for scale, length in ((sx, self.width), (sy, self.height)):
            spare = self.size - scale * length
            shifts.append(spare / 2 + self._uniform(-1, 1, count, 1) * (spare.abs() / 2 + 0.1 * self.size))
        tx, ty = shifts
        zero = torch.zeros_like(tx)
        region = (zero, zero, zero + self.size, zero + self.size)
        return self._warp(index, flip, sx, sy, tx, ty), self._truth(index, flip, sx, sy, tx, ty, region)

    def _mosaics(self, count):
        """Four frames a picture around a random centre."""
        size = self.size
        cx = self._uniform(0.3, 0.7, count, 1) * size
        cy = self._uniform(0.3, 0.7, count, 1) * size
        cx, cy = cx.round(), cy.round()
        zero, full = torch.zeros_like(cx), torch.full_like(cx, size)
        cell = torch.arange(size, device=self.device) + 0.5
        canvas, parts = None, []
        for x1, y1, x2, y2 in ((zero, zero, cx, cy), (cx, zero, full, cy), (zero, cy, cx, full), (cx, cy, full, full)):
            index, flip = self._draw(count)
            sx, sy = self._scales(count, 0.5, 1.3)
            # Anywhere between flush with one edge of the quadrant and flush with the other.
            tx = torch.lerp(x1, x2 - sx * self.width, self._uniform(0, 1, count, 1))
            ty = torch.lerp(y1, y2 - sy * self.height, self._uniform(0, 1, count, 1))
            image = self._warp(index, flip, sx, sy, tx, ty)
            if canvas is None:
                canvas = image
            else:
                across = (cell >= x1) & (cell < x2)
                down = (cell >= y1) & (cell < y2)
                here = (down[:, :, None] & across[:, None, :])[:, None]
                canvas = torch.where(here, image, canvas)
            parts.append(self._truth(index, flip, sx, sy, tx, ty, (x1, y1, x2, y2)))
        merged = [torch.cat([getattr(p, name) for p in parts], 1) for name in ("boxes", "classes", "valid", "ignore")]
        return canvas, Targets(*merged)

    def _warp(self, index, flip, sx, sy, tx, ty):
        source = self.frames[index].permute(0, 3, 1, 2).float().div_(255).sub_(GREY)
        centre = torch.arange(self.size, device=self.device) + 0.5
        x = (centre - tx) / sx
        x = torch.where(flip, self.width - x, x) * (2 / self.width) - 1
        y = (centre - ty) / sy * (2 / self.height) - 1
        shape = (len(index), self.size, self.size)
        grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
        return F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False).add_(GREY)

    def _truth(self, index, flip, sx, sy, tx, ty, region):
        x1, y1, x2, y2 = self.boxes[index].unbind(-1)
        x1, x2 = torch.where(flip, self.width - x2, x1), torch.where(flip, self.width - x1, x2)
        x1, x2, y1, y2 = x1 * sx + tx, x2 * sx + tx, y1 * sy + ty, y2 * sy + ty
        whole = (x2 - x1) * (y2 - y1)
        x1 = torch.maximum(torch.minimum(x1, region[2]), region[0])
        x2 = torch.maximum(torch.minimum(x2, region[2]), region[0])
        y1 = torch.maximum(torch.minimum(y1, region[3]), region[1])
        y2 = torch.maximum(torch.minimum(y2, region[3]), region[1])
        w, h = x2 - x1, y2 - y1
        there = (w > 0.5) & (h > 0.5)
        full = (w * h >= KEPT_SHARE * whole) & (torch.minimum(w, h) >= SMALLEST_SIDE)
        valid = self.valid[index] & there & full
        ignore = there & (self.ignore[index] | (self.valid[index] & ~full))
        return Targets(torch.stack([x1, y1, x2, y2], -1), self.classes[index], valid, ignore)

    def _photometric(self, x):
        """Colour, contrast, gamma, blur and noise; about one picture in seven keeps its colours."""
        count = len(x)
        x = torch.bmm(self._colour(count), x.flatten(2)).view_as(x)
        touched = self._uniform(0, 1, count, 1, 1, 1) < 0.85
        contrast = self._uniform(0.7, 1.3, count, 1, 1, 1)
        gain = self._uniform(0.65, 1.35, count, 1, 1, 1)
        gamma = self._uniform(-0.35, 0.35, count, 1, 1, 1).exp()
        mean = x.mean((1, 2, 3), keepdim=True)
        one = torch.ones_like(gain)
        x = (x - mean) * torch.where(touched, contrast, one) + mean
        x = (x * torch.where(touched, gain, one)).clamp_(1e-4, 1)
        x = x ** torch.where(touched, gamma, one)
        blurred = max(1, round(0.2 * count))
        chosen = torch.randperm(count, generator=self.random, device=self.device)[:blurred]
        x[chosen] = self._blurred(x[chosen])
        # Half of the pictures get no noise.
        sigma = self._uniform(-0.03, 0.03, count, 1, 1, 1).clamp_(min=0)
        noise = torch.randn(x.shape, generator=self.random, device=self.device)
        return x.add_(noise.mul_(sigma)).clamp_(0, 1)

    def _colour(self, count):
        """[count, 3, 3]: hue rotation and saturation in YIQ, then a gain a channel."""
        to_yiq = torch.tensor(
            [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], device=self.device
        )
        angle = self._uniform(-0.2, 0.2, count)
        saturation = self._uniform(0.4, 1.6, count)
        turn = torch.zeros(count, 3, 3, device=self.device)
        turn[:, 0, 0] = 1
        turn[:, 1, 1] = turn[:, 2, 2] = saturation * angle.cos()
        turn[:, 1, 2] = -saturation * angle.sin()
        turn[:, 2, 1] = saturation * angle.sin()
        mixed = torch.linalg.inv(to_yiq) @ turn @ to_yiq
        mixed = mixed * self._uniform(0.93, 1.07, count, 3, 1)
        touched = self._uniform(0, 1, count, 1, 1) < 0.85
        return torch.where(touched, mixed, torch.eye(3, device=self.device))

    def _blurred(self, x):
        count = len(x)
        sigma = self._uniform(0.4, 1.3, count, 1)
        tap = torch.arange(-2, 3, device=self.device)
        line = torch.exp(-(tap**2) / (2 * sigma**2))
        line = line / line.sum(1, keepdim=True)
        kernel = (line[:, :, None] * line[:, None, :]).repeat_interleave(3, 0)[:, None]
        flat = F.pad(x, (2, 2, 2, 2), mode="replicate").flatten(0, 1)[None]
        return F.conv2d(flat, kernel, groups=3 * count).reshape(x.shape)


def _joined(parts):
    """One Targets of all pictures, with as many columns as the fullest picture has objects."""
    most = max(p.boxes.shape[1] for p in parts)

    def stacked(name):
        rows = [getattr(p, name) for p in parts]
        padded = [F.pad(r, (0, 0) * (r.dim() - 2) + (0, most - r.shape[1])) for r in rows]
        return torch.cat(padded)

    boxes, classes, valid, ignore = (stacked(n) for n in ("boxes", "classes", "valid", "ignore"))
    used = valid | ignore
    order = used.int().argsort(dim=1, descending=True, stable=True)
    order = order[:, : max(1, int(used.sum(1).max()))]
    return Targets(
        boxes.gather(1, order[:, :, None].expand(-1, -1, 4)),
        classes.gather(1, order),
        valid.gather(1, order),
        ignore.gather(1, order),
    )
