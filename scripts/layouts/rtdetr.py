"""The layout of RT-DETR with a ResNet-50-vd: a detector that attends and needs no suppression."""

import numpy as np
from onnx import TensorProto

from layouts.graph import STRIDES, Graph, centres

BLOCKS = (3, 4, 6, 3)
HIDDEN = 256
FORWARD = 1024
HEADS = 8
POINTS = 4
QUERIES = 300
LAYERS = 6
# What makes up for the half that ReLU takes away.
RELU = 1.7
# Of what is sampled for a query, over all maps.
SAMPLES = len(STRIDES) * POINTS


class Rtdetr(Graph):
    TITLE = "RT-DETR-R50"
    SEED = 50
    END_TO_END = True
    # With these some ten to some tens of a frame's rows have a score above 0.25.
    SCORE_BIAS = -4.3
    SCORE_GAIN = 1.0
    # Of each correction of a box, in logits: boxes end near where they began.
    BOX_GAIN = 0.3

    def dense(self, inputs, outputs, gain=1.0, bias=0.0):
        weights = self.random.standard_normal((inputs, outputs)) * (gain / np.sqrt(inputs))
        return self.parameter(weights), self.parameter(np.broadcast_to(bias, outputs))

    def apply(self, x, dense):
        return self.add("Add", self.add("MatMul", x, dense[0]), dense[1])

    def linear(self, x, *sizes, gain=1.0, bias=0.0):
        """Products with a ReLU between two: of widths `sizes`, the input's first."""
        for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True):
            x = self.add("Relu", self.apply(x, self.dense(inputs, outputs, np.sqrt(2))))
        return self.apply(x, self.dense(*sizes[-2:], gain, bias))

    def norm(self, x):
        # One operator rather than its parts: TensorRT computes it in FP32 then, also in an FP16 engine.
        ones, zeros = self.parameter(np.ones(HIDDEN)), self.parameter(np.zeros(HIDDEN))
        return self.add("LayerNormalization", x, ones, zeros, axis=-1)

    def add_and_norm(self, x, y):
        return self.norm(self.add("Add", x, y))

    def attention(self, x, place, count):
        """Of `count` vectors to each other."""
        placed = self.add("Add", x, place)
        parts = []
        for y, order in ((placed, [0, 2, 1, 3]), (placed, [0, 2, 3, 1]), (x, [0, 2, 1, 3])):
            y = self.reshape(self.linear(y, HIDDEN, HIDDEN), 0, count, HEADS, HIDDEN // HEADS)
            parts.append(self.add("Transpose", y, perm=order))
        query, keys, values = parts
        odds = self.add("Mul", self.add("MatMul", query, keys), self.constant((HIDDEN // HEADS) ** -0.5))
        seen = self.add("MatMul", self.add("Softmax", odds, axis=-1), values)
        seen = self.reshape(self.add("Transpose", seen, perm=[0, 2, 1, 3]), 0, count, HIDDEN)
        return self.linear(seen, HIDDEN, HIDDEN)

    def relu(self, x, inputs, outputs, kernel=1, stride=1):
        return self.add("Relu", self.plain(x, inputs, outputs, kernel, stride, gain=RELU))

    def bottleneck(self, x, inputs, width, stride, first):
        y = self.relu(self.relu(x, inputs, width), width, width, 3, stride)
        y = self.plain(y, width, 4 * width, gain=0.5 * RELU)
        if stride == 2:
            x = self.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        if first:
            x = self.plain(x, inputs, 4 * width, gain=RELU)
        return self.add("Relu", self.add("Add", y, x))

    def backbone(self, x):
        for inputs, outputs, stride in ((3, 32, 2), (32, 32, 1), (32, 64, 1)):
            x = self.relu(x, inputs, outputs, 3, stride)
        x = self.add("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
        maps, inputs = [], 64
        for stage, blocks in enumerate(BLOCKS):
            width = 64 << stage
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = self.bottleneck(x, inputs, width, stride, first=block == 0)
                inputs = 4 * width
            maps.append(x)
        return maps[1:]

    def within(self, x, rows, columns):
        """The cells of the coarsest map attend to each other; where they are is told in sines."""
        x = self.add("Transpose", self.reshape(x, 0, HIDDEN, rows * columns), perm=[0, 2, 1])
        waves = 10_000.0 ** -(np.arange(HIDDEN // 4) / (HIDDEN // 4))
        across, down = (numbers[:, None] * waves for numbers in centres(rows, columns) - 0.5)
        place = np.concatenate([np.sin(across), np.cos(across), np.sin(down), np.cos(down)], 1)
        x = self.add_and_norm(x, self.attention(x, self.constant(place[None]), rows * columns))
        # GELU in parts, as exporters write it.
        y = self.linear(x, HIDDEN, FORWARD)
        erf = self.add("Erf", self.add("Div", y, self.constant(np.sqrt(2))))
        y = self.add("Mul", self.add("Mul", y, self.add("Add", erf, self.constant(1))), self.constant(0.5))
        x = self.add_and_norm(x, self.linear(y, FORWARD, HIDDEN))
        return self.reshape(self.add("Transpose", x, perm=[0, 2, 1]), 0, HIDDEN, rows, columns)

    def repc3(self, x):
        y = self.conv(x, 2 * HIDDEN, HIDDEN)
        for _ in range(3):
            y = self.conv(y, HIDDEN, HIDDEN, 3)
        return self.add("Add", y, self.conv(x, 2 * HIDDEN, HIDDEN))

    def encoder(self, maps, cells):
        p3, p4, p5 = (self.plain(x, inputs, HIDDEN) for x, inputs in zip(maps, (512, 1024, 2048), strict=True))
        up5 = self.conv(self.within(p5, *cells[-1]), HIDDEN, HIDDEN)
        up4 = self.conv(self.repc3(self.up_and_join(up5, p4)), HIDDEN, HIDDEN)
        p3 = self.repc3(self.up_and_join(up4, p3))
        p4 = self.repc3(self.add("Concat", self.conv(p3, HIDDEN, HIDDEN, 3, 2), up4, axis=1))
        p5 = self.repc3(self.add("Concat", self.conv(p4, HIDDEN, HIDDEN, 3, 2), up5, axis=1))
        return p3, p4, p5

    def sampled(self, x, box, memory, cells, queries):
        """Deformable attention: each query looks at some points of each map, in and around its box."""
        width = HIDDEN // HEADS
        values = self.add("Transpose", self.linear(memory, HIDDEN, HIDDEN), perm=[0, 2, 1])
        values = self.split(values, [rows * columns for rows, columns in cells], axis=2)
        # The first points of a head lie in a row from the centre outwards, each head's in another direction.
        angles = np.arange(HEADS) * (2 * np.pi / HEADS)
        rays = np.stack([np.cos(angles), np.sin(angles)], -1)
        rays = (rays / np.abs(rays).max(-1, keepdims=True))[:, None, None] * np.arange(1, POINTS + 1)[:, None]
        rays = np.broadcast_to(rays, (HEADS, len(STRIDES), POINTS, 2)).ravel()
        offsets = self.reshape(self.linear(x, HIDDEN, rays.size, bias=rays), 0, queries, HEADS, SAMPLES, 2)
        odds = self.reshape(self.linear(x, HIDDEN, HEADS * SAMPLES), 0, queries, HEADS, SAMPLES)
        odds = self.add("Transpose", self.add("Softmax", odds, axis=-1), perm=[0, 2, 1, 3])
        centre, size = (self.reshape(part, 0, queries, 1, 1, 2) for part in self.split(box, [2, 2], axis=2))
        reach = self.add("Mul", size, self.constant(0.5 / POINTS))
        points = self.add("Add", centre, self.add("Mul", offsets, reach))
        points = self.add("Sub", self.add("Mul", points, self.constant(2)), self.constant(1))
        # Heads are frames of their own from here on, each with its part of the channels.
        points = self.reshape(self.add("Transpose", points, perm=[0, 2, 1, 3, 4]), -1, queries, SAMPLES, 2)
        seen = []
        for value, at, (rows, columns) in zip(values, self.split(points, [POINTS] * 3, axis=2), cells, strict=True):
            value = self.reshape(value, -1, width, rows, columns)
            seen.append(self.add("GridSample", value, at, mode="bilinear", padding_mode="zeros", align_corners=0))
        seen = self.add("Mul", self.add("Concat", *seen, axis=3), self.reshape(odds, -1, 1, queries, SAMPLES))
        seen = self.add("ReduceSum", seen, self.constant([3], np.int64), keepdims=0)
        seen = self.add("Transpose", self.reshape(seen, -1, HIDDEN, queries), perm=[0, 2, 1])
        return self.linear(seen, HIDDEN, HIDDEN)

    def chosen(self, memory, cells, queries, classes):
        """The vectors of the best cells, and their boxes in logits."""
        anchors = []
        for level, (rows, columns) in enumerate(cells):
            at = centres(rows, columns).T / (columns, rows)
            anchors.append(np.concatenate([at, np.full_like(at, 0.05 * 2**level)], 1))
        anchors = np.concatenate(anchors)
        # Cells at the very edge are not to be chosen. The original makes their boxes infinite as well, which FP16 has
        # no use for.
        inside = ((anchors > 0.01) & (anchors < 0.99)).all(1, keepdims=True)
        memory = self.add("Mul", memory, self.constant(inside[None]))
        memory = self.norm(self.linear(memory, HIDDEN, HIDDEN))
        best = self.add("ReduceMax", self.linear(memory, HIDDEN, classes), axes=[2], keepdims=0)
        _, best = self.add("TopK", best, self.constant([queries], np.int64), outputs=2, axis=1)
        best = self.reshape(best, 0, queries, 1)
        boxes = self.linear(memory, HIDDEN, HIDDEN, HIDDEN, 4, gain=self.BOX_GAIN)
        boxes = self.add("Add", boxes, self.constant(np.log(anchors / (1 - anchors))[None]))

        def take(x, size):
            index = self.add("Tile", best, self.constant([1, 1, size], np.int64))
            return self.add("GatherElements", x, index, axis=1)

        return take(memory, HIDDEN), take(boxes, 4)

    def network(self, images, width, height, classes):
        cells = [(height // stride, width // stride) for stride in STRIDES]
        maps = self.encoder(self.backbone(images), cells)
        memory = [
            self.reshape(self.plain(x, HIDDEN, HIDDEN), 0, HIDDEN, rows * columns)
            for x, (rows, columns) in zip(maps, cells, strict=True)
        ]
        memory = self.add("Transpose", self.add("Concat", *memory, axis=2), perm=[0, 2, 1])
        queries = min(QUERIES, sum(rows * columns for rows, columns in cells))
        x, logits = self.chosen(memory, cells, queries, classes)
        # How a box is told to its query, by the same weights in all layers.
        places = self.dense(4, 2 * HIDDEN, np.sqrt(2)), self.dense(2 * HIDDEN, HIDDEN)
        for _ in range(LAYERS):
            box = self.add("Sigmoid", logits)
            place = self.apply(self.add("Relu", self.apply(box, places[0])), places[1])
            x = self.add_and_norm(x, self.attention(x, place, queries))
            x = self.add_and_norm(x, self.sampled(self.add("Add", x, place), box, memory, cells, queries))
            x = self.add_and_norm(x, self.linear(x, HIDDEN, FORWARD, HIDDEN))
            logits = self.add("Add", logits, self.linear(x, HIDDEN, HIDDEN, HIDDEN, 4, gain=self.BOX_GAIN))
        scores = self.add("Sigmoid", self.linear(x, HIDDEN, classes, gain=self.SCORE_GAIN, bias=self.SCORE_BIAS))
        score, number = self.add("TopK", scores, self.constant([1], np.int64), outputs=2, axis=2)
        centre, size = self.split(self.add("Sigmoid", logits), [2, 2], axis=2)
        half = self.add("Mul", size, self.constant(0.5))
        box = self.add("Concat", self.add("Sub", centre, half), self.add("Add", centre, half), axis=2)
        box = self.add("Mul", box, self.constant([width, height] * 2))
        self.last("Concat", box, score, self.add("Cast", number, to=TensorProto.FLOAT), axis=2)
        return [queries, 6]
