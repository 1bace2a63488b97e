"""Large folders of images: decoded once, read in place, decoded again when they change."""

import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_common import data
from gan_common.data import decoder, index
from gan_common.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of indices."""
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


@pytest.fixture
def folder(tmp_path):
    """Forty images in two classes, each of a color of its own."""
    for i in range(40):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 5), (i, 2 * i, 255 - i)).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that are decoded, as they are."""
    names, read = [], decoder.read_picture

    def note(path, *how):
        names.append(path.name)
        return read(path, *how)

    monkeypatch.setattr(decoder, "read_picture", note)
    return names


def load(folder, indexed_from=10):
    return data.load(f"folder:{folder}", image_size=4, indexed_from=indexed_from)


def test_an_index_holds_what_memory_would(folder):
    indexed = load(folder)
    in_memory = load(folder, indexed_from=41)
    assert isinstance(indexed.x_train, np.memmap)
    assert not isinstance(in_memory.x_train, np.memmap)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(indexed, name), getattr(in_memory, name))
    assert indexed.class_names == in_memory.class_names
    with pytest.raises(ValueError, match="read-only"):
        indexed.x_train[0] = 0


def test_pictures_are_decoded_once(folder, decoded, cache):
    first = load(folder)
    assert len(decoded) == 40
    again = load(folder)
    assert len(decoded) == 40
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".uint8"]
    (pixels,) = cache.glob("*.uint8")
    assert pixels.stat().st_size == 40 * 4 * 4 * 3


def test_a_folder_that_changed_is_decoded_anew_and_its_old_index_goes(folder, decoded, cache):
    first = load(folder)
    kept = first.x_train.copy()
    path = folder / "a" / "0.png"
    Image.new("RGB", (5, 5), (200, 0, 0)).save(path)
    os.utime(path, ns=(1, 1))
    changed = load(folder)
    assert len(decoded) == 80
    assert 200 in np.concatenate([changed.x_train, changed.x_test])[..., 0]
    assert len(list(cache.iterdir())) == 2
    np.testing.assert_array_equal(first.x_train, kept)  # who reads the old one still can
    Image.new("RGB", (5, 5)).save(folder / "a" / "new.png")
    assert len(load(folder).y_train) == 37
    assert len(decoded) == 121
    data.load(
        f"folder:{folder}", image_size=8, indexed_from=10
    )  # another size has an index of its own
    assert len(list(cache.iterdir())) == 4


def test_bad_pictures_are_left_out_and_named_every_time(folder, decoded, capsys):
    (folder / "a" / "2.png").write_text("no")
    first, again = load(folder), load(folder)
    assert len(decoded) == 40
    assert first.notes == again.notes
    assert first.notes == ("left out: 1 of 40 images, which are bad: 'a/2.png' (not an image)",)
    assert capsys.readouterr().err.count("left out: 1 of 40 images") == 2
    kept = np.concatenate([again.x_train, again.x_test])[:, 0, 0, 0]
    assert set(kept) == set(range(40)) - {2}
    # The labels, a for the even ones, are those of the images that were kept.
    np.testing.assert_array_equal(again.x_train[:, 0, 0, 0] % 2, again.y_train)


def test_too_many_bad_pictures_leave_no_index(folder, cache):
    for i in (2, 4, 6, 8):
        (folder / "a" / f"{i}.png").write_text("no")
    with pytest.raises(UserError, match="4 of its 40 images are bad"):
        load(folder)
    assert not list(cache.iterdir())


def cut(cache):
    (pixels,) = cache.glob("*.uint8")
    pixels.write_bytes(pixels.read_bytes()[:-1])


def garble(cache):
    (facts,) = cache.glob("*.json")
    facts.write_text('{"skipped": 3}')


def lose(cache):
    (pixels,) = cache.glob("*.uint8")
    pixels.unlink()


@pytest.mark.parametrize("damage", [cut, garble, lose])
def test_a_damaged_index_is_made_anew(damage, folder, decoded, cache):
    before = load(folder).x_train.copy()
    damage(cache)
    np.testing.assert_array_equal(load(folder).x_train, before)
    assert len(decoded) == 80
    load(folder)
    assert len(decoded) == 80


def test_an_interrupted_build_leaves_nothing_that_is_taken_for_an_index(
    folder, decoded, cache, monkeypatch
):
    def interrupted(path, *how):
        if len(decoded) == 20:
            raise KeyboardInterrupt
        return read(path, *how)

    with monkeypatch.context() as patch:
        read = decoder.read_picture
        patch.setattr(decoder, "read_picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load(folder)
    assert not list(cache.iterdir())
    assert len(load(folder).y_train) == 36


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_without_room_for_an_index_pictures_are_read_into_memory(
    how, folder, cache, monkeypatch, capsys
):
    if how == "read-only":  # root may write anywhere, so a file is in the folder's place
        cache.parent.write_text("")
        says = "Not a directory"
    else:
        monkeypatch.setattr(index, "ROOM_LEFT", 2**62)
        says = "GB are free"
    loaded = load(folder)
    assert not isinstance(loaded.x_train, np.memmap)
    assert len(loaded.y_train) == 36
    (line,) = capsys.readouterr().err.splitlines()
    assert "index cannot be kept there" in line
    assert says in line
    assert "$GAN_CACHE_DIR" in line


def test_batches_come_from_the_file_and_not_from_a_copy(folder, monkeypatch):
    loaded = load(folder)
    copied = []
    convert = tf.convert_to_tensor
    monkeypatch.setattr(
        tf,
        "convert_to_tensor",
        lambda x, *a, **k: copied.append(np.shape(x)) or convert(x, *a, **k),
    )
    stream = data.stream((loaded.x_train, loaded.y_train), batch_size=12, seed=3)
    seen = [(images.numpy(), labels.numpy()) for images, labels in stream.take(3)]
    assert loaded.x_train.shape not in copied
    assert loaded.y_train.shape in copied
    numbers = np.concatenate([images[:, 0, 0, 0] for images, _ in seen])
    assert sorted(numbers) == sorted(loaded.x_train[:, 0, 0, 0])  # an epoch, each image once
    np.testing.assert_array_equal(numbers % 2, np.concatenate([labels for _, labels in seen]))


def test_gray_images_take_a_third_and_color_begins_anew(folder, cache, decoded):
    for path in folder.rglob("*.png"):
        Image.new("L", (5, 5), int(path.stem)).save(path)
    loaded = load(folder)
    assert loaded.image_shape == (4, 4, 1)
    (pixels,) = cache.glob("*.uint8")
    assert pixels.stat().st_size == 40 * 4 * 4
    assert set(np.concatenate([loaded.x_train, loaded.x_test])[:, 0, 0, 0]) == set(range(40))
    assert load(folder).image_shape == (4, 4, 1)
    assert len(decoded) == 40
    wide = data.load(
        f"folder:{folder}",
        image_size=4,
        indexed_from=10,
        known=loaded.listing._replace(channels=3),
    )
    assert isinstance(wide.x_train, np.memmap)
    np.testing.assert_array_equal(wide.x_train, np.repeat(loaded.x_train, 3, axis=-1))
    assert len(decoded) == 40

    Image.new("RGB", (5, 5), (200, 0, 0)).save(folder / "a" / "red.png")
    colored = load(folder)
    assert colored.image_shape == (4, 4, 3)
    assert 200 in np.concatenate([colored.x_train, colored.x_test])[..., 0]
    seen = np.concatenate([colored.x_train, colored.x_test])[:, 0, 0]
    assert {tuple(map(int, p)) for p in seen} == {(i, i, i) for i in range(40)} | {(200, 0, 0)}
    assert load(folder).notes == colored.notes


def test_each_fit_has_an_index_of_its_own(folder, cache):
    for fit in data.FITS:
        data.load(f"folder:{folder}", image_size=4, indexed_from=10, fit=fit)
    assert len(list(cache.glob("*.uint8"))) == 3


def test_an_index_with_other_bits_is_made_anew(folder, decoded):
    for path in folder.rglob("*.png"):
        Image.fromarray(np.full((5, 5), 16 * int(path.stem), np.uint16)).save(path)
    loaded = load(folder)
    assert (loaded.listing.bits, len(decoded)) == (10, 40)
    known = loaded.listing._replace(bits=12)
    again = data.load(f"folder:{folder}", image_size=4, indexed_from=10, known=known)
    assert (again.listing.bits, len(decoded)) == (12, 80)
    assert again.x_train.max() < 255 / 4 < loaded.x_train.max()
