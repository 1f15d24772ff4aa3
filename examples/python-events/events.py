"""Prints each event that is over, as a line of JSON."""

import json
import signal

from dora import Node

# Ctrl-C reaches every process of the graph; it is dora that stops them in order.
signal.signal(signal.SIGINT, signal.SIG_IGN)

node = Node()
for event in node:  # ends when the graph has stopped and every message is read
    if event["type"] != "INPUT":
        continue
    for row in event["value"].to_pylist():  # one row each time that an event begins, changes or ends
        assert row["schema"] == "camweave.events/1", row["schema"]
        if row["phase"] == "end":
            del row["schema"], row["trace"]
            print(json.dumps(row), flush=True)
