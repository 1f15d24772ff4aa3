"""Sums up the runs of two commits' benchmarks; see bench-commits.sh."""

import collections
import math
import pathlib
import re
import statistics
import sys

UNITS = {"ps": 1e-3, "ns": 1.0, "µs": 1e3, "us": 1e3, "ms": 1e6, "s": 1e9}
# Two-sided 95 % points of Student's t, by degrees of freedom from 1 on.
STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]


def divan(text):
    """The fastest time of each benchmark in nanoseconds: what disturbs only makes slower."""
    path, found = [], {}
    for line in text.splitlines():
        match = re.match(r"^([│ ]*)[├╰]─ (\S+(?: \S+)*?)\s{2,}(.*)$", line.rstrip() + "  ")
        if not match:
            continue
        depth = len(match.group(1)) // 3
        path = path[:depth] + [match.group(2)]
        time = re.match(r"([\d.]+) (ps|ns|µs|us|ms|s)\b", match.group(3).strip())
        if time:
            found["/".join(path)] = float(time.group(1)) * UNITS[time.group(2)]
    return found


def callgrind(text):
    """Instructions of one call of each benchmark."""
    pairs = (line.split("\t") for line in text.splitlines())
    return {f"{name}, instructions": float(count) for name, count in pairs if float(count) > 0}


def names(text):
    """The full names of the benchmarks in divan's list, which is a tree."""
    path, found = [], []
    for line in text.splitlines():
        match = re.match(r"^([│ ]*)(?:[├╰]─ )?(\S.*)$", line)
        if not match:
            continue
        depth = len(match.group(1)) // 3 + (1 if "─ " in line else 0)
        inner = len(path) == depth
        if found and inner:
            found.pop()
        path = path[:depth] + [match.group(2).strip()]
        found.append("::".join(path))
    return found


def read(folder):
    runs = collections.defaultdict(lambda: {"A": [], "B": []})
    for file in sorted(folder.iterdir()):
        bench, side, _, kind = file.name.rsplit(".", 3)
        parse = divan if kind == "divan" else callgrind
        for name, value in parse(file.read_text(errors="replace")).items():
            runs[f"{bench}: {name}"][side].append(value)
    return runs


def interval(a, b):
    """Ratio B / A of logarithms, and its 95 % interval (Welch's t with the smaller sample's degrees)."""
    a, b = [math.log(it) for it in a], [math.log(it) for it in b]
    ratio = statistics.mean(b) - statistics.mean(a)
    freedom = min(len(a), len(b)) - 1
    if freedom < 1:
        return math.exp(ratio), None
    error = math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
    reach = STUDENT[min(freedom, len(STUDENT)) - 1] * error
    return math.exp(ratio), (math.exp(ratio - reach), math.exp(ratio + reach))


def shown(value, counts):
    if counts:
        return f"{value:,.0f}"
    for unit, size in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)]:
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} ns"


def percent(ratio):
    return f"{100 * (ratio - 1):+.1f} %"


def main():
    if sys.argv[1:] == ["names"]:
        print("\n".join(names(sys.stdin.read())))
        return
    folder, commit_a, commit_b, margin = pathlib.Path(sys.argv[1]), *sys.argv[2:4], float(sys.argv[4])
    least = margin / 100
    print(f"| benchmark | {commit_a} | {commit_b} | change | 95 % interval | |")
    print("|---|---:|---:|---:|---:|---|")
    slower = []
    for name, sides in sorted(read(folder).items()):
        if not sides["A"] or not sides["B"]:
            print(f"| {name} | | | | | only in one of them |")
            continue
        ratio, ends = interval(sides["A"], sides["B"])
        low, high = ends or (ratio, ratio)
        verdict = ""
        if low > 1 + least:
            verdict = "**slower**"
            slower.append((ratio, name))
        elif high < 1 - least:
            verdict = "faster"
        span = f"{percent(low)} to {percent(high)}" if ends else "none"
        counts = "instructions" in name
        cells = [shown(statistics.mean(sides[side]), counts) for side in "AB"]
        print(f"| {name} | {cells[0]} | {cells[1]} | {percent(ratio)} | {span} | {verdict} |")
    print()
    if slower:
        print("Slower: " + ", ".join(f"{name} ({percent(it)})" for it, name in sorted(slower, reverse=True)))
    else:
        print(f"Nothing got slower by more than {margin:g} %.")


if __name__ == "__main__":
    main()
