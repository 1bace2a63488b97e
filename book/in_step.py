"""Does a notebook's Chinese prose still say what the English one says?  Where it does not, cell by cell.

    python -m book.in_step        what is out of step in notebooks/zh, one line each

Compared are form, numbers (in words, too), code, formulas and links.  A sentence that was reworded and kept
its numbers is not noticed.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from posixpath import join, normpath

from book.translation import (
    CODE,
    FENCED,
    FOLDER,
    NUMBER,
    Piece,
    filled,
    in_words,
    kind_of,
    notebook_of,
    pieces,
    read,
    translated,
    words_of,
)

CELLS = re.compile(r"(?<!\\)\|")
# "One" and "two" are as often no number: one sees, both.
WORDS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
FRACTIONS = {"third": 3, "fourth": 4, "quarter": 4, "fifth": 5, "tenth": 10}
TENS = {"twenty": 20, "thirty": 30}
ENGLISH = {word: 3 + i for i, word in enumerate(WORDS)} | FRACTIONS | TENS
DIGITS = "一二三四五六七八九"
CHINESE = re.compile(rf"[二三四五六七八九]?十(?!分(?![之钟]))[{DIGITS}]?|[三四五六七八九]")


def problems(translation: Path) -> Iterator[str]:
    """What is out of step between a Chinese file and its notebook, one line each, by cell."""
    path = notebook_of(translation)
    notebook = read(path)
    english = pieces(notebook)
    found = translated(translation.read_text(encoding="utf-8"))
    chinese = [piece for piece in found if piece.kind != "words"]
    for mine, theirs in _paired(english, chinese):
        if theirs is None and mine is not None:
            yield f"{path.name}, cell {mine.place}: not translated, {_begin(mine)}"
        elif mine is None and theirs is not None:
            yield f"{translation.name}, line {theirs.place}: not in the notebook, {_begin(theirs)}"
        elif mine is not None and theirs is not None:
            for told in differences(mine, theirs):
                place = f"{translation.name}, line {theirs.place}; {path.name}, cell {mine.place}"
                yield f"{place}: {told}"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    tables = "\n".join(
        each.get("data", {}).get("text/markdown", "") for each in outputs if not kind_of(each)
    )
    words = [piece for piece in found if piece.kind == "words"] or [Piece("words", 1, "")]
    yield from _words_told(words[0], tables, translation.name)


def _words_told(piece: Piece, tables: str, name: str) -> Iterator[str]:
    """Words that no table has, and words of the tables that stay English."""
    words = words_of(piece.text)
    for word in words:
        if word not in tables:
            yield f"{name}, line {piece.place}: no table has {word!r}"
    meant = " ".join(words.values())
    for word in dict.fromkeys(re.findall(r"\b[a-z]{3,}\b", in_words(tables, words))):
        if word not in meant:
            yield f"{name}, line {piece.place}: a table has {word!r}, which is not translated"


def _begin(piece: Piece) -> str:
    return f"{piece.kind} {piece.text.split(chr(10))[0][:60]!r}"


def _paired(
    english: list[Piece], chinese: list[Piece]
) -> Iterator[tuple[Piece | None, Piece | None]]:
    """Pieces side by side: in order, or by what is alike in them where one side has more."""
    kinds = [[piece.kind for piece in side] for side in (english, chinese)]
    if kinds[0] == kinds[1]:
        yield from zip(english, chinese, strict=True)
        return
    keys = [[_key(piece) for piece in side] for side in (english, chinese)]
    for _, a, b, c, d in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        matcher = SequenceMatcher(None, kinds[0][a:b], kinds[1][c:d], autojunk=False)
        for same, e, f, g, h in matcher.get_opcodes():
            left, right = english[a + e : a + f], chinese[c + g : c + h]
            if same == "equal":
                yield from zip(left, right, strict=True)
            else:
                yield from ((piece, None) for piece in left)
                yield from ((None, piece) for piece in right)


def _key(piece: Piece) -> tuple[str, ...]:
    """What a piece and its translation have in common."""
    if piece.kind == "figure":
        return (piece.kind,)
    return (piece.kind, *sorted(numbers(piece.text).elements()), *sorted(_code(piece.text)))


def differences(english: Piece, chinese: Piece) -> Iterator[str]:
    """What one of two pieces has and the other has not: form, numbers, code, formulas, links."""
    if english.kind != chinese.kind:
        yield f"a {chinese.kind} for a {english.kind}"
        return
    if english.kind == "figure":
        try:
            filled(chinese.text, english.text)
        except IndexError:
            yield f"the title has fewer numbers now: {english.text!r}"
        used = len(re.findall(r"\{\d?\}", chinese.text))
        if used < len(re.findall(NUMBER, english.text)):
            yield f"the title has more numbers now: {english.text!r}"
        return
    compared = {
        "numbers": (numbers(english.text), numbers(chinese.text)),
        "code": (Counter(_code(english.text)), Counter(_code(chinese.text))),
        "formulas": (Counter(_formulas(english.text)), Counter(_formulas(chinese.text))),
        "links": (
            Counter(_links(english.text, "notebooks")),
            Counter(_links(chinese.text, "notebooks/zh")),
        ),
    }
    for name, (theirs, ours) in compared.items():
        if missing := sorted(map(str, (theirs - ours).elements())):
            yield f"{name}: the Chinese has no {', '.join(missing)}"
        if extra := sorted(map(str, (ours - theirs).elements())):
            yield f"{name}: the English has no {', '.join(extra)}"
    forms = form(english.text), form(chinese.text)
    if forms[0] != forms[1]:
        at = next((i for i, (a, b) in enumerate(zip(*forms, strict=False)) if a != b), None)
        at = min(map(len, forms)) if at is None else at
        told = [each[at] if at < len(each) else "nothing" for each in forms]
        yield f"form: part {at + 1} is {told[0]} in English, {told[1]} in Chinese"


def form(text: str) -> list[str]:
    """A Markdown text as its parts: headings, paragraphs, list items, rows with cells, code."""
    parts, before = [], ""
    for line in FENCED.sub(CODE, text).splitlines():
        stripped = line.strip()
        if not stripped:
            before = ""
        elif found := re.match(r"(#+) ", stripped):
            parts.append(f"heading {len(found[1])}")
        elif stripped.startswith("|"):
            parts.append(f"row of {len(CELLS.findall(stripped)) - 1}")
        elif stripped == CODE:
            parts.append("code")
        elif stripped.startswith(("<details>", "</details>")):
            parts.append(stripped[:9])
        elif found := re.match(r"(-|\d+\.) ", stripped):
            parts.append(f"item {found[1]}")
            before = "item"
        elif not before:
            parts.append("formula" if stripped.startswith("$$") else "paragraph")
            before = "paragraph"
    return parts


def numbers(text: str) -> Counter[str]:
    """The numbers of a prose in English or Chinese: figures, and words from three on."""
    text = re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", " ", FENCED.sub(" ", text), flags=re.S)
    text = re.sub(r"\]\([^)]*\)|https?://\S+|<[^>]*>|^\d+\. ", " ", text, flags=re.M)
    found = Counter(each.replace(",", "") for each in re.findall(r"−?\d+(?:[.,]\d+)*|½", text))
    for word in re.findall(r"[a-z]+", text.lower()):
        if value := ENGLISH.get(word.removesuffix("s")) or ENGLISH.get(word):
            found[str(value)] += 1
    for each in CHINESE.findall(text):
        tens, ten, ones = each.rpartition("十") if "十" in each else ("", "", each)
        value = (DIGITS.find(tens) + 1 or 1) * 10 if ten else 0
        found[str(value + (DIGITS.find(ones) + 1 if ones else 0))] += 1
    return found


def _code(text: str) -> list[str]:
    without = FENCED.sub(CODE, text)
    spans = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", without)]
    return spans + [CODE] * without.count(CODE)


def _formulas(text: str) -> list[str]:
    found = re.findall(r"\$\$(.*?)\$\$|\$([^$]+)\$", FENCED.sub("", text), re.S)
    return [re.sub(r"\\text\{[^}]*\}|\s+", " ", "".join(each)) for each in found]


def _links(text: str, folder: str) -> list[str]:
    """Addresses from the repository's root; a page's Chinese form is the page."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", FENCED.sub("", text))):
        if re.match(r"[a-z]+:", link):
            found.append(link)
            continue
        name, _, anchor = link.partition("#")
        path = normpath(join(folder, name)) if name else ""
        if path.startswith("notebooks/zh/"):
            path = path.replace("zh/", "", 1).removesuffix(".md") + ".ipynb"
        path = path.replace("docs/zh/", "docs/", 1).replace("README.zh-CN.md", "README.md")
        found.append(path + (f"#{anchor}" if anchor else ""))
    return found


def main() -> int:
    """The command: 0 where all is in step."""
    found = [told for path in sorted(FOLDER.glob("*.md")) for told in problems(path)]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
