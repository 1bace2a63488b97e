"""`labels.csv`: which image of a folder has which label.

    file,label
    a.png,cat
    b.png,

A header, then a line for each image; an empty label is none.  Other columns are left alone.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gan_common.errors import UserError

NAME = "labels.csv"
DELIMITERS = ",;\t"  # spreadsheets write what their country's numbers leave free


class Labels(NamedTuple):
    """What a list says of a folder's images: file → label, and the names that are not in the folder."""

    of: dict[str, str]
    absent: list[str]


def read_labels(path: Path, images: Iterable[str]) -> Labels:
    """Read a list of labels: UTF-8, with or without a byte order mark, quoted or not.

    Args:
        path: of the list.
        images: the folder's images, as names relative to it with "/" between folders.

    Returns:
        The labels, without blanks around them; an image without one is not in it.

    Raises:
        UserError: the file cannot be read, is no such list, or gives one image two labels.
    """
    where = repr(str(path))
    try:
        # A file's name may be no text; a label has to be.
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}; mend that") from error
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    known: set[str] = set(images)
    alike: dict[str, list[str]] = {}
    for image in sorted(known):
        alike.setdefault(_alike(image), []).append(image)
    labels: dict[str, str] = {}
    absent: list[str] = []
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = {str(name).strip().lower(): name for name in table.fieldnames or ()}
        if not {"file", "label"} <= set(columns):
            raise UserError(
                f"{where} begins with {first[:60].strip()!r}, and not with the line file,label; "
                "write that above its columns, or give the file another name"
            )
        for row in table:
            given, label = ((row[columns[name]] or "").strip() for name in ("file", "label"))
            if not given:
                continue
            if any("\ud800" <= character <= "\udfff" for character in label):
                raise UserError(
                    f"{where}, line {table.line_num}: the label is no UTF-8 text; save it as UTF-8"
                )
            name = _known(given, known, alike)
            if name is None:
                absent.append(given)
            elif label and labels.setdefault(name, label) != label:
                raise UserError(
                    f"{where}, line {table.line_num}: {given!r} is {label!r} here and "
                    f"{labels[name]!r} above; leave one of them out"
                )
    except csv.Error as error:
        raise UserError(
            f"{where}, line {table.reader.line_num}: {error}; mend that line"
        ) from error
    return Labels(labels, absent)


def _known(given: str, known: set[str], alike: Mapping[str, Sequence[str]]) -> str | None:
    """The image that a list means: with "./" before it or a backslash between folders, too.

    Nor does it matter, where one image alone can be meant, whether letters are capital, and how accents are
    joined to theirs: Windows and macOS make no difference.
    """
    for text in (given, given.replace("\\", "/")):
        name = str(PurePosixPath(text))
        if name in known:
            return name
    like = alike.get(_alike(str(PurePosixPath(given.replace("\\", "/")))), ())
    return like[0] if len(like) == 1 else None


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
