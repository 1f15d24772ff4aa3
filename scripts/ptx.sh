#!/usr/bin/env bash
# Makes the PTX that ships from the kernels' sources, or proves that it comes from them.
# Needs neither a GPU nor a CUDA toolkit: NVRTC comes from PyPI, at a fixed version.
#
# Usage: scripts/ptx.sh            writes crates/cuda/kernels/*.ptx
#        scripts/ptx.sh --check    makes them anew and compares byte by byte
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh

# CUDA 12.8: its PTX ISA (8.7) is what drivers from 12.8 on know.
nvrtc=nvidia-cuda-nvrtc-cu12==12.8.93
environment=$PWD/.cache/nvrtc

case "${1:-}" in
  "" | --check) ;;
  *) printf 'usage: scripts/ptx.sh [--check]\n' >&2; exit 2 ;;
esac
python_environment "$environment" "$nvrtc"
exec "$environment/bin/python3" scripts/ptx.py crates/cuda/kernels "$@"
