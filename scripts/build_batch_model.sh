#!/usr/bin/env bash
# From an ONNX file to a TensorRT engine for batches of 1 to N in FP16, for this machine's GPU.
#
#   scripts/build_batch_model.sh [MODEL.onnx] [--max-batch N] [--out FILE] [more options of 'camweave engine build']
#
# Default model: models/camweave-street-640.onnx; default batch: 32. From TensorRT 11 on the precision is the
# file's: give it models/camweave-street-640-fp16.onnx. What was measured is kept in FILE.timing (or in the
# cache of engines), so that the next build is faster. Takes from 1 to 10 minutes and says how far it is.
#
# Exit codes: docs/exit-codes.md. Needs TensorRT with its ONNX parser, and the shim: docs/engines.md.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;; esac
model=$root/models/camweave-street-640.onnx
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then model=$1; shift; fi

program=$root/target/release/camweave
if [ ! -x "$program" ]; then
  (cd "$root" && cargo build --release -p camweave --bin camweave)
fi
# The shim is compiled where there are headers and it is not there yet; without headers 'camweave' says what is missing.
if [ -z "${CAMWEAVE_TENSORRT_SHIM:-}" ] && ! compgen -G "$root/target/release/libcamweave_tensorrt_*.so" > /dev/null; then
  "$root/scripts/tensorrt-shim.sh" || true
fi

options=("$@")
for ((i = 0; i < $#; i++)); do
  case ${options[i]} in
    --out) timing=${options[i + 1]:-}.timing ;;
    --out=*) timing=${options[i]#--out=}.timing ;;
    --timing-cache*) given=1 ;;
  esac
done
[ -z "${timing:-}" ] || [ -n "${given:-}" ] || options+=(--timing-cache "$timing")
exec "$program" engine build "$model" "${options[@]}"
