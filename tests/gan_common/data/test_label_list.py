"""labels.csv as people and spreadsheets write it."""

import pytest

from gan_common.data.label_list import read_labels
from gan_common.errors import UserError

IMAGES = ["a.png", "b.png", "two words, and a comma.png", "sub/c.png", "\udcff.png"]


def read(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path, IMAGES)


@pytest.mark.parametrize(
    "content",
    [
        "file,label\na.png,cat\nsub/c.png,dog\n",
        "\ufefffile,label\r\na.png,cat\r\nsub/c.png,dog\r\n",
        "File;Label\na.png;cat\nsub\\c.png;dog\n",
        "label\tnote\tfile\ncat\tx\ta.png\ndog\ty\t./sub/c.png\n",
        '"file","label"\n"a.png"," cat "\n"sub/c.png","dog"\nb.png,\n\n',
        "file,label\na.png,cat\na.png,\na.png,cat\nsub/c.png,dog,too many\nb.png\n",
    ],
)
def test_the_same_two_labels(tmp_path, content):
    assert read(tmp_path, content).of == {"a.png": "cat", "sub/c.png": "dog"}


def test_quotes_names_that_are_no_text_and_names_that_are_not_there(tmp_path):
    content = b'file,label\n"two words, and a comma.png","a ""b"""\n\xff.png,cat\nnone.png,x\nd,\n'
    found = read(tmp_path, content)
    assert found.of == {"two words, and a comma.png": 'a "b"', "\udcff.png": "cat"}
    assert found.absent == ["none.png", "d"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "begins with ''.*file,label"),
        ("id,breed\n1,poodle\n", "begins with 'id,breed', and not with the line file,label"),
        ("a.png,cat\n", "write that above its columns"),
        ("file,label\na.png,cat\na.png,dog\n", "line 3: 'a.png' is 'dog' here and 'cat' above"),
        (b"file,label\na.png,caf\xe9\n", "line 2: the label is no UTF-8 text"),
        ('file,label\na.png,"cat\n', "line [23]: "),
        ("file,label\na.png," + "x" * 200_000, "line [12]: field larger"),
    ],
)
def test_lists_that_are_none(tmp_path, content, says):
    with pytest.raises(UserError, match=says) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert "labels.csv'" in str(caught.value)


def test_a_list_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_labels(tmp_path, IMAGES)
