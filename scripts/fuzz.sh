#!/usr/bin/env bash
# Fuzzes what reads bytes and text from outside (fuzz/README.md): each target for some seconds, from
# its committed seeds and what earlier runs found. Ends with 1 if one of them fails; the input that
# did it is then under fuzz/artifacts/.
#
# Usage: scripts/fuzz.sh [SECONDS [TARGET]...]     default: 60 seconds, all targets
#        scripts/fuzz.sh build                     compiles all targets
# FUZZ_JOBS=N: how many targets run at a time (default: the number of cores)
# FUZZ_SEED=N: the same inputs each time, as far as time allows (default: others each time)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"

seconds=${1:-60}
[ "$seconds" = build ] || [[ "$seconds" =~ ^[1-9][0-9]{0,5}$ ]] || { printf "error: '%s' is no number of seconds from 1 to 999999\n" "$seconds" >&2; exit 2; }
shift || true
known=(fuzz_targets/*.rs)
known=("${known[@]#fuzz_targets/}")
known=("${known[@]%.rs}")
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${known[@]}")
for target in "${targets[@]}"; do
  [ -e "fuzz_targets/$target.rs" ] || { printf "error: unknown target '%s', expected one of: %s\n" "$target" "${known[*]}" >&2; exit 2; }
done

# Coverage as cargo-fuzz asks for it, of which the stable toolchain can do all but the sanitizers.
# With --target, build scripts and macros are built without.
host=$(rustc -vV | sed -n 's/^host: //p')
coverage=(-sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters
  -sanitizer-coverage-pc-table -sanitizer-coverage-trace-compares)
flags="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 ${coverage[*]/#/-Cllvm-args=}"
bins=("${targets[@]/#/--bin=}")
RUSTFLAGS="$flags" cargo build --release --locked --quiet --target "$host" "${bins[@]}"
[ "$seconds" != build ] || exit 0

run() { # TARGET
  local target=$1 log=artifacts/$1/log
  mkdir -p "artifacts/$target" "corpus/$target"
  if "target/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -max_len=8192 -seed="${FUZZ_SEED:-0}" -print_final_stats=1 -artifact_prefix="artifacts/$target/" \
    "corpus/$target" "seeds/$target" >"$log" 2>&1; then
    local runs coverage
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(grep -oE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$log" | tail -n 1)
    printf '%s: %s executions in %s s, %s, no finding\n' "$target" "$runs" "$seconds" "$coverage"
  else
    printf '%s: a finding; the end of %s:\n' "$target" "fuzz/$log"
    tail -n 25 "$log"
    return 1
  fi
}

jobs=${FUZZ_JOBS:-$(nproc)}
failed=0
while [ ${#targets[@]} -gt 0 ]; do
  processes=()
  for target in "${targets[@]:0:$jobs}"; do
    run "$target" &
    processes+=($!)
  done
  targets=("${targets[@]:$jobs}")
  for process in "${processes[@]}"; do wait "$process" || failed=1; done
done
exit $failed
