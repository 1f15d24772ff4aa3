#!/usr/bin/env bash
# Compares the trackers on rendered streets and on two annotated ones, and writes a record.
#
# Usage: scripts/bench-tracking.sh [--no-build]
#
# No video is decoded: the boxes come from the truth, with the errors of a detector, by seed. TUD-Campus and
# TUD-Stadtmitte are in the wheel of motmetrics, which is taken from PyPI into .cache; nothing of it is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit ;; esac
case " $* " in
  *" --no-build "*) ;;
  *) cargo build --release -p camweave-benches --bin tracking ;;
esac
tracking=target/release/tracking
data=.cache/motmetrics
if [ ! -f "$data/motmetrics/data/TUD-Campus/gt.txt" ]; then
  mkdir -p "$data"
  python3 -m pip download --quiet --no-deps --dest "$data" motmetrics==1.4.0
  python3 -m zipfile -e "$data"/motmetrics-1.4.0-*.whl "$data"
fi
record=docs/benchmarks/$(date -u +%F)-tracking.md
{
  printf '# Trackers, %s\n\n' "$(date -u +%F)"
  # shellcheck disable=SC2016 # the document's own quotes
  printf 'By `scripts/bench-tracking.sh` at %s. Scores are percentages, mean and standard deviation over ten seeds; counts are sums. [What was measured](../tracking.md#measured).\n' "$(git rev-parse --short HEAD)"
  printf '\n## Rendered streets, seeds 1 to 10, 40 s each\n\n'
  "$tracking" scenes
  for street in TUD-Campus TUD-Stadtmitte; do
    printf '\n## %s, its true boxes with the errors of ten detectors\n\n' "$street"
    "$tracking" mot "$data/motmetrics/data/$street"
  done
} >"$record.new"
mv "$record.new" "$record"
echo "$record"
