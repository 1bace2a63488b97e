"""Imports point one way: tests, notebooks, benchmarks → the three packages → gan_common → others."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gan_common", "keras_dcgan", "ssgan_tf", "gan_applications")
OUTSIDE = ("notebooks", "tests", "benchmarks", "book")
ALLOWED = {
    "gan_common": {"gan_common"},
    "keras_dcgan": {"keras_dcgan", "gan_common"},
    "ssgan_tf": {"ssgan_tf", "gan_common"},
    "gan_applications": {"gan_applications", "gan_common"},
    **{folder: {*PACKAGES, folder} for folder in OUTSIDE},
    "tests": {*PACKAGES, "benchmarks", "book", "notebooks", "tests"},
}


def imported(source, package=""):
    """Every module that the Python source imports, anywhere in it, as absolute dotted names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:  # from . or .. : inside the package
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                yield from (".".join([*base, node.module or alias.name]) for alias in node.names)
            else:
                # both for `from package import module`: the name may be a module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__"):
                yield str(node.args[0].value)


def notebook_source(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))


def sources():
    """(folder, file, source) of all Python in the project."""
    for folder in ALLOWED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield folder, path, path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in path.parts:
                yield folder, path, notebook_source(path)


# The floors of gan_common, from the ground up: an arrow goes down, or stays within its wing.
FLOORS = (
    ("errors",),
    ("outside",),
    ("arguments", "catalogue", "files", "memory", "progress", "quiet", "replicas"),
    ("kernels", "losses", "modern", "plotting", "shapes"),
    ("data", "tricks"),
    ("portable", "terms"),
    ("metrics", "sampling"),
    ("doctor", "projection", "web"),
    ("drawing", "runs"),
    ("cli",),
    ("lessons", "modes", "pages"),
    ("play",),
    ("__main__",),
)
FLOOR = {wing: number for number, wings in enumerate(FLOORS) for wing in wings}


def wing_of(path):
    """The wing of a file of gan_common: its folder there, or the file itself.

    A wing's `__main__` is a command: it stands above all of them.
    """
    if path.stem == "__main__":
        return "__main__"
    return path.relative_to(ROOT / "gan_common").with_suffix("").parts[0]


def upward_arrows(wing, source):
    """The wings that the source imports and that do not lie below its own."""
    names = [name.split(".") for name in imported(source, "gan_common")]
    used = {name[1] for name in names if name[0] == "gan_common" and len(name) > 1}
    return sorted(name for name in used if name != wing and FLOOR[name] >= FLOOR[wing])


def modules():
    """Each module of gan_common by its dotted name, and its source."""
    for path in sorted((ROOT / "gan_common").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path.read_text(encoding="utf-8")


def wrong_arrows(folder, source):
    ours = {name.split(".")[0] for name in imported(source, folder)} & set(ALLOWED)
    return ours - ALLOWED[folder]


def test_no_arrow_points_the_wrong_way():
    wrong = [
        f"{path.relative_to(ROOT)} imports {target}"
        for folder, path, source in sources()
        for target in sorted(wrong_arrows(folder, source))
    ]
    assert wrong == []


def test_inside_gan_common_arrows_go_down():
    wings = {wing_of(path) for path in (ROOT / "gan_common").rglob("*.py")}
    assert wings - {"__init__"} == set(FLOOR)
    wrong = [
        f"{path.relative_to(ROOT)} imports {wing}"
        for path in sorted((ROOT / "gan_common").rglob("*.py"))
        if wing_of(path) != "__init__"
        for wing in upward_arrows(wing_of(path), path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_no_module_of_gan_common_imports_itself_in_a_circle():
    known = dict(modules())

    def module(name):
        """`package.name` is a module, or a name that the module `package` holds."""
        return name if name in known else name.rpartition(".")[0]

    arrows = {
        name: {module(target) for target in imported(source, name)} & (set(known) - {name})
        for name, source in known.items()
    }
    # A wing's door (`__init__`) opens on its rooms; a room does not go out by its own door.
    while leaves := [name for name, targets in arrows.items() if not targets]:
        for leaf in leaves:
            del arrows[leaf]
        for targets in arrows.values():
            targets.difference_update(leaves)
    assert arrows == {}


@pytest.mark.parametrize(
    ("wing", "source", "wrong"),
    [
        ("runs", "from gan_common.files import write_json\nfrom gan_common import doctor", []),
        ("runs", "def f():\n    from gan_common import cli", ["cli"]),
        ("data", "from gan_common.tricks import pack", ["tricks"]),
        ("losses", "import gan_common.runs.lock", ["runs"]),
    ],
)
def test_an_upward_arrow_is_found(wing, source, wrong):
    assert upward_arrows(wing, source) == wrong


def test_matplotlib_is_imported_where_figures_are_drawn():
    importers = {
        str(path.relative_to(ROOT))
        for _, path, source in sources()
        if any(name.split(".")[0] in ("matplotlib", "pylab") for name in imported(source))
    }
    assert importers == {
        "gan_common/plotting/canvas.py",
        "gan_common/plotting/fonts.py",
        "gan_common/outside.py",
    }


def test_both_packages_have_the_same_files():
    """Who knows one knows the other; what labels ask for is ssgan_tf's alone."""
    names = (
        "__init__",
        "__main__",
        "config",
        "presets",
        "networks",
        "models",
        "train",
        "generate",
        "evaluate",
        "export",
        "explore",
    )
    labels = ("losses", "augment", "pseudo_labels", "noise", "parts", "schedule", "sweep")
    labels += ("alternatives", "calibration", "expectations", "predict", "unsure")
    for package, more in (("keras_dcgan", ("residual",)), ("ssgan_tf", labels)):
        files = {path.stem for path in (ROOT / package).glob("*.py")}
        assert files == {*names, *more}, package


@pytest.mark.parametrize(
    ("folder", "source", "wrong"),
    [
        ("gan_common", "from gan_common import losses\nimport numpy as np", set()),
        ("gan_common", "from . import losses\nfrom .errors import UserError", set()),
        ("gan_common", "def f():\n    import keras_dcgan.train", {"keras_dcgan"}),
        ("gan_common", "from ssgan_tf.losses import classify", {"ssgan_tf"}),
        (
            "keras_dcgan",
            "from gan_common.losses import KINDS\nfrom keras_dcgan import config",
            set(),
        ),
        ("keras_dcgan", "import importlib\nimportlib.import_module('ssgan_tf')", {"ssgan_tf"}),
        ("ssgan_tf", "if True:\n    from keras_dcgan import models", {"keras_dcgan"}),
        ("ssgan_tf", "import tests.test_losses", {"tests"}),
        ("gan_applications", "from keras_dcgan.networks import generator", {"keras_dcgan"}),
        ("ssgan_tf", "from gan_applications import pairs", {"gan_applications"}),
        ("tests", "import keras_dcgan, ssgan_tf, gan_common", set()),
        ("benchmarks", "from tests import conftest", {"tests"}),
    ],
)
def test_the_walk_finds_what_it_should(folder, source, wrong):
    assert wrong_arrows(folder, source) == wrong
