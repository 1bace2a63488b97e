"""Hold a folder of HTML against itself: every link and anchor is there, and nothing is fetched from outside.

python -m book.check build/book
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"src", "data", "poster"}  # attributes whose address a browser fetches by itself
LEFT = ("http:", "https:", "mailto:")  # a reader's click leaves the book


class Page(HTMLParser):
    """The addresses of a page, and the anchors that it has.

    Attributes:
        anchors: ids and names.
        links: what a click leads to.
        resources: what a browser fetches by itself.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.resources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name == "href":
                told = dict(attrs).get("rel") or ""
                shown = tag == "a" or {"next", "prev", "search", "index"} & set(told.split())
                (self.links if shown else self.resources).append(value)
            elif name in FETCHED:
                self.resources.append(value)
            elif name == "srcset":
                self.resources += [part.split()[0] for part in value.split(",") if part.split()]


def problems(folder: Path) -> Iterator[str]:
    """What is wrong in a folder, one line each: page, address, why."""
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }
    for path, page in pages.items():
        told = path.relative_to(folder.resolve())
        for address in page.resources:
            if urlsplit(address).netloc or address.startswith(LEFT):
                yield f"{told}: {address} is fetched from outside"
        for address in (*page.links, *page.resources):
            if wrong := _broken(path, address, pages):
                yield f"{told}: {address} {wrong}"
    for path in sorted(folder.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", text):
            if urlsplit(address).netloc:
                yield f"{path.relative_to(folder)}: {address} is fetched from outside"


def _broken(path: Path, address: str, pages: dict[Path, Page]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "is not there"
    known = pages[target].anchors if target in pages else set()
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor not in known:
        return "has no such anchor"
    return ""


def main(argv: list[str]) -> int:
    """The command: 0 where all is well."""
    if len(argv) != 2 or not Path(argv[1]).is_dir():
        print("usage: python -m book.check FOLDER", file=sys.stderr)
        return 2
    found = list(problems(Path(argv[1])))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
