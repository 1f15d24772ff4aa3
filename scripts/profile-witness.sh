#!/usr/bin/env bash
# Compares what `camweave profile` says with witnesses that know nothing of camweave: the stages'
# CPU time per frame with that of their threads as `perf` samples it, and the frames per second
# with the lines of detections.jsonl.
#
# Usage: scripts/profile-witness.sh [GRAPH.yml]     default dataflows/cpu-batched.yml
#
# Environment: SECONDS_EACH (20) of the measurement, CAMERAS (4), OUT (out/profile-witness). Needs
# perf (Debian: linux-perf, Ubuntu: linux-tools-generic) and the right to sample the machine (root, or
# kernel.perf_event_paranoid of 0 or less). Have nothing else run meanwhile.
# Exit codes: 0 all within 5 %; 1 not; 4 perf is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh

graph=${1:-dataflows/cpu-batched.yml}
seconds=${SECONDS_EACH:-20} cameras=${CAMERAS:-4} out=${OUT:-out/profile-witness}
unset CAMERAS OUT
command -v perf >/dev/null || die "perf is missing: install linux-perf (Debian) or linux-tools-generic (Ubuntu)"
camweave_setup
say "building"
cargo build --release --quiet --workspace --bins
own_folder "$out"
rm -rf "$out"
own_folder "$out"

say "profile"
target/release/camweave profile "$graph" --pace fast --cameras "$cameras" --seconds "$seconds" \
  --warm-up 4 --json --out "$out" >"$out/printed.json" 2>"$out/log" &
profile=$!
trap 'kill -INT $profile 2>/dev/null || true' EXIT
lines=$out/run/detections.jsonl
for _ in $(seq 300); do
  [ ! -s "$lines" ] || break
  kill -0 $profile 2>/dev/null || die "the profile ended early: $(tail -n 1 "$out/log")"
  sleep 0.2
done
[ -s "$lines" ] || die "no detection within 60 s"
# All of the machine, since perf runs in circles over a process one of whose threads has ended. The
# samples of the measurement are chosen afterwards.
perf record -a -e cpu-clock -F 997 -k CLOCK_REALTIME -o "$out/perf.data" >"$out/perf.log" 2>&1 &
perf=$!
trap 'kill -INT $profile $perf 2>/dev/null || true' EXIT
sleep 1
kill -0 $perf 2>/dev/null || die "perf cannot sample: $(tail -n 1 "$out/perf.log")"
wait $profile || die "the profile failed: $(tail -n 1 "$out/log")"
kill -INT $perf
wait $perf || true
trap - EXIT
perf script -i "$out/perf.data" --ns -F comm,pid,time,period 2>/dev/null >"$out/samples.txt"
python3 scripts/profile_witness.py "$out"
