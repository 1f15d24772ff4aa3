#!/usr/bin/env bash
# Builds the documentation as a site, with a search, into target/site: the pages that docs/SUMMARY.md lists. Installs mdBook
# where it is absent, which takes some minutes once.
#
# Usage: scripts/site.sh [--serve [PORT]]     --serve shows it at http://localhost:8000/ until Ctrl-C
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

usage() { printf "error: %s\nusage: scripts/site.sh [--serve [PORT]]\n" "$1" >&2; exit 2; }
case "${1:-}" in
  "" | --serve) ;;
  *) usage "unknown option '$1'" ;;
esac
port=${2:-8000}
[[ $port =~ ^[0-9]+$ ]] || usage "port '$port', expected a number"

mdbook_version=0.5.4
tools=$PWD/.cache/checks
if [ "$("$tools/bin/mdbook" --version 2>/dev/null)" != "mdbook v$mdbook_version" ]; then
  install_rust
  say "installing mdbook $mdbook_version"
  # Without what watches and serves: the pages are laid out before. In a target folder of its own, or its dependencies
  # would be taken for the workspace's.
  env -u CARGO_TARGET_DIR cargo install --locked --quiet --version "$mdbook_version" --no-default-features \
    --features search --root "$tools" mdbook
fi

target=${CARGO_TARGET_DIR:-$PWD/target}
site=$target/site
say "laying out the pages"
rm -rf "$site" "$site-pages"
mkdir -p "$site-pages"
python3 scripts/site.py stage "$site-pages"
say "building"
"$tools/bin/mdbook" build --dest-dir "$site" "$site-pages"
python3 scripts/site.py check "$site"
say "the site: $site/index.html"
if [ "${1:-}" = --serve ]; then
  exec python3 -m http.server --bind 127.0.0.1 --directory "$site" "$port"
fi
