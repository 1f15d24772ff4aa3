#!/usr/bin/env bash
# Installs what is missing, builds, and runs simulated RTSP cameras through the whole
# pipeline: decode, detect, suppress, track, results on screen and on disk.
#
# Usage: scripts/demo.sh [OPTIONS]     scripts/demo.sh --help lists them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Paths on the command line are as seen from where the user stands.
started_in=${OLDPWD:-$PWD}
. scripts/setup.sh
camweave_setup

say "building (a first build takes a while; cargo shows how far it is)"
cargo build --release --workspace --bins

target=$PWD/target/release
# On a GPU the first demo builds TensorRT's engine: at level 1 in less than a third of the time of the
# nodes' default, 3, for batches that take 2 to 9 % longer (docs/engines.md).
export LEVEL=${LEVEL:-1}
cd "$started_in"
exec "$target/camweave" demo "$@"
