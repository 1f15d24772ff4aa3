#!/usr/bin/env bash
# NVIDIA's Multi-Process Service: lets several GPU nodes work on one GPU at the same time.
# Without it their contexts take turns.
#
# Usage: scripts/mps.sh start|stop|status
#
# start and stop are done as the user who calls: root serves all users of a machine, another
# user only itself. No setting of a card is changed, its compute mode included.
# CUDA_MPS_PIPE_DIRECTORY and CUDA_MPS_LOG_DIRECTORY are as NVIDIA documents them.
#
# Exit codes: 0 done, or the daemon runs (status); 1 the daemon does not run (status);
# 2 a wrong command line; 4 the command or the GPU is missing; 5 the daemon refuses.
set -euo pipefail

control=nvidia-cuda-mps-control
pipes=${CUDA_MPS_PIPE_DIRECTORY:-/tmp/nvidia-mps}
logs=${CUDA_MPS_LOG_DIRECTORY:-/var/log/nvidia-mps}
# Only root writes below /var/log.
if [ -z "${CUDA_MPS_LOG_DIRECTORY:-}" ] && [ "$(id -u)" -ne 0 ]; then
  logs=$pipes/log
fi
export CUDA_MPS_PIPE_DIRECTORY=$pipes CUDA_MPS_LOG_DIRECTORY=$logs
# A daemon that came up does so within this many tenths of a second.
patience=50

die() {
  local code=$1
  shift
  printf 'error: %s\n' "$*" >&2
  exit "$code"
}

# The daemon's process, if it runs.
daemon() {
  local pid
  pid=$(cat "$pipes/$control.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ -d "/proc/$pid" ] && printf '%s' "$pid"
}

need_tool() {
  command -v "$control" >/dev/null ||
    die 4 "$control is not in PATH; it is in nvidia-cuda-mps (Debian) or nvidia-compute-utils-<version> (Ubuntu). Without MPS the GPU graphs run as well, their nodes take turns on the GPU; gpu-fused.yml needs none"
}

case "${1:-}" in
  start)
    need_tool
    if pid=$(daemon); then
      printf 'MPS runs already (process %s, %s)\n' "$pid" "$pipes"
      exit 0
    fi
    [ -e /dev/nvidiactl ] || die 4 "/dev/nvidiactl not found, expected an NVIDIA GPU and its driver; see camweave doctor"
    mkdir -p "$pipes" "$logs" || die 5 "cannot create '$pipes' and '$logs'; CUDA_MPS_PIPE_DIRECTORY and CUDA_MPS_LOG_DIRECTORY name others"
    "$control" -d || die 5 "'$control -d' failed with code $?; its log is '$logs/control.log'"
    for ((i = 0; i < patience; i++)); do
      if pid=$(daemon); then
        printf 'MPS runs (process %s, %s)\n' "$pid" "$pipes"
        [ "$pipes" = /tmp/nvidia-mps ] || printf 'for the graphs: export CUDA_MPS_PIPE_DIRECTORY=%q\n' "$pipes"
        exit 0
      fi
      sleep 0.1
    done
    die 5 "'$control -d' ended, but no daemon came up; its log is '$logs/control.log'"
    ;;
  stop)
    need_tool
    if ! pid=$(daemon); then
      printf 'MPS does not run (%s)\n' "$pipes"
      exit 0
    fi
    printf 'quit\n' | "$control" || die 5 "the daemon (process $pid) refuses to quit; it may be another user's"
    for ((i = 0; i < patience; i++)); do
      if ! daemon >/dev/null; then
        printf 'MPS has ended\n'
        exit 0
      fi
      sleep 0.1
    done
    die 5 "the daemon (process $pid) still runs: it waits for the programs that use it"
    ;;
  status)
    if ! pid=$(daemon); then
      need_tool
      printf 'MPS does not run (%s)\n' "$pipes"
      exit 1
    fi
    printf 'MPS runs (process %s, %s)\n' "$pid" "$pipes"
    servers=$(printf 'get_server_list\n' | "$control" 2>/dev/null || true)
    printf 'servers: %s\n' "${servers:-none yet; one starts with the first program on the GPU}" | tr '\n' ' '
    printf '\n'
    ;;
  *)
    die 2 "unexpected '${1:-}', expected start, stop or status"
    ;;
esac
