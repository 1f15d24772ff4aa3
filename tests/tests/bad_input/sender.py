"""Sends messages that no stage can read."""

import time

import pyarrow as pa
from dora import Node

messages = [
    pa.array([{"schema": "camweave.frames/2", "camera": "cam"}]),
    pa.array([{"schema": "camweave.detections/1", "camera": "cam"}]),
    pa.array([1, 2, 3], type=pa.uint8()),
    pa.array([{"camera": "cam"}]),
]
node = Node()
for message in messages:
    node.send_output("out", message)
    time.sleep(0.1)
