"""What a person's folder holds: which of its files are images, and of which class and part each is.

Four layouts are plain, and anything else is asked about in one line:

    PATH/*.png                      one class, "all"
    PATH/*.png, PATH/labels.csv     classes by a list, see `gan_common.data.label_list`
    PATH/<class>/**/*.png           class folders; `unlabelled` beside them is the pool without labels
    PATH/train|val|test/…           parts, each in one of the layouts without a list

Runs that lie in the folder are passed over: their samples are no images to train on.
"""

import collections
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gan_common.data.decode import EXTENSIONS, RAW_EXTENSIONS, READ, kind_of_file
from gan_common.data.label_list import NAME, read_labels
from gan_common.errors import UserError

DEEPEST = 50  # folders in folders
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
RUN = {"config.json", "dataset.json", "checkpoints"}  # what the folder of a run holds
POOLS = ("unlabelled", "unlabeled")
# Names of classes, too: a person has to say which.
LIKE_POOLS = {
    *("pool", "rest", "unknown", "unsorted", "unsupervised", "unclassified", "unannotated", "todo"),
    *("nolabel", "nolabels", "notlabelled", "notlabeled", "withoutlabel", "withoutlabels"),
    *("unlabelleddata", "unlabeleddata", "unlabelledimages", "unlabeledimages"),
}


class Layout(NamedTuple):
    """The images of a folder, by names relative to it.

    Attributes:
        classes: class → images to train on; the test part is among them unless `test` is there.
        test: class → images of the test part that the person chose; None for none.
        pool: images without a label; None for none.
        others: files that are no images: ending → how many.
        notes: what was done that is not plain to see, each on one line.
    """

    classes: dict[str, list[str]]
    test: dict[str, list[str]] | None
    pool: list[str] | None
    others: dict[str, int]
    notes: list[str]


class _Tree(NamedTuple):
    """A folder: its own images, and the folders in it by name."""

    images: list[str]
    folders: dict[str, "_Tree"]

    def below(self) -> list[str]:
        """The images at any depth."""
        return [*self.images, *(name for tree in self.folders.values() for name in tree.below())]


def arrange(root: Path) -> Layout:
    """Look through a folder.  Names that begin with a dot are passed over.

    Raises:
        UserError: no folder, no images, a class folder without any, or a layout that is not plain.
    """
    if not root.is_dir():
        what = "is not a folder" if os.path.lexists(root) else "does not exist"
        raise UserError(f"image folder {str(root)!r} {what}; give folder:PATH an existing folder")
    others: collections.Counter = collections.Counter()
    notes: list[str] = []
    tree = _look(root, "", (), others, notes)
    if tree is None or not tree.below():
        found = f"; it has {told(others)}" if others else ""
        raise UserError(
            f"{str(root)!r} holds no images ({READ}), nor do its folders{found}; add some"
        )
    listed = next((name for name in sorted(os.listdir(root)) if name.lower() == NAME), None)
    if listed is not None and (root / listed).is_file():
        others[".csv"] -= 1
        return _by_list(root, root / listed, tree.below(), others, notes)
    parts = _parts(root, tree)
    if parts is not None:
        return _by_parts(root, tree, parts, others, notes)
    classes, pool = _classes(root, "", tree, notes)
    return Layout(classes, None, pool, _counted(others), notes)


def told(others: dict[str, int]) -> str:
    """`{".txt": 3}` → "3 files of no kind that is read (3 .txt)"."""
    kinds = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{count:,} {kind or 'without ending'}" for kind, count in kinds[:5])
    total, more = sum(others.values()), ", ..." * (len(kinds) > 5)
    return f"{counted(total, 'file')} of no kind that is read ({listed}{more})"


def counted(count: int, noun: str) -> str:
    """`2, "image"` → "2 images"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _counted(others: collections.Counter) -> dict[str, int]:
    return {kind: count for kind, count in others.items() if count > 0}


def _look(
    root: Path,
    inside: str,
    above: tuple[tuple[int, int], ...],
    others: collections.Counter,
    notes: list[str],
) -> _Tree | None:
    """The tree of a folder; `inside` is its name relative to `root`, `above` the folders it lies in.

    None of a run's folder, and of one that holds nothing but such.
    """
    folder = root / inside
    try:
        state = os.stat(folder)
        with os.scandir(folder) as found:
            entries = sorted((entry.name, entry) for entry in found if entry.name[0] != ".")
    except OSError as error:
        raise UserError(f"folder {str(folder)!r} cannot be read: {error.strerror}") from error
    here = (state.st_dev, state.st_ino)
    if here in above:
        notes.append(f"{inside!r} is a link to a folder that it lies in, and was left out")
        return _Tree([], {})
    if len(above) > DEEPEST:
        raise UserError(f"folder {str(folder)!r} lies more than {DEEPEST} folders deep; move it up")
    if inside and is_run(name for name, _ in entries):
        notes.append(f"{inside!r} is the folder of a run, and was left out")
        return None
    tree, runs = _Tree([], {}), 0
    for name, entry in entries:
        path = f"{inside}/{name}" if inside else name
        if _is_folder(entry):
            if name == "__MACOSX":  # what an archive of a Mac has beside its folders
                continue
            below = _look(root, path, (*above, here), others, notes)
            if below is None:
                runs += 1
            else:
                tree.folders[name] = below
        elif is_image(root / path):
            tree.images.append(path)
        else:
            others[os.path.splitext(name)[1].lower()] += 1
    return None if runs and not (tree.images or tree.folders) else tree


def is_run(names: Iterable[str]) -> bool:
    """Whether a folder that holds these names is a run's."""
    return set(names) >= RUN


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_image(path: Path) -> bool:
    """Whether a file is named like an image, or is one by its first bytes."""
    # What is named so is looked at when it is decoded; if it is none then, it is damaged.
    if path.name.lower().endswith((*EXTENSIONS, *RAW_EXTENSIONS)):
        return True
    try:
        return kind_of_file(path) is not None
    except UserError:
        return False


# --------------------------------------------------------------------------- layouts


def _classes(
    root: Path, inside: str, tree: _Tree, notes: list[str]
) -> tuple[dict[str, list[str]], list[str] | None]:
    """Class → images, and the pool, of a folder that is flat or holds class folders."""
    where = repr(str(root / inside))
    filled = {name: sub for name, sub in tree.folders.items() if sub.below()}
    if tree.images:
        if filled:
            raise UserError(
                f"{where} holds images ({os.path.basename(tree.images[0])!r}) beside folders of images "
                f"({next(iter(filled))!r}); move the images into a class folder of their own"
            )
        return {"all": tree.images}, None
    for name in tree.folders:
        if name not in filled:
            raise UserError(
                f"class folder {name!r} in {where} holds no images ({READ}); add some, or remove the "
                "folder"
            )
    for name, sub in filled.items():
        _check_class(root, inside, name, sub, alone=len(filled) == 1)
    classes = {name: sub.below() for name, sub in filled.items()}
    if len(classes) == 1:
        return classes, None
    lower: dict[str, str] = {}
    for name in classes:
        if (other := lower.setdefault(name.casefold(), name)) != name:
            notes.append(f"classes {other!r} and {name!r} differ in case alone; are they one?")
    pools = [name for name in classes if _plain(name) in POOLS]
    for name in classes:
        if _plain(name) in LIKE_POOLS:
            raise UserError(
                f"is {name!r} in {where} a class, or the pool of images without a label? Rename it to "
                f"{POOLS[0]!r} if it is the pool, and to 'class_{name}', say, if it is a class"
            )
    pool = [image for name in pools for image in classes.pop(name)]
    if not classes:
        raise UserError(f"{where} holds images without a label alone; name one of its folders")
    return classes, pool if pools else None


def _check_class(root: Path, inside: str, name: str, tree: _Tree, alone: bool) -> None:
    """Refuse a class folder whose own folders are more likely classes, or parts."""
    filled = [sub for sub, below in tree.folders.items() if below.below()]
    path = str(root / inside / name)
    parts = {PARTS.get(sub.lower()) for sub in filled}
    if not alone and "train" in parts and parts & {"val", "test"}:
        raise UserError(
            f"{path!r} holds the parts {', '.join(map(repr, filled))}; put the parts above the classes, "
            f"as in train/{name} and test/{name}, or name one part's folder"
        )
    if alone and not tree.images and len(filled) > 1:
        listed = ", ".join(map(repr, filled[:3])) + (", ..." if len(filled) > 3 else "")
        raise UserError(
            f"{str(root / inside)!r} holds one folder, {name!r}, with folders of images in it "
            f"({listed}); name that one: folder:{path}"
        )


def _parts(root: Path, tree: _Tree) -> dict[str, str] | None:
    """Part → its folder's name, where all folders with images are parts, or a pool."""
    filled = [name for name, sub in tree.folders.items() if sub.below()]
    found = [(PARTS[name.lower()], name) for name in filled if name.lower() in PARTS]
    others = [name for name in filled if name.lower() not in PARTS and _plain(name) not in POOLS]
    if tree.images or others or not found:
        return None
    parts = dict(found)
    if len(parts) < len(found):
        names = ", ".join(repr(name) for _, name in found)
        raise UserError(f"{str(root)!r} has one part twice ({names}); join its folders")
    if "train" not in parts:
        names = ", ".join(map(repr, filled))
        raise UserError(
            f"{str(root)!r} holds {names} and no 'train'; name the folder to train on, "
            f"as in folder:{root / filled[0]}"
        )
    return parts


def _by_parts(
    root: Path,
    tree: _Tree,
    parts: dict[str, str],
    others: collections.Counter,
    notes: list[str],
) -> Layout:
    """Train, val and test folders: the test part is the person's own, and never trained on."""
    name = parts["train"]
    classes, pool = _classes(root, name, tree.folders[name], notes)
    pool = pool or []
    for folder, sub in tree.folders.items():
        if _plain(folder) in POOLS:
            pool = [*pool, *sub.below()]
    test = None
    for part in ("test", "val"):
        if part not in parts:
            continue
        folder = parts[part]
        found = _like(root, folder, tree.folders[folder], classes)
        if found is None:
            images = counted(len(tree.folders[folder].below()), "image")
            notes.append(f"{folder!r} has no class folders: left out its {images}")
            continue
        images = counted(sum(map(len, found.values())), "image")
        if part == "val" and test is not None:
            notes.append(f"{folder!r} is trained on, too: {images}")
            for label, names in found.items():
                classes[label] = [*classes[label], *names]
        else:
            test = found
            notes.append(f"{folder!r} is the test part: {images}")
    return Layout(classes, test, pool or None, _counted(others), notes)


def _like(
    root: Path, folder: str, tree: _Tree, classes: dict[str, list[str]]
) -> dict[str, list[str]] | None:
    """Class → images of another part than train; None where it does not tell the classes."""
    if list(classes) == ["all"]:
        return {"all": tree.below()}
    if tree.images:
        return None
    found = {name: sub.below() for name, sub in tree.folders.items() if sub.below()}
    for name in found:
        if name not in classes:
            raise UserError(
                f"{str(root / folder)!r} has a class {name!r} that the part to train on lacks; add "
                "images of it there, or remove it here"
            )
    return found


def _by_list(
    root: Path, path: Path, images: list[str], others: collections.Counter, notes: list[str]
) -> Layout:
    """Classes by labels.csv, in the order of their names."""
    labels, absent = read_labels(path, images)
    if not labels:
        what = "names none of the images that are there" if absent else "has no label yet"
        raise UserError(f"{str(path)!r} {what}; write a label behind the names of some images")
    classes: dict[str, list[str]] = {label: [] for label in sorted(set(labels.values()))}
    for name, label in labels.items():
        classes[label].append(name)
    if absent:
        listed = ", ".join(map(repr, absent[:5])) + (", ..." if len(absent) > 5 else "")
        notes.append(f"{path.name} names {counted(len(absent), 'file')} not there: {listed}")
    pool = [name for name in images if name not in labels]
    return Layout(classes, None, pool or None, _counted(others), notes)
