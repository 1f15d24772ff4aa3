#!/usr/bin/env python3
"""Checks that no dependency has other features beside the tests than in the programs: it, and all that
is built on it, would be built twice. Where one has, the dependency of the tests that asks for them is
replaced, or the features are asked for by a crate of the programs as well.

Usage: scripts/features.py
"""

import json
import os
import subprocess
import sys
from collections import defaultdict


def features(*targets):
    """By package, platform and kind of target: the sets of features that it is built with."""
    command = ["cargo", "build", "--release", "--workspace", *targets, "-Z", "unstable-options", "--unit-graph"]
    # That cargo lists what it would build is no part of the stable toolchain.
    environment = os.environ | {"RUSTC_BOOTSTRAP": "1"}
    listed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    found = defaultdict(set)
    for unit in json.loads(listed)["units"]:
        if unit["mode"] == "build":
            key = unit["pkg_id"].rsplit("/", 1)[-1], unit["platform"], *unit["target"]["kind"]
            found[key].add(tuple(unit["features"]))
    return found


def main():
    programs, tests = features("--bins"), features("--bins", "--tests")
    twice = {key[0] for key, sets in programs.items() if not tests.get(key, set()) <= sets}
    for package in sorted(twice):
        why = "has other features beside the tests: cargo tree -e features -i says whose"
        print(f"error: '{package}' {why}", file=sys.stderr)
    return 1 if twice else 0


if __name__ == "__main__":
    sys.exit(main())
