"""What came of a chaos run, as a Markdown report with a verdict a line."""
import bisect
import json
import statistics
from pathlib import Path

# What the run must show.
FPS_WITHIN, P99_WITHIN, LIVE_WITHIN_S = 0.02, 0.20, 2.0
# Attacks that end as `too_large`, and the longest wait after it.
TOO_LARGE = ("fua", "midlen", "biglen", "headers", "oneline", "bigsdp", "tracks", "bigau70")
TOO_LARGE_WAIT_S = 60.0
# Attacks by frames that can be decoded, several times as many as the camera's own.
LOADS = ("flood3000",)
# Seconds around a fault of a node that are looked at apart: the node's start is paid by every camera.
BEFORE_NODE, AFTER_NODE = 0.5, 3.0


def detections(results):
    """By camera: sorted (detected, latency) in seconds, of all segments."""
    cameras, lines, broken = {}, 0, 0
    for path in sorted(Path(results).rglob("detections*.jsonl")):
        if path.is_symlink():
            continue
        with path.open(errors="replace") as file:
            for line in file:
                lines += 1
                try:
                    row = json.loads(line)
                except ValueError:
                    broken += 1
                    continue
                at = row["detected_unix_nanos"] / 1e9
                cameras.setdefault(row["camera"], []).append((at, at - row["captured_unix_nanos"] / 1e9))
    for rows in cameras.values():
        rows.sort()
    return cameras, lines, broken


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


class Windows:
    """Spans of time that do not count, merged."""

    def __init__(self, spans):
        self.spans = []
        for start, end in sorted(spans):
            if self.spans and start <= self.spans[-1][1]:
                self.spans[-1][1] = max(end, self.spans[-1][1])
            else:
                self.spans.append([start, end])
        self.starts = [start for start, _ in self.spans]

    def has(self, at):
        index = bisect.bisect_right(self.starts, at) - 1
        return index >= 0 and at < self.spans[index][1]

    def length_within(self, start, end):
        return sum(max(0.0, min(end, b) - max(start, a)) for a, b in self.spans)


def steady(rows, phase, windows):
    """Frames per second and p99 of one camera in one phase outside of `windows`."""
    start, end = phase
    chosen = [latency for at, latency in rows if start <= at < end and not windows.has(at)]
    seconds = end - start - windows.length_within(start, end)
    return len(chosen) / seconds, quantile(chosen, 0.99)


def recoveries(done, rows_of, disturbed):
    """Seconds from each end of a camera's fault to its next detection, by fault; disturbed ones apart."""
    found = []
    for fault in done:
        if fault["kind"] == "node":
            continue
        until = fault["until"]
        others = any(
            other is not fault and other["kind"] != "node" and other["where"] == fault["where"]
            and until <= other["at"] < until + LIVE_WITHIN_S for other in done
        )
        if others or disturbed.has(until) or disturbed.has(until + LIVE_WITHIN_S):
            continue
        times = [at for at, _ in rows_of.get(fault["where"], [])]
        index = bisect.bisect_left(times, until)
        found.append((times[index] - until if index < len(times) else float("inf"), fault))
    return found


def middle(samples, key):
    return statistics.median(sample[key] for sample in samples)


def memory(samples, phase):
    """By stage: medians of resident bytes and descriptors in the second and the last eighth of the phase."""
    start, end = phase
    eighth = (end - start) / 8
    stages = {}
    for sample in samples:
        stages.setdefault(sample["stage"], []).append(sample)
    rows = []
    for stage, all_samples in sorted(stages.items()):
        early, late = (
            [sample for sample in all_samples if start + part * eighth <= sample["at"] < start + (part + 1) * eighth]
            for part in (1, 7)
        )
        if early and late:
            peak = max(sample["rss"] for sample in all_samples)
            rows.append((stage, middle(early, "rss"), middle(late, "rss"), peak,
                         middle(early, "descriptors"), middle(late, "descriptors")))
    return rows


def leaks(folders, forms):
    found = []
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                found += [path.name for form in forms if form.encode() in data]
    return found


def spread(values):
    return f"{min(values):.3f} to {max(values):.3f}, median {statistics.median(values):.3f}"


def judge(out, results, stats, phases, done, calm, rough, samples, secret_forms, ended, code, arguments):
    rows_of, lines, broken = detections(results)
    summary = json.loads((Path(results) / "summary.json").read_text())
    node_faults = [fault for fault in done if fault["kind"] == "node"]
    around_nodes = Windows((fault["at"] - BEFORE_NODE, fault["until"] + AFTER_NODE) for fault in node_faults)
    nothing = Windows([])
    verdicts, text = [], []

    def verdict(name, good, figures):
        verdicts.append(good)
        text.append(f"| {name} | {'yes' if good else '**no**'} | {figures} |")

    text.append(f"# Chaos run, seed {arguments.seed}\n")
    counts = {}
    for fault in done:
        counts[fault["kind"]] = counts.get(fault["kind"], 0) + 1
    text.append(
        f"{len(calm) + len(rough)} cameras at {arguments.fps:g} frames/s ({len(calm)} never touched), "
        f"`{arguments.graph}`, {arguments.minutes:g} minutes with {len(done)} faults ("
        + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        + f"), one every {arguments.minutes * 60 / max(1, len(done)):.1f} s, after {arguments.calm:g} minutes without. "
        f"{lines} lines of detections.\n"
    )
    text.append("| what | holds | figures |\n|---|---|---|")
    early = "" if ended is None else f", ended early with {ended}"
    verdict("the graph ran to the end", ended is None and code == 0, f"exit code {code}{early}")

    # What a camera sends is detected on, and costs the others time: no fault of the bounds.
    loads = [(fault["at"] - BEFORE_NODE, fault["until"] + AFTER_NODE) for fault in done if fault["what"] in LOADS]
    fps = []
    without_loads = Windows([*map(tuple, around_nodes.spans), *loads])
    for windows, label in (
        (around_nodes, "outside of node faults"),
        (without_loads, "outside of node faults and of attacks whose frames are good and many"),
        (nothing, "everything counted"),
    ):
        ratios_fps, ratios_p99 = [], []
        for camera in calm:
            rows = rows_of.get(camera, [])
            before, after = steady(rows, phases["calm"], nothing), steady(rows, phases["chaos"], windows)
            ratios_fps.append(after[0] / before[0] if before[0] else 0.0)
            ratios_p99.append(after[1] / before[1] if before[1] else float("inf"))
            if windows is around_nodes:
                fps.append((camera, before, after))
        if windows is not nothing:
            verdict(f"FPS of the untouched cameras within {FPS_WITHIN:.0%} ({label})",
                    min(ratios_fps) >= 1 - FPS_WITHIN, f"chaos / calm {spread(ratios_fps)}")
            verdict(f"their p99 within {P99_WITHIN:.0%} ({label})",
                    max(ratios_p99) <= 1 + P99_WITHIN, f"chaos / calm {spread(ratios_p99)}")
        else:
            text.append(f"| FPS and p99, {label} | | FPS {spread(ratios_fps)}; p99 {spread(ratios_p99)} |")

    back = recoveries(done, rows_of, around_nodes)
    # After some attacks a camera is left alone on purpose, longer each time (rtsp-source's README): no camera
    # that is only away or odd is among them.
    waits = [(seconds, fault) for seconds, fault in back if fault["what"] in TOO_LARGE]
    others = [it for it in back if it not in waits]
    for name, bound, part in (
        (f"every camera live again within {LIVE_WITHIN_S:g} s of being reachable", LIVE_WITHIN_S, others),
        ("after what is `too_large`, live again within the wait that is due", TOO_LARGE_WAIT_S + LIVE_WITHIN_S, waits),
    ):
        times = [seconds for seconds, _ in part]
        late = [(seconds, fault) for seconds, fault in part if seconds > bound]
        said = ", ".join(f"{fault['what']} {seconds:.2f} s" for seconds, fault in sorted(late, key=lambda it: -it[0]))
        figures = "no fault to look at"
        if part:
            figures = f"{len(part) - len(late)} of {len(part)}; median {statistics.median(times):.2f} s, "
            figures += f"longest {max(times):.2f} s" + (f"; late: {said}" if said else "")
        verdict(name, not late, figures)

    open_accounts = []
    for camera in summary["cameras"]:
        known = camera["frames_detected"] + sum(camera["dropped"].values()) + sum(camera["lost"].values())
        missing = camera["frames_sent"] - known
        if missing or camera["under_way"]:
            open_accounts.append(f"{camera['id']} {missing:+}, {camera['under_way']} under way")
    sent = sum(camera["frames_sent"] for camera in summary["cameras"])
    verdict("accounts close to the frame", not open_accounts,
            ", ".join(open_accounts) or f"{len(summary['cameras'])} cameras, {sent} frames")
    told = sum(camera["frames_detected"] for camera in summary["cameras"])
    verdict("detected frames are lines", told == lines and not broken,
            f"{told} in summary.json, {lines} lines, {broken} broken")

    grown = []
    table = ["| node | RSS early | late | peak | descriptors early | late |", "|---|---:|---:|---:|---:|---:|"]
    for stage, early, last, peak, fds, last_fds in memory(samples, phases["chaos"]):
        sizes = " | ".join(f"{size / 1e6:.0f} MB" for size in (early, last, peak))
        table.append(f"| {stage} | {sizes} | {fds:.0f} | {last_fds:.0f} |")
        if last > early * 1.1 + 20e6 or last_fds > fds * 1.1 + 10:
            grown.append(stage)
    verdict("memory and descriptors are flat", not grown,
            ", ".join(grown) or "late at most 10 % + 20 MB (10 descriptors) above early")
    leaked = leaks([out], secret_forms)
    verdict("no secret in any file", not leaked,
            ", ".join(sorted(set(leaked))) or f"{len(secret_forms)} spellings of the password")

    text += ["", "## Memory", "", *table, "", "## Untouched cameras", "",
             "| camera | FPS calm | chaos | p99 calm | chaos |", "|---|---:|---:|---:|---:|"]
    for camera, before, after in fps:
        p99 = f"{before[1] * 1e3:.0f} ms | {after[1] * 1e3:.0f} ms"
        text.append(f"| {camera} | {before[0]:.3f} | {after[0]:.3f} | {p99} |")
    text += ["", "## Frames", "",
             "| camera | sent | detected | dropped | lost | state |", "|---|---:|---:|---|---|---|"]
    for camera in summary["cameras"]:
        cells = [camera["id"], camera["frames_sent"], camera["frames_detected"]]
        cells += [", ".join(f"{what} {count}" for what, count in camera[part].items()) for part in ("dropped", "lost")]
        text.append(f"| {' | '.join(map(str, [*cells, camera.get('state')]))} |")
    text += ["", "## Back after a fault", "", "| fault | times | median s | longest s |", "|---|---:|---:|---:|"]
    groups = {}
    for seconds, fault in back:
        groups.setdefault((fault["kind"], fault["what"]), []).append(seconds)
    for (kind, what), seconds in sorted(groups.items()):
        text.append(f"| {kind} {what} | {len(seconds)} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")
    return "\n".join(text) + "\n"
