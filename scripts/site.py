"""Lays out the pages of the book for mdBook, and checks what it made of them. scripts/site.sh calls it.

Usage, from the root: python3 scripts/site.py stage FOLDER | python3 scripts/site.py check FOLDER

Pages link to one another as files of the repository, so that links work wherever the repository is shown. mdBook
renders one folder only: `stage` copies docs/ and the documents outside of it into one, and rewrites the links between
them. What pages link to besides (scripts, graphs) is copied as it is.
"""
import posixpath
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from links import SUMMARY, document, links, pages


def place(path):
    """Where a file of the repository is in the book."""
    # The README of docs/ is the front page. mdBook itself would make index.html of a README.md, and not of its links.
    place = "overview.md" if path == "README.md" else path.removeprefix("docs/")
    return re.sub(r"(^|/)README\.md$", r"\1index.md", place)


def rewritten(file, text):
    """A page with its links as they are in the book, and the files that it links to."""
    targets = set()
    for (start, end), path, anchor in reversed(list(links(file, text))):
        path = document(path)
        targets.add(path)
        link = posixpath.relpath(place(path), posixpath.dirname(place(file)) or ".")
        text = text[:start] + link + (f"#{anchor}" if anchor else "") + text[end:]
    return text, targets


def stage(folder):
    """Writes book.toml and the pages below a folder."""
    book = folder / "docs"
    targets = set()
    for page in [SUMMARY, *pages()]:
        text, linked = rewritten(page, Path(page).read_text(encoding="utf-8"))
        targets |= linked
        path = book / place(page)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for target in sorted(targets - set(pages())):
        path = book / place(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, path)
    shutil.copyfile("book.toml", folder / "book.toml")


class Page(HTMLParser):
    """The ids of a page of the site, and what it refers to."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.references = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name in ("href", "src") and value and not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", value):
                self.references.append(value)


def check(folder):
    """Prints each reference that leads nowhere; returns how many there are."""
    site = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    wrong = 0
    for path, page in site.items():
        # The page for addresses that do not exist is shown at any of them.
        for reference in page.references if path.name != "404.html" else []:
            target, _, anchor = unquote(reference).partition("#")
            found = (path.parent / target.partition("?")[0]).resolve() if target else path
            found = found / "index.html" if found.is_dir() else found
            if not found.exists() or (anchor and found in site and anchor not in site[found].ids):
                print(f"{path.relative_to(folder.resolve())}: '{reference}' leads nowhere")
                wrong += 1
    return wrong


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("stage", "check"):
        sys.exit(__doc__)
    if sys.argv[1] == "stage":
        stage(Path(sys.argv[2]))
    elif check(Path(sys.argv[2])):
        sys.exit(1)
