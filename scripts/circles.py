"""Checks that no files of a crate import one another in a circle.

Usage, from the root: python3 scripts/circles.py [FOLDER]...     default: each that has a Cargo.toml

A file depends on the files that define what it names by `use`, `crate::`, `super::`, `self::` or a module of its own; a
re-export counts for the file that defines the thing, and tests within a crate count for nothing. Prints a line for each
circle, with its files; exit code 1 if there is any.
"""
import re
import subprocess
import sys
from pathlib import Path

# Comments and literals, of which nothing is a path.
BLANK = re.compile(
    r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\(?:u\{\w+\}|x\w\w|.)|[^\'\\])\'', re.S
)
TEST = re.compile(r"#\[cfg\((?:test\)|(?:any|all)\((?:test|loom)\b)[^\]]*\]|#\[test\]")
ATTRIBUTES = re.compile(r"(?:\s*#\[[^\]]*\])*\s*")
USE = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
MODULE = re.compile(r"\bmod\s+(\w+)\s*([;{])")
ITEM = re.compile(r"\b(?:fn|struct|enum|trait|type|const|static|union|macro_rules!)\s+(\w+)")
PATH = re.compile(r"\b\w+(?:::\w+)+")


def end(text, start):
    """Where the item that begins at `start` ends."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth < 0 or (depth == 0 and text[place] in "};,"):
            return place + (depth == 0)
    return len(text)


def source(file):
    """A file without comments, literals and tests."""
    text = BLANK.sub(" ", file.read_text(encoding="utf-8"))
    while test := TEST.search(text):
        text = text[: test.start()] + text[end(text, ATTRIBUTES.match(text, test.end()).end()) :]
    return text


def named(tree, before=()):
    """The paths of a `use`, and the name that each has afterwards."""
    head, brace, rest = tree.strip().partition("{")
    if not brace:
        path, _, alias = head.partition(" as ")
        path = [*before, *re.findall(r"\w+|\*", path)]
        path = path[:-1] if path[-1] == "self" and len(path) > 1 else path
        return [(path, alias.strip() or path[-1])]
    found, depth, part = [], 0, ""
    for char in rest[: rest.rindex("}")] + ",":
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            found += named(part, [*before, *re.findall(r"\w+", head)]) if part.strip() else []
            part = ""
        else:
            part += char
    return found


class Crate:
    """The modules of a crate: by path, the file, what is defined there, the modules in it, and what it uses."""

    def __init__(self, root):
        self.modules = {}
        self.add((), root, source(root), root.parent)

    def add(self, path, file, text, folder):
        children, body, place = set(), "", 0
        for module in MODULE.finditer(text):
            if module.start() < place:
                continue
            body += text[place : module.start()]
            name, place = module[1], module.end()
            below, inner = file, None
            if module[2] == "{":
                place = end(text, module.end() - 1)
                inner = text[module.end() : place - 1]
            else:
                files = (folder / f"{name}.rs", folder / name / "mod.rs")
                below = next((it for it in files if it.exists()), None)
                inner = below and source(below)
            if inner is not None:
                children.add(name)
                self.add((*path, name), below, inner, folder / name)
        body += text[place:]
        uses = [(*it, bool(use[1])) for use in USE.finditer(body) for it in named(use[2])]
        body = USE.sub("", body)
        self.modules[path] = (file, set(ITEM.findall(body)), children, uses, body)

    def defined(self, at, path, seen=()):
        """The file that defines what `path` means in module `at`; `None` for what is of another crate."""
        if (at, tuple(path)) in seen:
            return None
        seen = (*seen, (at, tuple(path)))
        at = () if path[0] == "crate" else at
        path = path[1:] if path[0] in ("crate", "self") else path
        while path and path[0] == "super":
            at, path = at[:-1], path[1:]
        file, items, children, uses, _ = self.modules[at]
        if not path or path[0] == "*":
            return file
        if path[0] in children:
            return self.defined((*at, path[0]), path[1:] or ["*"], seen) if len(path) > 1 else None
        if path[0] in items:
            return file
        for used, alias, _ in uses:
            if alias in (path[0], "*"):
                used = used[:-1] if alias == "*" else used
                rest = path if alias == "*" else path[1:]
                if (used[0] in ("crate", "self", "super") or used[0] in children) and (
                    found := self.defined(at, [*used, *rest], seen)
                ):
                    return found
        return None

    def imports(self):
        """By file, the files of the crate that it depends on."""
        found = {}
        for at, (file, _, children, uses, body) in self.modules.items():
            # What is only passed on is not used here.
            paths = [path for path, alias, passed in uses if not passed or re.search(rf"\b{re.escape(alias)}\b", body)]
            of = {alias: path for path, alias, _ in uses}
            for path in map(str.split, (it.replace("::", " ") for it in PATH.findall(body))):
                paths.append([*of.get(path[0], path[:1]), *path[1:]])
            for path in paths:
                if path[0] in ("crate", "self", "super") or path[0] in children:
                    other = self.defined(at, path)
                    if other and other != file:
                        found.setdefault(file, set()).add(other)
        return found


def circles(imports):
    """The sets of files that reach one another."""

    def reached(start):
        seen, waiting = set(), [start]
        while waiting:
            new = imports.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        return seen

    reach = {file: reached(file) for file in imports}
    return {frozenset(it for it in reach[file] if file in reach.get(it, ())) for file in imports if file in reach[file]}


def main():
    folders = sys.argv[1:]
    if not folders:
        listed = ["git", "ls-files", "*Cargo.toml"]
        manifests = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
        folders = [Path(manifest).parent for manifest in manifests]
    roots = [Path(folder, "src", name) for folder in folders for name in ("lib.rs", "main.rs")]
    found = {it for root in roots if root.exists() for it in circles(Crate(root).imports())}
    lines = sorted(", ".join(sorted(map(str, circle))) for circle in found)
    for line in lines:
        print(f"these files import one another: {line}")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
