#!/usr/bin/env bash
# Packs what a GPU machine needs to check and measure camweave without Rust, FFmpeg or a network:
# stripped binaries, the GPU tests, the dora command, models, graphs, test clips, and the shared
# libraries that the binaries were linked with.
#
# Usage: scripts/gpu-package.sh [--no-build]     --no-build takes the binaries that are there; tests are built in any case
#
# Writes .gpu/camweave-gpu.tar.gz.00, .01, ... of at most 60 MiB each. On the GPU machine:
#   cat camweave-gpu.tar.gz.* | tar xz && cd camweave-gpu && scripts/gpu-check.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh

case "${1:-}" in
  "" | --no-build) ;;
  *) printf "error: '%s', expected --no-build or nothing\n" "$1" >&2; exit 2 ;;
esac
for tool in cargo python3 ffmpeg strip; do
  command -v "$tool" >/dev/null || die "the command $tool is missing"
done
[ "${1:-}" = --no-build ] || camweave_setup

target=${CARGO_TARGET_DIR:-target}
package=.gpu/camweave-gpu
rm -rf .gpu
mkdir -p "$package"/{target/release,gpu-tests,clips,lib,bin,docs/benchmarks,scripts}

[ "${1:-}" = --no-build ] || cargo build --release --workspace --bins
say "GPU tests"
# The whole workspace, so that the dependencies have the features of the build above.
cargo test --release --workspace --no-run --tests --message-format=json |
  python3 -c '
import json, os, sys
tested = {"crates/cuda", "crates/nvdec", "crates/tensorrt", "nodes/nvdec", "nodes/trt-infer", "nodes/gpu-nms"}
# These compare with a C compiler and need no GPU.
skipped = {"declarations", "library", "kernels"}
for line in sys.stdin:
    it = json.loads(line)
    target = it.get("target", {})
    if not it.get("executable") or target.get("kind") != ["test"] or target["name"] in skipped:
        continue
    folder = os.path.relpath(os.path.dirname(it["manifest_path"]))
    if folder in tested:
        print(folder.replace("/", "-") + "-" + target["name"], it["executable"])
' >.gpu/tests.txt
[ -s .gpu/tests.txt ] || die "cargo names no GPU test"
while read -r name file; do
  strip -o "$package/gpu-tests/$name" "$file"
done <.gpu/tests.txt

say "binaries"
find "$target/release" -maxdepth 1 -type f -executable ! -name '*.so' | while read -r file; do
  strip -o "$package/target/release/$(basename "$file")" "$file"
done

say "clips"
CAMWEAVE_CLIPS="$PWD/$package/clips" "$package/gpu-tests/crates-nvdec-exact" --exact \
  the_order_that_a_sequence_header_promises_is_that_of_the_time_stamps >/dev/null
for codec in h264 h265; do
  ffmpeg -nostdin -loglevel error -f lavfi -i testsrc2=size=1920x1080:rate=30 -frames:v 240 \
    -c:v "libx26${codec#h26}" -preset fast -b:v 6M -bf 0 -g 60 "$package/clips/bench.$codec"
done

say "graphs, models, dora, libraries"
cp -a dataflows models "$package/"
rm -rf "$package/dataflows/out"
cp scripts/gpu-check.sh scripts/mps.sh "$package/scripts/"
git rev-parse --short=10 HEAD >"$package/COMMIT"
# The dora command is a Python module with a library for any Python 3.
module=.cache/python/lib/python3*/site-packages/dora_cli
[ -d $module ] || die "the dora command is missing: call scripts/setup.sh"
mkdir -p "$package/python"
cp -r $module "$package/python/"
cat >"$package/bin/dora" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$here/python${PYTHONPATH:+:$PYTHONPATH}"
exec python3 -c 'import sys; from dora_cli import py_main; sys.argv[0] = "dora"; sys.exit(py_main())' "$@"
END
chmod +x "$package/bin/dora"
# What belongs to glibc, the compiler and the driver is the GPU machine's own.
find "$package/target/release" "$package/gpu-tests" -type f -executable -exec ldd {} + |
  sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
  grep -Ev '/(libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\+\+|libcuda|libnv[^/]*)\.so' |
  while read -r library; do cp -L "$library" "$package/lib/"; done

say "pack"
tar -C .gpu -czf - camweave-gpu | split -b 60M -d - .gpu/camweave-gpu.tar.gz.
rm -rf "$package" .gpu/tests.txt
ls -l .gpu
