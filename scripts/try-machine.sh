#!/usr/bin/env bash
# A machine that boots in a folder, for scripts/try-package.sh, which sources this file: 'machine' is the folder,
# 'out' that of the logs.
set -euo pipefail
: "${machine:?}" "${out:?}"

# How long a state may take to come, on a slow and shared machine.
patience=180

failed() {
  printf 'FAILED: %s\n' "$1" >&2
  journal failed || true
  exit 1
}

begin() { began=$(date +%s%N); }
took() { printf '%7.1f s  %s\n' "$(($(date +%s%N) - began))e-9" "$1"; }

# Runs a command until it succeeds.
until_ok() {
  local end=$((SECONDS + patience))
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.5
  done
}

# The root is below, and what the machine writes above it.
make_machine() { # root
  local above=$out/above
  mkdir -p "$machine" "$above/upper" "$above/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$above/upper,workdir=$above/work" "$machine"
  cp /etc/resolv.conf "$machine/etc/resolv.conf"
}

bare_environment=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
  TERM=dumb DEBIAN_FRONTEND=noninteractive)

# With this machine's network, for apt.
install_package() {
  mount -t proc proc "$machine/proc"
  chroot "$machine" "${bare_environment[@]}" apt-get update -qq
  chroot "$machine" "${bare_environment[@]}" apt-get install -y --no-install-recommends "$1" </dev/null
  umount "$machine/proc"
}

# Boots, also after the machine has ended to be booted again.
boot() {
  [ -z "${supervisor:-}" ] || wait "$supervisor" || true
  mkdir -p /run/systemd/nspawn
  mountpoint -q /run/systemd/nspawn || mount -t tmpfs tmpfs /run/systemd/nspawn
  # dora locks small pieces of its shared memory, which nspawn forbids otherwise.
  unshare --net sh -c 'ip link set lo up; exec "$@"' sh systemd-nspawn --quiet --register=no --keep-unit --boot \
    --directory="$machine" --machine=camweave-try --console=pipe --link-journal=no --system-call-filter=@memlock \
    </dev/null >>"$out/console.log" 2>&1 &
  supervisor=$!
  until_ok is_booted || failed "the machine does not boot: see $out/console.log"
}
init_process() { cat "/proc/$supervisor/task/$supervisor/children" 2>/dev/null | tr -d ' '; }
is_booted() {
  kill -0 "$supervisor" 2>/dev/null || failed "systemd-nspawn has ended: see $out/console.log"
  [ -n "$(init_process)" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'
}

# SIGTERM gives systemd-nspawn no time to write; the machine has nothing that is worth it.
stop_machine() { [ -z "${supervisor:-}" ] || kill -KILL "$(init_process)" "$supervisor" 2>/dev/null || true; }

inside() { nsenter -t "$(init_process)" -m -u -i -n -p -C -r -w "${bare_environment[@]}" "$@"; }
# A command of this machine's, with the other's network.
network() { nsenter -t "$(init_process)" -n "$@"; }

start_cameras() { # number
  inside tee /etc/systemd/system/simulated-cameras.service >/dev/null <<EOF
[Service]
ExecStart=/usr/bin/camera-sim serve --cameras $1 --fps 8 --seconds 20 --at-end loop --stamp
Restart=always
[Install]
WantedBy=multi-user.target
EOF
  inside systemctl enable --now simulated-cameras 2>/dev/null
  until_ok is_camera_ready || failed "the simulated cameras do not start"
}
is_camera_ready() { inside journalctl -u simulated-cameras -o cat --no-pager | grep -q '"ready":true'; }

state() { network curl -sf -m 5 http://localhost:8090/api/state; }
# Prints something of the state: a Python expression of 'state'.
in_state() { state | python3 -c "import json, sys; state = json.load(sys.stdin); print($1)" 2>/dev/null; }
states() { in_state '[(it["id"], it["state"], it["detected"]) for it in state["cameras"]]' || echo "no page"; }
running() { in_state 'state["run"]'; }
services() { inside systemctl show -p ActiveState,SubState --value camweave-coordinator camweave-daemon camweave | paste -sd' '; }

is_served() { until_ok network curl -sf -m 5 -o /dev/null http://localhost:8090/; }
are_live() { [ "$(in_state 'sum(it["state"] == "live" and it["detected"] > 0 for it in state["cameras"])')" = "$1" ]; }
is_live() { until_ok are_live "$1"; }
is_other() { local now; now=$(running) && [ -n "$now" ] && [ "$now" != "$1" ]; }
is_live_again() { until_ok is_other "$1" && is_live "$2"; } # run that was, cameras
# A service that is started again and again is 'active' for a moment only.
are_settled() {
  local all="active running  active running  active running"
  [ "$(services)" = "$all" ] && sleep 8 && [ "$(services)" = "$all" ]
}
is_settled() { until_ok are_settled; }

configuration() {
  inside sh -c 'cd /etc/camweave && find . -type f | sort | xargs sha256sum; stat -c "%n %U:%G %a" . * dataflows/*'
}
is_same() { # what it was
  local now
  now=$(configuration)
  [ "$now" = "$1" ] || failed "the configuration has changed: $(diff <(echo "$1") <(echo "$now"))"
  echo "           /etc/camweave is as it was: $(wc -l <<<"$now") files and modes"
}
history_lines() { inside sh -c 'cat /var/lib/camweave/results/history/detections-*.jsonl /var/lib/camweave/results/detections.jsonl 2>/dev/null | wc -l'; }
has_history() { # lines that there were
  local now
  now=$(history_lines)
  [ "$now" -ge "$1" ] || failed "the history had $1 lines and has $now"
  echo "           history: $1 lines before, $now now, in $(inside sh -c 'ls /var/lib/camweave/results/history/detections-*.jsonl | wc -l') finished segments"
}

# Keeps what the services have written.
journal() { # name
  inside journalctl -o short-iso --no-pager -u 'camweave*' >"$out/journal-$1.log" 2>&1
}
