"""Files and folders are there whole or not at all."""

from pathlib import Path

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
