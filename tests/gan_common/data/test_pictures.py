"""A person's folder of images: its parts, its channels, and what is said of what is left out."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from gan_common import data
from gan_common.data import decoder, pictures
from gan_common.errors import UserError
from tests.gan_common.data.test_decode import assert_centred_square_of_ramps, ramps


def save(path, array=(9, 99, 199), **options):
    """Save an array, or one color as 4×4 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(array, np.uint8)
    Image.fromarray(np.full((4, 4, 3), array) if array.ndim == 1 else array).save(path, **options)
    return path


# --- folders ---------------------------------------------------------------------------------------


def color_folder(folder, count, classes=("cats", "dogs & co", "été\n2")):
    """`count` images in each class, each of a color of its own."""
    for label, name in enumerate(classes):
        for i in range(count):
            save(folder / name / f"{i}.png", (label, i, 200))
    return folder


def assert_same(a, b):
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_class_folders(tmp_path):
    loaded = data.load(f"folder:{color_folder(tmp_path, 20)}", image_size=4)
    assert loaded.class_names == ("cats", "dogs & co", "été\n2")
    assert (loaded.num_classes, loaded.image_shape) == (3, (4, 4, 3))
    assert loaded.x_unlabelled is None
    # The red channel holds the label, the green one the number of the image.
    np.testing.assert_array_equal(loaded.x_train[:, 0, 0, 0], loaded.y_train)
    np.testing.assert_array_equal(loaded.x_test[:, 3, 3, 0], loaded.y_test)
    np.testing.assert_array_equal(np.bincount(loaded.y_train), [18, 18, 18])
    np.testing.assert_array_equal(np.bincount(loaded.y_test), [2, 2, 2])
    for label in range(3):
        train = loaded.x_train[loaded.y_train == label][:, 0, 0, 1]
        test = loaded.x_test[loaded.y_test == label][:, 0, 0, 1]
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(20))
    # Not sorted by class: whoever takes the first rows gets some of each.
    assert len(set(loaded.y_train[:18])) == 3


def test_parts_follow_from_the_names_alone(tmp_path):
    first = data.load(f"folder:{color_folder(tmp_path / 'a', 12)}", image_size=4)
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere")
    assert_same(first, data.load(f"folder:{tmp_path / 'elsewhere'}", image_size=4))


@pytest.mark.parametrize(
    ("count", "held_out"), [(1, 0), (2, 1), (3, 1), (14, 1), (15, 2), (100, 10)]
)
def test_size_of_the_test_part(tmp_path, count, held_out):
    loaded = data.load(f"folder:{color_folder(tmp_path, count, ('a', 'b'))}", image_size=4)
    assert loaded.x_test.shape == (2 * held_out, 4, 4, 3)
    assert loaded.x_train.shape == (2 * (count - held_out), 4, 4, 3)


def test_a_flat_folder_is_one_class_of_32_by_32(tmp_path):
    for name in ("a.png", "b.JPG", "c.Jpeg", ".hidden.png", "notes.txt"):
        format = "PNG" if name.endswith("png") else "JPEG"
        if name != "notes.txt":
            save(tmp_path / name, format=format)
    (tmp_path / "notes.txt").write_text("n")
    (tmp_path / ".thumbnails").mkdir()
    loaded = data.load(f"folder:{tmp_path}")
    assert loaded.class_names == ("all",)
    assert loaded.image_shape == (32, 32, 3)
    assert len(loaded.x_train) + len(loaded.x_test) == 3
    assert loaded.notes == ("left out: 1 file of no kind that is read (1 .txt)",)


def test_unlabelled_pictures_beside_classes(tmp_path):
    color_folder(tmp_path, 5, ("a", "unlabelled", "z"))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert loaded.class_names == ("a", "z")
    assert set(loaded.x_train[:, 0, 0, 0]) == {0, 2}
    np.testing.assert_array_equal(np.sort(loaded.x_unlabelled[:, 0, 0, 1]), np.arange(5))
    assert set(loaded.x_unlabelled[:, 0, 0, 0]) == {1}


BAD = "left out: 1 of 100 images, which are bad: 'a/7.png' (not an image)"


def test_a_bad_image_is_left_out_and_named(tmp_path, capsys):
    color_folder(tmp_path, 50, ("a", "b"))
    (tmp_path / "a" / "7.png").write_text("no")
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert len(loaded.x_train) + len(loaded.x_test) == 99
    kept = np.concatenate([loaded.x_train[loaded.y_train == 0], loaded.x_test[loaded.y_test == 0]])
    assert set(kept[:, 0, 0, 1]) == set(range(50)) - {7}
    np.testing.assert_array_equal(loaded.x_train[:, 0, 0, 0], loaded.y_train)
    np.testing.assert_array_equal(loaded.x_test[:, 0, 0, 0], loaded.y_test)
    assert loaded.notes == (BAD,)
    assert capsys.readouterr().err == f"{str(tmp_path)!r}: {BAD}\n"


def test_what_is_left_out_is_told_by_reasons(tmp_path, capsys):
    color_folder(tmp_path, 50, ("a", "b"))
    (tmp_path / "a" / "7.png").write_text("no")
    for i in range(20):  # many of a kind that is not read are no reason to stop
        (tmp_path / "a" / f"{i}.jpg").write_bytes(b"\0\0\0\x14ftypheic\0\0\0\0heic")
    (tmp_path / "b" / "notes.txt").write_text("n")
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    (note,) = loaded.notes
    assert note == (
        "left out: 1 of 120 images, which are bad: 'a/7.png' (not an image); "
        "20 HEIC: convert to JPEG or PNG first; 1 file of no kind that is read (1 .txt)"
    )


@pytest.mark.parametrize(
    ("count", "allowed"),
    [(1, 0), (9, 0), (10, 1), (29, 2), (50, 3), (399, 3), (400, 4), (10**5, 1000)],
)
def test_how_many_may_be_bad(count, allowed):
    assert decoder.bad_allowed(count) == allowed


def test_too_many_bad_images_stop_and_all_are_named(tmp_path, capsys):
    color_folder(tmp_path, 50, ("a", "b"))
    for i in (2, 7, 11):
        (tmp_path / "a" / f"{i}.png").write_text("no")
    (tmp_path / "b" / "two\nlines.png").write_text("no")
    with pytest.raises(UserError) as caught:
        data.load(f"folder:{tmp_path}", image_size=4)
    message = str(caught.value)
    assert "4 of its 101 images are bad, mend or remove them: " in message
    for name in ("'a/2.png'", "'a/7.png'", "'a/11.png'", r"'b/two\nlines.png'"):
        assert f"{name} (not an image)" in message
    assert "\n" not in message
    assert capsys.readouterr().err == ""


def test_of_very_many_bad_images_a_dozen_are_named(tmp_path):
    for i in range(20):
        (tmp_path / f"{i:02}.png").write_text("no")
    with pytest.raises(UserError, match=r"20 of its 20 images .* and 8 more$") as caught:
        data.load(f"folder:{tmp_path}")
    assert str(caught.value).count("not an image") == 12


def test_of_a_large_folder_no_more_is_read_once_too_many_are_bad(tmp_path, monkeypatch):
    monkeypatch.setattr(decoder, "SMALL", 10)
    color_folder(tmp_path, 50, ("a",))
    for i in range(20):
        (tmp_path / "a" / f"{i}.png").write_text("no")
    with pytest.raises(UserError, match="more than 1% of its 50 images are bad") as caught:
        data.load(f"folder:{tmp_path}", image_size=4)
    assert str(caught.value).count("not an image") == 4


def test_a_class_whose_every_picture_is_bad(tmp_path):
    color_folder(tmp_path, 150, ("a", "b"))
    for i in range(1, 150):
        (tmp_path / "b" / f"{i}.png").unlink()
    (tmp_path / "b" / "0.png").write_text("no")
    says = r"class folder 'b' .* no readable image to train on \(left out: 1 of 151 .*'b/0.png'"
    with pytest.raises(UserError, match=says):
        data.load(f"folder:{tmp_path}", image_size=4)


def test_a_folder_of_a_kind_that_is_not_read_is_told_which(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x14ftypheic\0\0\0\0heic")
    refused(
        tmp_path, "no readable image to train on .left out: 1 HEIC: convert to JPEG or PNG first"
    )


def test_names_that_are_no_text(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    save(tmp_path / "x.png").rename(os.fsdecode(folder + b"/\xff.png"))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert loaded.class_names == ("caf\ufffd",)
    loaded.class_names[0].encode()


def test_progress_has_numbers(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(decoder, "PROGRESS_EVERY", 4)
    for i in range(9):
        save(tmp_path / f"{i}.png")
    pictures.read_folder(tmp_path, 4)
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [
        "4 of 9 images read, 0 left out",
        "8 of 9 images read, 0 left out",
    ]


def refused(tmp_path, match, name=None, **options):
    with pytest.raises(UserError, match=match) as caught:
        data.load(name or f"folder:{tmp_path}", **options)
    assert "\n" not in str(caught.value)


def test_folders_that_cannot_be_used(tmp_path):
    refused(tmp_path, "holds no images")
    refused(tmp_path, "does not exist", f"folder:{tmp_path}/two\nlines")
    (tmp_path / "file").write_text("")
    refused(tmp_path, "is not a folder", f"folder:{tmp_path}/file")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    refused(tmp_path, "is not a folder", f"folder:{tmp_path}/link")
    (tmp_path / "a").mkdir()
    refused(tmp_path, "holds no images")
    save(tmp_path / "b" / "0.png")
    refused(tmp_path, r"class folder 'a' .* \(PNG, JPEG, .*\); add some, or remove")
    shutil.rmtree(tmp_path / "a")
    save(tmp_path / "top.png")
    refused(tmp_path, "'top.png'.* beside folders of images .*'b'")


def test_more_pixels_than_memory(tmp_path):
    save(tmp_path / "a.png")
    refused(tmp_path, "--image_size", image_size=1_000_000)


# --- channels --------------------------------------------------------------------------------------


def gray_folder(folder, count=20):
    """Images of one level each, as gray, palette, RGB and black-and-white files."""
    for i in range(count):
        image = Image.fromarray(np.full((4, 4), i, np.uint8))
        if i % 4 == 1:
            image = image.convert("RGB")
        elif i % 4 == 2:
            image = image.convert("P")
        elif i % 4 == 3:
            image = image.convert("LA")
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{i}.png")
    return folder


def levels(loaded):
    return sorted(np.concatenate([loaded.x_train, loaded.x_test])[:, 0, 0, 0])


def test_a_gray_folder_has_one_channel(tmp_path, capsys):
    loaded = data.load(f"folder:{gray_folder(tmp_path)}", image_size=4)
    assert loaded.image_shape == (4, 4, 1)
    assert levels(loaded) == list(range(20))
    assert capsys.readouterr().err == ""


def test_one_image_in_color_makes_color_and_is_said(tmp_path, capsys):
    save(gray_folder(tmp_path) / "red.png", (255, 0, 0))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert loaded.image_shape == (4, 4, 3)
    assert levels(loaded) == [*range(20), 255]
    (note,) = loaded.notes
    assert note == (
        "1 of 21 images is in color ('red.png' first), so all have 3 channels; without it the data set is "
        "gray"
    )
    assert note in capsys.readouterr().err


def test_images_in_color_that_are_nearly_gray_are_left_alone(tmp_path):
    for i in range(10):
        save(tmp_path / f"{i}.png", (i, i + 1, i + 2))
    assert data.load(f"folder:{tmp_path}", image_size=4).image_shape == (4, 4, 1)
    save(tmp_path / "red.png", (255, 0, 0))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    pixels = np.concatenate([loaded.x_train, loaded.x_test])[:, 0, 0]
    assert {tuple(map(int, p)) for p in pixels} == {(i, i + 1, i + 2) for i in range(10)} | {
        (255, 0, 0)
    }


# --- 16 bits ---------------------------------------------------------------------------------------


def test_all_16_bit_files_of_a_folder_are_scaled_alike(tmp_path, capsys):
    for i in range(1, 17):
        Image.fromarray(np.full((2, 2), 256 * i - 1, np.uint16)).save(tmp_path / f"{i}.png")
    save(tmp_path / "8 bits.png", np.full((2, 2), 77, np.uint8))
    loaded = data.load(f"folder:{tmp_path}", image_size=2)
    assert levels(loaded) == sorted(
        [77, *(round((256 * i - 1) * 255 / 4095) for i in range(1, 17))]
    )
    assert loaded.notes == ("the 16-bit files hold 12 bits: 4,095 is taken for white",)
    assert loaded.listing.bits == 12


# --- layouts ---------------------------------------------------------------------------------------


def test_a_test_folder_is_the_test_part_and_nothing_else_is(tmp_path):
    color_folder(tmp_path / "train", 10, ("a", "b"))
    color_folder(tmp_path / "test", 3, ("b",))
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert loaded.class_names == ("a", "b")
    np.testing.assert_array_equal(np.bincount(loaded.y_train), [10, 10])
    np.testing.assert_array_equal(loaded.y_test, [1, 1, 1])
    assert set(loaded.listing.test) == {f"test/b/{i}.png" for i in range(3)}


def test_images_without_a_label_are_the_pool(tmp_path):
    for i in range(10):
        save(tmp_path / f"{i}.png", (i, 100, 200))
    (tmp_path / "labels.csv").write_text(
        "file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(6))
    )
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert sorted(loaded.x_unlabelled[:, 0, 0, 0]) == [6, 7, 8, 9]
    np.testing.assert_array_equal(loaded.x_train[:, 0, 0, 0] % 2, loaded.y_train)
    assert loaded.notes == ("4 images without a label, which only ssgan_tf learns from",)


def test_fit_is_passed_on(tmp_path):
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, :2] = (255, 0, 0)
    save(tmp_path / "a.png", wide)
    red = {}
    for fit in data.FITS:
        loaded = data.load(f"folder:{tmp_path}", image_size=8, fit=fit)
        red[fit] = int((loaded.x_train[0, 4, :, 0] > 127).sum())
    assert red == {"crop": 0, "pad": 2, "stretch": 2}
    with pytest.raises(ValueError, match=r"fit=.zoom"):
        data.load("mnist5k", fit="zoom")


# --- a run goes on ---------------------------------------------------------------------------------


def test_images_that_a_run_began_with_keep_their_part_and_their_order(tmp_path):
    first = data.load(f"folder:{color_folder(tmp_path / 'a', 20)}", image_size=4)
    assert first.listing.began == len(first.x_train) == 54
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    color_folder(tmp_path / "b", 40)
    more = data.load(f"folder:{tmp_path / 'b'}", image_size=4, known=first.listing)
    assert more.listing.began == 54
    np.testing.assert_array_equal(more.x_train[:54], first.x_train)
    np.testing.assert_array_equal(more.y_train[:54], first.y_train)
    np.testing.assert_array_equal(more.x_test, first.x_test)
    assert len(more.x_train) == 54 + 60
    again = data.load(f"folder:{tmp_path / 'b'}", image_size=4, known=more.listing)
    assert_same(more, again)


def test_a_run_in_color_stays_so(tmp_path):
    loaded = data.load(f"folder:{gray_folder(tmp_path)}", image_size=4)
    known = loaded.listing._replace(train=None, test=None, channels=3)
    wide = data.load(f"folder:{tmp_path}", image_size=4, known=known)
    assert wide.image_shape == (4, 4, 3)
    np.testing.assert_array_equal(wide.x_train, np.repeat(loaded.x_train, 3, axis=-1))
    assert wide.listing.began == 18


def test_bits_of_a_run_stay(tmp_path):
    Image.fromarray(np.full((2, 2), 255, np.uint16)).save(tmp_path / "a.png")
    first = data.load(f"folder:{tmp_path}", image_size=2)
    assert levels(first) == [255]
    known = first.listing._replace(bits=12)
    assert levels(data.load(f"folder:{tmp_path}", image_size=2, known=known)) == [16]


# --- arrays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [12, 16, 32])
def test_resize(size):
    images = np.stack([ramps(24, 24), np.full((24, 24, 3), 7, np.uint8)])
    resized = pictures.resize(images, size)
    assert_centred_square_of_ramps(resized[0], 24, 24)
    np.testing.assert_array_equal(resized[1], np.full((size, size, 3), 7))
    # One channel is resized like each of three.
    np.testing.assert_array_equal(pictures.resize(images[..., :1], size), resized[..., :1])
