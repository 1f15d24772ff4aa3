#!/usr/bin/env bash
# Packs what a GPU machine needs to check and measure camweave without Rust, FFmpeg or a network:
# stripped binaries, the GPU tests, the dora command, models, graphs, clips, and the shared
# libraries that the binaries were linked with. TensorRT is not in it; the shim for it is, if
# scripts/tensorrt-shim.sh has made one.
#
# Usage: scripts/gpu-package.sh [--only tests|benchmarks|programs] [--no-build] [--plan FILE]
#   --only tests       the GPU tests, their clips and models
#   --only benchmarks  what scripts/gpu-check.sh benchmarks runs
#   --only programs    its programs, graphs and scripts, to be unpacked over such a package
#   --no-build         takes the binaries and tests that are there
#   --plan FILE        packs a TensorRT plan along (with its FILE.json), which benchmarks then take
#
# Writes .gpu/package: camweave-gpu.tar.zst.00, .01, ... of at most 60 MB each, and 'unpack' with the
# zstd that it needs. Without the zstd command it is gzip. On the GPU machine:
#   .gpu/package/unpack FOLDER && cd FOLDER/camweave-gpu && scripts/gpu-check.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh

refuse() { printf 'error: %s\n' "$1" >&2; exit 2; }
only=all build=yes plan=
while [ $# -gt 0 ]; do
  case $1 in
    --only)
      only=${2:-}
      case $only in
        tests | benchmarks | programs) ;;
        *) refuse "--only '$only', expected tests, benchmarks or programs" ;;
      esac
      shift 2
      ;;
    --no-build) build=no; shift ;;
    --plan) plan=${2:-}; [ -f "$plan" ] || refuse "--plan '$plan': there is no such file"; shift 2 ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    *) refuse "'$1', expected --only, --no-build, --plan or --help" ;;
  esac
done
for tool in cargo python3 ffmpeg strip; do
  command -v "$tool" >/dev/null || die "the command $tool is missing"
done
[ $build = no ] || camweave_setup

target=${CARGO_TARGET_DIR:-target}
out=.gpu/package
package=$out/camweave-gpu
rm -rf "$out"
mkdir -p "$package"/{target/release,clips,lib,docs/benchmarks,scripts}
git rev-parse --short=10 HEAD >"$package/COMMIT"
cp scripts/{gpu-check.sh,gpu-bench.sh,mps.sh} "$package/scripts/"

pack_tests() {
  say "GPU tests"
  mkdir -p "$package/gpu-tests"
  # The whole workspace, so that the dependencies have the features of the build of the binaries.
  cargo test --release --workspace --no-run --tests --message-format=json |
    python3 -c '
import json, os, sys
tested = {"crates/cuda", "crates/nvdec", "crates/tensorrt", "nodes/nvdec", "nodes/trt-infer", "nodes/gpu-nms", "nodes/fused", "nodes/sink",
          "nodes/trt-classify"}
# These need no GPU, and some of them a C compiler.
skipped = {"declarations", "library", "kernels", "cpu"}
for line in sys.stdin:
    it = json.loads(line)
    target = it.get("target", {})
    if not it.get("executable") or target.get("kind") != ["test"] or target["name"] in skipped:
        continue
    folder = os.path.relpath(os.path.dirname(it["manifest_path"]))
    if folder in tested:
        print(folder.replace("/", "-") + "-" + target["name"], it["executable"])
' >"$out/tests.txt"
  [ -s "$out/tests.txt" ] || die "cargo names no GPU test"
  while read -r name file; do
    strip -o "$package/gpu-tests/$name" "$file"
  done <"$out/tests.txt"
  CAMWEAVE_CLIPS="$PWD/$package/clips" "$package/gpu-tests/crates-nvdec-exact" --exact \
    the_order_that_a_sequence_header_promises_is_that_of_the_time_stamps >/dev/null
  mkdir -p "$package/models"
  cp models/*.onnx "$package/models/"
}

pack_shim() {
  # Without a TensorRT there is no shim either.
  mkdir -p "$package/target/release"
  find "$target/release" -maxdepth 1 -name 'libcamweave_tensorrt_*.so' \
    -exec cp {} "$package/target/release/" \;
}

pack_programs() {
  local programs program
  say "programs and graphs"
  programs=(camweave camera-sim file-source rtsp-source nvdec batcher trt-infer gpu-nms fused tracker
    trt-classify sink render-scenes decode engine kernels)
  if [ "$only" = all ]; then
    programs+=(sw-decode cpu-infer cpu-nms classify)
  fi
  for program in "${programs[@]}"; do
    [ -x "$target/release/$program" ] || die "$target/release/$program not found; omit --no-build"
    strip -o "$package/target/release/$program" "$target/release/$program"
  done
  cp -a dataflows "$package/"
  rm -rf "$package/dataflows/out"
}

pack_rest() {
  local module
  say "clips"
  scripts/gpu-bench.sh make-clips "$target/gpu-clips"
  cp "$target"/gpu-clips/street* "$package/clips/"
  say "models, dora"
  mkdir -p "$package/models"
  cp models/camweave-{street-448x256,street-640,car-color}.onnx "$package/models/"
  if [ "$only" = all ]; then
    cp -a models "$package/"
  fi
  if [ -n "$plan" ]; then
    cp "$plan" "$package/models/bench.plan"
    [ ! -f "$plan.json" ] || cp "$plan.json" "$package/models/bench.plan.json"
  fi
  # The dora command is a Python module with a library for any Python 3.
  module=$(find .cache/python/lib -maxdepth 4 -type d -name dora_cli | head -n 1)
  [ -n "$module" ] || die "the dora command is missing: call scripts/setup.sh"
  mkdir -p "$package/python" "$package/bin"
  cp -r "$module" "$package/python/"
  cat >"$package/bin/dora" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$here/python${PYTHONPATH:+:$PYTHONPATH}"
exec python3 -c 'import sys; from dora_cli import py_main; sys.argv[0] = "dora"; sys.exit(py_main())' "$@"
END
  chmod +x "$package/bin/dora"
}

if [ $build = yes ] && [ "$only" != tests ]; then
  cargo build --release --workspace --bins
fi
case $only in all | tests) pack_tests ;; esac
case $only in all | benchmarks | programs) pack_programs ;; esac
case $only in all | benchmarks) pack_rest ;; esac

pack_shim
pack_libraries() {
  say "libraries"
  # What belongs to glibc, the compiler and the driver is the GPU machine's own. Scripts among the
  # executables have none, which ldd takes for an error.
  { find "$package" -type f -executable -exec ldd {} + 2>/dev/null || true; } |
    sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
    sed -E '/\/(libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\+\+|libcuda|libnv[^/]*)\.so/d' |
    while read -r library; do cp -L "$library" "$package/lib/"; done
}
# The package that programs are unpacked over has them.
[ "$only" = programs ] || pack_libraries

say "pack"
# Many programs share most of their code, and the two forms of a clip their pictures: a window that
# spans them all halves the size.
if command -v zstd >/dev/null; then
  # shellcheck disable=SC2016 # it is 'unpack' that knows $here
  archive=camweave-gpu.tar.zst pack=(zstd -q -T0 -19 --long=27 -c) unpack='"$here/zstd" -d -q --long=27 -c'
  mkdir -p "$out/zstd-lib"
  strip -o "$out/zstd" "$(command -v zstd)"
  ldd "$out/zstd" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | grep -E '/lib(z|zstd|lzma|lz4)\.so' |
    while read -r library; do cp -L "$library" "$out/zstd-lib/"; done
else
  archive=camweave-gpu.tar.gz pack=(gzip -9 -c) unpack='gzip -d -c'
fi
tar -C "$out" --sort=name -cf - camweave-gpu | "${pack[@]}" | split -b 60000000 -d - "$out/$archive."
cat >"$out/unpack" <<END
#!/bin/sh
# Unpacks the parts beside it into a folder: unpack FOLDER
set -eu
here=\$(cd "\$(dirname "\$0")" && pwd)
mkdir -p "\$1"
export LD_LIBRARY_PATH="\$here/zstd-lib"
cat "\$here/$archive".* | $unpack | LD_LIBRARY_PATH= tar -xf - -C "\$1"
END
chmod +x "$out/unpack"
rm -rf "$package" "$out/tests.txt"
ls -l "$out"
