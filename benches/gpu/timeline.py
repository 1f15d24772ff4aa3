#!/usr/bin/env python3
"""Says what a GPU did, from a file of timeline.cpp: timeline.py FILE [FROM TO]

FROM and TO are parts of the time that the file covers [0.6 0.85]. 'network' are the kernels of CUDA graphs."""

import collections
import itertools
import statistics
import sys
from pathlib import Path

names, rows = {}, []
with Path(sys.argv[1]).open() as file:
    for line in file:
        kind, *rest = line.rstrip("\n").split("\t")
        if kind == "N":
            names[int(rest[0])] = rest[1]
        else:
            rows.append(tuple(map(int, rest)))
rows.sort()
parts = [float(part) for part in sys.argv[2:4]] or [0.6, 0.85]
first, last = rows[0][0], rows[-1][1]
begin, end = (first + int((last - first) * part) for part in parts)
rows = [row for row in rows if begin <= row[0] < end]
seconds = (end - begin) / 1e9


def busy(rows):
    """The part of the time in which any of `rows` ran."""
    total = until = 0
    for start, stop, *_ in rows:
        if stop > until:
            total += stop - max(start, until)
            until = stop
    return total / (end - begin)


network = [row for row in rows if row[3]]
others = [row for row in rows if not row[3]]
print(f"{seconds:.2f} s: busy {busy(rows):.1%}; network {busy(network):.1%}; others {busy(others):.1%}")
kinds = collections.defaultdict(list)
for row in rows:
    kinds["network" if row[3] else names[row[4]]].append(row)
for name, of_kind in sorted(kinds.items(), key=lambda it: -sum(row[1] - row[0] for row in it[1]))[:20]:
    spent = sum(row[1] - row[0] for row in of_kind)
    streams = len({row[2] for row in of_kind})
    print(
        f"{len(of_kind) / seconds:9.0f}/s {spent / 1e6 / seconds:8.1f} ms/s, each {spent / len(of_kind) / 1e3:8.2f} us,"
        f" {streams} streams: {name[:90]}"
    )
for stream in sorted({row[2] for row in network}):
    of_stream = [row for row in network if row[2] == stream]
    counts = collections.Counter(row[4] for row in of_stream)
    # The rarest kernel is there once in a launch.
    mark = min(counts, key=counts.get)
    marks = [index for index, row in enumerate(of_stream) if row[4] == mark]
    launches = list(itertools.pairwise(marks))
    if len(launches) < 2:
        continue
    period = statistics.median((of_stream[b][0] - of_stream[a][0]) / 1e6 for a, b in launches)
    work = statistics.median(sum(row[1] - row[0] for row in of_stream[a:b]) / 1e6 for a, b in launches)
    print(f"stream {stream}: a launch every {period:.3f} ms, its kernels {work:.3f} ms")
