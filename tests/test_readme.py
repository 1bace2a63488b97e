"""The README promises nothing that is not there."""

import dataclasses
import re
from pathlib import Path

import pytest

from benchmarks.experiments import modes as modes_table
from benchmarks.experiments import ssgan as ssgan_table
from gan_common import modes
from gan_common.cli import generate
from keras_dcgan import config as dcgan_config
from keras_dcgan import evaluate as dcgan_evaluate
from ssgan_tf import config as ssgan_config

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def fields(*classes):
    return {field.name.rstrip("_") for options in classes for field in dataclasses.fields(options)}


def test_the_readme_names_only_flags_that_exist():
    known = fields(
        dcgan_config.Config,
        ssgan_config.Flags,
        generate.Options,
        dcgan_evaluate.Options,
        modes.Options,
        modes_table.Options,
        ssgan_table.Options,
    )
    named = set(re.findall(r"--([a-z_]+)", README))
    assert named - known - {"minutes", "help"} == set()
    assert {"dataset", "resume", "tricks", "nice", "label"} <= named


def test_the_readme_names_only_modules_and_files_that_exist():
    for module in set(re.findall(r"python -m ([a-z_.0-9]+)", README)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
        limit = 1_000_000 if path.endswith(".ipynb") else 200_000
        assert (ROOT / path).stat().st_size <= limit, path


def test_the_readme_names_only_tests_that_exist():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for name in re.findall(r"`(test_[a-z_0-9]+)`", README):
        assert f"def {name}(" in tests, name
    for name in re.findall(r"`(test_[a-z_0-9]+\.py)`", README):
        assert list((ROOT / "tests").rglob(name)), name


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", README, re.M)))
)
def test_make_knows_every_target_that_is_named(target):
    assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE)
