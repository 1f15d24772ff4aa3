#!/usr/bin/env bash
# Installs what has been built into a folder, such as /usr/local: all that runs graphs, and no checkout.
#
# Usage: scripts/install.sh --to FOLDER
#
# FOLDER/bin            camweave, which has the graphs in it, simulated cameras, and the nodes: one file
#                       with a name for each, since 'fused' is what it is called
# FOLDER/share/camweave models; libraries.txt, the shared libraries that the programs need
#
# OpenVINO, ONNX Runtime, TensorRT and the dora command are not in it: 'camweave doctor' says which of
# them are there.
set -euo pipefail
if [ $# -ne 2 ] || [ "$1" != --to ]; then
  printf 'usage: scripts/install.sh --to FOLDER\n' >&2
  exit 2
fi
mkdir -p "$2"
to=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
built=$(realpath "${CARGO_TARGET_DIR:-target}")/release
bin=$to/bin share=$to/share/camweave
mkdir -p "$bin" "$share/models"

# What is in use is not written over: the new file takes its name.
copy() { # file, folder
  local name
  name=$(basename "$1")
  cp "$1" "$2/.$name.new"
  mv "$2/.$name.new" "$2/$name"
}
program() {
  [ -x "$built/$1" ] || {
    printf "error: '%s' not found: build it with 'cargo build --release --workspace --bins'\n" "$built/$1" >&2
    exit 4
  }
  strip -o "$bin/.$1.new" "$built/$1"
  mv "$bin/.$1.new" "$bin/$1"
}
for name in camweave camera-sim render-scenes fused; do program "$name"; done
for node in nodes/*/; do
  node=$(basename "$node")
  [ "$node" != fused ] || continue
  ln -f "$bin/fused" "$bin/$node"
  # A stage that 'fused' does not have is a program of its own.
  "$bin/$node" --describe | grep -q "\"kind\": \"$node\"" || program "$node"
done
# The shim to TensorRT, where scripts/tensorrt-shim.sh has made one.
for shim in "$built"/libcamweave_tensorrt_*.so; do
  [ ! -e "$shim" ] || copy "$shim" "$bin"
done
for model in models/*.onnx; do copy "$model" "$share/models"; done
ldd "$bin"/{camweave,camera-sim,fused} | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
  while read -r library; do basename "$library"; done >"$share/libraries.txt"
printf '%s: %s MB of programs, %s MB of models\n' "$to" "$(du -sm "$bin" | cut -f1)" "$(du -sm "$share" | cut -f1)"
