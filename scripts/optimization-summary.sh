#!/usr/bin/env bash
# Measures what docs/OPTIMIZATION_SUMMARY.md is made of, and writes it.
#
#   scripts/optimization-summary.sh [cpu|gpu|gpu-yolov8n|write]
#
# cpu          measure the CPU graphs on this machine (about 8 minutes), then write (default)
# gpu          the same of the GPU graphs
# gpu-yolov8n  the same with the detector that MODEL names: the YOLOv8n layout, 80 classes, 640x640,
#              with random weights (scripts/layout_model.py)
# write        only write the document, from the records that are there
#
# The records are docs/benchmarks/records/<device>/*.json. What has none stands as 'not measured'.
# Have nothing else run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh

device=${1:-cpu} more=()
case $device in
  cpu | gpu | write) ;;
  gpu-yolov8n)
    [ -n "${MODEL:-}" ] || {
      printf 'error: MODEL is not set, expected the path of a YOLOv8n layout\n' >&2
      exit 2
    }
    # Random weights: at the usual threshold every anchor would be a box.
    more=(--env CONFIDENCE=0.9)
    ;;
  *)
    printf "error: '%s', expected cpu, gpu, gpu-yolov8n or write\n" "$device" >&2
    exit 2
    ;;
esac

# measure DEVICE: one record per command, with its command line in it.
measure() {
  local records=docs/benchmarks/records/$1 out=out/optimization-summary
  local sequential=dataflows/${1%-yolov8n}-sequential.yml batched=dataflows/${1%-yolov8n}-batched.yml
  mkdir -p "$records" "$out"
  say "profile"
  "$camweave" profile "$batched" --cameras 4 --seconds 15 "${more[@]}" --json --out "$out/profile" >"$out/profile.json"
  say "one camera against four"
  "$camweave" bench fps "$sequential" --cameras 1,4 --seconds 8 --repeat 2 "${more[@]}" --json --out "$out/fps" >"$out/fps-sequential.json"
  "$camweave" bench fps "$batched" --cameras 1,4 --seconds 8 --repeat 2 "${more[@]}" --json --out "$out/fps" >"$out/fps-batched.json"
  say "batches"
  "$camweave" bench batch --sequential "$sequential" --batched "$batched" --batches 1,2,4,8 \
    --cameras 1,4 --seconds 8 --repeat 2 "${more[@]}" --json --out "$out/batch" >"$out/batch.json"
  say "sequential against batched"
  "$camweave" ab "$sequential" "$batched" --pace fast --cameras 4 --seconds 8 --repeat 3 "${more[@]}" --out "$out/ab" >"$out/ab.txt"
  cp "$out/ab/summary.json" "$out/ab.json"
  # The single runs are large, and the document needs none.
  "$camweave" report optimization-summary keep "$out" "$records"
}

camweave_setup
say "building"
cargo build --release --quiet --workspace --bins
camweave=${CARGO_TARGET_DIR:-target}/release/camweave
[ "$device" = write ] || measure "$device"
"$camweave" report optimization-summary write docs/benchmarks/records docs/OPTIMIZATION_SUMMARY.md
say "docs/OPTIMIZATION_SUMMARY.md"
