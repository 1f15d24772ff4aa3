#!/usr/bin/env bash
# Measures camweave beside its peers on this machine: the same files and model, in turns.
#
# Usage: scripts/bench-peers.sh [OPTIONS]      scripts/bench-peers.sh --help lists them
#
# Builds what it needs (not with --no-build). Each peer's packages go into an environment of its own under
# .cache/peers, which may be removed at any time; one of them, Ultralytics, is under the AGPL, and is run from there only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case " $* " in *" -h "* | *" --help "*) exec python3 scripts/bench_peers.py --help ;; esac
case " $* " in
  *" --no-build "*) PATH=$PWD/.cache/python/bin:$PATH ;;
  *)
    . scripts/setup.sh
    camweave_setup
    install_packages ffmpeg
    cargo build --release --workspace --bins
    ;;
esac
exec python3 scripts/bench_peers.py "$@"
