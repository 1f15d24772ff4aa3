#!/usr/bin/env bash
# Runs the GPU tests and benchmarks on this machine and writes a dated record of them into
# docs/benchmarks/<date>-gpu.md: card, driver, versions, each command and what it printed.
#
# Usage: scripts/gpu-check.sh [tests] [benchmarks[:PART,...]]     default: both, all parts
#
# Parts of the benchmarks:
#   kernels  letterbox and postprocess, the device's own time
#   engine   TensorRT alone, batches of 1 to 32
#   decode   the decoder alone, one and many streams, H.264 and H.265
#   one      one and four streams of files to detections, as fast as possible, fused and separate
#   many     MANY streams to detections: fused, separate processes with and without MPS, in turns
#   live     LIVE simulated 1080p30 RTSP cameras in real time, fused and separate
#   long     LONG_SECONDS of simulated cameras at 80 % of the limit found before: drops and memory
#
# In a checkout it builds what it needs. In a package of scripts/gpu-package.sh it builds nothing.
# docs/engines.md says how TensorRT is found. Parts may be run one by one: figures are kept in
# out/gpu, and the table at the end is made of all that are there.
# Environment:
#   MODEL         an ONNX file, of which a plan is built first (LEVEL, 3), or a plan; without it
#                 models/bench.plan if it is there, else models/camweave-street-640.onnx
#   SECONDS_EACH  seconds of one measurement (5)        REPEAT  measurements of each (2)
#   STREAMS       streams of the decoder alone (1,4,8,16,32)
#   MANY          streams of 'many' (16,32)             LIVE    cameras of 'live' (100), or 60,80,...
#   LONG_SECONDS  (600)                                 LONG_CAMERAS  instead of 80 % of the limit
#   CONFIDENCE    of the detections, as for gpu-nms: a network of random weights finds boxes everywhere
#   CAMWEAVE_REQUIRE_GPU  of the tests (1): a test without a GPU fails; with 'all', one that needs
#                 TensorRT's builder too, where only the lean runtime is. Else it says 'skipped: no builder'
#   RESULTS       where figures are kept (out/gpu)      WORK    where graphs run (out/gpu-runs)
#   RECORD        the record's file
#
# Exit codes: 0 all passed; 1 a test or benchmark failed (the record says which); 2 a wrong
# command line; 4 the machine lacks something (each thing is named).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/gpu-bench.sh

wrong() { printf "error: '%s', expected %s\n" "$1" "$2" >&2; exit 2; }
tests=no parts=()
[ $# -gt 0 ] || set -- tests benchmarks
for what in "$@"; do
  case $what in
    tests) tests=yes ;;
    benchmarks) parts=("${bench_parts[@]}") ;;
    benchmarks:*)
      for part in ${what//[:,]/ }; do
        [[ " benchmarks ${bench_parts[*]} " = *" $part "* ]] || wrong "$part" "one of ${bench_parts[*]}"
        [ "$part" = benchmarks ] || parts+=("$part")
      done
      ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    *) wrong "$what" "tests, benchmarks, benchmarks:PART,... or --help" ;;
  esac
done
seconds=${SECONDS_EACH:-5} repeat=${REPEAT:-2} streams=${STREAMS:-1,4,8,16,32}
MANY=${MANY:-16,32} live=${LIVE:-100} results=${RESULTS:-out/gpu} work=${WORK:-out/gpu-runs}

packaged=no
[ ! -f COMMIT ] || packaged=yes
if [ $packaged = yes ]; then
  [ $tests = no ] || [ -d gpu-tests ] || wrong tests "benchmarks: the tests are not in this package"
  [ ${#parts[@]} -eq 0 ] || [ -d dataflows ] || wrong benchmarks "tests: the benchmarks are not in this package"
  # A library that the machine has is its own: Python and others would find ours in place of it.
  mkdir -p lib-used
  for file in lib/*; do
    [ -e "$file" ] || continue
    known=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -cF "${file#lib/} " || true)
    [ "$known" != 0 ] || ln -sf "../$file" lib-used/
  done
  export LD_LIBRARY_PATH="$PWD/lib-used${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" PATH="$PWD/bin:$PATH"
  export CAMWEAVE_CLIPS="$PWD/clips" CAMWEAVE_MODELS="$PWD/models"
  # Tests look beside themselves, programs as well.
  for file in "$PWD"/target/release/libcamweave_tensorrt_*.so; do
    [ ! -e "$file" ] || export CAMWEAVE_TENSORRT_SHIM="$file"
  done
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
needs_command python3 "install it"
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
# GRAPHS=cpu tries these scripts on a machine without a GPU.
if [ ${#missing[@]} -gt 0 ] && [ "${GRAPHS:-gpu}" = gpu ]; then
  printf 'error: this machine lacks %s\n' "${missing[@]}" >&2
  printf 'without a GPU: scripts/test.sh checks all that needs none, dataflows/cpu-batched.yml runs\n' >&2
  exit 4
fi

mkdir -p docs/benchmarks
record=${RECORD:-docs/benchmarks/$(date -u '+%Y-%m-%d')-gpu.md}
query() { nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | head -n 1 || echo unknown; }
commit=$(cat COMMIT 2>/dev/null || git rev-parse --short=10 HEAD)
mps_before=off
if scripts/mps.sh status >/dev/null 2>&1; then mps_before=on; fi
# Parts that are run one by one stand in one record.
[ -s "$record" ] || {
  echo "# GPU: tests and benchmarks"
  echo
  echo "| | |"
  echo "|---|---|"
  echo "| date | $(date -u '+%Y-%m-%d %H:%M') UTC |"
  echo "| card | $(query name), $(query memory.total) |"
  echo "| driver | $(query driver_version), $(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/CUDA \1/p' | head -n 1) |"
  echo "| clocks (largest of SM and memory; video now) | $(query clocks.max.sm), $(query clocks.max.memory); $(query clocks.video) |"
  echo "| MPS at the start | $mps_before |"
  echo "| CPU | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores |"
  echo "| memory, shared memory, open files | $(free -h | awk '/^Mem/ { print $2 }'), $(df -h /dev/shm 2>/dev/null | awk 'NR == 2 { print $2 }'), $(ulimit -Hn) |"
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
  # shellcheck disable=SC2016 # the backticks are Markdown's
  printf '## %s\n\n%s UTC: `%s`\n\n```text\n' "$name" "$(date -u '+%Y-%m-%d %H:%M')" "${*//$PWD\//}" >>"$record"
  "$@" 2>&1 | tee -a "$record" || status=$?
  printf '```\n\nexit code %s\n\n' "$status" >>"$record"
  [ "$status" -eq 0 ] || failed+=("$name")
}

tests() {
  local file package folder
  export CAMWEAVE_REQUIRE_GPU=${CAMWEAVE_REQUIRE_GPU:-1}
  if [ $packaged = yes ]; then
    for file in gpu-tests/*; do
      run "tests: $(basename "$file")" "$file" --test-threads=1 --nocapture
    done
    return
  fi
  for folder in crates/cuda crates/nvdec crates/tensorrt nodes/nvdec nodes/trt-infer nodes/gpu-nms nodes/fused nodes/sink; do
    [ -f "$folder/Cargo.toml" ] || continue
    package=$(sed -n 's/^name = "\(camweave-[^"]*\)"/\1/p' "$folder/Cargo.toml" | head -n 1)
    run "tests: $package" cargo test --release -p "$package" -- --test-threads=1 --nocapture
  done
  run "tests: graphs end to end" cargo test --release -p camweave-tests --test gpu -- --test-threads=1 --nocapture
}

if [ $packaged = no ] && [ ${#parts[@]} -gt 0 ]; then
  cargo build --release --workspace --bins
fi
[ $tests = no ] || tests
[ ${#parts[@]} -eq 0 ] || benchmarks "${parts[@]}"
echo "record: $record"
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
