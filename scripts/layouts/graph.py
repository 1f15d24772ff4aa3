"""What the layouts are put together from: nodes of ONNX, and weights from a fixed seed."""

import numpy as np
from onnx import helper, numpy_helper

STRIDES = (8, 16, 32)


class Graph:
    """Collects nodes and weights; every method returns the name of its output.

    A subclass is a layout: its `TITLE`, the `SEED` of its weights, and `network`, which adds all its nodes and returns
    the shape of a frame's output.
    """

    END_TO_END = False
    # Of convolutions before SiLU: what makes up for the half that SiLU takes away, and how far their biases differ.
    # With these all pictures, grey or loud, come out about equally strong, and what is in them still makes a
    # difference: with a gain of 1.6 it fades away from layer to layer, with more one value outgrows the other.
    GAIN = 1.68
    BIASES = 0.5

    def __init__(self):
        self.nodes, self.weights, self.parameters = [], [], 0
        self.random = np.random.default_rng(self.SEED)

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def last(self, kind, *inputs, **attributes):
        """The node that makes the network's output."""
        self.nodes.append(helper.make_node(kind, list(inputs), ["output0"], **attributes))

    def constant(self, values, dtype=np.float32):
        name = f"constant{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def parameter(self, values):
        """A constant that training would find."""
        self.parameters += values.size
        return self.constant(values)

    def reshape(self, x, *shape):
        """0 keeps a dimension, which is how the batch stays open."""
        return self.add("Reshape", x, self.constant(shape, np.int64))

    def split(self, x, sizes, axis):
        return self.add("Split", x, self.constant(sizes, np.int64), outputs=len(sizes), axis=axis)

    def plain(self, x, inputs, outputs, kernel=1, stride=1, groups=1, gain=1.0, bias=0.0):
        """A convolution whose outputs vary about as much as its inputs, times `gain`."""
        inputs //= groups
        scale = gain / np.sqrt(inputs * kernel * kernel)
        weights = self.random.standard_normal((outputs, inputs, kernel, kernel)) * scale
        # Else what SiLU leaves positive adds up from layer to layer. Where each channel goes alone, it is what counts.
        if groups == 1:
            weights -= weights.mean((1, 2, 3), keepdims=True)
        weights, bias = self.parameter(weights), self.parameter(np.full(outputs, bias))
        grouped = {"group": groups} if groups > 1 else {}
        pads = [kernel // 2] * 4
        return self.add("Conv", x, weights, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, **grouped)

    def conv(self, x, inputs, outputs, kernel=1, stride=1, groups=1, gain=1.0):
        """Convolution and SiLU."""
        bias = self.random.standard_normal(outputs) * self.BIASES if self.BIASES else 0.0
        y = self.plain(x, inputs, outputs, kernel, stride, groups, gain * self.GAIN, bias)
        return self.add("Mul", y, self.add("Sigmoid", y))

    def up_and_join(self, x, other):
        scales = self.constant([1, 1, 2, 2])
        up = self.add("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                      nearest_mode="floor")
        return self.add("Concat", up, other, axis=1)


def centres(rows, columns):
    """Of a map's cells, in cells: x and y, one after the other by row."""
    y, x = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, indexing="ij")
    return np.stack([x.ravel(), y.ravel()])
