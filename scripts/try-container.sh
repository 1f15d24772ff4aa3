#!/usr/bin/env bash
# Tries the container image as its user would have it: a /dev/shm of 64 MB, no capabilities, 'camweave init' in it for
# simulated cameras, the page by its token, a stop and a start, and the death of each of its processes.
#
# Usage: scripts/try-container.sh [--out FOLDER] [--cameras N] IMAGE
#   IMAGE          one that 'podman build' has made of packaging/container/Containerfile
#   --out FOLDER   logs and the screenshot; it is emptied (default: out/try-container)
#   --cameras N    simulated cameras of 8 frames/s (default: 2)
#
# Needs root and podman; the container has a network of its own. PODMAN has podman's own options, such as
# PODMAN='--runtime runc --cgroup-manager cgroupfs' where there is no systemd. RUN has options of 'podman run'.
# The screenshot needs Chromium and Node.js, and is left out without them.
#
# Exit codes: 0 all is as expected; 1 something is not (the line says what); 2 a wrong command line; 4 something is missing.
set -euo pipefail
wrong() { printf 'error: %s\n' "$1" >&2; exit 2; }
out=out/try-container cameras=2 image=
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --cameras) cameras=${2:?--cameras needs a number}; shift 2 ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    -*) wrong "'$1', expected --out, --cameras or --help" ;;
    *) [ -z "$image" ] || wrong "one IMAGE is expected"; image=$1; shift ;;
  esac
done
[ -n "$image" ] || wrong "IMAGE is missing; --help explains"
mkdir -p "$out"
out=$(realpath "$out")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh
[ "$(id -u)" -eq 0 ] || die "only root can give the container a network of its own: call this with sudo"
for tool in podman unshare curl; do command -v "$tool" >/dev/null || die "the command $tool is missing"; done
browser=${CHROMIUM:-$(command -v chromium || command -v google-chrome || true)}
[ -z "$browser" ] || ! command -v node >/dev/null || install_playwright
if [ -z "${CAMWEAVE_TRY_CONTAINER:-}" ]; then
  own_folder "$out"
  find "$out" -mindepth 1 ! -name .camweave-script -delete
  CAMWEAVE_TRY_CONTAINER=inside exec unshare --net "$0" --out "$out" --cameras "$cameras" "$image"
fi
ip link set lo up

# How long a state may take to come, on a slow and shared machine.
patience=180 name=camweave-try-$$ container='' simulator=''
IFS=' ' read -r -a podman <<<"podman ${PODMAN:-}"
IFS=' ' read -r -a run <<<"${RUN:-}"
failed() {
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}
finish() {
  "${podman[@]}" logs "$container" >"$out/container.log" 2>&1 || true
  "${podman[@]}" rm --force --volumes "$container" "$simulator" >/dev/null 2>&1 || true
  "${podman[@]}" volume rm "$name-configuration" "$name-state" >/dev/null 2>&1 || true
}
trap finish EXIT
until_ok() {
  local end=$((SECONDS + patience))
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.5
  done
}
begin() { began=$(date +%s%N); }
took() { printf '%7.1f s  %s\n' "$(($(date +%s%N) - began))e-9" "$1"; }
inside() { "${podman[@]}" exec "$container" "$@"; }
says() { "${podman[@]}" logs "$1" 2>&1 | grep "$2"; }
is_said() { says "$@" >/dev/null; }
# Of the last summary: the frames that were detected on, of all cameras.
detected() { inside python3 -c 'import json; print(sum(it["frames_detected"] for it in json.load(open("results/summary.json"))["cameras"]))' 2>/dev/null; }
is_healthy() { "${podman[@]}" healthcheck run "$container" >/dev/null 2>&1; }
is_ahead() { local now; now=$(detected) && [ "$now" -gt "$1" ]; }
# The summary of a run that has just begun has few frames.
is_live() {
  local first
  until_ok is_healthy && first=$(detected) && until_ok is_ahead "$first"
}

simulator=$("${podman[@]}" run --detach --network host "${run[@]}" --entrypoint camera-sim "$image" \
  serve --cameras "$cameras" --fps 8 --seconds 20 --at-end loop --stamp)
until_ok is_said "$simulator" '"ready":true' || failed "the simulated cameras do not start"
begin
container=$("${podman[@]}" run --detach --network host --shm-size 64m --cap-drop ALL --security-opt no-new-privileges \
  --volume "$name-configuration:/etc/camweave" --volume "$name-state:/var/lib/camweave" "${run[@]}" "$image")
until_ok is_said "$container" 'camweave init' || failed "the container does not say what to do"
is_healthy || failed "a container that waits for 'camweave init' is not healthy"
mapfile -t urls < <(for n in $(seq "$cameras"); do echo "--camera=cam$n=rtsp://127.0.0.1:8554/cam$n"; done)
inside camweave init "${urls[@]}" </dev/null || failed "camweave init"
took "from the start of the container to the end of 'camweave init'"
is_live || failed "no frames are detected on"
took "from the start of the container to frames that are detected on"
inside camweave doctor >"$out/doctor.log" || failed "camweave doctor: $(grep -A3 broken "$out/doctor.log")"
until_ok is_said "$container" "the page's token" || failed "no token is printed"
token=$(says "$container" "the page's token" | sed 's/.*: //')
[ "$(curl -sk -o /dev/null -w '%{http_code}' https://localhost:8090/api/state)" = 401 ] || failed "the page needs no token"
curl -skf -H "Authorization: Bearer $token" https://localhost:8090/api/state >"$out/state.json" || failed "the token opens no page"
if [ -n "$browser" ] && command -v node >/dev/null; then
  mapfile -t ids < <(for n in $(seq "$cameras"); do echo "cam$n"; done)
  CHROMIUM=$browser TOKEN=$token node tests/page/look.mjs https://localhost:8090/ "$out/page.png" "${ids[@]}"
  took "from the start of the container to the first frames in a browser"
fi
echo "           /dev/shm: $(inside df --block-size=1K --output=used,size /dev/shm | tail -n 1) KiB (used, size)"

# shellcheck disable=SC2016 # for the container's shell
find_process='for it in /proc/[0-9]*; do
  tr "\0" " " <"$it/cmdline" 2>/dev/null | grep -q "^/usr/bin/python3 -I .*/dora $1 " && basename "$it"; done; true'
exit_code() { "${podman[@]}" inspect --format '{{.State.ExitCode}}' "$container"; }
for process in 'coordinator --quiet' daemon 'start /etc/camweave/dataflows/graph.yml'; do
  id=$(inside sh -c "$find_process" sh "$process")
  [ -n "$id" ] || failed "dora $process does not run"
  begin
  inside sh -c "kill -KILL $id"
  "${podman[@]}" wait "$container" >/dev/null
  [ "$(exit_code)" = 1 ] || failed "dora $process was killed, and the container ended with $(exit_code), expected 1"
  # What a restart policy does.
  "${podman[@]}" start "$container" >/dev/null
  is_live || failed "dora $process was killed: the graph does not run again"
  took "dora $process was killed; the container ended with 1 and was started: frames are detected on"
done

lines() { inside sh -c 'cat results/history/detections-*.jsonl results/detections.jsonl | wc -l'; }
before=$(lines)
begin
"${podman[@]}" stop --time 30 "$container" >/dev/null
took "stop"
[ "$(exit_code)" = 0 ] || failed "a stopped container ended with $(exit_code), expected 0"
# Of a sink that was killed, the last summary has frames under way, and the last line may be half of one.
results=$("${podman[@]}" volume inspect --format '{{.Mountpoint}}' "$name-state")/results
under_way=$(python3 -c '
import json, pathlib, sys
results = pathlib.Path(sys.argv[1])
lines = (results / "detections.jsonl").read_text().splitlines(keepends=True)
assert all(line.endswith("\n") and json.loads(line) for line in lines[-1:])
print(sum(it["under_way"] for it in json.loads((results / "summary.json").read_text())["cameras"]))
' "$results") || failed "the results are not whole after a stop"
[ "$under_way" = 0 ] || failed "after a stop $under_way frames are under way: the nodes did not finish"
"${podman[@]}" start "$container" >/dev/null
is_live || failed "the graph does not run after a stop and a start"
now=$(lines)
[ "$now" -ge "$before" ] || failed "the history had $before lines and has $now"
echo "           history: $before lines before, $now now"
say "all as expected; logs are in $out"
