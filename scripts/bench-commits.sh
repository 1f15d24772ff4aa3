#!/usr/bin/env bash
# Compares the benchmarks of single operations between two commits, and says what got slower.
#
#   scripts/bench-commits.sh [--instructions] A B [BENCH...]
#
# A and B are commits; BENCH is pool, message, batcher or vision (default: all that both have).
# Both are built in work trees below target/bench-commits, and run in turns, A B B A ...
# --instructions counts the instructions of one call of each benchmark under valgrind's callgrind
# instead of measuring time: the same on a busy machine. It needs valgrind.
# Where a function lies in a program changes its time, here by up to a quarter: count instructions
# before you believe a lone 'slower' of something that the commits have not touched.
#
# Environment: REPEAT, runs of each (5); MARGIN, percent of change that is of interest (3).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
instructions=0
if [ "${1:-}" = --instructions ]; then
  instructions=1
  shift
fi
[ $# -ge 2 ] || usage
if [ "$instructions" = 1 ] && ! command -v valgrind >/dev/null; then
  echo "error: --instructions: 'valgrind' not found; install it, or omit the option" >&2
  exit 4
fi
repeat=${REPEAT:-5}
work=$PWD/target/bench-commits
# What judges is this checkout's, whatever the commits are.
cargo build --release --quiet --workspace --bins
camweave=$(realpath "${CARGO_TARGET_DIR:-target}")/release/camweave
declare -A tree commit
for side in A B; do
  name=$([ "$side" = A ] && echo "$1" || echo "$2")
  commit[$side]=$(git rev-parse --verify --quiet "$name^{commit}") || {
    echo "error: '$name' is no commit" >&2
    exit 2
  }
  tree[$side]=$work/$side
done
shift 2
benches=("$@")
[ ${#benches[@]} -gt 0 ] || benches=(pool message batcher vision)

# executable SIDE BENCH: builds it, and prints where it is.
executable() {
  (cd "${tree[$1]}" && cargo bench --quiet --no-run --profile release --workspace --bench "$2" \
    --target-dir "$work/target-$1" --message-format json) |
    python3 -c '
import json, sys
found = [json.loads(line) for line in sys.stdin]
# The programs that a bench may start are built as well.
print([it["executable"] for it in found if it.get("executable") and "bench" in it["target"]["kind"]][-1])'
}

declare -A program
for side in A B; do
  # A work tree of an earlier call goes to the commit that is wanted now.
  if [ -d "${tree[$side]}" ]; then
    git -C "${tree[$side]}" checkout --quiet --detach "${commit[$side]}"
  else
    git worktree add --quiet --detach "${tree[$side]}" "${commit[$side]}"
  fi
  # What both need of others is built once. The side's own crates are not: to cargo, crates of the
  # same name in another work tree are the same, unless their files are newer than what was built.
  if [ "$side" = B ] && [ ! -d "$work/target-B" ]; then
    cp -a --reflink=auto "$work/target-A" "$work/target-B"
    git -C "${tree[B]}" ls-files -z | (cd "${tree[B]}" && xargs -0 touch --no-create --no-dereference --)
  fi
  for bench in "${benches[@]}"; do
    echo "building $bench of ${commit[$side]:0:10} ($side)" >&2
    program[$side-$bench]=$(executable "$side" "$bench")
  done
done

# calls SIDE BENCH NAME CALLS: instructions of a process that calls one benchmark so often; nothing
# if it dies.
calls() {
  (cd "${tree[$1]}" && valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    "${program[$1-$2]}" --bench --timer os "^$3(::|\$)" --sample-count 1 --sample-size "$4" 2>&1 >/dev/null) |
    awk '/Process terminating/ { died = 1 } /Collected *:/ && !died { print $NF }'
}

# count SIDE BENCH: a line per benchmark, its name and the instructions of one call. What a process
# does beside, and what only the first calls do, is in both counts.
count() {
  local name few more
  "${program[$1-$2]}" --list | "$camweave" report benchmark-names | while read -r name; do
    few=$(calls "$1" "$2" "$name" 2 </dev/null)
    more=$(calls "$1" "$2" "$name" 6 </dev/null)
    if [ -n "$few" ] && [ -n "$more" ]; then
      printf '%s\t%s\n' "$name" "$(((more - few) / 4))"
    else
      echo "$name does not run under valgrind ($1) and was not counted" >&2
    fi
  done
}

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
order=()
for ((round = 0; round < repeat; round++)); do
  if ((round % 2)); then order+=(B A); else order+=(A B); fi
done
for bench in "${benches[@]}"; do
  number=0
  for side in "${order[@]}"; do
    number=$((number + 1))
    echo "running $bench, $number of ${#order[@]} ($side)" >&2
    if [ "$instructions" = 1 ]; then
      count "$side" "$bench" >"$results/$bench.$side.$number.callgrind"
      # The count does not vary, so one of each does.
      [ "$number" -lt 2 ] || break
    else
      (cd "${tree[$side]}" && "${program[$side-$bench]}" --bench) >"$results/$bench.$side.$number.divan"
    fi
  done
done
"$camweave" report commits --margin "${MARGIN:-3}" "$results" "${commit[A]:0:10}" "${commit[B]:0:10}"
