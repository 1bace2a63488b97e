"""Pictures that a person labels in the browser, saved as `folder:` reads them."""

import csv
import io
import os
from pathlib import Path

import numpy as np

from gan_common import files
from gan_common.data.label_list import NAME
from gan_common.errors import UserError
from gan_common.plotting import grids


def save(folder: Path, image: np.ndarray, class_name: str) -> Path:
    """Save one picture with its class: in a class folder, or in a flat folder and its labels.csv.

    Args:
        folder: made if need be.  Where it has a labels.csv, a line is added to that.
        image: uint8 (H, W, C).
        class_name: of one of its classes.

    Returns:
        The picture's file.

    Raises:
        UserError: it cannot be written, or the class's name cannot be a folder's.
    """
    folder = Path(folder)
    listed = folder / NAME
    if not listed.exists() and (
        class_name in ("", ".", "..")
        or {"/", "\\", "\0", os.sep} & set(class_name)
        or class_name[0] == "."
        or (files.not_on_windows(class_name) and not (folder / class_name).is_dir())
    ):
        raise UserError(
            f"class {class_name!r} cannot be a folder's name everywhere; make {listed} with file,label"
        )
    place = folder if listed.exists() else folder / class_name
    number = 1
    while (path := place / f"labelled-{number:04d}.png").exists():
        number += 1
    content = grids.encode(grids.to_pillow(image), "PNG")
    files.write_whole(path, lambda temporary: temporary.write_bytes(content))
    if listed.exists():
        _add_line(listed, path.name, class_name)
    return path


def _add_line(listed: Path, name: str, class_name: str) -> None:
    try:
        text = listed.read_bytes()
    except OSError as error:
        raise UserError(f"{listed}: cannot be read: {error.strerror}; mend that") from error
    header = text.decode("utf-8-sig", "surrogateescape").lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    columns = [column.strip().strip('"').lower() for column in header.strip().split(delimiter)]
    if not {"file", "label"} <= set(columns):
        raise UserError(f"{listed}: begins with {header[:60]!r}, and not with file,label")
    row = [{"file": name, "label": class_name}.get(column, "") for column in columns]
    line = io.StringIO()
    end = (
        "\n" if b"\n" in text and b"\r\n" not in text else "\r\n"
    )  # as it has them, or by RFC 4180
    csv.writer(line, delimiter=delimiter, lineterminator=end).writerow(row)
    if text and not text.endswith(b"\n"):
        text += end.encode()
    files.write_whole(listed, lambda path: path.write_bytes(text + line.getvalue().encode()))
