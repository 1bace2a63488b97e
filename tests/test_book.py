"""The book: every link of its sources is there, and the checker of the built site finds what is wrong."""

import fnmatch
import re
from pathlib import Path

import nbformat
import pytest

from book import check

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = (ROOT / "book" / "conf.py").read_text(encoding="utf-8")
PATTERNS = re.search(r"include_patterns = \[(.*?)\]", CONFIGURATION, re.S)[1]


def sources():
    """The pages of the book, as Sphinx finds them."""
    for pattern in re.findall(r'"([^"]+)"', PATTERNS):
        folder = ROOT / pattern.partition("**")[0].rpartition("/")[0]
        for path in sorted(folder.rglob("*") if "**" in pattern else folder.glob("*")):
            if fnmatch.fnmatch(path.relative_to(ROOT).as_posix(), pattern):
                yield path


def prose(path):
    """The Markdown of a page, without code."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.S | re.M)


def headings(path):
    """The anchors of a page, as code-hosting sites and MyST make them."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


SOURCES = list(sources())


def test_the_book_has_the_whole_chapter():
    names = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    assert {"README.md", "book/index.md", "docs/for-teachers.md", "results/README.md"} <= names
    assert {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")
    } <= names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")} <= names


def test_every_page_stands_in_the_table_of_contents():
    index = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    trees = "\n".join(re.findall(r"```{toctree}\n(.*?)```", index, re.S))
    listed = [re.sub(r".*<(.*)>", r"\1", line) for line in trees.splitlines()]
    for path in SOURCES:
        name = f"../{path.relative_to(ROOT).with_suffix('').as_posix()}"
        if name != "../book/index":
            assert any(fnmatch.fnmatch(name, pattern) for pattern in listed), (
                f"{name}: book/index.md"
            )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_finds_its_file_and_heading(path):
    without_code = re.sub(r"`[^`\n]*`", "", prose(path))
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        if heading:
            assert heading in headings(target), link


def test_the_sections_that_teachers_are_sent_to_are_there():
    text = (ROOT / "docs" / "for-teachers.md").read_text(encoding="utf-8")
    text = re.sub(r'stor(?:y|ies) "[^"]*"(?: and "[^"]*")?', "", text)  # of the page of the game
    sent = 0
    for cell in re.split(r"[|\n]", text.split("## Quiz")[0]):
        notebooks = []
        for section, named in re.findall(r'\b(2\.\d(?:\.\d)?)\b(?![_\w])|"([^"]+)"', cell):
            if section:
                notebooks += (ROOT / "notebooks").glob(f"{section}_*.ipynb")
            elif notebooks:
                known = re.findall(r"^#+ (.*)$", "\n".join(map(prose, notebooks)), re.M)
                assert any(named in title for title in known), (named, notebooks)
                sent += 1
    assert sent > 15


@pytest.fixture
def site(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">a</h1><a href="b/c.html#x">c</a> <a href="#top">up</a> <a href="b/">b</a>'
        '<a href="https://arxiv.org/abs/1406.2661">paper</a> <img src="a%20b.png" srcset="a%20b.png 2x">'
    )
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.html").write_text('<a href="../a.html#top">a</a>')
    (tmp_path / "b" / "c.html").write_text('<p id="x"></p><link rel="stylesheet" href="../s.css">')
    (tmp_path / "a b.png").touch()
    (tmp_path / "s.css").write_text("p { background: url(data:image/png;base64,) }")
    return tmp_path


def test_a_whole_site_has_no_problems(site, capsys):
    assert check.main(["check", str(site)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("d.html", '<a href="e.html">e</a>', "d.html: e.html is not there"),
        ("d.html", '<a href="b/c.html#y">y</a>', "d.html: b/c.html#y has no such anchor"),
        ("d.html", '<a href="#y">y</a>', "d.html: #y has no such anchor"),
        ("d.html", '<img src="no.png">', "d.html: no.png is not there"),
        (
            "d.html",
            '<script src="https://cdn.example/x.js"></script>',
            "d.html: https://cdn.example/x.js is fetched from outside",
        ),
        (
            "d.html",
            '<link rel="preload" href="//fonts.example/f">',
            "d.html: //fonts.example/f is fetched from outside",
        ),
        (
            "s.css",
            "@import url('https://fonts.example/f.css');",
            "s.css: https://fonts.example/f.css is fetched from outside",
        ),
    ],
)
def test_what_is_wrong_in_a_site_is_found(site, capsys, name, text, told):
    (site / name).write_text(text)
    assert check.main(["check", str(site)]) == 1
    assert capsys.readouterr().err.splitlines() == [told]


def test_the_checker_asks_for_a_folder(capsys):
    assert check.main(["check", "no folder"]) == 2
    assert "usage" in capsys.readouterr().err
