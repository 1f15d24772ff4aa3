"""The comparison that profile-witness.sh makes of its folder of records."""

import collections
import json
import pathlib
import re
import sys

WITHIN = 0.05
# Spans of a stage's worker threads, and the names of these threads. What such a thread does
# outside of spans is waiting, and some thousandths of its time.
STAGES = [
    ("decode", ["decode"], r"decode-\d+"),
    ("infer", ["letterbox", "infer"], r"rten-\d+|lane-\d+"),
]


def frames_between(lines, begin, end):
    """Detected frames of a time, counted from the sink's file alone."""
    with lines.open() as file:
        times = [json.loads(line)["detected_unix_nanos"] for line in file]
    return sum(begin <= time < end for time in times)


def thread_times(samples, processes, begin, end):
    """CPU milliseconds by name of thread; a sample stands for its period in nanoseconds."""
    found = collections.Counter()
    for line in samples.read_text().splitlines():
        name, process, time, period = line.rsplit(None, 3)
        seconds, fraction = time.rstrip(":").split(".")
        moment = int(seconds + fraction.ljust(9, "0"))
        if process in processes and begin <= moment < end:
            found[name.strip()] += int(period) / 1e6
    return found


def main(out):
    profile = json.loads((out / "profile.json").read_text())
    run, lines = profile["run"], out / "run" / "detections.jsonl"
    begin, end = run["begin_unix_nanos"], run["end_unix_nanos"]
    reports = (out / "run" / "stats").glob("*.json")
    processes = {str(json.loads(it.read_text())["process_id"]) for it in reports}
    frames = frames_between(lines, begin, end)
    times = thread_times(out / "samples.txt", processes, begin, end)
    rows = []
    for stage, spans, threads in STAGES:
        own = [
            it["cpu_ms"]
            for it in profile["components"]
            if it["stage"].split(".")[-1] == stage and it["component"] in spans
        ]
        seen = sum(ms for name, ms in times.items() if re.fullmatch(threads, name))
        if own and seen:
            rows.append((f"{stage}: {' + '.join(spans)}, CPU ms per frame", sum(own), seen / frames))
    rows.append(("frames per second of all cameras", profile["combined_fps"], frames * 1e9 / (end - begin)))
    print("| what | camweave profile | witness | apart |")
    print("|---|---:|---:|---:|")
    for name, own, witness in rows:
        print(f"| {name} | {own:.3f} | {witness:.3f} | {100 * (own / witness - 1):+.1f} % |")
    apart = [name for name, own, witness in rows if abs(own / witness - 1) > WITHIN]
    if len(rows) <= 1:
        sys.exit("error: no thread of a stage was sampled")
    if apart:
        sys.exit(f"error: more than {100 * WITHIN:.0f} % apart: {'; '.join(apart)}")


main(pathlib.Path(sys.argv[1]))
