#!/usr/bin/env bash
# Measures camweave beside its peers on this machine's CPU: the same files and model, in turns.
#
# Usage: scripts/bench-peers.sh [OPTIONS]      scripts/bench-peers.sh --help lists them
#
# Builds what it needs, and puts the peers' packages into .cache/peers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh
case " $* " in *" -h "* | *" --help "*) exec python3 scripts/bench_peers.py --help ;; esac
camweave_setup
install_packages ffmpeg
cargo build --release --workspace --bins
exec python3 scripts/bench_peers.py "$@"
