"""Checks the relative links, images and anchors of the Markdown files, and what is in the book, without a network.

Usage, from the root: python3 scripts/links.py [FILE.md]...     default: all that git tracks, and the book

Prints a line for each broken link; exit code 1 if there is any. Anchors are those that GitHub makes of headings. The
book is what docs/SUMMARY.md lists: each page of docs/ once, and each document that a page of the book links to.
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
SUMMARY = "docs/SUMMARY.md"


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


def links(file, text):
    """The relative links of a document: where the target is in its text, path from the root, anchor."""
    text = CODE.sub(blank, FENCE.sub(blank, text))
    for link in LINK.finditer(text):
        group = next(number for number, it in enumerate(link.groups(), 1) if it is not None)
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", link[group]):
            continue
        path, _, anchor = unquote(link[group]).partition("#")
        folder = "" if path.startswith("/") else posixpath.dirname(file)
        path = posixpath.normpath(posixpath.join(folder, path.lstrip("/"))) if path else file
        yield link.span(group), path, anchor


def document(path):
    """What a reader of a path finds: of a folder its README.md."""
    return f"{path}/README.md" if Path(path, "README.md").is_file() else path


def broken(file, known):
    """The broken links of a file: line, target, what is wrong."""
    text = Path(file).read_text(encoding="utf-8")
    for (start, end), path, anchor in links(file, text):
        line, target = text.count("\n", 0, start) + 1, text[start:end]
        if path not in known:
            yield line, target, "is not in the repository"
        elif anchor and path.endswith(".md") and anchor not in anchors(Path(path).read_text(encoding="utf-8")):
            yield line, target, f"has no such heading in {path}"


def pages():
    """The documents of the book, in its order."""
    return [path for _, path, _ in links(SUMMARY, Path(SUMMARY).read_text(encoding="utf-8"))]


def missing(files):
    """What is wrong with the list of the book's pages."""
    listed_pages = pages()
    for page in sorted(set(listed_pages)):
        if listed_pages.count(page) > 1:
            yield f"{SUMMARY}: {page} is in it more than once"
    for file in sorted(files - set(listed_pages) - {SUMMARY}):
        if file.startswith("docs/") and file.endswith(".md"):
            yield f"{SUMMARY}: {file} is not in it"
    for page in listed_pages:
        for _, path, _ in links(page, Path(page).read_text(encoding="utf-8")) if page in files else []:
            path = document(path)
            if path in files and path.endswith(".md") and path not in listed_pages:
                yield f"{SUMMARY}: {path} is not in it, and {page} links to it"
            elif Path(path).is_dir():
                yield f"{page}: links to the folder {path}, which has no README.md to show in the book"


def main():
    # What git ignores may be there and is in nobody else's copy.
    files = listed("--cached", "--others", "--exclude-standard")
    known = files | {str(folder) for file in files for folder in Path(file).parents}
    wrong = [f"{file}:{line}: '{target}' {what}" for file in sys.argv[1:] or sorted(listed("*.md"))
             for line, target, what in broken(file, known)]
    wrong += [] if sys.argv[1:] else sorted(set(missing(files)))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
