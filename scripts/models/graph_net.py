"""Small networks of ONNX with random weights whose outputs are coded as those of a family of detectors."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from common import CONFIDENCE, PLACES

STRIDES = (8, 16, 32)
WIDTH = 24  # channels of a map
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8,
         np.dtype(np.int64): TensorProto.INT64}


class Net:
    """Three maps of a frame, of strides 8, 16 and 32, and what is made of them.

    `inputs` are the values of some frames as the network gets them. Every method returns the name of its output.
    """

    def __init__(self, name, values, seed, batch=1):
        self.name, self.values, self.batch = name, values, batch
        self.nodes, self.weights = [], {}
        self.random = np.random.default_rng(seed)

    def add(self, kind, *inputs, **attributes):
        name = attributes.pop("name", None) or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values, dtype=np.float32):
        name = f"constant{len(self.weights)}"
        self.weights[name] = np.asarray(values, dtype)
        return name

    def made(self, outputs, shapes=None):
        first = [self.batch, *self.values.shape[1:]]
        wanted = [helper.make_tensor_value_info(self.name, TYPES[self.values.dtype], first)]
        given = [helper.make_tensor_value_info(name, kind, (shapes or {}).get(name))
                 for name, kind in outputs.items()]
        weights = [numpy_helper.from_array(value, name) for name, value in self.weights.items()]
        graph = helper.make_graph(self.nodes, "graph", wanted, given, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def run(self, *names):
        """The values of some outputs, for all frames."""
        made = self.made(dict.fromkeys(names, TensorProto.FLOAT))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = [session.run(list(names), {self.name: self.values[i : i + 1]}) for i in range(len(self.values))]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def conv(self, x, inputs, outputs, kernel, deviation, mean=0.0):
        """A convolution whose every channel varies by `deviation` around `mean` on the frames."""
        scale = 1 / np.sqrt(inputs * kernel * kernel)
        weights = self.constant(self.random.standard_normal((outputs, inputs, kernel, kernel)) * scale)
        bias = self.constant(np.zeros(outputs))
        name = self.add("Conv", x, weights, bias, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)
        found = self.run(name)[0].transpose(1, 0, 2, 3).reshape(outputs, -1)
        gain = deviation / np.maximum(found.std(1), 1e-6)
        self.weights[weights] *= gain.reshape(-1, 1, 1, 1).astype(np.float32)
        self.weights[bias] += (mean - gain * found.mean(1)).astype(np.float32)
        return name

    def maps(self, x):
        found, inputs = [], 3
        for stride in STRIDES:
            step = stride if inputs == 3 else 2
            x = self.add("AveragePool", x, kernel_shape=[step] * 2, strides=[step] * 2)
            for _ in range(2):
                x = self.add("Tanh", self.conv(x, inputs, WIDTH, 3, 1.0))
                inputs = WIDTH
            found.append(x)
        return found

    def places(self, maps, channels, deviation, mean=0.0, anchors=1):
        """`[batch, places, channels]` of all maps, anchor by anchor, row by row. `mean` may be one of each channel."""
        mean = np.tile(np.broadcast_to(mean, channels), anchors)
        parts = []
        for x in maps:
            x = self.conv(x, WIDTH, anchors * channels, 1, deviation, mean)
            shape = self.constant([0 if self.batch == 1 else self.batch, anchors, channels, -1], np.int64)
            x = self.add("Transpose", self.add("Reshape", x, shape), perm=[0, 1, 3, 2])
            shape = self.constant([0 if self.batch == 1 else self.batch, -1, channels], np.int64)
            parts.append(self.add("Reshape", x, shape))
        return self.add("Concat", *parts, axis=1)

    def scores(self, maps, classes, anchors=1, objectness=False):
        """Scores of 0 to 1, with that of an object first, if wanted; about PLACES of a frame pass."""
        values = classes + objectness
        # A few classes are frequent, so that neighbours are often of one class.
        logits = self.places(maps, values, 1.0, self.random.standard_normal(values) * 1.5, anchors)
        found = self.run(logits)[0].astype(np.float64)
        best = [found[..., objectness:].max(-1)] + ([found[..., 0]] if objectness else [])
        low, high = -30.0, 30.0
        for _ in range(40):
            shift = (low + high) / 2
            score = np.prod([1 / (1 + np.exp(-(values + shift))) for values in best], 0)
            if (score > CONFIDENCE).sum() > PLACES * len(found):
                high = shift
            else:
                low = shift
        return self.add("Sigmoid", self.add("Add", logits, self.constant(low)))

    def slice(self, x, start, end, axis=-1):
        return self.add("Slice", x, *(self.constant([value], np.int64) for value in (start, end, axis)))

    def concat(self, *parts):
        return self.add("Concat", *parts, axis=-1)


def grid(width, height, anchors=1):
    """Column and row of every place, and its stride."""
    cells, strides = [], []
    for stride in STRIDES:
        columns, rows = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
        level = np.stack([columns, rows], -1).reshape(-1, 2)
        cells += [level] * anchors
        strides.append(np.full((anchors * len(level), 1), stride))
    return np.concatenate(cells)[None], np.concatenate(strides)[None]


def save(net, file, outputs, shapes, metadata=None):
    made = net.made(outputs, shapes)
    if metadata:
        helper.set_model_props(made, metadata)
    onnx.checker.check_model(made)
    onnx.save(made, file)


def suppressed(boxes, scores, classes, iou, most):
    """Indices that are left by suppression within a class, by descending score."""
    order = np.argsort(-scores, kind="stable")
    boxes, kept = boxes.astype(np.float64), []
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), 1)
    while len(order) and len(kept) < most:
        first, order = order[0], order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[order, :2])
        high = np.minimum(boxes[first, 2:], boxes[order, 2:])
        common = np.prod(np.maximum(high - low, 0), 1)
        overlap = common / np.maximum(areas[first] + areas[order] - common, 1e-9)
        order = order[(overlap <= iou) | (classes[order] != classes[first])]
    return kept
