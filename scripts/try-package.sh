#!/usr/bin/env bash
# Tries a Debian package as its user would have it: installs it with apt into a fresh root, boots that with systemd,
# runs 'camweave init' for simulated cameras, starts the services, and looks at the page; kills each service, upgrades,
# reboots, removes and purges. Prints what was done, how long it took and what was found.
#
# Usage: scripts/try-package.sh [--upgrade NEWER.deb] [--out FOLDER] [--cameras N] [--keep] PACKAGE.deb ROOT
#   PACKAGE.deb      of scripts/package-deb.sh, made on the distribution of ROOT
#   ROOT             a fresh root with systemd; it stays as it is:
#                      debootstrap --variant=minbase --include=systemd-sysv,dbus,ca-certificates bookworm ROOT
#   --upgrade FILE   a package of a higher version (scripts/package-deb.sh --version)
#   --out FOLDER     logs, states and the screenshot; it is emptied (default: out/try-package)
#   --cameras N      simulated cameras of 8 frames/s (default: 2)
#   --keep           leaves the machine running at the end, until Enter is pressed
#
# Needs root, a network for apt, systemd-nspawn (systemd-container) and overlayfs; the machine has a network of its own.
# The screenshot needs Chromium and Node.js, and is left out without them.
#
# Exit codes: 0 all is as expected; 1 something is not (the line says what); 2 a wrong command line; 4 something is missing.
set -euo pipefail
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
wrong() { printf 'error: %s\n' "$1" >&2; exit 2; }
newer='' out=out/try-package cameras=2 keep=no positional=()
while [ $# -gt 0 ]; do
  case $1 in
    --upgrade) newer=${2:?--upgrade needs a package}; shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --cameras) cameras=${2:?--cameras needs a number}; shift 2 ;;
    --keep) keep=yes; shift ;;
    -h | --help) usage; exit ;;
    -*) wrong "'$1', expected --upgrade, --out, --cameras, --keep or --help" ;;
    *) positional+=("$1"); shift ;;
  esac
done
[ ${#positional[@]} -eq 2 ] || wrong "expected PACKAGE.deb and ROOT; --help explains"
for file in "${positional[0]}" ${newer:+"$newer"}; do [ -f "$file" ] || wrong "'$file': there is no such file"; done
package=$(realpath "${positional[0]}") base=$(realpath "${positional[1]}") newer=${newer:+$(realpath "$newer")}
[ -x "$base/usr/lib/systemd/systemd" ] || [ -x "$base/lib/systemd/systemd" ] ||
  wrong "'$base' has no systemd: --help has the command that makes such a root"
mkdir -p "$out"
out=$(realpath "$out")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh
[ "$(id -u)" -eq 0 ] || die "only root can boot a machine: call this with sudo"
for tool in systemd-nspawn nsenter unshare curl python3; do
  command -v "$tool" >/dev/null || die "the command $tool is missing (Debian: systemd-container, util-linux, curl, python3)"
done
browser=${CHROMIUM:-$(command -v chromium || command -v google-chrome || true)}
[ -z "$browser" ] || ! command -v node >/dev/null || install_playwright

if [ -z "${CAMWEAVE_TRY_PACKAGE:-}" ]; then
  # What is mounted here is gone when the script ends, however it ends.
  own_folder "$out"
  find "$out" -mindepth 1 ! -name .camweave-script -delete
  options=(--out "$out" --cameras "$cameras")
  [ -z "$newer" ] || options+=(--upgrade "$newer")
  [ $keep = no ] || options+=(--keep)
  CAMWEAVE_TRY_PACKAGE=inside exec unshare --mount --propagation private "$0" "${options[@]}" "$package" "$base"
fi

machine=$out/machine
# shellcheck source=scripts/try-machine.sh
. scripts/try-machine.sh
trap stop_machine EXIT

say "$(basename "$package") in $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$base/etc/os-release")"
begin
make_machine "$base"
cp "$package" ${newer:+"$newer"} "$machine/var/cache/"
took "the root is ready"
begin
install_package "/var/cache/$(basename "$package")" >"$out/install.log" 2>&1 || failed "apt-get install: see $out/install.log"
took "apt-get install"

begin
boot
took "boot"
[ "$(inside systemctl is-system-running --wait)" = running ] || failed "systemd: $(inside systemctl --failed --no-legend)"
start_cameras "$cameras"

mapfile -t urls < <(for n in $(seq "$cameras"); do echo "--camera=cam$n=rtsp://127.0.0.1:8554/cam$n"; done)
begin
inside camweave init "${urls[@]}" </dev/null >"$out/init.log" 2>&1 || failed "camweave init: see $out/init.log"
cat "$out/init.log"
took "camweave init"
inside systemctl enable --now camweave-coordinator camweave-daemon camweave >"$out/enable.log" 2>&1 ||
  failed "systemctl enable --now: see $out/enable.log"
is_served || failed "no page at http://localhost:8090/"
is_live "$cameras" || failed "cameras are not live: $(states)"
took "from the start of 'camweave init' to live cameras on the page"
if [ -n "$browser" ] && command -v node >/dev/null; then
  mapfile -t ids < <(for n in $(seq "$cameras"); do echo "cam$n"; done)
  network env CHROMIUM="$browser" node tests/page/look.mjs http://localhost:8090/ "$out/page.png" "${ids[@]}"
  took "from the start of 'camweave init' to the first frames in a browser"
fi
journal start

say "services that are killed"
# As if the graph had been started that often before.
for n in $(seq -w 40); do inside install -d -o camweave -m 750 "/var/lib/camweave/logs/00000000-0000-0000-0000-0000000000$n"; done
inside sh -c 'touch -d 2000-01-01 /var/lib/camweave/logs/00000000-*'
for unit in camweave camweave-daemon camweave-coordinator; do
  run=$(running)
  begin
  inside systemctl kill --signal=KILL "$unit"
  is_live_again "$run" "$cameras" || failed "$unit was killed, and the graph did not come again: $(states)"
  took "$unit was killed; live again"
  is_settled || failed "$unit was killed, and the services do not settle: $(services)"
done
logs=$(inside sh -c 'ls -1d /var/lib/camweave/logs/*-*-*-*-* | wc -l')
[ "$logs" -le 21 ] || failed "$logs folders of logs are kept, expected at most 20 and that of the run"
journal kills

say "a configuration that an upgrade and a reboot must keep"
inside sh -c 'echo "SITE_PASSWORD=kept" >>/etc/camweave/environment; sed -i "1i# kept" /etc/camweave/cameras.yml'
before=$(configuration)
if [ -n "$newer" ]; then
  say "upgrade to $(basename "$newer")"
  lines=$(history_lines) run=$(running)
  begin
  inside apt-get install -y "/var/cache/$(basename "$newer")" </dev/null >"$out/upgrade.log" 2>&1 ||
    failed "the upgrade: see $out/upgrade.log"
  is_live_again "$run" "$cameras" || failed "the graph did not come again: $(states)"
  took "upgrade; live again"
  ! grep -iE 'conffile|\[default=N\]' "$out/upgrade.log" || failed "the upgrade asked about a file"
  is_same "$before"
  has_history "$lines"
fi

say "reboot"
lines=$(history_lines) run=$(running)
begin
inside systemctl reboot || true
boot
is_live_again "$run" "$cameras" || failed "the graph did not come again: $(states)"
took "reboot; live again"
[ "$(inside systemctl is-system-running --wait)" = running ] || failed "systemd: $(inside systemctl --failed --no-legend)"
is_same "$before"
has_history "$lines"
journal reboot
[ $keep = no ] || read -r -p "the machine runs (its shell: nsenter -t $(init_process) -a); Enter ends it: "

say "remove and purge"
inside apt-get remove -y camweave </dev/null >"$out/remove.log" 2>&1 || failed "apt-get remove: see $out/remove.log"
is_same "$before"
! inside systemctl is-active --quiet camweave-daemon || failed "a service runs after 'apt-get remove'"
inside apt-get purge -y camweave </dev/null >"$out/purge.log" 2>&1 || failed "apt-get purge: see $out/purge.log"
! inside test -e /etc/camweave -o -e /var/lib/camweave || failed "files are left after 'apt-get purge'"
say "all as expected; logs are in $out"
