#!/usr/bin/env bash
# Runs benchmarks and writes a record of each into docs/benchmarks/<date>-<what>.md.
#
#   scripts/bench.sh [micro|handover|pipeline|all]
#
# micro      single operations: pool, messages, batcher, image and box arithmetic, spans, counters
# handover   3 MiB frames between two processes: pool references against dora's shared memory
# pipeline   the pipeline's throughput against the bare engine's, at 448x256, 320 and 640
#
# Environment: PAIRS, runs of each side of a comparison (4); SECONDS_EACH, seconds of one
# measurement of the pipeline (15); ENGINE, openvino, onnxruntime or rten (rten); CARGO_SCOPE, what cargo
# builds (--workspace).
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
pairs=${PAIRS:-4}
seconds=${SECONDS_EACH:-15}
engine=${ENGINE:-rten}
read -ra scope <<<"${CARGO_SCOPE:---workspace}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $what in
micro | handover | pipeline | all) ;;
*)
    echo "error: '$what', expected micro, handover, pipeline or all" >&2
    exit 2
    ;;
esac

cargo build --release "${scope[@]}" --bins --benches

# begin TITLE FILE: the head of a record.
begin() {
    {
        echo "# $1"
        echo
        echo "| | |"
        echo "|---|---|"
        echo "| date | $(date -u '+%Y-%m-%d %H:%M') UTC |"
        echo "| CPU | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores |"
        echo "| memory | $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) |"
        echo "| kernel | Linux $(uname -r | cut -d- -f1) |"
        echo "| load average at the begin | $(cut -d' ' -f1-3 /proc/loadavg) |"
        echo "| commit | $(git rev-parse --short=10 HEAD) |"
        echo "| versions | $(rustc --version | cut -d' ' -f1,2), $(dora --version 2>/dev/null | head -n 1), $(ffmpeg -version | head -n 1 | cut -d' ' -f1-3) |"
        echo
    } >"$2"
}

# record FILE SHOWN COMMAND...: runs a command that prints Markdown.
record() {
    local file=$1 shown=$2
    shift 2
    # shellcheck disable=SC2016 # the backticks are Markdown's
    printf '## `%s`\n\n' "$shown" >>"$file"
    "$@" | tee -a "$file"
    echo >>"$file"
}

target() { echo "docs/benchmarks/$(date -u '+%Y-%m-%d')-$1.md"; }

micro() {
    local file bench
    file=$(target micro)
    begin "Single operations" "$file"
    for bench in pool message batcher vision tracker spans counters; do
        {
            # shellcheck disable=SC2016 # the backticks are Markdown's
            printf '## `cargo bench -p camweave-benches --bench %s`\n\n```text\n' "$bench"
            cargo bench -q --profile release "${scope[@]}" --bench "$bench"
            printf '```\n\n'
        } | tee -a "$file"
    done
    echo "$file"
}

handover() {
    local file relays
    file=$(target handover)
    begin "Hand-over of 3 MiB frames between two processes" "$file"
    for relays in 0 1; do
        record "$file" "handover compare --pairs $pairs --relays $relays" \
            target/release/handover compare --pairs "$pairs" --relays "$relays"
    done
    echo "$file"
}

pipeline() {
    local file side
    file=$(target pipeline)
    begin "The pipeline against the bare engine" "$file"
    # Four scenes that no model was trained on; the clips are the same on each machine.
    target/release/render-scenes --seeds 2000000..2000004 --frames 300 --burst 300 \
        --stride-seconds 30 --size 640x360 --crf 23..24 --out "$work" 2>/dev/null
    for side in 448x256 320 640; do
        record "$file" \
            "pipeline compare --model models/camweave-street-$side.onnx --engine $engine --pairs $pairs --seconds $seconds CLIPS" \
            target/release/pipeline compare --model "models/camweave-street-$side.onnx" \
            --engine "$engine" --pairs "$pairs" --seconds "$seconds" "$work"/*.mp4
    done
    echo "$file"
}

mkdir -p docs/benchmarks
case $what in
all)
    micro
    handover
    pipeline
    ;;
*) "$what" ;;
esac
