"""Measures camweave beside its peers; see bench-peers.sh."""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
PACKAGES = {
    "opencv_onnxruntime": ["opencv-python-headless==5.0.0.93", "onnxruntime==1.31.0"],
    "ultralytics_predict": ["ultralytics", "torch", "torchvision", "onnxruntime==1.31.0"],
}


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench-peers.sh", description=__doc__.split(";")[0] + ".")
    parser.add_argument("--models", type=Path, nargs="+", metavar="FILE.onnx", help="detectors [the street models of 448x256 and 640]")
    parser.add_argument("--files", type=Path, nargs="+", metavar="FILE", help="media files, one per camera [four rendered streets]")
    parser.add_argument("--peers", nargs="+", choices=sorted(PACKAGES), default=["opencv_onnxruntime"], help="[opencv_onnxruntime]")
    parser.add_argument("--graphs", nargs="+", default=["cpu-fused", "cpu-batched"], help="graphs of dataflows/ [cpu-fused cpu-batched]")
    parser.add_argument("--engines", nargs="+", default=["auto"], help="engines of cpu-infer, each a row of its own [auto]")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement [10]")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each, in turns [3]")
    parser.add_argument("--out", type=Path, default=ROOT / "out/peers", help="folder for clips and figures [out/peers]")
    parser.add_argument("--record", type=Path, help="a Markdown file for the table and the raw figures")
    return parser.parse_args()


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def environment(peers):
    """The Python of the peers, with their packages."""
    folder = ROOT / ".cache/peers"
    python = folder / "bin/python3"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for peer in peers:
        mark = folder / f"{peer}-{'-'.join(PACKAGES[peer]).replace('=', '')}"
        if not mark.exists():
            say(f"installing {' '.join(PACKAGES[peer])}")
            command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES[peer]]
            if "torch" in PACKAGES[peer]:
                command += ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]
            subprocess.run(command, check=True)
            mark.touch()
    return python


def clips(folder):
    """Four rendered streets as a camera sends them: 640x360, 25 frames a second, 20 s, no B frames."""
    made = []
    for seed in range(2_000_100, 2_000_104):
        clip = folder / f"street-{seed}.mp4"
        if not clip.exists():
            scenes = folder / f"scenes-{seed}"
            subprocess.run([PROGRAMS / "render-scenes", "--seeds", f"{seed}..{seed + 1}", "--frames", "500", "--burst", "500",
                            "--stride-seconds", "50", "--crf", "20..21", "--out", scenes], check=True, stdout=subprocess.DEVNULL)
            part = clip.with_suffix(".part.mp4")
            subprocess.run(["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-i", scenes / f"{seed}.mp4", "-vf", "setpts=N/25/TB",
                            "-r", "25", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "fast", "-crf", "23",
                            "-x264-params", "bframes=0:keyint=50", part], check=True)
            part.rename(clip)
        made.append(clip)
    return made


def output(command, **options):
    run = subprocess.run(command, capture_output=True, text=True, **options)
    if run.returncode:
        sys.exit(f"error: {' '.join(map(str, command))} ended with {run.returncode}:\n{run.stderr[-2000:]}")
    return run.stdout


def peer(python, name, model, files, seconds):
    command = [python, ROOT / f"benches/peers/{name}.py", model, str(seconds), "4", *files]
    text = output(command)
    return float(re.search(r"([\d.]+) frames/s", text).group(1)), text.strip().splitlines()[-1]


def camweave(graph, engine, model, files, seconds, out):
    command = [PROGRAMS / "camweave", "bench", "fps", ROOT / f"dataflows/{graph}.yml", "--cameras", str(len(files)), "--seconds", str(seconds),
               "--warm-up", "3", "--repeat", "1", "--json", "--out", out, "--model", model, "--files", *files]
    point = json.loads(output(command, env=dict(os.environ, ENGINE=engine)))["points"][0]
    return point["combined_fps"], f"{point['combined_fps']:.2f} frames/s, p50 {point['latency_p50_ms']:.1f} ms"


def main():
    arguments = options()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = [file.resolve() for file in arguments.files or clips(arguments.out)]
    models = arguments.models or [ROOT / "models" / name for name in ("camweave-street-448x256.onnx", "camweave-street-640.onnx")]
    python = environment(arguments.peers)
    rows = [(name, lambda model, name=name: peer(python, name, model, files, arguments.seconds)) for name in arguments.peers]
    for engine in arguments.engines:
        for graph in arguments.graphs:
            rows.append((f"camweave, {graph}" + ("" if engine == "auto" else f", {engine}"),
                         lambda model, graph=graph, engine=engine: camweave(graph, engine, model, files, arguments.seconds, arguments.out / "run")))
    lines, raw = ["| model | | frames/s, median (least to most) | against the first |", "|---|---|---:|---:|"], []
    for model in models:
        model = Path(model).resolve()
        found = {name: [] for name, _ in rows}
        for turn in range(arguments.repeat):
            # There and back, so that no one is always after the same.
            for name, measure in rows if turn % 2 == 0 else reversed(rows):
                value, text = measure(model)
                found[name].append(value)
                raw.append(f"{model.name}, turn {turn + 1}, {name}: {text}")
                say(raw[-1])
        first = found[rows[0][0]]
        for name, _ in rows:
            values = found[name]
            ratios = [b / a for a, b in zip(first, values)]
            lines.append(f"| {model.name} | {name} | {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f}) | "
                         f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")
    table = "\n".join(lines)
    print(table)
    if arguments.record:
        cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True).stdout.strip()
        command = " ".join(["scripts/bench-peers.sh", *(str(word).replace(f"{ROOT}/", "") for word in sys.argv[1:])])
        arguments.record.write_text(
            f"# camweave beside its peers, CPU\n\n{time.strftime('%Y-%m-%d')}, commit {commit}, {cpu}, {os.cpu_count()} cores. {len(files)} files, "
            f"{arguments.repeat} turns of {arguments.seconds:g} s.\n\n```sh\n{command}\n```\n\n{table}\n\n## Raw\n\n```text\n" + "\n".join(raw) + "\n```\n")


if __name__ == "__main__":
    main()
