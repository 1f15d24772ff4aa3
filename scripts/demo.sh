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
cd "$started_in"
exec "$target/camweave" demo "$@"
