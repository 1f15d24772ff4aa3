#!/usr/bin/env bash
# Checks the comparison itself, on what is known: the same graph twice must show no difference,
# and a detector that was slowed down by 5 % must be found and named.
#
# Usage: scripts/ab-selfcheck.sh [TRIES]     default 20 of each, about 35 minutes
#
# Environment: SLOWED_PERCENT (5), SECONDS_EACH (10) of each graph's own time, REPEAT (2) starts of
# both graphs, SLICES (50) milliseconds of a turn, CAMERAS (2), OUT (out/ab-selfcheck). Have nothing
# else run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh
camweave_setup

tries=${1:-20}
[[ $tries =~ ^[1-9][0-9]*$ ]] || die "TRIES '$tries': expected a whole number from 1"
seconds=${SECONDS_EACH:-10}
repeat=${REPEAT:-2}
slices=${SLICES:-50}
cameras=${CAMERAS:-2}
out=${OUT:-out/ab-selfcheck}
export SLOWED_PERCENT=${SLOWED_PERCENT:-5}
unset CAMERAS OUT

say "building"
cargo build --release --quiet --workspace --bins
own_folder "$out"
# One rendering for all runs.
target/release/render-scenes --seeds "1500000..$((1500000 + cameras))" --frames 300 --burst 300 \
  --stride-seconds 30 --crf 23..24 --out "$out/clips" >/dev/null 2>&1
clips=("$out"/clips/*.mp4)

# Cores of a virtual machine are not equally fast at any moment, and a process stays on one: both
# graphs get the same, the last one.
core=$(($(nproc) - 1))

# one NAME TRY GRAPH_B: a comparison; its line of results is appended to NAME.
one() {
  local folder="$out/$1-$2"
  # A run that is not whole is a result as well: it is said, and counted as not found.
  taskset -c "$core" target/release/camweave ab benches/graphs/plain.yml "benches/graphs/$3.yml" --pace fast \
    --files "${clips[@]}" --cameras "$cameras" --seconds "$seconds" --warm-up 0.5 \
    --repeat "$repeat" --slices="$slices" --out "$folder" >"$folder.log" 2>&1 ||
    say "$1 $2: $(tail -n 1 "$folder.log")"
  python3 - "$folder/summary.json" <<'PY' | tee -a "$out/$1.txt"
import json, sys
versus = json.load(open(sys.argv[1]))["versus"][0]
differs = any(it["outcome"] in ("better", "worse") for it in versus["verdicts"])
named = versus["named"][0] if versus["named"] else "none"
outcome = "differs" if differs else "same"
# A graph that drops frames is broken, which is no slowdown found.
dropped = next(it for it in versus["verdicts"] if it["metric"]["name"] == "dropped")
if max(dropped["a"], dropped["b"]) > 0:
    outcome, named = "dropped", "none"
print(outcome, named, versus["headline"], sep="\t")
PY
  # The verdict is what is kept; runs are large.
  rm -rf "$folder"
}

: >"$out/same.txt"
: >"$out/slowed.txt"
for try in $(seq "$tries"); do
  one same "$try" plain
  one slowed "$try" slowed
done

# count COLUMN VALUE NAME: the comparisons of that name whose result has the value there.
count() { awk -F '\t' -v column="$1" -v value="$2" '$column == value' "$out/$3.txt" | wc -l; }
wrong=$((tries - $(count 1 same same)))
found=$(count 1 differs slowed)
named=$(count 2 infer slowed)
echo
echo "| comparison | tries | difference reported | stage 'infer' named |"
echo "|---|---:|---:|---:|"
echo "| the same graph twice | $tries | $wrong | $(count 2 infer same) |"
echo "| one stage slowed by $SLOWED_PERCENT % | $tries | $found | $named |"
# At least 19 of 20 must be right, of each.
allowed=$((tries / 20))
if [ "$wrong" -gt "$allowed" ] || [ "$named" -lt $((tries - allowed)) ]; then
  printf 'error: expected a difference in %s of %s at most where there is none, and the stage named in %s at least where there is one\n' \
    "$allowed" "$tries" "$((tries - allowed))" >&2
  exit 1
fi
