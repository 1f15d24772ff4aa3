#!/usr/bin/env python3
"""What scripts/gpu-check.sh makes of the figures of its benchmarks.

gpu_report.py table RESULTS        what was measured and what was to be reached, as Markdown
gpu_report.py cameras RESULTS      30 frames/s cameras at 80 % of the limit that has been measured
gpu_report.py watch STATS FILE     memory of the processes in STATS, of dora and of the GPU, until it is ended
gpu_report.py boxes FILE           how many boxes the first frames of a detections.jsonl have
"""

import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

FPS = 30
# NVIDIA's rates of one NVDEC engine at 1080p and 1860 MHz (H100, H200), and the number of engines.
NVDEC_RATES = {"h264": 771, "h265": 1316}
NVDEC_CLOCK_MHZ = 1860
NVDEC_ENGINES = int(os.environ.get("NVDEC_ENGINES", "7"))
WATCH_EVERY_SECONDS = 5
# At both ends of a long run, or a third of a short one.
COMPARED_SECONDS = 60
# Memory that differs by less is flat: a page cache or an allocator moves so much.
FLAT = 0.02


def load(path):
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def whole(record, graph):
    """The runs of a graph that are whole; with none of them, nothing can be said."""
    runs = record["runs"] if record else []
    return [run for run in runs if run["graph"] == graph and "partial" not in run]


def settings(record):
    """The numbers of a benchmark's settings that have a whole run."""
    runs = record["runs"] if record else []
    return sorted({run["graph"] for run in runs if "partial" not in run})


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else None


def rate(runs):
    return mean(run["combined_fps"] for run in runs)


def shares(runs):
    """GPU and NVDEC busy, as two cells."""
    seen = [run["gpu"] for run in runs if run.get("gpu")]
    if not seen:
        return ["", ""]
    return [f"{mean(gpu[name] for gpu in seen):.0f} %" for name in ("busy_percent", "decoder_percent")]


def dropped(runs):
    reasons = {}
    for run in runs:
        for reason, count in run["dropped"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    if not reasons:
        return "none dropped"
    return "dropped: " + ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def cost(runs):
    cpu = mean(sum(node["cpu_ms"] for node in run["nodes"].values()) for run in runs)
    return f"{cpu:.2f} ms CPU a frame; {dropped(runs)}"


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, measured, reach="", met=None, busy=("", ""), note=""):
        verdict = {None: "", True: "yes", False: "**no**"}[met]
        self.rows.append([what, measured, reach, verdict, *busy, note])

    def ratio(self, what, value, whole, share, of, busy, note):
        """A rate that is to reach a share of another, which may be unknown."""
        if not whole:
            self.add(what, f"{value:.0f} frames/s", f">= {share:.0%} of {of}, not measured", None, busy, note)
            return
        reach = f">= {share:.0%} of {of} ({whole:.0f})"
        self.add(what, f"{value:.0f} frames/s, {value / whole:.1%}", reach, value >= share * whole, busy, note)

    def show(self):
        print("## What was to be reached\n")
        print("| what | measured | to reach | met | GPU busy | NVDEC busy | and |")
        print("|---|---:|---|---|---:|---:|---|")
        for row in self.rows:
            print("| " + " | ".join(row) + " |")
        if not self.rows:
            print("| nothing has been measured yet | | | | | | |")
        print()


class Figures:
    """All that has been measured so far."""

    def __init__(self, folder):
        self.folder = folder
        self.kernels = load(folder / "kernels.json") or []
        self.decode = load(folder / "decode.json") or []
        engine = load(folder / "engine.json")
        self.engine = engine["rows"] if engine else []
        self.many = {}
        for path in folder.glob("many-*/summary.json"):
            self.many[path.parent.name.removeprefix("many-")] = load(path)

    def bench(self, name):
        return load(self.folder / name / "bench-fps.json")

    def decoded(self, codec):
        return [row for row in self.decode if row["file"].endswith(codec)]

    def decode_rate(self, codec, streams=None):
        rows = [row for row in self.decoded(codec) if streams in (None, row["streams"])]
        return max((row["frames_per_second"] for row in rows), default=None)

    def engine_rate(self):
        return max((row["frames_per_second"] for row in self.engine), default=None)

    def limit(self, codec):
        """The slower one of decoder and engine, in words and frames per second."""
        decode, engine = self.decode_rate(codec), self.engine_rate()
        if not decode or not engine:
            return "min(decoder alone, engine alone)", None
        name = "the decoder alone" if decode <= engine else "the engine alone"
        return name, min(decode, engine)


def kernels(figures, table):
    for kernel, what, batch, reach in [
        ("postprocess", "", 1, 0.10),
        ("postprocess", "", 32, 0.30),
        ("letterbox", "nv12", 16, 0.008),
    ]:
        for row in figures.kernels:
            if row["kernel"] != kernel or row["batch"] != batch or not row["what"].lower().startswith(what):
                continue
            if kernel == "letterbox":
                each = row["median_ms"] / batch
                table.add("preprocess 1080p NV12 to 640 FP16, batch 16", f"{each:.4f} ms a frame",
                          f"<= {reach} ms", each <= reach)
            else:
                ms = row["median_ms"]
                table.add(f"postprocess, batch {batch}, with the copy to the host", f"{ms:.3f} ms",
                          f"<= {reach:.2f} ms", ms <= reach, note=row["what"])


def alone(figures, table):
    for row in figures.engine:
        if row["batch"] in (1, 32):
            best = min(row["enqueue_ms"], row["graph_ms"] or row["enqueue_ms"])
            table.add(f"engine alone, batch {row['batch']}", f"{row['frames_per_second']:.0f} frames/s",
                      note=f"{best:.3f} ms a batch")
    for codec in ("h264", "h265"):
        rows = figures.decoded(codec)
        best = max(rows, key=lambda row: row["frames_per_second"], default=None)
        for row in rows:
            if row["streams"] != 1 and row is not best:
                continue
            value, clock = row["frames_per_second"], row["video_clock_mhz"]
            busy = ("", f"{row['decoder_percent']:.0f} %" if row["decoder_percent"] is not None else "")
            note = f"{row['cpu_ms']:.2f} ms CPU a frame, {row['memory_mib']:.0f} MiB a stream"
            what = f"decoder alone, {codec}, streams: {row['streams']}"
            if row is best and clock:
                engines = NVDEC_ENGINES * NVDEC_RATES[codec] * clock / NVDEC_CLOCK_MHZ
                of = f"{NVDEC_ENGINES} engines at {clock:.0f} MHz"
                table.ratio(what, value, engines, 0.95, of, busy, note)
            else:
                table.add(what, f"{value:.0f} frames/s", busy=busy, note=note)


def one(figures, table):
    for graph in ("fused", "batched"):
        record = figures.bench(f"one-{graph}")
        single = None
        for index in settings(record):
            runs = whole(record, index)
            cameras = len(runs[0]["cameras"])
            value, busy = rate(runs) / cameras, shares(runs)
            if cameras == 1:
                single = value
                decoder = figures.decode_rate("h264", 1)
                table.ratio(f"one stream to detections, {graph}", value, decoder, 0.95,
                            "the decoder alone", busy, cost(runs))
            else:
                table.ratio(f"{cameras} streams to detections, {graph}, each", value, single, 0.95,
                            "one stream", busy, cost(runs))


def many(figures, table):
    for name, record in sorted(figures.many.items()):
        codec = "h265" if name.endswith("hevc") else "h264"
        fused = whole(record, 0)
        if fused:
            of, limit = figures.limit(codec)
            table.ratio(f"streams: {name}, fused", rate(fused), limit, 0.90, of, shares(fused), cost(fused))
        for graph, path in enumerate(record["graphs"][1:], 1):
            runs = whole(record, graph)
            if not runs:
                continue
            under_mps = not path.endswith("-without-mps.yml") and len(record["graphs"]) > 2
            what = f"streams: {name}, separate processes {'under' if under_mps else 'without'} MPS"
            value, reference = rate(runs), rate(fused)
            if under_mps:
                table.ratio(what, value, reference, 0.90, "fused", shares(runs), cost(runs))
            else:
                note = f"{value / reference:.1%} of fused; " if reference else ""
                table.add(what, f"{value:.0f} frames/s", busy=shares(runs), note=note + cost(runs))


def live(figures, table):
    for name in ("live-fused", "live-batched", "long"):
        record = figures.bench(name)
        for run in (run for index in settings(record) for run in whole(record, index)):
            cameras = len(run["cameras"])
            busy, lost = shares([run]), sum(run["dropped"].values())
            p99 = run["latency_ms"]["p99"]
            fps = run["combined_fps"] / cameras
            what = f"{name}: {cameras} RTSP cameras, {run['seconds']:.0f} s"
            # A camera that sends less than its rate would hide an overload.
            kept_up = fps >= 0.99 * FPS
            met = not lost and kept_up and (name == "long" or p99 <= 60 and cameras >= 100)
            reach = "no drop" if name == "long" else ">= 100 cameras, no drop, p99 <= 60 ms"
            memory = run["gpu"]["memory_mib"] / cameras if run.get("gpu") else None
            note = f"{fps:.2f} frames/s each; p50 {run['latency_ms']['p50']:.1f} ms; {dropped([run])}"
            note += f"; {memory:.0f} MiB of the device a camera" if memory else ""
            table.add(what, f"p99 {p99:.1f} ms, {lost} dropped", reach, met, busy, note)
            # Milliseconds a frame times frames per second are milliseconds a second.
            nodes = {node: it["cpu_ms"] * fps / 10 for node, it in run["nodes"].items()}
            percent = sum(nodes.values())
            parts = ", ".join(f"{node} {value:.2f}" for node, value in sorted(nodes.items()))
            table.add(f"{name}: host CPU a camera", f"{percent:.2f} % of a core", "<= 3 %", percent <= 3, busy, parts)
            if name == "long":
                memory_of(figures.folder, run, table)


def broken(figures, table):
    """Runs that are not whole stand in no other row."""
    for path in sorted(figures.folder.glob("*/*.json")):
        for run in (load(path) or {}).get("runs", []):
            if "partial" in run:
                what = f"{path.parent.name}, run {run['place'] + 1}"
                table.add(what, "not whole", "", False, shares([run]), run["partial"].replace("|", "/"))


def memory_of(folder, run, table):
    """Whether memory stood still: the first minute behind the warm-up against the last one."""
    samples = load(folder / "long-memory.json") or []
    begin, end = run["begin_unix_nanos"] / 1e9, run["end_unix_nanos"] / 1e9
    window = min(COMPARED_SECONDS, (end - begin) / 3)
    for name, what in (("host_mib", "host"), ("device_mib", "device")):
        seen = [(it["unix_seconds"] - begin, it) for it in samples if it[name] is not None]
        seen = [(at, it) for at, it in seen if 0 <= at <= end - begin]
        first = [it for at, it in seen if at <= window]
        last = [it for at, it in seen if at >= end - begin - window]
        if not first or not last:
            table.add(f"long: {what} memory", "not measured", f"flat (within {FLAT:.0%})",
                      note=f"{len(seen)} samples, expected some in the first and last {window:.0f} s")
            continue
        before, after = (mean(it[name] for it in part) for part in (first, last))
        change = (after - before) / before if before else 0.0
        note = f"{change:+.2%} from the first to the last {window:.0f} s"
        note += f"; slope {slope([(at / 60, it[name]) for at, it in seen]):+.2f} MiB a minute"
        values = [it[name] for _, it in seen]
        note += f"; {min(values):.1f} to {max(values):.1f} MiB in {len(seen)} samples"
        if name == "host_mib":
            note += f"; {grown(first, last)}"
        table.add(f"long: {what} memory", f"{before:.1f} to {after:.1f} MiB", f"flat (within {FLAT:.0%})",
                  abs(change) <= FLAT, note=note)


def slope(points):
    """Of the straight line through points, by least squares."""
    x, y = mean(x for x, _ in points), mean(y for _, y in points)
    spread = sum((at - x) ** 2 for at, _ in points)
    return sum((at - x) * (value - y) for at, value in points) / spread if spread else 0.0


def grown(first, last):
    """MiB of each process at the end, and by how much more that is than at the begin."""
    names = sorted({name for it in first + last for name in it.get("processes_mib", {})})
    parts = []
    for name in names:
        # A process that was started anew stands under its name; one that is gone has nothing.
        before, after = (mean(it.get("processes_mib", {}).get(name, 0.0) for it in part) for part in (first, last))
        parts.append(f"{name} {after:.1f} ({after - before:+.1f})")
    return ", ".join(parts)


def own_mib(process):
    """What is no file's: counters that the kernel keeps. To add up pages instead (PSS) can stop a
    process of gigabytes for some time, and what is measured is whether it is ever late."""
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(found) / 1024 if found else None


def device_mib():
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    try:
        return float(subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def parent_of(process):
    try:
        # The name in parentheses may have blanks in it.
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[1])
    except (OSError, IndexError, ValueError):
        return None


def processes_in(stats):
    """The nodes' processes by name, and dora, which has started them."""
    names = {}
    for path in stats.glob("*.json"):
        try:
            report = json.loads(path.read_text())
            names.setdefault(report["process_id"], []).append(report["stage"])
        except (OSError, ValueError, KeyError):
            continue
    # The stages of a fused node begin with its own name.
    processes = {process: min(stages, key=len) for process, stages in names.items()}
    parents = {parent_of(process) for process in processes} - {None, 0, 1, *processes}
    return {**dict.fromkeys(parents, "dora"), **processes}


def watch(stats, target):
    samples = []
    while True:
        memory = {}
        for process, name in processes_in(stats).items():
            mib = own_mib(process)
            if mib is not None:
                memory[name] = memory.get(name, 0.0) + mib
        if memory:
            samples.append({
                "unix_seconds": time.time(),
                "host_mib": sum(memory.values()),
                "processes_mib": memory,
                "device_mib": device_mib(),
            })
            new = target.with_suffix(".new")
            new.write_text(json.dumps(samples))
            new.rename(target)
        time.sleep(WATCH_EVERY_SECONDS)


def boxes(path):
    counts = []
    try:
        with path.open() as lines:
            # The first thousand tell enough.
            for line in itertools.islice(lines, 1000):
                counts.append(len(json.loads(line)["boxes"]))
    except (FileNotFoundError, ValueError):
        pass  # no run, or a last line that was cut off
    print(f"boxes a frame, in {len(counts)} frames: {mean(counts):.1f}\n" if counts else "no frame reached the sink\n")


def cameras_at(figures, share):
    fused = [rate(whole(record, 0)) for name, record in figures.many.items() if not name.endswith("hevc")]
    known = [figures.decode_rate("h264"), figures.engine_rate(), max(filter(None, fused), default=None)]
    known = [value for value in known if value]
    if not known:
        sys.exit("error: no limit has been measured, "
                 "expected the parts decode, engine and many before, or LONG_CAMERAS")
    return max(1, min(400, int(share * min(known) / FPS)))


def main():
    words = sys.argv[1:]
    if len(words) == 2 and words[0] == "table":
        figures, table = Figures(pathlib.Path(words[1])), Table()
        for part in (kernels, alone, one, many, live, broken):
            part(figures, table)
        table.show()
    elif len(words) == 2 and words[0] == "cameras":
        print(cameras_at(Figures(pathlib.Path(words[1])), 0.8))
    elif len(words) == 3 and words[0] == "watch":
        watch(pathlib.Path(words[1]), pathlib.Path(words[2]))
    elif len(words) == 2 and words[0] == "boxes":
        boxes(pathlib.Path(words[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
