"""What `make` promises: one line a target, and an environment that is made once."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", "-C", folder, "--no-print-directory", *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_lists_every_target_with_a_line():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):", makefile, re.M)
    shown = {line.split()[0]: line.split(None, 1)[1] for line in make(ROOT, "help").splitlines()}
    assert set(shown) == set(targets)
    # none of them is taken for a file
    known = make(ROOT, "--print-data-base", "--dry-run", "help")
    assert set(re.search(r"^\.PHONY: (.*)$", known, re.M)[1].split()) == set(targets)
    assert make(ROOT) == make(ROOT, "help")


@pytest.fixture
def clone(tmp_path):
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("target", ["train-dcgan", "test", "setup"])
def test_the_environment_is_made_when_it_is_missing_or_stale_and_not_otherwise(clone, target):
    plan = make(clone, "-n", target, "PYTHON=python3.99")
    assert "python3.99 -m venv .venv" in plan
    assert "pip install" in plan

    (clone / ".venv").mkdir()
    later = (clone / "setup.cfg").stat().st_mtime + 10
    for seconds, name in enumerate((".installed", ".installed-dev")):
        installed = clone / ".venv" / name
        installed.touch()
        os.utime(installed, (later + seconds, later + seconds))
    assert "venv .venv" not in make(clone, "-n", target)

    os.utime(clone / "setup.cfg", (later + 10, later + 10))
    assert "pip install" in make(clone, "-n", target)


def test_what_was_tested_is_installed_unless_the_newest_is_asked_for(clone):
    assert "pip install --constraint requirements.lock" in make(clone, "-n", "train-dcgan")
    assert "--constraint" not in make(clone, "-n", "train-dcgan", "LOCK=")


def test_a_training_installs_no_developers_tools(clone):
    assert ".[dev]" not in make(clone, "-n", "train-dcgan")
    assert ".[dev]" in make(clone, "-n", "test")


def test_an_installation_that_fails_fails_the_target(clone):
    (clone / "bin").mkdir()
    python = clone / "bin" / "python3"
    python.write_text(
        "#!/bin/sh\n"
        'test "$1" = -c && exit 0\n'
        "mkdir -p .venv/bin && printf '#!/bin/sh\necho Collecting a\nexit 3\n' > .venv/bin/pip\n"
        "chmod +x .venv/bin/pip\n"
    )
    python.chmod(0o755)
    with pytest.raises(AssertionError, match="Error 3"):
        make(clone, "train-dcgan", f"PYTHON={python}")
    assert not (clone / ".venv" / ".installed").exists()


def test_more_flags_reach_the_training(clone):
    assert "--seed 7" in make(clone, "-n", "train-dcgan", "ARGS=--seed 7")
