"""Which images of a pool are worth a label next: those between two classes, no two nearly the same.

Uncertainty sampling by the smallest margin: Settles 2009, Active Learning Literature Survey, section 3.1.
"""

import csv
import io
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from gan_common import files
from gan_common.data import found, label_list
from gan_common.errors import UserError

HEADER = ["file", "label"]
LABELS = label_list.NAME
# Two images that differ by less, in gray levels of 255 and on average over the pixels, are one question.
NEAR = 8.0
CANDIDATES = 10  # for each image that is proposed, so that near ones can be passed over
COMPARED = 32  # pixels a side that they are compared by


class Probable(Protocol):
    """What tells the probabilities of the classes."""

    image_shape: tuple[int, ...]
    class_names: list[str]
    fit: str

    def probabilities(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 (N, H, W, C) → (N, K), and of "generated" (N,)."""


def check(paths: Sequence[str], out: str | None, json: str | None, top: int) -> None:
    """Refuse what does not go with --most_unsure, before anything is read.

    Raises:
        UserError: other than one folder, flags of predictions, or a file that would be lost.
    """
    if len(paths) != 1 or not os.path.isdir(paths[0]):
        raise UserError("--most_unsure takes one folder, whose images are named relative to it")
    if json or top > 1:
        raise UserError("--most_unsure writes a CSV of files to label: no --json, no --top")
    if out and os.path.exists(out) and not _same(out, os.path.join(paths[0], LABELS)):
        raise UserError(f"--csv {out!r}: is there already, labels in it may be; name another file")


def _same(one: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(one, other)


def propose(
    classifier: Probable, pool: str, names: Sequence[str], count: int, out: str | None
) -> None:
    """Write the CSV of the images to label next, to a file or to stdout.

    Labels that the pool's labels.csv has already stay in it, at the top; their images are not named again.

    Args:
        classifier: of the run.
        pool: the folder.
        names: its images, as paths.
        count: how many are proposed.
        out: the file; None prints the CSV.

    Raises:
        UserError: every image has a label, none can be read, or a labels.csv that is none.
    """
    here = {Path(os.path.relpath(name, pool)).as_posix(): name for name in names}
    known, absent = _known(Path(pool) / LABELS, here)
    if absent and out:
        raise UserError(
            f"{os.path.join(pool, LABELS)!r}: {len(absent)} of its files, {absent[0]!r} first, are not "
            "there, and their labels would be lost; correct or remove these lines"
        )
    left = [name for file, name in here.items() if file not in known]
    if not left:
        raise UserError(f"{pool!r}: each image has a label in {LABELS} already")
    chosen = most_unsure(classifier, left, count)
    if len(chosen) < count:
        print(f"only {len(chosen)} images are without a label", file=sys.stderr)
    rows = [[file, label] for file, label in known.items()]
    file_of = {name: file for file, name in here.items()}
    rows += [[file_of[name], ""] for name, *_ in chosen]
    text = io.StringIO()
    end = "\r\n" if out else "\n"  # a file's is that of RFC 4180
    csv.writer(text, lineterminator=end).writerows([HEADER, *rows])
    if not out:
        print(text.getvalue(), end="")
        return
    content = text.getvalue().encode("utf-8", "surrogateescape")
    files.write_whole(Path(out), lambda path: path.write_bytes(content))
    for name, margin, best, second in chosen:
        print(f"{name}  {best} or {second}, apart by {margin:.1%}")
    kept = f", {len(known)} labels that were there kept" if known else ""
    print(f"{out}: {len(chosen)} images to label{kept}", file=sys.stderr)


def _known(path: Path, images: Iterable[str]) -> label_list.Labels:
    """What the list says, as a training reads it; those that are still to be filled in are left out."""
    return label_list.read_labels(path, images) if path.exists() else label_list.Labels({}, [])


def most_unsure(
    classifier: Probable, names: Sequence[str], count: int
) -> list[tuple[str, float, str, str]]:
    """The images whose two most probable classes are nearest to each other, the nearest first.

    Of images that are nearly the same the first one is taken; the others only when nothing else is left.

    Args:
        classifier: tells the probabilities.
        names: paths of images.
        count: how many.

    Returns:
        (path, margin in [0, 1], most probable class, second class), at most `count`.
    """
    batches = found.read_batches(names, classifier.image_shape, classifier.fit)
    return most_unsure_of(classifier, batches, count)


def most_unsure_of(
    classifier: Probable, batches: Iterable[tuple[list[str], np.ndarray]], count: int
) -> list[tuple[str, float, str, str]]:
    """`most_unsure` of images that are read already.

    Args:
        classifier: tells the probabilities.
        batches: names of some images, and these, uint8 (N, H, W, C).
        count: how many.
    """
    room = CANDIDATES * count
    kept: list[str] = []
    margins, pairs = np.empty(0), np.empty((0, 2), int)
    step = max(1, classifier.image_shape[0] // COMPARED)
    images = np.empty((0, *classifier.image_shape), np.uint8)[:, ::step, ::step]
    for batch_names, batch in batches:
        p, _ = classifier.probabilities(batch)
        pairs = np.concatenate([pairs, np.argsort(-p, axis=1, kind="stable")[:, :2]])
        ordered = np.sort(p, axis=1)
        margins = np.concatenate([margins, ordered[:, -1] - ordered[:, -2]])
        images, kept = np.concatenate([images, batch[:, ::step, ::step]]), kept + batch_names
        best = np.argsort(margins, kind="stable")[:room]
        margins, pairs, images = margins[best], pairs[best], images[best]
        kept = [kept[i] for i in best]
    return [
        (kept[i], float(margins[i]), *(classifier.class_names[k] for k in pairs[i]))  # type: ignore[misc]
        for i in apart(images, count)
    ]


def apart(images: np.ndarray, count: int, near: float = NEAR) -> list[int]:
    """Which of uint8 images (N, H, W, C), in their order, so that no two are near, as far as that goes.

    Args:
        images: the most wanted first.
        count: how many.
        near: mean absolute difference of the pixels, in gray levels, below which two count as one.

    Returns:
        At most `count` numbers, ascending but for near ones, which come last.
    """
    chosen: list[int] = []
    passed: list[int] = []
    for i, image in enumerate(images):
        if len(chosen) == count:
            break
        others = images[chosen].astype(np.int16)
        differences = np.abs(others - image).mean(axis=(1, 2, 3))
        (passed if (differences < near).any() else chosen).append(i)
    return [*chosen, *passed][:count]
