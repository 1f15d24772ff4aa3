#!/usr/bin/env bash
# Makes a Debian package of what has been built, for the distribution that it was built on.
#
# Usage: scripts/package-deb.sh [--out FOLDER] [--version VERSION]
#   --out FOLDER       default: out/packages
#   --version VERSION  default: the one of Cargo.toml
#
# It builds nothing: 'cargo build --release --workspace --bins' does, into CARGO_TARGET_DIR where that is set.
# It has the programs, graphs and models, the dora command, and OpenVINO's libraries where
# scripts/setup.sh has brought them; services for dora's coordinator and daemon and for the graph of
# /etc/camweave; man pages and completions. TensorRT is not in it: the driver's machine has its own.
set -euo pipefail
out=out/packages version=
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --version) version=${2:?--version needs a version}; shift 2 ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    *) printf "error: unknown option '%s', expected --out, --version or --help\n" "$1" >&2; exit 2 ;;
  esac
done
mkdir -p "$out"
out=$(realpath "$out")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh
install_packages dpkg-dev fakeroot
install_dora

[ -n "$version" ] || version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
package=$root/camweave lib=$root/camweave/usr/lib/camweave

say "collecting the programs"
scripts/install.sh --to "$lib" >&2
# dora is an extension module of Python, for any version from 3.8 on.
python=$(find .cache/python/lib -type d -path '*/site-packages/dora_cli')
mkdir -p "$lib/python"
cp -r "$python" "$lib/python/"
rm -rf "$lib/python/dora_cli/__pycache__"
strip --strip-unneeded "$lib/python/dora_cli/"*.so
install -m 755 packaging/dora.py "$lib/bin/dora"
install -m 755 packaging/wait-for packaging/keep-logs "$lib/bin/"
engines=$(realpath "${CARGO_TARGET_DIR:-target}/release/engines" 2>/dev/null || true)
if [ -d "$engines" ]; then
  mkdir "$lib/bin/engines"
  # What runs ONNX files on a CPU: the other frontends and devices are not used.
  for library in openvino_c openvino openvino_onnx_frontend openvino_intel_cpu_plugin openvino_auto_plugin \
    openvino_auto_batch_plugin tbb tbbmalloc tbbbind_2_5 hwloc; do
    cp -P "$engines"/lib$library.so* "$lib/bin/engines/"
  done
fi

# In /usr/bin are only the commands that are typed: the nodes have everyday names, such as 'sink'.
mkdir -p "$package/usr/bin"
for name in camweave camera-sim; do ln -s "../lib/camweave/bin/$name" "$package/usr/bin/$name"; done
install -Dm 644 packaging/environment "$package/usr/share/camweave/environment"
for unit in packaging/systemd/*.service; do install -Dm 644 "$unit" -t "$package/usr/lib/systemd/system"; done
"$lib/bin/camweave" man "$package/usr/share/man/man1"
gzip -9n "$package"/usr/share/man/man1/*
completions() { # shell, file
  mkdir -p "$(dirname "$package/$2")"
  "$lib/bin/camweave" completions "$1" >"$package/$2"
}
completions bash usr/share/bash-completion/completions/camweave
completions zsh usr/share/zsh/vendor-completions/_camweave
completions fish usr/share/fish/vendor_completions.d/camweave.fish
mkdir -p "$package/usr/share/doc/camweave"
cp README.md CHANGELOG.md "$package/usr/share/doc/camweave/"
cp -r docs "$package/usr/share/doc/camweave/docs"
rm -rf "$package/usr/share/doc/camweave/docs/benchmarks"
cp packaging/debian/copyright "$package/usr/share/doc/camweave/"

say "finding the packages that it depends on"
# dpkg-shlibdeps wants the source package's control file beside it.
mkdir -p "$root/debian"
printf 'Source: camweave\n\nPackage: camweave\nArchitecture: any\nDescription: camweave\n' >"$root/debian/control"
depends=$(cd "$root" && dpkg-shlibdeps --ignore-missing-info -l"$lib/bin/engines" -O \
  "$lib/bin/camweave" "$lib/bin/camera-sim" "$lib/bin/fused" | sed -n 's/^shlibs:Depends=//p')
mkdir -p "$package/DEBIAN"
for script in postinst prerm postrm; do install -m 755 "packaging/debian/$script" "$package/DEBIAN/"; done
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
  -e "s/@KIB@/$(du -sk "$package" | cut -f1)/" packaging/debian/control.in >"$package/DEBIAN/control"

say "packing"
file=$out/camweave_${version}_$architecture.deb
fakeroot dpkg-deb --root-owner-group -Zzstd -z12 --build "$package" "$file" >&2
printf '%s: %s MB, %s MB installed\n' "$file" "$(du -m "$file" | cut -f1)" "$(du -sm "$package" | cut -f1)"
