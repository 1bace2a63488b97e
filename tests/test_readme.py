"""README, docs and results promise nothing that is not there."""

import dataclasses
import re
from pathlib import Path

import pytest

from benchmarks.experiments import doctor as doctor_table
from benchmarks.experiments import modes as modes_table
from benchmarks.experiments import ssgan as ssgan_table
from benchmarks.speed import bench
from gan_applications import (
    cyclegan,
    discogan,
    next_frames,
    pix2pix,
    srgan,
    stackgan,
    text_to_image,
    video,
)
from gan_common import modes
from gan_common.cli import export, generate
from gan_common.metrics import __main__ as folders
from gan_common.pages import explore
from keras_dcgan import __main__ as keras_dcgan
from keras_dcgan import config as dcgan_config
from ssgan_tf import __main__ as ssgan_tf
from ssgan_tf import config as ssgan_config
from ssgan_tf import evaluate, predict

ROOT = Path(__file__).resolve().parent.parent
README, CHINESE, RESULTS = (
    ROOT / name for name in ("README.md", "README.zh-CN.md", "results/README.md")
)
DOCUMENTS = [README, CHINESE, RESULTS, *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {"keras-dcgan": keras_dcgan, "ssgan-tf": ssgan_tf}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def text_of(document):
    return document.read_text(encoding="utf-8")


def fields(*classes):
    return {field.name.rstrip("_") for options in classes for field in dataclasses.fields(options)}


@documents
def test_the_readme_names_only_flags_that_exist(document):
    known = fields(
        dcgan_config.Config,
        ssgan_config.Flags,
        generate.Options,
        evaluate.Options,
        export.Options,
        predict.Options,
        explore.Options,
        folders.Options,
        modes.Options,
        modes_table.Options,
        doctor_table.Options,
        ssgan_table.Options,
        bench.Options,
        cyclegan.Config,
        discogan.Config,
        pix2pix.Config,
        srgan.Config,
        next_frames.Config,
        stackgan.Config,
        text_to_image.Config,
        video.Config,
    )
    named = set(re.findall(r"--([a-z_0-9]+)", text_of(document)))
    known |= {f"no{name}" for name in known} | {"minutes", "help"}
    assert named - known == set()


def test_the_readme_names_the_flags_that_people_need():
    named = set(re.findall(r"--([a-z_]+)", text_of(README)))
    assert {"dataset", "resume", "tricks", "nice", "labels"} <= named


@documents
def test_the_readme_names_only_modules_and_files_that_exist(document):
    text = text_of(document)
    for module in set(re.findall(r"python -m ([a-z_.0-9]+)", text)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for link in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text):
        path = document.parent / link
        assert path.exists(), link
        limit = 1_000_000 if link.endswith((".ipynb", ".json")) else 200_000
        assert path.is_dir() or path.stat().st_size <= limit, link
    for program, command in re.findall(r"\b(keras-dcgan|ssgan-tf) ([a-z]+)", text):
        assert command in PROGRAMS[program].COMMANDS, (program, command)


@documents
def test_links_to_a_heading_find_it(document):
    for link, heading in re.findall(r"\]\(([^)#h]*)#([^)]+)\)", text_of(document)):
        target = text_of(document.parent / link if link else document)
        known = {
            re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", target, re.M)
        }
        assert heading in known, (link, heading)


@documents
def test_the_readme_names_only_tests_that_exist(document):
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for name in re.findall(r"`(test_[a-z_0-9]+)`", text_of(document)):
        assert f"def {name}(" in tests, name
    for name in re.findall(r"`(test_[a-z_0-9]+\.py)`", text_of(document)):
        assert list((ROOT / "tests").rglob(name)), name


@documents
def test_functions_are_where_the_documents_say(document):
    for path, name in re.findall(r"`([a-z_/]+\.py)(?::([a-z_]+))?`", text_of(document)):
        if "/" in path:
            source = text_of(ROOT / path)
            assert not name or re.search(rf"^\s*def {name}\(", source, re.M), (path, name)


@documents
def test_make_knows_every_target_that_is_named(document):
    for target in re.findall(r"(?:^|`)make ([a-z][a-z-]+)", text_of(document), re.M):
        assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE), target


def test_both_readmes_have_the_same_commands_and_links():
    def told(document):
        text = text_of(document)
        code = re.findall(r"```\n(.*?)```", text, re.S) + re.findall(
            r"(?<!`)`([^`\n]+)`(?!`)", text
        )
        links = re.findall(r"\]\(([^)]+)\)", text)
        return sorted(code), sorted({*links} - {"README.md", "README.zh-CN.md", "notebooks/zh"})

    assert told(README) == told(CHINESE)


@pytest.mark.parametrize("document", [README, CHINESE], ids=lambda path: path.name)
def test_the_readme_is_two_screens(document):
    assert len(text_of(document).splitlines()) <= 150
