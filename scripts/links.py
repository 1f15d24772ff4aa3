"""Checks the relative links, images and anchors of the Markdown files, without a network.

Usage, from the root: python3 scripts/links.py [FILE.md]...     default: all that git tracks

Prints a line for each broken link; exit code 1 if there is any. Anchors are those that GitHub makes of headings.
"""
import posixpath
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^[ >]*(`{3,}|~{3,})[^`\n]*$.*?(?:^[ >]*\1[`~]*[ ]*$|\Z)", re.M | re.S)
CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)|<!--.*?-->", re.S)
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$|^ {0,3}(\S.*)\n {0,3}(?:=+|-+)[ \t]*$", re.M)
NAMED = re.compile(r"<[^>]*\b(?:id|name)\s*=\s*[\"']([^\"']+)")
# [text](target "title"), ![text](<target>), [label]: target, and HTML's href and src.
LINK = re.compile(
    r"\]\(\s*(?:<([^>\n]*)>|((?:[^()\s]|\([^()\s]*\))+))"
    r"|^ {0,3}\[[^\]\n]+\]:[ \t]*<?([^>\s]+)"
    r"|<[^>]*\b(?:href|src)\s*=\s*[\"']([^\"']+)",
    re.M,
)


def blank(match):
    """Spaces in place of what is no text, so that lines keep their numbers."""
    return re.sub(r"[^\n]", " ", match[0])


def anchors(text):
    """The anchors that GitHub gives to the headings of a document, and those that it names itself."""
    text = FENCE.sub(blank, text)
    found = set(NAMED.findall(CODE.sub(blank, text)))
    for heading in HEADING.finditer(text):
        title = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading[1] or heading[2] or "")
        # Underscores that only mark emphasis stand at a word's edge and outside code.
        parts = re.split(r"(`[^`]*`)", title)
        parts[::2] = [re.sub(r"(?<!\w)_+|_+(?!\w)|<[^>]*>", "", part) for part in parts[::2]]
        slug = re.sub(r"[^\w\- ]", "", "".join(parts).strip().lower()).replace(" ", "-")
        number, anchor = 0, slug
        while anchor in found:
            number += 1
            anchor = f"{slug}-{number}"
        found.add(anchor)
    return found


def listed(*arguments):
    """Paths that git lists and that are there."""
    output = subprocess.run(["git", "ls-files", "-z", *arguments], check=True, capture_output=True, text=True).stdout
    return {path for path in output.split("\0") if path and Path(path).exists()}


def broken(file, known):
    """The broken links of a file: line, target, what is wrong."""
    text = CODE.sub(blank, FENCE.sub(blank, Path(file).read_text(encoding="utf-8")))
    for link in LINK.finditer(text):
        target = next(group for group in link.groups() if group is not None)
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        folder = "" if path.startswith("/") else posixpath.dirname(file)
        path = posixpath.normpath(posixpath.join(folder, path.lstrip("/"))) if path else file
        line = text.count("\n", 0, link.start()) + 1
        if path not in known:
            yield line, target, "is not in the repository"
        elif anchor and path.endswith(".md") and anchor not in anchors(Path(path).read_text(encoding="utf-8")):
            yield line, target, f"has no such heading in {path}"


# What git ignores may be there and is in nobody else's copy.
files = listed("--cached", "--others", "--exclude-standard")
known = files | {str(folder) for file in files for folder in Path(file).parents}
wrong = [f"{file}:{line}: '{target}' {what}" for file in sys.argv[1:] or sorted(listed("*.md"))
         for line, target, what in broken(file, known)]
print(*wrong, sep="\n", end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
