"""Plants bottlenecks in graphs on the CPU and counts how many `camweave profile` names right.

Usage: python3 scripts/plant_bottlenecks.py [--out FOLDER] [--seconds S] [--attempts N] [NAME ...]

Build first (cargo build --release --workspace --bins); dora is on the PATH. Prints a table, and writes each profile
into FOLDER/NAME.json. A run beside which other programs used more than 0.2 cores is repeated, up to N times, unless
such programs are what was planted.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
QUIET = 0.2
H264 = ["libx264", "-preset", "veryfast", "-qp", "26"]
H265 = ["libx265", "-preset", "ultrafast", "-x265-params", "qp=20:log-level=none"]
# A disk on which each write of more than a few bytes takes 200 ms.
SLOW_DISK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
ssize_t write(int file, const void *bytes, size_t count) {
  static ssize_t (*next)(int, const void *, size_t);
  if (!next) next = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  struct stat it;
  struct timespec pause = {0, 200000000};
  if (count > 64 && fstat(file, &it) == 0 && S_ISREG(it.st_mode)) nanosleep(&pause, 0);
  return next(file, bytes, count);
}
"""


def graph(folder, name, env=None, fused=False, track=True):
    """A graph of camweave's stages; `env` has the variables of each by its name."""
    env, model = env or {}, env.get("model", "448x256") if env else "448x256"
    batched = env.get("batch") != "none"
    stages = ["decode", *(["batch"] if batched else []), "infer", "nms", *(["track"] if track else [])]
    kinds = {"decode": "sw-decode", "batch": "batcher", "infer": "cpu-infer", "nms": "cpu-nms", "track": "tracker"}

    def node(name, kind, before, more):
        return {
            "id": name,
            "path": str(env.get("programs", {}).get(kind, PROGRAMS / kind)),
            "inputs": {"in": {"source": f"{before}/out", "queue_size": 1024, "queue_policy": "backpressure"}},
            "outputs": [] if kind == "sink" else ["out"],
            "env": more,
        }

    nodes, last = [node("source", "rtsp-source", "", {})], "source"
    nodes[0]["inputs"] = {"tick": "dora/timer/millis/500"}
    if fused:
        more = {"STAGES": ",".join(f"{it}={kinds[it]}" for it in stages)}
        for stage in stages:
            more |= {f"{stage.upper()}__{key}": value for key, value in env.get(stage, {}).items()}
        nodes.append(node("detect", "fused", last, more))
        last = "detect"
    else:
        for stage in stages:
            nodes.append(node(stage, kinds[stage], last, env.get(stage, {})))
            last = stage
    nodes.append(node("sink", "sink", last, env.get("sink", {})))
    model = str(ROOT / f"models/camweave-street-{model}.onnx")
    whole = {"env": {"CAMERAS": "cameras.yml", "OUT": "out", "MODEL": model}}
    path = folder / f"{name}.yml"
    path.write_text(json.dumps(whole | {"nodes": nodes}))
    return path


def clip(folder, name, encoder):
    """1080p with so much noise that a frame takes a core a tenth of a second."""
    path = folder / name
    if not path.exists():
        source = "testsrc2=size=1920x1080:rate=10:duration=3,noise=alls=40:allf=t"
        encoder = [*encoder, "-bf", "0", "-g", "10", "-pix_fmt", "yuv420p"]
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", *encoder]
        subprocess.run([*command, str(path)], check=True)
    return str(path)


def slow_disk(folder):
    """A sink that has such a disk."""
    source, library, sink = folder / "slow.c", folder / "slow.so", folder / "slow/sink"
    source.write_text(SLOW_DISK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    sink.parent.mkdir(exist_ok=True)
    sink.write_text(f"#!/bin/sh\nLD_PRELOAD='{library}' exec '{PROGRAMS / 'sink'}' \"$@\"\n")
    sink.chmod(0o755)
    return {"programs": {"sink": sink}}


def scenarios(folder):
    """Name, what is planted, the graph's options, those of profile, busy programs, limits, and who."""
    big, hevc = clip(folder, "big.mp4", H264), clip(folder, "big-hevc.mp4", H265)
    disk = slow_disk(folder)
    four = ["--cameras", "4"]
    large = [*four, "--files", big]
    one, kept = {"THREADS": "1"}, {"CONFIDENCE": "0", "IOU": "1", "MAX_DETECTIONS": "30000"}
    many = {"nms": kept, "track": {"HIGH_SCORE": "0", "NEW_TRACK_SCORE": "0", "MAX_BOXES": "2000"}}
    heavy, tiny = {"model": "640"}, {"model": "320"}
    full, thread, either = ["cores"], ["thread"], ["cores", "batches"]
    single = {"batch": "none", "infer": {"MAX_BATCH": "1"}}

    def live(cameras, fps):
        return ["--pace", "live", "--cameras", str(cameras), "--fps", str(fps)]

    return [
        ("heavy", "heavy detector", dict(env=heavy), four, 0, full, "infer"),
        ("heavy-fused", "heavy detector, one process", dict(env=heavy, fused=True), four, 0, full, "detect.infer"),
        ("heavy-live", "heavy detector, live cameras that ask for more",
         dict(env=heavy), live(6, 15), 0, full, "infer"),
        ("detector-thread", "detector with one thread", dict(env=heavy | {"infer": one}), four, 0, thread, "infer"),
        ("detector-thread-fused", "the same, one process",
         dict(env=heavy | {"infer": one}, fused=True), four, 0, thread, "detect.infer"),
        ("decode", "large H.264, all cores", dict(env=tiny), large, 0, full, "decode"),
        ("decode-fused", "large H.264, one process", dict(env=tiny, fused=True), large, 0, full, "detect.decode"),
        ("decode-thread", "large H.264, decoder with one thread",
         dict(env=tiny | {"decode": one}), large, 0, thread, "decode"),
        ("decode-thread-hevc", "large H.265, decoder with one thread",
         dict(env=tiny | {"decode": one}), [*four, "--files", hevc], 0, thread, "decode"),
        ("decode-stream", "one large stream, which one thread decodes",
         dict(env=tiny), ["--cameras", "1", "--files", big], 0, thread, "decode"),
        ("nms", "8400 boxes a frame, none tracked",
         dict(env=heavy | {"nms": kept}, track=False), four, 0, ["thread", "cores"], "nms"),
        ("track", "2000 boxes to track", dict(env=tiny | many), four, 0, ["thread", "cores"], "track"),
        ("track-fused", "the same, one process",
         dict(env=tiny | many, fused=True), four, 0, ["thread", "cores"], "detect.track"),
        ("disk", "a slow disk", dict(env=tiny | disk), four, 0, ["blocked"], "sink"),
        ("disk-fused", "a slow disk, one process before it",
         dict(env=tiny | disk, fused=True), four, 0, ["blocked"], "sink"),
        ("load", "two live cameras of 3 frames/s", {}, live(2, 3), 0, ["load"], None),
        ("load-fused", "one live camera of 5 frames/s, one process", dict(fused=True), live(1, 5), 0, ["load"], None),
        ("others", "six programs that compute", {}, four, 6, full, "other programs"),
        ("others-fused", "eight programs that compute", dict(fused=True), four, 8, full, "other programs"),
        ("batch-1", "batches of one", dict(env=single), four, 0, either, "infer"),
        ("batch-1-heavy", "batches of one, larger model", dict(env=heavy | single), four, 0, either, "infer"),
    ]


def profile(out, name, options, more, busy, seconds):
    path = graph(out, name, **options)
    beside = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(busy)]
    try:
        command = [PROGRAMS / "camweave", "profile", path, "--json", "--warm-up", "1", "--seconds", str(seconds)]
        done = subprocess.run([*command, "--out", out / name, *more], capture_output=True, text=True, cwd=ROOT)
    finally:
        for program in beside:
            program.kill()
            program.wait()
    if not done.stdout.startswith("{"):
        return None, done.stderr.strip().splitlines()[-1:]
    (out / f"{name}.json").write_text(done.stdout)
    return json.loads(done.stdout), None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "out/bottlenecks")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--attempts", type=int, default=3)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    known = scenarios(out)
    chosen = [it for it in known if not options.names or it[0] in options.names]
    right = 0
    print("| planted | frames/s | other programs, cores | verdict | right |\n|---|---:|---:|---|---|")
    for name, what, made, more, busy, limits, who in chosen:
        for _ in range(options.attempts):
            found, error = profile(out, name, made, more, busy, options.seconds)
            if found and (busy or found["figures"]["cpu"]["others"] <= QUIET):
                break
            time.sleep(2)
        if not found:
            print(f"| {what} | | | {error} | no |", flush=True)
            continue
        verdict, cpu = found["verdict"], found["figures"]["cpu"]
        named = verdict["other"] or verdict["stage"]
        ok = verdict["limit"] in limits and named == who
        right += ok
        shown = verdict["sentence"].replace("|", "/")
        cells = f"{what} | {found['combined_fps']:.1f} | {cpu['others']:.2f} | {shown} | {'yes' if ok else 'NO'}"
        print(f"| {cells} |", flush=True)
    print(f"\n{right} of {len(chosen)} named right.")
    return 0 if right >= 0.95 * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
