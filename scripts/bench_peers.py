"""Measures camweave beside its peers; see bench-peers.sh."""
import argparse
import fcntl
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
LAYOUT = "yolov8n"
OPENCV, ONNX, OPENVINO = "opencv-python-headless==5.0.0.93", "onnx==1.23.2", "openvino==2026.4.0"
ONNXRUNTIME = "onnxruntime==1.31.0"
# The build for machines without a screen; Ultralytics publishes both.
TORCH, ULTRALYTICS = ["torch==2.15.0", "torchvision"], "ultralytics-opencv-headless==8.4.190"
# Per environment; peers that need the same share one.
PACKAGES = {
    "opencv": [OPENCV, ONNX, ONNXRUNTIME, OPENVINO],
    "ultralytics": [*TORCH, ULTRALYTICS, ONNX, ONNXRUNTIME, OPENVINO],
    "cuda": [*TORCH, ONNX, "PyNvVideoCodec"],
}
PEERS = {
    "opencv_onnxruntime": "opencv",
    "opencv_openvino": "opencv",
    "ultralytics_predict": "ultralytics",
    "ultralytics_openvino": "ultralytics",
    "python_pipeline": "cuda",
}
# Cores that other processes may use beside a measurement, else it is repeated, and then left out.
MOST_OTHERS = 0.15
ALONE = {
    "batches": "camweave's engine alone, batches of 4",
    "lanes": "camweave's engine alone, threads that never wait",
}


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench-peers.sh", description=__doc__.split(";")[0] + ".")
    add = parser.add_argument
    add("--model", "--models", type=Path, nargs="+", metavar="FILE.onnx", dest="models",
        help=f"detectors; '{LAYOUT}' is one of that layout with 80 classes and random weights, which "
             f"scripts/layout_model.py writes [the street models of 448x256 and 640, {LAYOUT}]")
    add("--size", default="640", metavar="WxH", help=f"input of '{LAYOUT}', W or WxH, multiples of 32 [640]")
    add("--files", type=Path, nargs="+", metavar="FILE", help="media files, one per camera [four rendered streets]")
    add("--peers", nargs="*", choices=list(PEERS), default=list(PEERS)[:-1], metavar="PEER",
        help=f"of {', '.join(PEERS)}; the last one needs a GPU [all but the last]; ratios are against the first")
    add("--graphs", nargs="*", default=["cpu-fused", "cpu-batched"],
        help="graphs of dataflows/ [cpu-fused cpu-batched]")
    add("--engines", nargs="+", default=["auto"], help="engines of cpu-infer, each a row of its own [auto]")
    add("--no-alone", action="store_true", help="not the engine alone, which the graphs are measured by, too")
    add("--seconds", type=float, default=10.0, help="of each measurement [10]")
    add("--repeats", "--repeat", type=int, default=5, help="measurements of each, in turns [5]")
    add("--out", type=Path, default=ROOT / "out/peers", help="folder for clips and figures [out/peers]")
    add("--record", type=Path, help="a Markdown file for the table and the raw figures")
    add("--lock", type=Path, metavar="FILE",
        help="held (flock) while something is measured, a few minutes at a time, so that what else takes it waits")
    add("--no-build", action="store_true", help="measure the programs that are there")
    return parser.parse_args()


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Skipped(Exception):
    """Why a peer cannot be measured here."""


def environment(name):
    """The Python of a peer, with its packages. Nothing is kept of one that cannot be installed."""
    folder, packages = ROOT / ".cache/peers" / name, PACKAGES[name]
    python, mark = folder / "bin/python3", folder / "-".join(packages).replace("==", "-")
    if mark.exists():
        return python
    say(f"installing {' '.join(packages)}")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1", *packages]
    if name == "ultralytics":
        # PyTorch for CPUs only, where its index can be reached; else PyPI's, which brings CUDA: 6 GB on the disk.
        command += ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    if run.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or run.stderr.splitlines()
        raise Skipped(f"its packages cannot be installed: {errors[-1] if errors else 'pip has failed'}")
    mark.touch()
    return python


def versions(python, name):
    wanted = {re.split("[=<>]", package)[0].lower() for package in PACKAGES[name]}
    found = json.loads(output([python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]))
    found = [f"{entry['name']} {entry['version']}" for entry in found if entry["name"].lower() in wanted]
    python = output([python, "--version"]).strip()
    return ", ".join([python, *sorted(found)])


def clips(folder):
    """Four rendered streets as a camera sends them: 640x360, 25 frames a second, 20 s, no B frames."""
    made = []
    for seed in range(2_000_100, 2_000_104):
        clip = folder / f"street-{seed}.mp4"
        if not clip.exists():
            scenes = folder / f"scenes-{seed}"
            subprocess.run([PROGRAMS / "render-scenes", "--seeds", f"{seed}..{seed + 1}", "--frames", "500",
                            "--burst", "500", "--stride-seconds", "50", "--crf", "20..21", "--out", scenes],
                           check=True, stdout=subprocess.DEVNULL)
            part = clip.with_suffix(".part.mp4")
            subprocess.run(["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-i", scenes / f"{seed}.mp4",
                            "-vf", "setpts=N/25/TB", "-r", "25", "-pix_fmt", "yuv420p", "-c:v", "libx264",
                            "-preset", "fast", "-crf", "23", "-x264-params", "bframes=0:keyint=50", part], check=True)
            part.rename(clip)
        made.append(clip)
    return made


def layout_model(size, folder):
    file = folder / f"{LAYOUT}-layout-{re.sub('[^0-9x]', '', size)}.onnx"
    say(output([environment("opencv"), ROOT / "scripts/layout_model.py", "--size", size, "--out", file]).strip())
    return file


class Failed(Exception):
    """A measurement that came to nothing."""


def output(command, **options):
    try:
        run = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if run.returncode:
        last = (run.stderr.strip() or run.stdout.strip() or "no message").splitlines()[-1]
        raise Failed(f"{Path(command[0]).name} ended with {run.returncode}: {last}")
    return run.stdout


def peer(python, name, model, files, seconds):
    text = output([python, ROOT / f"benches/peers/{name}.py", model, str(seconds), "4", *files])
    if skipped := re.search("skipped: (.*)", text):
        raise Skipped(skipped[1])
    last = text.strip().splitlines()[-1]
    return {name: (float(re.search(r"([\d.]+) frames/s", last)[1]), last)}


def camweave(name, graph, engine, model, files, seconds, out):
    command = [PROGRAMS / "camweave", "bench", "fps", ROOT / f"dataflows/{graph}.yml", "--cameras", str(len(files)),
               "--seconds", str(seconds), "--warm-up", "3", "--repeat", "1", "--json", "--out", out, "--model", model,
               "--env", f"ENGINE={engine}", "--files", *files]
    point = json.loads(output(command))["points"][0]
    told = f"{point['combined_fps']:.2f} frames/s, p50 {point['latency_p50_ms']:.1f} ms"
    if point["dropped_percent"] > 0:
        told += f", {point['dropped_percent']:.1f} % DROPPED"
    return {name: (point["combined_fps"], told)}


def alone(names, engine, model, files, seconds):
    """Both ways in one process, half the time each."""
    command = [PROGRAMS / "pipeline", "bare", "--model", model, "--engine", engine, "--batch", "4", "--warm-up", "1.5",
               "--seconds", str(seconds / 2), *files]
    found = json.loads(output(command))
    told = {way: f"{found[way]['fps']:.2f} frames/s, {found[way]['cpu_ms']:.2f} ms of CPU a frame, {found['engine']}, "
                 f"{found['threads']} threads" for way in names}
    return {names[way]: (found[way]["fps"], told[way]) for way in names}


def contenders(arguments, files):
    """What is measured: pairs of the names of rows and a function of the model. What is skipped, and versions."""
    found, skipped, told = [], {}, {}
    for name in arguments.peers:
        try:
            if PEERS[name] == "cuda" and not Path("/dev/nvidia0").exists():
                raise Skipped("no CUDA device")
            python = environment(PEERS[name])
            told[PEERS[name]] = versions(python, PEERS[name])
        except (Skipped, Failed) as reason:
            skipped[name] = str(reason)
            say(f"{name}: skipped: {reason}")
            continue
        found.append(([name], lambda model, name=name, python=python: peer(
            python, name, model, files, arguments.seconds)))
    for engine in arguments.engines:
        suffix = "" if engine == "auto" else f", {engine}"
        if not arguments.no_alone:
            names = {way: name + suffix for way, name in ALONE.items()}
            found.append((list(names.values()), lambda model, names=names, engine=engine: alone(
                names, engine, model, files, arguments.seconds)))
        for graph in arguments.graphs:
            name = f"camweave, {graph}{suffix}"
            found.append(([name], lambda model, name=name, graph=graph, engine=engine: camweave(
                name, graph, engine, model, files, arguments.seconds, arguments.out / "run")))
    return found, skipped, told


class Lock:
    """A file that is held (flock) while something is measured, 150 s and the rest of a turn at most."""

    def __init__(self, path):
        self.path, self.file, self.since = path, None, 0.0

    def hold(self):
        if self.path and not self.file:
            self.file = self.path.open("a")
            fcntl.flock(self.file, fcntl.LOCK_EX)
            self.since = time.monotonic()

    def release(self, longest=150.0):
        if self.file and time.monotonic() - self.since > longest:
            self.file.close()
            self.file = None
            time.sleep(1.0)  # others have their turn


def busy():
    """CPU seconds that the whole machine has spent, and those of what this process has started and seen end."""
    user, nice, system, _, _, irq, softirq = (int(word) for word in Path("/proc/stat").read_text().split()[1:8])
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def quiet(run, model):
    """A measurement beside which others used little; of two the one beside which they used least."""
    best = None
    for _ in range(2):
        since, (machine, own) = time.monotonic(), busy()
        found = run(model)
        machine, own = (after - before for after, before in zip(busy(), (machine, own), strict=True))
        others = max(0.0, machine - own) / (time.monotonic() - since)
        if best is None or others < best[0]:
            best = others, found
        if others < MOST_OTHERS:
            break
        say(f"others used {others:.2f} cores beside {', '.join(found)}")
    return best


def measure(rows, model, arguments, lock, skipped, raw):
    """The figures of each row, by turn."""
    found = {name: {} for names, _ in rows for name in names}
    for turn in range(1, arguments.repeats + 1):
        lock.hold()
        # There and back, so that no one is always after the same.
        for names, run in rows if turn % 2 else reversed(rows):
            if skipped.keys() & set(names):
                continue
            try:
                others, values = quiet(run, model)
                for name, (value, text) in values.items():
                    if others < MOST_OTHERS:
                        found[name][turn] = value
                    out = "" if others < MOST_OTHERS else ": left out"
                    raw.append(f"{model.name}, turn {turn}, {name}: {text}; others used {others:.2f} cores{out}")
                    say(raw[-1])
            except Skipped as reason:
                skipped[names[0]] = str(reason)
                say(f"{names[0]}: skipped: {reason}")
            except Failed as reason:
                raw.append(f"{model.name}, turn {turn}, {names[0]}: failed: {reason}")
                say(raw[-1])
        lock.release()
    return found


def shown(values, digits):
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(values, base):
    """Of the same turns: a ratio of medians would hide a machine that changes its speed."""
    return [values[turn] / base[turn] for turn in sorted(values.keys() & base.keys())]


def table(model, found, first):
    lines = []
    engines = [found[name] for name in ALONE.values() if name in found]
    for name, values in found.items():
        cells = [shown(list(values.values()), 1), shown(ratios(values, found[first]), 2)]
        cells += [shown(ratios(values, base), 2) if name.startswith("camweave, ") else "" for base in engines]
        lines.append(f"| {model.name} | {name} | {' | '.join(cells)} |")
    return lines


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    vector = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_tile") if flag in flags]
    return f"{cpu}, {os.cpu_count()} cores, {' '.join(vector) or 'no AVX2'}; Linux {platform.release()}"


def commit():
    try:
        return output(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"]).strip()
    except Failed:
        return "unknown"


def main():
    arguments = options()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = [file.resolve() for file in arguments.files or clips(arguments.out)]
    streets = [ROOT / f"models/camweave-street-{size}.onnx" for size in ("448x256", "640")]
    models = arguments.models or [*streets, Path(LAYOUT)]
    try:
        models = [layout_model(arguments.size, arguments.out) if str(model) == LAYOUT else model.resolve()
                  for model in models]
    except (Skipped, Failed) as reason:
        sys.exit(f"error: '{LAYOUT}' cannot be made: {reason}; name another --model")
    if missing := [str(model) for model in models if not model.is_file()]:
        sys.exit(f"error: --model {', '.join(missing)}: no such file")
    rows, skipped, told = contenders(arguments, files)
    if not rows:
        sys.exit("error: nothing is left to be measured")
    first = rows[0][0][0]
    heads = ["model", "", "frames/s, median (least to most)", f"against {first}"]
    if not arguments.no_alone and "auto" in arguments.engines:
        heads += [f"against {name.split(', ')[-1]}" for name in ALONE.values()]
    lines, raw = [f"| {' | '.join(heads)} |", f"|---|---|{'---:|' * (len(heads) - 2)}"], []
    lock = Lock(arguments.lock)
    for model in models:
        lines += table(model, measure(rows, model, arguments, lock, skipped, raw), first)
    lines += [f"\n{name}: skipped: {reason}" for name, reason in skipped.items()]
    facts = [f"- {machine()}", f"- camweave: commit {commit()}"]
    facts += [f"- {name}: {text}" for name, text in told.items()]
    body = "\n".join([*facts, "", *lines])
    print(body)
    if arguments.record:
        command = " ".join(["scripts/bench-peers.sh", *(word.replace(f"{ROOT}/", "") for word in sys.argv[1:])])
        arguments.record.write_text(
            f"# camweave beside its peers\n\n{time.strftime('%Y-%m-%d')}. {len(files)} files, "
            f"{arguments.repeats} turns of {arguments.seconds:g} s.\n\n"
            f"```sh\n{command}\n```\n\n{body}\n\n## Raw\n\n```text\n" + "\n".join(raw) + "\n```\n")


if __name__ == "__main__":
    main()
