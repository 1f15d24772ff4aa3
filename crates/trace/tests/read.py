"""Prints the track events of a trace, read with Perfetto's own protobuf definitions."""

import sys
from pathlib import Path

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

trace = Trace()
trace.ParseFromString(Path(sys.argv[1]).read_bytes())
for packet in trace.packet:
    # A field that the definitions do not know, or of another type, would be left over here.
    if packet.ByteSize() == 0:
        sys.exit("an empty packet")
    if packet.HasField("track_event"):
        event = packet.track_event
        flows = ", ".join(str(flow) for flow in event.flow_ids)
        print(
            f"{packet.timestamp} clock {packet.timestamp_clock_id} type {event.type} "
            f"track {event.track_uuid} '{event.name}' flows [{flows}] value {event.counter_value}"
        )
