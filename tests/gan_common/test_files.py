"""Files and folders are there whole or not at all."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from gan_common import files


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
