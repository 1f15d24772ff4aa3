"""Nodes as processes: found by the reports that they write, watched through /proc."""
import json
import os
import signal
from pathlib import Path


def reports(stats):
    """The stages' reports by node; a report that is being replaced is skipped."""
    found = {}
    for path in Path(stats).glob("*.json"):
        try:
            report = json.loads(path.read_text())
            found[report["stage"]] = report
        except (OSError, ValueError, KeyError, TypeError):
            pass
    return found


def send(pid, name):
    try:
        os.kill(pid, getattr(signal, "SIG" + name))
        return True
    except ProcessLookupError:
        return False


def children(pid):
    """All processes below `pid`."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(stat[1]), []).append(int(entry.name))
            except (OSError, IndexError, ValueError):
                pass
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def look(pid):
    """Resident bytes that no other process shares, and open descriptors; None where it has ended."""
    try:
        private = 0
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean", "Private_Dirty")):
                private += int(line.split()[1]) * 1024
        rss = 0
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                rss = int(line.split()[1]) * 1024
        return {"private": private, "rss": rss, "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir()))}
    except (OSError, ValueError):
        return None
