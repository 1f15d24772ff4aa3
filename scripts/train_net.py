"""The camweave-street network: the YOLOv8 layout at about a third of YOLOv8n's cost.

Input `images` [batch, 3, size, size], RGB, 0 to 1, letterboxed. Output `output0`
[batch, 4 + classes, anchors]: box centre x, centre y, width, height in model pixels, then one
sigmoid score a class. Anchors are the cells of the stride 8, 16 and 32 maps, row by row.

Layout: Ultralytics YOLOv8 (Jocher et al., 2023); box sides as distributions over 16 bins: Li et al.,
"Generalized Focal Loss", NeurIPS 2020.
"""

import copy
import math

import torch
from torch import nn

STRIDES = (8, 16, 32)
BINS = 16
# Every channel count, the halves inside C2f included, is a multiple of 8: CPU engines block by 8 or 16.
WIDTHS = (16, 32, 48, 80, 128)
DEPTHS = (1, 1, 2, 1)
BRANCH = 32


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs, outputs, kernel=1, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.first = Conv(channels, channels, 3)
        self.second = Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """Split, a chain of bottlenecks on one half, everything concatenated."""

    def __init__(self, inputs, outputs, depth, shortcut):
        super().__init__()
        self.half = outputs // 2
        self.enter = Conv(inputs, outputs, 1)
        self.leave = Conv((2 + depth) * self.half, outputs, 1)
        self.chain = nn.ModuleList(Bottleneck(self.half, shortcut) for _ in range(depth))

    def forward(self, x):
        parts = list(self.enter(x).split((self.half, self.half), 1))
        for link in self.chain:
            parts.append(link(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Sppf(nn.Module):
    """Three 5x5 max pools in a row: context of 5, 9 and 13 cells."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.enter = Conv(inputs, inputs // 2, 1)
        self.leave = Conv(inputs * 2, outputs, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        x = self.enter(x)
        a = self.pool(x)
        b = self.pool(a)
        return self.leave(torch.cat([x, a, b, self.pool(b)], 1))


class Detector(nn.Module):
    """Backbone, path-aggregation neck and a decoupled head a stride."""

    def __init__(self, classes, widths=WIDTHS, depths=DEPTHS, branch=BRANCH):
        super().__init__()
        c1, c2, c3, c4, c5 = widths
        self.classes = classes
        self.stem = Conv(3, c1, 3, 2)
        self.stage2 = nn.Sequential(Conv(c1, c2, 3, 2), C2f(c2, c2, depths[0], True))
        self.stage3 = nn.Sequential(Conv(c2, c3, 3, 2), C2f(c3, c3, depths[1], True))
        self.stage4 = nn.Sequential(Conv(c3, c4, 3, 2), C2f(c4, c4, depths[2], True))
        self.stage5 = nn.Sequential(Conv(c4, c5, 3, 2), C2f(c5, c5, depths[3], True), Sppf(c5, c5))
        self.up = nn.Upsample(scale_factor=2)
        self.up4 = C2f(c5 + c4, c4, 1, False)
        self.up3 = C2f(c4 + c3, c3, 1, False)
        self.down3 = Conv(c3, c3, 3, 2)
        self.out4 = C2f(c3 + c4, c4, 1, False)
        self.down4 = Conv(c4, c4, 3, 2)
        self.out5 = C2f(c4 + c5, c5, 1, False)
        self.box = nn.ModuleList(_branch(c, branch, 4 * BINS) for c in (c3, c4, c5))
        self.score = nn.ModuleList(_branch(c, branch, classes) for c in (c3, c4, c5))

    def initialise_head(self, size):
        """Start at about five objects a picture, so that early negatives do not drown the scores, and at
        boxes of about six strides, so that the first assignments overlap something."""
        sides = torch.arange(float(BINS)).mul(-0.3).repeat(4)
        for box, score, stride in zip(self.box, self.score, STRIDES, strict=True):
            with torch.no_grad():
                box[-1].bias.copy_(sides)
            nn.init.constant_(score[-1].bias, math.log(5 / self.classes / (size / stride) ** 2))

    def forward(self, x):
        """The raw maps of each stride: a list of (box [B, 64, h, w], score [B, classes, h, w])."""
        p3 = self.stage3(self.stage2(self.stem(x)))
        p4 = self.stage4(p3)
        p5 = self.stage5(p4)
        p4 = self.up4(torch.cat([self.up(p5), p4], 1))
        p3 = self.up3(torch.cat([self.up(p4), p3], 1))
        p4 = self.out4(torch.cat([self.down3(p3), p4], 1))
        p5 = self.out5(torch.cat([self.down4(p4), p5], 1))
        return [(b(p), s(p)) for b, s, p in zip(self.box, self.score, (p3, p4, p5), strict=True)]


def _branch(inputs, width, outputs):
    return nn.Sequential(Conv(inputs, width, 3), Conv(width, width, 3), nn.Conv2d(width, outputs, 1))


def anchor_grid(size):
    """Cell centres [2, anchors] (x, y) in units of their stride, and the strides [1, anchors]."""
    points, strides = [], []
    for stride in STRIDES:
        side = size // stride
        centre = torch.arange(side, dtype=torch.float32) + 0.5
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        points.append(torch.stack([x, y]).reshape(2, -1))
        strides.append(torch.full((1, side * side), float(stride)))
    return torch.cat(points, 1), torch.cat(strides, 1)


def flatten_maps(maps, size, classes):
    """Maps of all strides side by side: box logits [B, 64, anchors], score logits [B, classes, anchors].

    Shapes are constants of `size` but for the batch, which keeps the exported graph free of shape
    arithmetic.
    """
    boxes, scores = [], []
    for (box, score), stride in zip(maps, STRIDES, strict=True):
        cells = (size // stride) ** 2
        boxes.append(box.reshape(-1, 4 * BINS, cells))
        scores.append(score.reshape(-1, classes, cells))
    return torch.cat(boxes, 2), torch.cat(scores, 2)


class Deployed(nn.Module):
    """A detector with its output decoded, for one square input size in pixels."""

    def __init__(self, detector, size):
        super().__init__()
        if size % STRIDES[-1]:
            raise ValueError(f"size {size} is not a multiple of {STRIDES[-1]}")
        self.detector = detector
        self.size = size
        points, strides = anchor_grid(size)
        self.anchors = points.shape[1]
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("strides", strides, persistent=False)
        self.register_buffer("bins", torch.arange(float(BINS)).view(1, BINS, 1, 1), persistent=False)

    def forward(self, images):
        box, score = flatten_maps(self.detector(images), self.size, self.detector.classes)
        # [B, 64, A] -> [B, 16, 4, A]: the expected distance of each side, in strides.
        odds = box.reshape(-1, 4, BINS, self.anchors).transpose(1, 2).softmax(1)
        low, high = (odds * self.bins).sum(1).chunk(2, 1)
        first, last = self.points - low, self.points + high
        centre_size = torch.cat([(first + last) / 2, last - first], 1) * self.strides
        return torch.cat([centre_size, score.sigmoid()], 1)


def folded(detector):
    """A copy with every batch normalisation folded into its convolution."""
    result = copy.deepcopy(detector).eval()
    for module in result.modules():
        if isinstance(module, Conv) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = _fold(module.conv, module.norm)
            module.norm = nn.Identity()
    return result


@torch.no_grad()
def _fold(conv, norm):
    gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    merged = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=True).to(
        conv.weight.device
    )
    merged.weight.copy_(conv.weight.double() * gain.view(-1, 1, 1, 1))
    merged.bias.copy_(norm.bias.double() - norm.running_mean.double() * gain)
    return merged.requires_grad_(False)


@torch.no_grad()
def cost(classes, size):
    """Parameters after folding, and GFLOP a picture (two per multiply-add, convolutions only)."""
    network = folded(Detector(classes))
    flop = 0

    def count(module, _inputs, output):
        nonlocal flop
        kernel = module.kernel_size[0] * module.kernel_size[1]
        flop += 2 * kernel * module.in_channels * output.numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    network(torch.zeros(1, 3, size, size))
    return sum(p.numel() for p in network.parameters()), flop / 1e9
