#!/usr/bin/env bash
# A chaos run: 16 cameras, 45 minutes, a fault every 5 s on average. The report goes to OUT/report.md.
#
# Usage: scripts/chaos.sh [OPTIONS]     scripts/chaos.sh --help lists them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh
case " $* " in *" --help "* | *" -h "*) exec python3 scripts/chaos "$@" ;; esac
camweave_setup
say "building"
cargo build --release --workspace --bins
exec python3 scripts/chaos "$@"
