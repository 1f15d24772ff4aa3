"""Makes docs/OPTIMIZATION_SUMMARY.md of measured records; see optimization-summary.sh."""

import json
import pathlib
import sys

NAMES = ["profile", "fps-sequential", "fps-batched", "batch", "ab"]
DEVICES = [("cpu", "CPU"), ("gpu", "GPU")]
NOT_MEASURED = "not measured"

# What the document of the reference worker (Python, PyTorch, TensorRT on one GPU) says.
# Component: milliseconds before its optimization, and after, where it gives one.
REFERENCE = [
    ("Video decoding", [("decode", "decode")], 0.24, None),
    ("Preprocessing", [("infer", "letterbox")], 0.14, None),
    ("Inference", [("infer", "infer")], 1.79, None),
    ("Postprocessing (NMS)", [("nms", "decode_head"), ("nms", "nms")], 404.87, 7.33),
]
# The same in Python (PyTorch 2.11) on the GPU of the records: docs/benchmarks/2026-11-25-gpu.md.
PYTHON = {"Preprocessing": 0.063, "Inference": 0.920, "Postprocessing (NMS)": 0.957}
REFERENCE_FPS = [
    ("Single camera", 1, 3.01, 558.03),
    ("Multi-camera (4), per camera", 4, 0.70, 147.06),
]
REFERENCE_COMBINED = (2.79, 588.22)


def keep(source, target):
    """Copies the records without their single runs."""
    for name in NAMES:
        record = json.loads((source / f"{name}.json").read_text())
        record.pop("runs", None)
        record.pop("run", None)
        text = json.dumps(record, indent=1, sort_keys=True)
        (target / f"{name}.json").write_text(text + "\n")


def load(records, device):
    """The records of a device by name; those that are not there are missing."""
    found = {}
    for name in NAMES:
        path = records / device / f"{name}.json"
        if path.is_file():
            found[name] = json.loads(path.read_text())
    return found


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value, digits=2):
    return NOT_MEASURED if value is None else f"{value:.{digits}f}"


def component(record, parts):
    """Milliseconds per frame of some spans, by the last part of the stage's id."""
    if record is None:
        return None
    found = [
        it["ms"]
        for it in record["components"]
        for stage, name in parts
        if it["stage"].split(".")[-1] == stage and it["component"] == name
    ]
    return sum(found) if found else None


def point(record, cameras):
    points = record["points"] if record else []
    return next((it for it in points if it["cameras"] == cameras), None)


def components(records):
    rows = []
    for title, parts, before, after in REFERENCE:
        row = [title, number(before), number(after) if after else "the same"]
        row.append(number(PYTHON.get(title), 3))
        for device, _ in DEVICES:
            row.append(number(component(records[device].get("profile"), parts), 3))
        rows.append(row)
    whole = ["Full pipeline, one camera", "1952.00", "714.00", NOT_MEASURED]
    for device, _ in DEVICES:
        found = point(records[device].get("fps-sequential"), 1)
        whole.append(number(1000 / found["combined_fps"] if found else None, 3))
    rows.append(whole)
    head = ["Component, ms per frame", "Reference, before", "Reference, after", "Python on this GPU"]
    head += [f"camweave, {title}" for _, title in DEVICES]
    text = "## Profile of the components\n\n" + table(head, rows)
    for device, title in DEVICES:
        profile = records[device].get("profile")
        if not profile:
            continue
        if "verdict" in profile:
            # A verdict by what is saturated.
            said = f"On the {title}: {profile['verdict']['sentence']}."
        else:
            worst = profile["components"][profile["bottleneck"]]
            said = (
                f"On the {title} **{worst['component']}** of `{worst['stage']}` takes most time per frame: "
                f"{worst['share_percent']:.0f} % of all work, {profile['times_the_next']:.1f} times the "
                f"next component."
            )
        text += (
            f"\n{said} `ms per frame` is time in the work, queues left out; the full pipeline "
            f"is the time from one frame's detections to the next one's.\n"
        )
    return text


def cameras(records):
    rows = []
    kinds = [
        (f"camweave, {title}, {kind}", records[device].get(f"fps-{kind}"))
        for device, title in DEVICES
        for kind in ("sequential", "batched")
    ]
    for title, count, before, after in REFERENCE_FPS:
        row = [title, number(before), number(after)]
        for _, record in kinds:
            found = point(record, count)
            row.append(number(found["per_camera_fps"] if found else None))
        rows.append(row)
    combined = ["Combined throughput (4)", *map(number, REFERENCE_COMBINED)]
    drop = ["Drop per camera, one to four", "76.8 %", "73.6 %"]
    for _, record in kinds:
        one, four = point(record, 1), point(record, 4)
        combined.append(number(four["combined_fps"] if four else None))
        if one and four:
            drop.append(f"{100 * (1 - four['per_camera_fps'] / one['per_camera_fps']):.1f} %")
        else:
            drop.append(NOT_MEASURED)
    rows += [combined, drop]
    head = ["FPS", "Reference, before", "Reference, after", *(name for name, _ in kinds)]
    return (
        "## Frames per second, one camera against four\n\n"
        + table(head, rows)
        + "\nWhere one camera already takes all that the machine can do, four share it: three "
        "quarters less per camera is then all there is, and the combined rate is what tells.\n"
    )


def batches(records):
    text = "## Batches against one inference per frame\n\n"
    text += (
        "The reference document expected 300 to 400 FPS per camera from batches of four "
        "(558 and 147 sequential), and did not measure it.\n"
    )
    for device, title in DEVICES:
        record = records[device].get("batch")
        text += f"\n### {title}\n\n"
        if not record:
            text += NOT_MEASURED + "\n"
            continue
        rows = []
        for it in record["points"]:
            base = next(
                other
                for other in record["points"]
                if other["cameras"] == it["cameras"] and other["name"].endswith("sequential")
            )
            frames = it["frames_per_inference"]
            rows.append(
                [
                    it["name"],
                    number(it["per_camera_fps"]),
                    number(it["combined_fps"]),
                    f"{it['combined_fps'] / base['combined_fps']:.2f}x",
                    "-" if frames is None else number(frames),
                    number(it["cpu_ms"]),
                ]
            )
        head = ["", "FPS per camera", "Combined FPS", "Against sequential"]
        head += ["Frames of one inference", "CPU ms per frame"]
        text += table(head, rows)
        settings = record["settings"]
        if "GPU" in settings:
            text += f"\nOn {settings['GPU'].split(',')[0]}, MPS {settings.get('MPS', 'not known')}.\n"
        if settings.get("MPS") == "off":
            text += (
                "\nWithout MPS, so separate processes took turns on the GPU: one inference per frame "
                "pays for each turn, and batching is worth more than under MPS (see the comparison below).\n"
            )
    return text


def verdicts(records):
    text = "## Sequential against batched, with intervals\n"
    for device, title in DEVICES:
        record = records[device].get("ab")
        text += f"\n**{title}**: "
        text += record["versus"][0]["headline"] + ".\n" if record else NOT_MEASURED + ".\n"
        for it in record["versus"][0]["verdicts"] if record else []:
            if it["metric"]["family"] == "whole":
                text += f"- {it['text']}\n"
    return text


def origin(records):
    text = "## Where the figures come from\n\n"
    text += "Made by `scripts/optimization-summary.sh`; the records are in `docs/benchmarks/records`. "
    text += "The reference's figures are its own document's. Those of Python on the same GPU are in "
    text += "[benchmarks/2026-11-25-gpu.md](benchmarks/2026-11-25-gpu.md): one frame at a time, the network as a CUDA "
    text += "graph of the YOLOv8n layout, postprocess vectorised (401.6 ms as a loop over anchors).\n"
    for device, title in DEVICES:
        text += f"\n**{title}**: "
        if not records[device]:
            text += NOT_MEASURED + ".\n"
            continue
        text += "\n\n"
        for name in NAMES:
            record = records[device].get(name)
            if record:
                settings = record["settings"]
                command = settings.get("command", f"camweave {name}")
                load_average = settings.get("load average at the start") or settings["load average at the begin"]
                text += f"- `{command}`: {settings['CPU']}, {settings['memory']}, {settings['kernel']}, "
                text += f"load {load_average}\n"
    return text


def write(records, target):
    found = {device: load(records, device) for device, _ in DEVICES}
    parts = [
        "# Performance optimization summary\n\n"
        "The tables of the reference worker's document of that name, measured on camweave.\n",
        components(found),
        cameras(found),
        batches(found),
        verdicts(found),
        origin(found),
    ]
    target.write_text("\n".join(parts))


if __name__ == "__main__":
    what, source, target = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    {"keep": keep, "write": write}[what](source, target)
