"""A notebook's prose in Chinese, which the book puts into the notebook.

`notebooks/zh/NAME.md` holds what a reader reads of `notebooks/NAME.ipynb`, in the notebook's order and
without its code and outputs.  Each piece begins with a line that says what it is:

    <!-- text -->     a Markdown cell; `<!-- code -->` in it stands for the English cell's next block of code
    <!-- seen -->     a sentence under a cell (`lesson.seen`)
    <!-- figure -->   a figure's title; {} stands for its next number, or {0}, {1} for the first, the second
    <!-- words -->    once, at the end: a table of the words in tables that are outputs
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks" / "zh"
MARK = re.compile(r"^<!-- (text|seen|figure|words) -->\n", re.M)
CODE = "<!-- code -->"
FENCED = re.compile(r"^```\w*\n.*?^```$", re.M | re.S)
SEEN = "> **Seen.**"
CAPTION = "*图：{}*"  # under a figure, whose title is English
NUMBER = r"[−+-]?\d+(?:[.,]\d+)*"


class Piece(NamedTuple):
    """What is translated as a whole.

    Attributes:
        kind: text, seen, figure or words.
        place: the cell's number from 0, or the line from 1.
        text: Markdown.
    """

    kind: str
    place: int
    text: str


def notebook_of(translation: Path) -> Path:
    """The notebook whose prose a file translates."""
    return translation.parent.parent / f"{translation.stem}.ipynb"


def read(notebook: Path) -> Any:
    """A notebook, without the second that it takes to hold it against the format's schema."""
    return nbformat.v4.reads(notebook.read_text(encoding="utf-8"))


def pieces(notebook: Any) -> list[Piece]:
    """What a notebook has to translate, in its order."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            found.append(Piece("text", number, cell.source))
        for output in cell.get("outputs", ()):
            if kind := kind_of(output):
                data = output.data
                text = data["text/markdown" if kind == "seen" else "text/plain"]
                found.append(Piece(kind, number, text))
    return found


def kind_of(output: Any) -> str:
    """Which piece an output is; empty where it is none."""
    data = output.get("data", {})
    if data.get("text/markdown", "").startswith(SEEN):
        return "seen"
    return "figure" if {"image/png", "text/plain"} <= set(data) else ""


def translated(text: str) -> list[Piece]:
    """The pieces of a Chinese file."""
    marks = list(MARK.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        Piece(
            mark[1],
            text.count("\n", 0, mark.start()) + 1,
            text[mark.end() : end].strip(),
        )
        for mark, end in zip(marks, ends, strict=True)
    ]


def headings(notebook: Any) -> list[str]:
    """A notebook's headings, in order."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^#+ (.*)$", FENCED.sub("", prose), re.M)


# -------------------------------------------------------------------------------- put together


def page(text: str, name: str) -> Any:
    """A Chinese file as the notebook of that name, for MyST-NB."""
    return merged(read(notebook_of(FOLDER / f"{name}.md")), text)


def merged(notebook: Any, text: str) -> Any:
    """The notebook with Chinese prose: code and outputs are its own.

    Args:
        notebook: as read by nbformat; is changed.
        text: of the Chinese file, in step with it.

    Raises:
        ValueError: the pieces are of other number or kinds.
    """
    found = translated(text)
    words = [words_of(piece.text) for piece in found if piece.kind == "words"]
    ours = [piece for piece in found if piece.kind != "words"]
    english = pieces(notebook)
    if [p.kind for p in ours] != [p.kind for p in english]:
        raise ValueError("not in step with its notebook: python -m book.in_step")
    queue = iter(ours)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            code = iter(FENCED.findall(cell.source))
            cell.source = re.sub(re.escape(CODE), lambda _, code=code: next(code), next(queue).text)
            continue
        outputs = []
        for output in cell.outputs:
            outputs.append(output)
            kind = kind_of(output)
            if kind == "seen":
                output.data["text/markdown"] = next(queue).text
            elif kind == "figure":
                title = filled(next(queue).text, output.data["text/plain"])
                output.data["text/plain"] = title
                outputs.append(
                    nbformat.v4.new_output("display_data", {"text/markdown": CAPTION.format(title)})
                )
            elif words and "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = in_words(output.data["text/markdown"], words[0])
        cell.outputs = outputs
    return notebook


def filled(title: str, english: str) -> str:
    """A figure's Chinese title with the numbers of the English one."""
    return title.format(*re.findall(NUMBER, english))


def words_of(table: str) -> dict[str, str]:
    """English → Chinese, from a table of two columns."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return {row[0]: row[1] for row in rows[2:]}


def in_words(text: str, words: dict[str, str]) -> str:
    """A table that is an output, its words in Chinese; the longest first."""
    if not words:
        return text
    known = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.sub(rf"(?<![\w-])(?:{known})(?![\w-])", lambda found: words[found[0]], text)
