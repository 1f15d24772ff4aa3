#!/usr/bin/env bash
# The dashboard's page in headless Chromium: simulated cameras, a real graph, the real server. Builds what it needs;
# installs Chromium (apt-get) and playwright-core (npm, into .cache) where they are absent.
#
# Usage: scripts/page-tests.sh [NAME]     NAME: only tests whose name contains it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh
camweave_setup

browser=${CHROMIUM:-$(command -v chromium || command -v google-chrome || true)}
# Ubuntu has Chromium as a snap only, which does not run everywhere.
if [ -z "$browser" ] && grep -qx 'ID=debian' /etc/os-release; then
  install_packages chromium
  browser=$(command -v chromium)
fi
if [ -z "$browser" ]; then
  [ "${CI:-}" != true ] || die "no Chromium, which CI must have"
  say "skipped: no Chromium; CHROMIUM names the program of one"
  exit 0
fi
export CHROMIUM=$browser
install_playwright

say "building"
cargo build --release --workspace --bins --exclude camweave-benches --exclude camweave-example-rust-sink
run() { node --test --test-reporter=spec ${2:+--test-name-pattern="$2"} "$1"; }
# Two at a time, as they wait for much of it: each has a graph and a browser of its own.
logs=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
tell() { # FILE NAME
  local log=$logs/${1##*/} passed=yes
  run "$1" "$2" >"$log" 2>&1 || passed=no
  say "tests of the page: $1"
  cat "$log"
  [ $passed = yes ] || touch "$log.failed"
}
for file in tests/page/*.test.mjs; do
  [ "$(jobs -pr | wc -l)" -lt 2 ] || wait -n
  tell "$file" "${1:-}" &
done
wait
# Browsers, their decoders and whole graphs share a few cores: what fails is looked at once more, alone, and what
# fails twice is a fault.
for file in tests/page/*.test.mjs; do
  [ -e "$logs/${file##*/}.failed" ] || continue
  say "once more: $file"
  run "$file" "${1:-}"
done
