"""A chaos run: cameras under a pipeline, a fault every few seconds, and what came of it.

Half of the cameras are never touched. Each of the others is reached through a relay that cuts, refuses,
silences, freezes, slows or damages its connection, or passes it on to a server that attacks or to one of the
odd cameras of tests/field. Nodes are killed, stopped and terminated. The same seed has the same faults.
Everything runs on loopback."""
import argparse
import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))
import judge  # noqa: E402
import plan  # noqa: E402
import processes  # noqa: E402
from odd import OddCameras  # noqa: E402
from relay import Relay  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target/release"
FIELD = ROOT / "tests/field"
USER, PASSWORD = "operator", f"Pa+ss {secrets.token_hex(6)}"


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def simulate(out, name, ids, seed, fps, auth):
    """A `camera-sim` that serves these cameras; gives the process and each camera's port and path."""
    command = [str(TARGET / "camera-sim"), "serve", "--port", "0", "--fps", str(fps), "--seconds", "60"]
    command += ["--at-end", "loop", "--start", "now", "--stagger", "1", "--record", str(out / name)]
    for index, camera in enumerate(ids):
        command += ["--camera", f"{camera}=scene:{1_000_000 + seed * 1000 + index}"]
    environment = dict(os.environ)
    if auth:
        environment["CAMERA_SIM_AUTH"] = f"{USER}:{PASSWORD}"
    with (out / f"{name}.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
    ready = json.loads(process.stdout.readline())
    places = {}
    for camera in ready["cameras"]:
        host, port, path = re.match(r"rtsp://[^/]*?([\d.]+):(\d+)/(.*)", camera["url"]).groups()
        places[camera["id"]] = host, int(port), path
    return process, places


def options():
    parser = argparse.ArgumentParser(prog="scripts/chaos.sh", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=45.0, help="length of the faults [45]")
    parser.add_argument("--calm", type=float, default=3.0, help="minutes without faults before, to compare with [3]")
    parser.add_argument("--cameras", type=int, default=16, help="cameras; the second half of them suffer [16]")
    parser.add_argument("--fps", type=float, default=2.0, help="frames per second of each camera [2]")
    parser.add_argument("--every", type=float, default=5.0, help="mean seconds between faults [5]")
    parser.add_argument("--seed", type=int, default=1, help="of scenes and faults [1]")
    parser.add_argument("--graph", default="dataflows/cpu-batched.yml", help="the graph [dataflows/cpu-batched.yml]")
    parser.add_argument("--out", type=Path, default=ROOT / "out/chaos",
                        help="a new folder for what the run leaves [out/chaos]")
    parser.add_argument("--report", type=Path, help="a Markdown file for the report, besides OUT/report.md")
    return parser.parse_args()


def main():
    arguments = options()
    out = arguments.out.resolve()
    if out.exists() and any(out.iterdir()):
        sys.exit(f"error: '{out}' is not empty, expected a new folder")
    out.mkdir(parents=True, exist_ok=True)
    half = arguments.cameras // 2
    calm = [f"calm{index + 1}" for index in range(half)]
    rough = [f"rough{index + 1}" for index in range(arguments.cameras - half)]
    started = []
    try:
        run(arguments, out, calm, rough, started)
    finally:
        for process in started:
            process.terminate()


def run(arguments, out, calm, rough, started):
    first, calm_at = simulate(out, "calm", calm, arguments.seed, arguments.fps, True)
    started.append(first)
    second, rough_at = simulate(out, "rough", rough, arguments.seed + 1, arguments.fps, False)
    started.append(second)
    port = free_port()
    # Attackers are other machines: what they need to make their floods is not to be taken from the pipeline.
    attackers = ["nice", "-n", "19", sys.executable, str(FIELD / "hostile/rtsp_server.py"), str(port)]
    with (out / "hostile.log").open("w") as log:
        started.append(subprocess.Popen(attackers, stderr=log))
    odd = OddCameras(FIELD, plan.ODD)
    relays = {camera: Relay(camera, rough_at[camera], arguments.seed + index) for index, camera in enumerate(rough)}

    lines = ["cameras:"]
    for camera in calm:
        host, calm_port, path = calm_at[camera]
        lines += [f"  - id: {camera}", f"    url: rtsp://{host}:{calm_port}/{path}"]
        lines += ["    username: ${CHAOS_USER}", "    password: ${CHAOS_PASSWORD}"]
    for camera in rough:
        lines += [f"  - id: {camera}", f"    url: {relays[camera].url}"]
    (out / "cameras.yml").write_text("\n".join(lines) + "\n")

    stats, results = out / "stats", out / "out"
    environment = dict(os.environ, CAMERAS=str(out / "cameras.yml"), OUT=str(results), CAMWEAVE_STATS_DIR=str(stats),
                       CHAOS_USER=USER, CHAOS_PASSWORD=PASSWORD)
    graph = (ROOT / arguments.graph).resolve()
    with (out / "dora.log").open("w") as log:
        command = ["dora", "run", graph.name, "--env", "TABLE_EVERY_MS=60000"]
        dora = subprocess.Popen(command, cwd=graph.parent, env=environment, stdout=log, stderr=subprocess.STDOUT,
                                start_new_session=True)
    started.append(dora)
    wait(lambda: all(live(stats, camera) for camera in calm + rough), 60, "all cameras to be live", dora)
    nodes = sorted(processes.reports(stats))
    faults = plan.plan(arguments.seed, arguments.minutes * 60, arguments.every, rough, nodes, odd.names())
    say(f"{len(calm)} calm and {len(rough)} rough cameras, nodes {', '.join(nodes)}; {len(faults)} faults planned")

    watch = Watch(stats, dora.pid)
    watch.start()
    time.sleep(5)
    phases = {"calm": [time.time(), time.time() + arguments.calm * 60]}
    while time.time() < phases["calm"][1]:
        time.sleep(0.2)
    begin = time.time()
    phases["chaos"] = [begin, begin + arguments.minutes * 60]
    done = play(faults, begin, relays, stats, ("127.0.0.1", port), odd)
    while time.time() < phases["chaos"][1]:
        time.sleep(0.2)
    for camera in rough:
        relays[camera].set("pass")
    say("the faults are over; 15 s for all to come back, then Ctrl-C")
    time.sleep(15)
    watch.stop = True
    ended = dora.poll()
    dora.send_signal(signal.SIGINT)
    dora.wait(60)
    first.send_signal(signal.SIGINT)
    first.wait(10)
    (out / "faults.jsonl").write_text("".join(json.dumps(fault) + "\n" for fault in done))
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    secret_forms = [PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), basic]
    report = judge.judge(out, results, stats, phases, done, calm, rough, watch.samples, secret_forms, ended,
                         dora.returncode, arguments)
    (out / "report.md").write_text(report)
    if arguments.report:
        arguments.report.write_text(report)
    print(report)


def play(faults, begin, relays, stats, hostile, odd):
    """Carries the faults out at their times; gives what was done, with wall-clock times."""
    done, ends = [], []
    pending = list(faults)
    while pending or ends:
        now = time.time()
        for end in [end for end in ends if end[0] <= now]:
            ends.remove(end)
            end[1]()
        if pending and begin + pending[0].at <= now:
            fault = pending.pop(0)
            entry = {"at": now, "kind": fault.kind, "what": fault.what, "where": fault.where}
            entry["until"] = now + fault.seconds
            if fault.kind == "node":
                pid = processes.reports(stats).get(fault.where, {}).get("process_id")
                entry["hit"] = pid is not None and processes.send(pid, fault.what)
                if fault.what == "STOP" and entry["hit"]:
                    ends.append((now + fault.seconds, lambda pid=pid: processes.send(pid, "CONT")))
            else:
                relay = relays[fault.where]
                if fault.kind == "network":
                    relay.set(fault.what)
                elif fault.kind == "hostile":
                    relay.set("pass", (*hostile, fault.what))
                else:
                    relay.set("pass", odd.target(fault.what))
                ends.append((now + fault.seconds, lambda relay=relay: relay.set("pass")))
            done.append(entry)
            if len(done) % 50 == 0:
                say(f"{len(done)} of {len(faults)} faults")
        time.sleep(0.02)
    return done


class Watch(threading.Thread):
    """Samples each process of the run every five seconds."""

    def __init__(self, stats, dora):
        super().__init__(daemon=True)
        self.stats, self.dora, self.stop, self.samples = stats, dora, False, []

    def run(self):
        while not self.stop:
            by_pid = {report.get("process_id"): stage for stage, report in processes.reports(self.stats).items()}
            by_pid[self.dora] = "dora"
            for pid, stage in by_pid.items():
                seen = processes.look(pid) if pid else None
                if seen:
                    self.samples.append({"at": time.time(), "stage": stage, "pid": pid, **seen})
            time.sleep(5)


def live(stats, camera):
    source = processes.reports(stats).get("source", {})
    state = source.get("cameras", {}).get(camera, {}).get("state") or ""
    return state.startswith(("streaming", "live"))


def wait(reached, seconds, what, process):
    until = time.time() + seconds
    while not reached():
        if process.poll() is not None or time.time() > until:
            sys.exit(f"error: waited {seconds} s in vain for {what}")
        time.sleep(0.2)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
