"""Files and folders are there whole or not at all."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from gan_common import files
from gan_common.errors import UserError


def fill(folder, text):
    folder.mkdir()
    (folder / "a.txt").write_text(text)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "made"
    fill(path, "old")
    (path / "left over").write_text("")
    with files.whole(path) as temporary:
        fill(temporary, "new")
        assert (path / "a.txt").read_text() == "old"
    assert [child.name for child in path.iterdir()] == ["a.txt"]
    assert (path / "a.txt").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_failure_leaves_what_was_there_and_nothing_else(kind, tmp_path):
    path = tmp_path / "made"
    make = fill if kind == "folder" else Path.write_text
    make(path, "old")

    def fail_half_way():
        with files.whole(path) as temporary:
            make(temporary, "half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert (path if kind == "file" else path / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    for name in (".123-half.json", "whole.json", ".hidden"):
        (tmp_path / name).write_text("")
    fill(tmp_path / ".77-folder", "")
    files.drop_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "whole.json"]


def test_what_is_no_finite_number_is_null_in_json(tmp_path):
    content = {"fid": math.nan, "rates": (1.5, -math.inf), "deep": [{"x": np.float64("inf")}]}
    files.write_json(tmp_path / "x.json", content)

    def refuse(name):
        raise AssertionError(name)

    found = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert found == {"fid": None, "rates": [1.5, None], "deep": [{"x": None}]}


def test_two_names_of_one_file_are_the_same(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert files.same(tmp_path / "a", tmp_path / "link")
    assert files.same(tmp_path / "new", tmp_path / "x" / ".." / "new")
    assert not files.same(tmp_path / "a", tmp_path / "new")


# What is no file for others: a checksum's text, a process's number, and names between two of our processes.
OTHER_JSON = {"files.py", "checkpoints.py", "lock.py", "matlab.py"}


def test_json_is_written_by_one_writer():
    root = Path(files.__file__).resolve().parent.parent
    found = {
        path.name
        for package in ("gan_common", "keras_dcgan", "ssgan_tf")
        for path in (root / package).rglob("*.py")
        if "json.dump" in path.read_text(encoding="utf-8")
    }
    assert found <= OTHER_JSON


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("CON", "CON_"),
        ("aux.tar.gz", "aux_.tar.gz"),
        ("nul .txt", "nul _.txt"),
        ("lpt0", "lpt0_"),
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("tab\there", "tab_here"),
        ("cat.", "cat"),
        ("cat ", "cat"),
        ("...", "_"),
        ("console", None),
        ("\u732b \U0001f431", None),
        (".hidden", None),
    ],
)
def test_names_that_windows_has_not(name, becomes):
    assert (files.not_on_windows(name) is None) == (becomes is None)
    assert files.portable(name) == (becomes or name)
    assert files.not_on_windows(files.portable(name)) is None


def test_a_name_that_windows_has_not_is_told_and_there_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / "a:b").mkdir()
    for name in ("fine.json", "a:b/fine.json", "a:b"):  # what is there is a person's own
        files.check_name("--out", tmp_path / name)
    assert capsys.readouterr().err == ""
    files.check_name("--out x", tmp_path / "c?" / "aux.png")
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "--out x: 'aux.png' is a device on Windows; rename it before it goes there",
        "--out x: 'c?' is no name on Windows, which has no '?' in names; rename it before it goes there",
    ]
    monkeypatch.setattr(files, "WINDOWS", True)
    with pytest.raises(
        UserError, match=r"--out x: 'aux\.png' is a device on Windows; give another"
    ):
        files.check_name("--out x", tmp_path / "c?" / "aux.png")


def test_names_of_the_projects_own_files_are_names_everywhere():
    root = Path(files.__file__).parents[1]
    for folder in (
        "gan_common",
        "keras_dcgan",
        "ssgan_tf",
        "docs",
        "results",
        "tests",
        "notebooks",
    ):
        names = [path.relative_to(root).as_posix() for path in (root / folder).rglob("*")]
        assert len({files.plain(name) for name in names}) == len(names)
        assert [n for n in names if any(map(files.not_on_windows, n.split("/")))] == []
