#!/usr/bin/env bash
# Installs what is missing, builds, and runs simulated RTSP cameras through the whole
# pipeline: decode, detect, suppress, track, results on screen and on disk.
#
# Usage: scripts/demo.sh [OPTIONS]     scripts/demo.sh --help lists them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Paths on the command line are as seen from where the user stands.
started_in=${OLDPWD:-$PWD}

# The options are those of the README's table, so a typo is reported before anything is installed or
# built: `--name VALUE|default|meaning`, a line each.
options() {
  # shellcheck disable=SC2016 # the backticks are the document's
  sed -n '/^| `--/{s/\\|/,/g; s/`//g; s/\[\([^]]*\)\]([^)]*)/\1/g; s/ *| */|/g; s/^|//; s/|$//; p}' README.md
}
for argument in "$@"; do
  case $argument in
    -h | --help)
      printf 'Usage: scripts/demo.sh [OPTIONS]\n\nOptions:\n'
      options | while IFS='|' read -r option default meaning; do
        printf '  %-38s %s%s\n' "$option" "$meaning" "${default:+ [default: $default]}"
      done
      exit 0
      ;;
    --*)
      name=${argument%%=*}
      options | grep -q -- "^$name " && continue
      printf "error: unknown option '%s', expected one of %s\n" "$name" "$(options | cut -d' ' -f1 | paste -sd' ')" >&2
      exit 2
      ;;
  esac
done

# shellcheck source=scripts/setup.sh
. scripts/setup.sh
camweave_setup

# What this run does not start is left for later: a first build is long enough. The rest of the workspace is selected, so
# that a build of all programs finds the dependencies built with the same features.
spared=(camweave-benches camweave-example-rust-sink camweave-file-source
  camweave-classify camweave-trt-classify camweave-publish camweave-metrics-node)
[[ " $* " == *fused* ]] || spared+=(camweave-fused)
# Where NVIDIA's driver is, 'auto' may choose the GPU.
[[ " $* " == *gpu* ]] || compgen -G '/dev/nvidia*' >/dev/null || [ -e /dev/dxg ] ||
  spared+=(camweave-nvdec-node camweave-trt-infer camweave-gpu-nms)
say "building (a first build takes a while; cargo shows how far it is)"
# shellcheck disable=SC2046 # an option and a name
cargo build --release --workspace --bins $(printf -- '--exclude %s ' "${spared[@]}")

target=$PWD/target/release
cd "$started_in"
exec "$target/camweave" demo "$@"
