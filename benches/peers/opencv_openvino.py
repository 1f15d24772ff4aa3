"""The script of opencv_onnxruntime.py with OpenVINO in ONNX Runtime's place: what is the engine's, and what is not.

    opencv_openvino.py MODEL.onnx SECONDS BATCH FILE...

Needs PyPI's opencv-python-headless and openvino. Prints frames per second after a warm-up of 3 s."""
import ast

from opencv_onnxruntime import main


def load(model, batch):
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    shape = network.input().partial_shape
    if shape[2].is_dynamic:
        height, width = ast.literal_eval(network.get_rt_info(["framework", "imgsz"]).astype(str))
    else:
        height, width = shape[2].get_length(), shape[3].get_length()
    network.reshape([batch, 3, height, width])
    compiled = core.compile_model(network, "CPU")
    return lambda input: compiled(input)[0], width, height


if __name__ == "__main__":
    main(load)
