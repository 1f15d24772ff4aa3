#!/usr/bin/env bash
# Compiles the shim between camweave and TensorRT for the TensorRT headers of this machine.
#
#   scripts/tensorrt-shim.sh [--include DIR] [--out DIR]
#   scripts/tensorrt-shim.sh --check
#
# --include DIR  the folder with NvInfer.h and NvOnnxParser.h; else CAMWEAVE_TENSORRT_INCLUDE, else where
#                NVIDIA's packages put them. NVIDIA's Debian packages: apt-get install libnvinfer-headers-dev
#                libnvonnxparsers-dev. Without them: the folder 'include' of github.com/NVIDIA/TensorRT at the
#                tag of the installed version, and NvOnnxParser.h of github.com/onnx/onnx-tensorrt beside it.
# --out DIR      where the library goes (default: target/release, beside the programs, which look there)
# --check        compiles against the headers that the crate trtx-sys carries (TensorRT 11.4, TensorRT-RTX 1.7)
#                and against CAMWEAVE_TENSORRT_INCLUDE where it is set; keeps nothing
#
# Needs g++ (or CXX) and neither CUDA nor TensorRT itself. The result,
# libcamweave_tensorrt_<major>.so (or ..._rtx_<major>.so), fits every TensorRT of that major version from the
# headers' minor version on.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
shim=$root/crates/tensorrt/shim
crate=trtx-sys version=0.9.1
cxx=${CXX:-g++}
fail() { echo "error: $1" >&2; exit "${2:-4}"; }

compile() { # headers, library
  "$cxx" -std=c++17 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -Wno-deprecated-declarations \
    -I"$shim/include" -isystem "$1" "$shim/runtime.cpp" "$shim/builder.cpp" -Wl,--no-undefined -o "$2"
}

# Prints the version's name as it stands in the library's name: 10, or rtx_1.
major() {
  local header=$1/NvInferVersion.h rtx found
  rtx=$(awk '$1 == "#define" && $2 == "TRT_MAJOR_RTX" {print $3}' "$header")
  [ -z "$rtx" ] || { echo "rtx_$rtx"; return; }
  found=$(awk '$1 == "#define" && ($2 == "TRT_MAJOR_ENTERPRISE" || $2 == "NV_TENSORRT_MAJOR") && $3 ~ /^[0-9]+$/ {print $3; exit}' "$header")
  [ -n "$found" ] || fail "'$header' names no version, expected the headers of TensorRT 8.6 or later" 3
  echo "$found"
}

complete() { [ -f "$1/NvInfer.h" ] && [ -f "$1/NvOnnxParser.h" ] && [ -f "$1/NvInferVersion.h" ]; }

# Where cargo has unpacked the crate that carries headers.
carried() {
  cargo info --quiet "$crate@$version" > /dev/null 2>&1 || fail "cargo cannot fetch the crate $crate $version"
  local found
  found=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -type d -name "$crate-$version*" | head -n 1)
  [ -n "$found" ] || fail "the crate $crate $version is not among cargo's sources"
  echo "$found/TensorRT-Headers"
}

include=${CAMWEAVE_TENSORRT_INCLUDE:-} out=$root/target/release check=0
while [ $# -gt 0 ]; do
  case $1 in
    --include) include=${2:?--include needs a folder}; shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --check) check=1; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    *) fail "unknown option '$1', expected --include, --out, --check or --help" 2 ;;
  esac
done
command -v "$cxx" > /dev/null || fail "'$cxx' not found, expected a C++ compiler (apt-get install g++)"

if [ $check = 1 ]; then
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  headers=$(carried)
  for folder in "$headers/TRT-Enterprise-11.4" "$headers/TRT-RTX-1.7" ${include:+"$include"}; do
    complete "$folder" || fail "'$folder' has no NvInfer.h, NvInferVersion.h and NvOnnxParser.h" 3
    compile "$folder" "$work/shim.so"
    echo "compiles with the headers of TensorRT $(major "$folder" | tr _ ' ')"
  done
  exit
fi

if [ -z "$include" ]; then
  for folder in /usr/include/x86_64-linux-gnu /usr/include/aarch64-linux-gnu /usr/include \
    /usr/local/tensorrt/include /usr/local/TensorRT*/include /opt/tensorrt/include /usr/local/cuda/include; do
    if complete "$folder"; then include=$folder; break; fi
  done
fi
[ -n "$include" ] || fail "no TensorRT headers found, expected NvInfer.h, for example from 'apt-get install libnvinfer-headers-dev libnvonnxparsers-dev', or --include DIR (see --help)"
complete "$include" || fail "'$include' has no NvInfer.h, NvInferVersion.h and NvOnnxParser.h" 3
mkdir -p "$out"
library=$out/libcamweave_tensorrt_$(major "$include").so
# A running program may have the old one mapped: replaced by rename.
compile "$include" "$library.new"
mv "$library.new" "$library"
echo "$library"
