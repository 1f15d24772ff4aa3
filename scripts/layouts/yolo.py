"""The layouts of Ultralytics' YOLOv8n and of YOLO11 m and l."""

import numpy as np

from layouts.graph import STRIDES, Graph, centres

BINS = 16


class Yolo(Graph):
    """What they share. `score` is the branch of the head in which they differ."""

    def bottleneck(self, x, width, shortcut=True, gain=1.0):
        y = self.conv(self.conv(x, width, width, 3), width, width, 3, gain=gain)
        return self.add("Add", x, y) if shortcut else y

    def c2f(self, x, inputs, outputs, depth, block, half=None):
        half = half or outputs // 2
        halves = self.constant([half, half], np.int64)
        parts = list(self.add("Split", self.conv(x, inputs, 2 * half), halves, outputs=2, axis=1))
        for _ in range(depth):
            parts.append(block(parts[-1], half))
        return self.conv(self.add("Concat", *parts, axis=1), (2 + depth) * half, outputs)

    def sppf(self, x, channels):
        parts = [self.conv(x, channels, channels // 2)]
        for _ in range(3):
            parts.append(self.add("MaxPool", parts[-1], kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
        return self.conv(self.add("Concat", *parts, axis=1), channels * 2, channels)

    def box(self, x, inputs, width):
        x = self.conv(self.conv(x, inputs, width, 3), width, width, 3)
        return self.plain(x, width, 4 * BINS)

    def head(self, maps, channels, width, height, classes):
        hidden = max(channels[0], min(classes, 100))
        boxes, scores, points, strides = [], [], [], []
        for x, inputs, stride in zip(maps, channels, STRIDES, strict=True):
            rows, columns = height // stride, width // stride
            box = self.box(x, inputs, 4 * BINS)
            score = self.score(x, inputs, hidden, classes)
            boxes.append(self.reshape(box, 0, 4 * BINS, rows * columns))
            scores.append(self.reshape(score, 0, classes, rows * columns))
            points.append(centres(rows, columns))
            strides.append(np.full((1, rows * columns), stride))
        points, strides = np.concatenate(points, 1), np.concatenate(strides, 1)
        anchors = strides.size

        # The expected distance of each side of a box, over bins, in strides.
        sides = self.reshape(self.add("Concat", *boxes, axis=2), 0, 4, BINS, anchors)
        odds = self.add("Softmax", self.add("Transpose", sides, perm=[0, 2, 1, 3]), axis=1)
        bins = self.parameter(np.arange(BINS).reshape(1, BINS, 1, 1))
        sides = self.reshape(self.add("Conv", odds, bins), 0, 4, anchors)
        low, high = self.split(sides, [2, 2], axis=1)
        points = self.constant(points[None])
        first, last = self.add("Sub", points, low), self.add("Add", points, high)
        centre = self.add("Div", self.add("Add", first, last), self.constant(2))
        box = self.add("Concat", centre, self.add("Sub", last, first), axis=1)
        box = self.add("Mul", box, self.constant(strides[None]))
        score = self.add("Sigmoid", self.add("Concat", *scores, axis=2))
        self.last("Concat", box, score, axis=1)
        return [4 + classes, anchors]


class Yolov8n(Yolo):
    TITLE = "YOLOv8n"
    SEED = 8
    # Older than the others: its weights stay as they were measured.
    GAIN = 1.85
    BIASES = 0.0
    WIDTHS = (16, 32, 64, 128, 256)
    DEPTHS = (1, 2, 2, 1)
    # With these a frame of the rendered streets gets some ten boxes of a score above 0.25, as with a trained model.
    SCORE_BIAS = -3.6
    SCORE_GAIN = 10.0

    def score(self, x, inputs, width, classes):
        x = self.conv(self.conv(x, inputs, width, 3), width, width, 3)
        return self.plain(x, width, classes, gain=self.SCORE_GAIN, bias=self.SCORE_BIAS)

    def join(self, x, inputs, outputs):
        return self.c2f(x, inputs, outputs, 1, lambda x, half: self.bottleneck(x, half, shortcut=False))

    def network(self, images, width, height, classes):
        c3, c4, c5 = self.WIDTHS[2:]
        x = self.conv(images, 3, self.WIDTHS[0], 3, 2)
        maps = []
        for inputs, outputs, depth in zip(self.WIDTHS[:-1], self.WIDTHS[1:], self.DEPTHS, strict=True):
            x = self.c2f(self.conv(x, inputs, outputs, 3, 2), outputs, outputs, depth, self.bottleneck)
            maps.append(x)
        p3, p4 = maps[1:3]
        p5 = self.sppf(x, c5)
        up4 = self.join(self.up_and_join(p5, p4), c5 + c4, c4)
        p3 = self.join(self.up_and_join(up4, p3), c4 + c3, c3)
        down = self.conv(p3, c3, c3, 3, 2)
        p4 = self.join(self.add("Concat", down, up4, axis=1), c3 + c4, c4)
        down = self.conv(p4, c4, c4, 3, 2)
        p5 = self.join(self.add("Concat", down, p5, axis=1), c4 + c5, c5)
        return self.head((p3, p4, p5), (c3, c4, c5), width, height, classes)


class Yolo11(Yolo):
    """Of the widths of m and l, which differ in `DEPTH` alone."""

    HEADS = 4
    # What a block adds to its input, in parts of it; with as much again, sums would grow from block to block.
    ADDED = 0.3
    # With these a frame gets some ten to some hundred boxes of a score above 0.25, noise alone as well; of few classes
    # hardly any, since the best of them counts.
    SCORE_BIAS = -7.0

    def score(self, x, inputs, width, classes):
        for count in (inputs, width):
            x = self.conv(self.conv(x, count, count, 3, groups=count), count, width)
        return self.plain(x, width, classes, gain=self.SCORE_GAIN, bias=self.SCORE_BIAS)

    def c3k(self, x, width):
        half = width // 2
        y = self.conv(x, width, half)
        for _ in range(2):
            y = self.bottleneck(y, half, gain=self.ADDED)
        return self.conv(self.add("Concat", y, self.conv(x, width, half), axis=1), width, width)

    def c3k2(self, x, inputs, outputs, half=None):
        return self.c2f(x, inputs, outputs, self.DEPTH, self.c3k, half)

    def attention(self, x, width, cells):
        """Of all cells of a map to each other; where they are is told by a convolution over the values."""
        rows, columns = cells
        value = width // self.HEADS
        key = value // 2
        mixed = self.plain(x, width, width + 2 * key * self.HEADS)
        mixed = self.reshape(mixed, 0, self.HEADS, 2 * key + value, rows * columns)
        query, keys, values = self.split(mixed, [key, key, value], axis=2)
        odds = self.add("MatMul", self.add("Transpose", query, perm=[0, 1, 3, 2]), keys)
        odds = self.add("Softmax", self.add("Mul", odds, self.constant(key**-0.5)), axis=-1)
        seen = self.add("MatMul", values, self.add("Transpose", odds, perm=[0, 1, 3, 2]))
        seen, values = (self.reshape(y, 0, width, rows, columns) for y in (seen, values))
        seen = self.add("Add", seen, self.plain(values, width, width, 3, groups=width))
        return self.plain(seen, width, width, gain=self.ADDED)

    def c2psa(self, x, channels, cells):
        half = channels // 2
        kept, x = self.split(self.conv(x, channels, channels), [half, half], axis=1)
        for _ in range(self.DEPTH):
            x = self.add("Add", x, self.attention(x, half, cells))
            x = self.add("Add", x, self.plain(self.conv(x, half, channels), channels, half, gain=self.ADDED))
        return self.conv(self.add("Concat", kept, x, axis=1), channels, channels)

    def network(self, images, width, height, classes):
        x = self.conv(self.conv(images, 3, 64, 3, 2), 64, 128, 3, 2)
        x = self.c3k2(x, 128, 256, 64)
        p3 = self.c3k2(self.conv(x, 256, 256, 3, 2), 256, 512, 128)
        p4 = self.c3k2(self.conv(p3, 512, 512, 3, 2), 512, 512)
        p5 = self.c3k2(self.conv(p4, 512, 512, 3, 2), 512, 512)
        p5 = self.c2psa(self.sppf(p5, 512), 512, (height // 32, width // 32))
        up4 = self.c3k2(self.up_and_join(p5, p4), 1024, 512)
        p3 = self.c3k2(self.up_and_join(up4, p3), 1024, 256)
        p4 = self.c3k2(self.add("Concat", self.conv(p3, 256, 256, 3, 2), up4, axis=1), 768, 512)
        p5 = self.c3k2(self.add("Concat", self.conv(p4, 512, 512, 3, 2), p5, axis=1), 1024, 512)
        return self.head((p3, p4, p5), (256, 512, 512), width, height, classes)


class Yolo11m(Yolo11):
    TITLE = "YOLO11m"
    SEED = 11
    SCORE_GAIN = 0.6
    DEPTH = 1


class Yolo11l(Yolo11):
    TITLE = "YOLO11l"
    SEED = 12
    SCORE_GAIN = 0.48
    DEPTH = 2
