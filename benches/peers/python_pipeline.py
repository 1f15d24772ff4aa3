"""The same work on a GPU, as a Python engineer would write it: NVIDIA's PyNvVideoCodec decodes, PyTorch resizes and
detects in FP16 (channels last, one CUDA graph), torchvision suppresses.

    python_pipeline.py MODEL.onnx SECONDS BATCH FILE...

Needs PyPI's torch, torchvision, onnx and PyNvVideoCodec. Says 'skipped: no CUDA device' where there is none.
Prints frames per second after a warm-up of 20 batches."""
import os
import sys
import time


def interpreter(path, torch):
    """The operators of YOLOv8-like exports, called one after the other: slow by itself, not as a CUDA graph."""
    import onnx
    from onnx import numpy_helper
    from torch.nn import functional

    graph = onnx.load(path).graph
    shape = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim[2:]]
    values = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    steps = []
    for node in graph.node:
        options = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        if node.op_type == "Constant":
            values[node.output[0]] = torch.tensor(numpy_helper.to_array(options["value"]))
        else:
            steps.append((node.op_type, list(node.input), list(node.output), options))

    def pads(o):
        return o.get("pads", [0, 0])[:2]

    def conv(o, x, w, b=None):
        return functional.conv2d(x, w, b, o.get("strides", 1), pads(o), o.get("dilations", 1), o.get("group", 1))

    def split(o, x, parts=None):
        axis = o.get("axis", 0)
        return x.split(parts.tolist() if parts is not None else o["split"], axis)

    calls = {
        "Add": lambda o, x, y: x + y,
        "Concat": lambda o, *x: torch.cat(x, o["axis"]),
        "Conv": conv,
        "Div": lambda o, x, y: x / y if x.is_floating_point() else x // y,
        "Gather": lambda o, x, index: x[index],
        "Identity": lambda o, x: x,
        "MaxPool": lambda o, x: functional.max_pool2d(x, o["kernel_shape"], o["strides"], pads(o)),
        "Mul": lambda o, x, y: x * y,
        "ReduceSum": lambda o, x, axes: x.sum(axes.tolist(), keepdim=bool(o.get("keepdims", 1))),
        "Reshape": lambda o, x, to: x.reshape([side or x.shape[i] for i, side in enumerate(to.tolist())]),
        "Resize": lambda o, x, *_: functional.interpolate(x, scale_factor=2),  # as the layout's neck has it
        "Shape": lambda o, x: torch.tensor(x.shape),
        "Sigmoid": lambda o, x: x.sigmoid(),
        "Slice": lambda o, x, first, last, axis: x[(slice(None),) * int(axis) + (slice(int(first), int(last)),)],
        "Softmax": lambda o, x: x.softmax(o["axis"]),
        "Split": split,
        "Sub": lambda o, x, y: x - y,
        "Transpose": lambda o, x: x.permute(o["perm"]),
    }
    if unknown := {step[0] for step in steps} - calls.keys():
        raise SystemExit(f"error: {path} has operators that this script does not know: {', '.join(sorted(unknown))}")

    def place(device, dtype):
        for name, value in values.items():
            if value.is_floating_point():
                value = value.to(device, dtype)
                values[name] = value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value

    def run(images):
        made = {graph.input[0].name: images}
        for kind, inputs, outputs, options in steps:
            found = [made[name] if name in made else values.get(name) for name in inputs]
            result = calls[kind](options, *found)
            # Outputs that nothing reads may be left out.
            made.update(zip(outputs, result if isinstance(result, tuple) else [result], strict=False))
        return made[graph.output[0].name]

    return run, place, shape


def main():
    path, seconds, batch, files = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    try:
        import torch
    except ImportError:
        torch = None
    if torch is None or not torch.cuda.is_available():
        print("skipped: no CUDA device")
        return
    import PyNvVideoCodec
    from torch.nn.functional import interpolate
    from torchvision.ops import batched_nms

    def opened(file):
        planar = PyNvVideoCodec.OutputColorType.RGBP
        return PyNvVideoCodec.ThreadedDecoder(file, 8, gpu_id=0, use_device_memory=True, output_color_type=planar)

    with torch.inference_mode():
        network, place, (height, width) = interpreter(path, torch)
        place("cuda", torch.half)
        torch.backends.cudnn.benchmark = True
        images = torch.full((batch, 3, height, width), 114 / 255, device="cuda", dtype=torch.half)
        images = images.contiguous(memory_format=torch.channels_last)
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                network(images)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            heads = network(images)

        decoders, done, turn, since = [opened(file) for file in files], 0, 0, None
        while True:
            frames = []
            while len(frames) < batch:
                index, turn = turn % len(files), turn + 1
                found = decoders[index].get_batch_frames(max(1, batch // len(files)))
                if not found:
                    decoders[index] = opened(files[index])
                frames += [torch.from_dlpack(frame) for frame in found]
            frames = torch.stack(frames[:batch])  # files of one size
            scale = min(width / frames.shape[3], height / frames.shape[2])
            h, w = round(frames.shape[2] * scale), round(frames.shape[3] * scale)
            top, left = (height - h) // 2, (width - w) // 2
            scaled = interpolate(frames.half(), size=(h, w), mode="bilinear")
            images[:, :, top : top + h, left : left + w] = scaled / 255
            graph.replay()
            scores, classes = heads[:, 4:].max(1)
            frame, anchor = (scores > 0.25).nonzero(as_tuple=True)
            centre, size = heads[frame, :2, anchor].float(), heads[frame, 2:4, anchor].float()
            boxes = torch.cat([centre - size / 2, centre + size / 2], 1)
            chosen = scores[frame, anchor].float()
            keep = batched_nms(boxes, chosen, classes[frame, anchor] + frame * heads.shape[1], 0.45)
            torch.cat([boxes[keep], chosen[keep, None], frame[keep, None]], 1).cpu()
            done += batch
            now = time.perf_counter()
            if since is None and done >= 20 * batch:
                since, before = now, done
            elif since and now - since > seconds:
                rate = (done - before) / (now - since)
                print(f"{rate:.2f} frames/s, {len(keep) / batch:.2f} boxes a frame", flush=True)
                os._exit(0)  # the decoders' threads go on


if __name__ == "__main__":
    main()
