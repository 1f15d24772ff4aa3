#!/usr/bin/env bash
# The benchmarks of scripts/gpu-check.sh, which sources this file; each part leaves JSON in $results.
# Runs of graphs leave frames, counters and logs in $work.
#
# Usage: scripts/gpu-bench.sh make-clips FOLDER     only makes the clips that the benchmarks play
set -euo pipefail

# shellcheck disable=SC2034 # scripts/gpu-check.sh reads it
bench_parts=(kernels engine decode one many live long)

# 1080p as cameras send it: 30 frames/s, 5 Mbit/s, no B frames, a key frame every 2 s; 10 s long.
# The scenes are rendered with 10 frames/s and shown with 30, so all moves three times as fast.
make_clips() {
  local folder=$1 number
  [ ! -e "$folder/street1.h265" ] || return 0
  mkdir -p "$folder"
  # A folder of its own, since it is removed: `scenes` may be somebody else's.
  local scenes
  scenes=$(mktemp -d "$folder/scenes.XXXXXX")
  target/release/render-scenes --seeds 2000000..2000003 --frames 300 --burst 300 \
    --stride-seconds 30 --size 1920x1080 --crf 16..17 --out "$scenes" >&2
  for number in 1 2 3; do
    encode "$scenes/200000$((number - 1)).mp4" -c:v libx264 -preset fast \
      -x264-params bframes=0:ref=1:keyint=60:min-keyint=60:scenecut=0 "$folder/street$number.mp4"
  done
  encode "$scenes/2000000.mp4" -c:v libx265 -preset fast -tag:v hvc1 \
    -x265-params bframes=0:keyint=60:min-keyint=60:scenecut=0:log-level=error "$folder/street1-hevc.mp4"
  # The decoder alone takes elementary streams.
  ffmpeg -nostdin -y -loglevel error -i "$folder/street1.mp4" -c copy -bsf:v h264_mp4toannexb "$folder/street1.h264"
  ffmpeg -nostdin -y -loglevel error -i "$folder/street1-hevc.mp4" -c copy -bsf:v hevc_mp4toannexb -f hevc "$folder/street1.h265"
  rm -rf "$scenes"
}

encode() {
  local from=$1
  shift
  ffmpeg -nostdin -y -loglevel error -i "$from" -vf setpts=N/30/TB -r 30 -pix_fmt yuv420p \
    -b:v 5M -maxrate 6M -bufsize 6M "$@"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  cd "$(dirname "$0")/.."
  case "${1:-}:${2:-}" in
    make-clips:?*) make_clips "$2" ;;
    *) printf "error: '%s', expected make-clips FOLDER\n" "$*" >&2; exit 2 ;;
  esac
  exit
fi

graph() { printf 'dataflows/%s-%s.yml' "${GRAPHS:-gpu}" "$1"; }

# What all parts need: clips, and a plan, so that no measurement waits for an engine to be built.
bench_prepare() {
  # scripts/gpu-check.sh sets them.
  : "${packaged:?}" "${seconds:?}" "${repeat:?}" "${streams:?}" "${live:?}" "${results:?}" "${work:?}" "${record:?}"
  # A hundred cameras are some hundred sockets and shared pools.
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
  export CUDA_MODULE_LOADING=LAZY
  clips=$PWD/clips
  [ "$packaged" = yes ] || clips=$PWD/target/gpu-clips
  [ "$packaged" = yes ] || make_clips "$clips"
  # What runs of graphs leave there is removed again: only from a folder that is the benchmarks' own.
  if [ -e "$work" ] && [ ! -f "$work/.camweave-script" ] && [ -n "$(ls -A "$work")" ]; then
    printf "error: WORK='%s' has files that this script did not write, or that an older one did: remove it, or name another folder\n" "$work" >&2
    exit 2
  fi
  mkdir -p "$results" "$work"
  : >"$work/.camweave-script"
  local model=${MODEL:-}
  if [ -z "$model" ]; then
    model=models/camweave-street-640.onnx
    [ ! -f models/bench.plan ] || model=models/bench.plan
  fi
  [ -f "$model" ] || { printf "error: MODEL='%s': there is no such file\n" "$model" >&2; exit 2; }
  model=$(realpath "$model")
  if [ "${GRAPHS:-gpu}" = gpu ] && [[ $model = *.onnx ]]; then
    local plan
    plan=$PWD/$results/$(basename "$model" .onnx).plan
    [ -f "$plan" ] || run "the engine of $(basename "$model")" target/release/camweave engine build "$model" \
      --max-batch 32 --level "${LEVEL:-3}" --out "$plan"
    model=$plan
  fi
  # The graphs take it from here.
  export MODEL=$model
}

part_kernels() { run "kernels" target/release/kernels --json "$results/kernels.json"; }

part_engine() { run "the engine alone" target/release/engine "$MODEL" --json "$results/engine.json"; }

part_decode() {
  run "the decoder alone" target/release/decode --seconds "$seconds" --streams "$streams" \
    --json "$results/decode.json" "$clips/street1.h264" "$clips/street1.h265"
}

# Frames per second of a graph over numbers of cameras.
fps() { # name, graph, then options
  local name=$1 graph=$2
  shift 2
  run "$name" target/release/camweave bench fps "$graph" --out "$work/$name" \
    ${CONFIDENCE:+--env "CONFIDENCE=$CONFIDENCE"} "$@"
  keep "$name" "$work/$name/run"
}

# What is worth keeping of a run; frames and all else may be gigabytes.
keep() { # name, the folder of a run
  local name=$1 file
  mkdir -p "$results/$name"
  for file in "$work/$name"/{bench-fps.json,summary.json,report.md,report.html}; do
    [ ! -f "$file" ] || cp "$file" "$results/$name/"
  done
  [ ! -f "$2/dora.log" ] || tail -n 400 "$2/dora.log" >"$results/$name/dora.log"
  [ ! -f "$2/graph.yml" ] || cp "$2/graph.yml" "$results/$name/"
  target/release/camweave report gpu boxes "$2/detections.jsonl" | tee -a "$record"
  find "$work/$name" -name detections.jsonl -delete
}

part_one() {
  local graph
  for graph in fused batched; do
    [ $graph = fused ] || mps_start
    # The same clip for all: what is compared is the number of streams.
    fps "one-$graph" "$(graph $graph)" --cameras 1,4 --seconds "$seconds" --repeat "$repeat" \
      --files "$clips/street1.mp4"
  done
  mps_stop
}

part_many() {
  local count
  for count in ${MANY//,/ }; do
    many "many-$count" "$count" "$clips"/street{1,2,3}.mp4
  done
  many "many-${MANY##*,}-hevc" "${MANY##*,}" "$clips/street1-hevc.mp4"
}

# Fused without MPS, separate processes under MPS, and separate ones without, in turns. A process
# that does not find the daemon's pipes works without it.
many() { # name, number of cameras, files
  local name=$1 count=$2 graphs
  shift 2
  graphs=("$(without_mps fused)" "$(graph batched)")
  mps_start
  [ "$mps" = no ] || graphs+=("$(without_mps batched)")
  run "$name" target/release/camweave ab "${graphs[@]}" --cameras "$count" --seconds "$seconds" \
    --repeat "$repeat" --pace fast --out "$work/$name" ${CONFIDENCE:+--env "CONFIDENCE=$CONFIDENCE"} --files "$@"
  keep "$name" "$work/$name/B-1"
  mps_stop
}

# A copy of a graph beside it, since its paths are as seen from there; removed at the end.
without_mps() {
  local from copy
  from=$(graph "$1")
  copy=${from%.yml}-without-mps.yml
  sed '0,/^env:/s||env:\n  CUDA_MPS_PIPE_DIRECTORY: /nonexistent|' "$from" >"$copy"
  printf '%s' "$copy"
}

mps=no
mps_start() {
  mps=no
  if [ "${GRAPHS:-gpu}" = gpu ] && scripts/mps.sh start >&2; then mps=yes; fi
}
mps_stop() { [ "$mps" = no ] || scripts/mps.sh stop >&2 || true; mps=no; }
bench_clean() {
  mps_stop
  rm -f dataflows/*-without-mps.yml
}

part_live() {
  fps live-fused "$(graph fused)" --pace live --cameras "$live" --seconds "$((seconds * 4))" \
    --warm-up 5 --repeat 1 --files "$clips"/street{1,2,3}.mp4
  mps_start
  fps live-batched "$(graph batched)" --pace live --cameras "$live" --seconds "$((seconds * 4))" \
    --warm-up 5 --repeat 1 --files "$clips"/street{1,2,3}.mp4
  mps_stop
}

# Cameras of 80 % of the limit that the parts before have found, in real time.
part_long() {
  local cameras watch
  rm -rf "$work/long" "$results/long-memory.json"
  cameras=${LONG_CAMERAS:-$(target/release/camweave report gpu cameras "$results")} ||
    { failed+=("long: no limit to take 80 % of"); return; }
  target/release/camweave report gpu watch "$work/long/run/stats" "$results/long-memory.json" &
  watch=$!
  fps long "$(graph fused)" --pace live --cameras "$cameras" --seconds "${LONG_SECONDS:-600}" \
    --warm-up 10 --repeat 1 --files "$clips"/street{1,2,3}.mp4
  kill "$watch" 2>/dev/null || true
  wait "$watch" 2>/dev/null || true
}

# benchmarks PART...: the parts, and a table of what has been measured and what was to be reached.
benchmarks() {
  local part
  trap bench_clean EXIT
  bench_prepare
  for part in "$@"; do "part_$part"; done
  bench_clean
  target/release/camweave report gpu table "$results" | tee -a "$record"
}
