"""Images at paths: which are found, what becomes of their pixels, what is left out and told."""

import os

import numpy as np
import pytest
from PIL import Image

from gan_common.data import found
from gan_common.data.pictures import read_picture
from gan_common.errors import UserError


def gray(path, level=100, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)
    return str(path)


def test_folders_are_walked_and_what_is_no_image_is_counted(tmp_path):
    a = gray(tmp_path / "b" / "a.png")
    z = gray(tmp_path / "z.JPG".lower())
    gray(tmp_path / ".hidden.png")
    gray(tmp_path / ".cache" / "x.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "b" / "table.csv").write_text("x")
    (tmp_path / "labels.csv").write_text("file,label")  # belongs to the images
    (tmp_path / "b" / "circle").symlink_to(tmp_path)
    other = tmp_path / "no ending"
    Image.new("L", (8, 8)).save(other, format="PNG")
    names, others = found.find_images([str(tmp_path)])
    assert (names, others) == ([str(other), z, a], 2)  # an image by content, too
    # Each image once.
    names, others = found.find_images([str(other), a, str(tmp_path / "b")])
    circle = tmp_path / "b" / "circle"
    assert names == [str(other), a, str(circle / "no ending"), str(circle / "z.jpg")]


def test_paths_that_name_nothing(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        found.find_images([str(tmp_path / "nowhere")])
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(UserError, match="no images"):
        found.find_images([str(tmp_path)])


def test_an_image_becomes_what_it_was_in_training(tmp_path):
    rng = np.random.default_rng(0)
    digit = rng.integers(0, 256, (28, 28, 1), np.uint8)
    Image.fromarray(digit[..., 0]).save(tmp_path / "digit.png")
    ((_, images),) = found.read_batches([str(tmp_path / "digit.png")], (28, 28, 1))
    np.testing.assert_array_equal(images[0], digit)  # to the bit
    photo = tmp_path / "photo.jpg"
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(photo)
    ((_, images),) = found.read_batches([str(photo)], (16, 16, 3))
    np.testing.assert_array_equal(images[0], read_picture(photo, 16))
    ((_, images),) = found.read_batches([str(photo)], (16, 16, 1))
    r, g, b = np.moveaxis(read_picture(photo, 16).astype(float), -1, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    np.testing.assert_allclose(images[0, ..., 0], luma, atol=1)


def test_transparency_is_laid_on_white_and_turned_images_are_upright(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    tall = Image.new("L", (8, 8), 0)
    tall.paste(255, (0, 0, 4, 8))  # the left half; by the tag it is the upper half
    exif = Image.Exif()
    exif[0x0112] = 6
    tall.save(tmp_path / "turned.png", exif=exif)
    names = [str(tmp_path / name) for name in ("clear.png", "turned.png")]
    ((_, images),) = found.read_batches(names, (8, 8, 1))
    assert (images[0] == 255).all()
    assert (images[1, :4] == 255).all()
    assert (images[1, 4:] == 0).all()


def test_batches_are_bounded_and_damaged_images_told(tmp_path, capsys, monkeypatch):
    names = [gray(tmp_path / f"{i}.png", i) for i in range(7)]
    for number in (2, 6):
        (tmp_path / f"{number}.png").write_bytes(b"no image")
    monkeypatch.setattr(found, "BATCH_BYTES", 3 * 64)
    batches = list(found.read_batches(names, (8, 8, 1)))
    assert [[os.path.basename(name)[0] for name in kept] for kept, _ in batches] == [
        ["0", "1", "3"],
        ["4", "5"],
    ]
    assert [list(images[:, 0, 0, 0]) for _, images in batches] == [[0, 1, 3], [4, 5]]
    told = capsys.readouterr().err
    assert f"left out {names[2]!r}: not an image" in told
    assert "2 of 7 images could not be read" in told
    with pytest.raises(UserError, match="none of the 1 images could be read"):
        list(found.read_batches(names[2:3], (8, 8, 1)))


def test_a_run_of_images_that_no_file_becomes():
    for shape in ((8, 12, 3), (8, 8, 2)):
        with pytest.raises(UserError, match="square gray or RGB"):
            list(found.read_batches(["x"], shape))
