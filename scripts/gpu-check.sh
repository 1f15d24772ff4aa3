#!/usr/bin/env bash
# Runs the GPU tests and benchmarks on this machine and writes a dated record of them into
# docs/benchmarks/<date>-gpu.md: card, driver, versions, each command and what it printed.
#
# Usage: scripts/gpu-check.sh [tests|benchmarks]     default: both
#
# In a checkout it builds what it needs. In a package of scripts/gpu-package.sh it builds nothing.
# Environment: SECONDS_EACH, seconds of one measurement (5); STREAMS, numbers of streams (1,4,8,16,32).
#
# Exit codes: 0 all passed; 1 a test or benchmark failed (the record says which); 2 a wrong
# command line; 4 the machine lacks something (each thing is named).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

what=${1:-all}
case $what in
  all | tests | benchmarks) ;;
  *) printf "error: '%s', expected tests, benchmarks or nothing\n" "$what" >&2; exit 2 ;;
esac
seconds=${SECONDS_EACH:-5}
streams=${STREAMS:-1,4,8,16,32}

packaged=no
[ -d gpu-tests ] && packaged=yes
if [ $packaged = yes ]; then
  export LD_LIBRARY_PATH="$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" PATH="$PWD/bin:$PATH"
  export CAMWEAVE_CLIPS="$PWD/clips"
fi

# All that is missing is said at once.
missing=()
needs_command() { command -v "$1" >/dev/null || missing+=("the command $1: $2"); }
# Linkers look at LD_LIBRARY_PATH and at ldconfig's list.
has_library() {
  local folder ldconfig
  IFS=: read -ra folders <<<"${LD_LIBRARY_PATH:-}"
  for folder in "${folders[@]}"; do [ -e "$folder/$1" ] && return; done
  ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
  "$ldconfig" -p 2>/dev/null | grep -q "$1 "
}
needs_library() { has_library "$1" || missing+=("the library $1: $2"); }
needs_command nvidia-smi "it comes with NVIDIA's driver"
needs_library libcuda.so.1 "it comes with NVIDIA's driver"
needs_library libnvcuvid.so.1 "it comes with NVIDIA's driver; containers need the capability 'video'"
if [ $packaged = no ]; then
  needs_command cargo "install Rust from https://rustup.rs"
  needs_command ffmpeg "install it with scripts/setup.sh --tests"
fi
if command -v nvidia-smi >/dev/null && ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
  missing+=("a GPU: nvidia-smi lists none")
fi
if [ ${#missing[@]} -gt 0 ]; then
  printf 'error: this machine lacks %s\n' "${missing[@]}" >&2
  printf 'without a GPU: scripts/test.sh checks all that needs none, dataflows/cpu-batched.yml runs\n' >&2
  exit 4
fi

mkdir -p docs/benchmarks
record=docs/benchmarks/$(date -u '+%Y-%m-%d')-gpu.md
query() { nvidia-smi --query-gpu="$1" --format=csv,noheader | head -n 1; }
commit=$(git rev-parse --short=10 HEAD 2>/dev/null || cat COMMIT)
mps=off
pgrep -x nvidia-cuda-mps-control >/dev/null 2>&1 || pgrep -f nvidia-cuda-mps-control >/dev/null 2>&1 && mps=on
{
  echo "# GPU: tests and benchmarks"
  echo
  echo "| | |"
  echo "|---|---|"
  echo "| date | $(date -u '+%Y-%m-%d %H:%M') UTC |"
  echo "| card | $(query name), $(query memory.total) |"
  echo "| driver | $(query driver_version), $(nvidia-smi | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/CUDA \1/p' | head -n 1) |"
  echo "| clocks (SM, video, memory; largest) | $(query clocks.max.sm), $(query clocks.max.video 2>/dev/null || echo unknown), $(query clocks.max.memory) |"
  echo "| MPS | $mps |"
  echo "| CPU | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores |"
  echo "| kernel | Linux $(uname -r | cut -d- -f1) |"
  echo "| commit | $commit |"
  echo "| versions | $(dora --version 2>/dev/null | head -n 1 || true) $(rustc --version 2>/dev/null | cut -d' ' -f1,2 || true) |"
  echo
} >"$record"

failed=()
# run NAME COMMAND...: a command with its raw output, in the record and on the terminal.
run() {
  local name=$1 status=0
  shift
  printf '## %s\n\n`%s`\n\n```text\n' "$name" "${*//$PWD\//}" >>"$record"
  "$@" 2>&1 | tee -a "$record" || status=$?
  printf '```\n\nexit code %s\n\n' "$status" >>"$record"
  [ "$status" -eq 0 ] || failed+=("$name")
}

tests() {
  local file package folder
  export CAMWEAVE_REQUIRE_GPU=1
  if [ $packaged = yes ]; then
    for file in gpu-tests/*; do
      run "tests: $(basename "$file")" "$file" --test-threads=1 --nocapture
    done
    return
  fi
  for folder in crates/cuda crates/nvdec crates/tensorrt nodes/nvdec nodes/trt-infer nodes/gpu-nms; do
    [ -f "$folder/Cargo.toml" ] || continue
    package=$(sed -n 's/^name = "\(camweave-[^"]*\)"/\1/p' "$folder/Cargo.toml" | head -n 1)
    run "tests: $package" cargo test --release -p "$package" -- --test-threads=1 --nocapture
  done
}

# 1080p as cameras send it; in a package the files are there.
clips() {
  local codec
  clips=${CAMWEAVE_CLIPS:-target/gpu-clips}
  mkdir -p "$clips"
  for codec in h264 h265; do
    [ -e "$clips/bench.$codec" ] || ffmpeg -nostdin -loglevel error -f lavfi \
      -i testsrc2=size=1920x1080:rate=30 -frames:v 240 -c:v "libx26${codec#h26}" \
      -preset fast -b:v 6M -bf 0 -g 60 "$clips/bench.$codec"
  done
}

benchmarks() {
  [ $packaged = yes ] || cargo build --release --workspace --bins
  clips
  run "decoding alone" target/release/decode --seconds "$seconds" --streams "$streams" \
    "$clips/bench.h264" "$clips/bench.h265"
  if [ -x target/release/camweave ]; then
    run "what the machine has" target/release/camweave doctor
  fi
}

[ "$what" = benchmarks ] || tests
[ "$what" = tests ] || benchmarks
echo "record: $record"
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
