"""Images on the disk: each pixel, each label, nothing lost and nothing half-written."""

import csv
import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from gan_common.cli import writers
from gan_common.errors import UserError
from gan_common.sampling import Drawn

RNG = np.random.default_rng(3)


def batches(count=5, size=2, channels=3, labels=True):
    images = RNG.integers(0, 256, (count, 6, 4, channels), dtype=np.uint8)
    latents = RNG.normal(size=(count, 7)).astype(np.float32)
    told = np.arange(count, dtype=np.int32) % 2 if labels else np.full(count, -1, np.int32)
    whole = Drawn(images, latents, told)
    parts = [
        Drawn(*(array[start : start + size] for array in whole)) for start in range(0, count, size)
    ]
    return whole, parts


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_one_png_an_image_and_the_labels_beside(tmp_path, channels, mode):
    whole, parts = batches(channels=channels)
    folder = writers.write_folder(tmp_path / "new" / "drawn", parts, 5, ["a cat", "b,\nc"])
    names = [f"{number:05d}.png" for number in range(5)]
    assert sorted(os.listdir(folder)) == [*names, "labels.csv"]
    for name, image in zip(names, whole.images, strict=True):
        with Image.open(folder / name) as file:
            assert file.mode == mode
            np.testing.assert_array_equal(np.asarray(file).reshape(image.shape), image)
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == names
    assert [row["label"] for row in rows] == ["a cat", "b,\nc", "a cat", "b,\nc", "a cat"]


def test_without_classes_there_are_no_labels(tmp_path):
    _, parts = batches(labels=False)
    writers.write_folder(tmp_path, parts, 5, ["all"])  # an empty folder will do
    assert len(os.listdir(tmp_path)) == 5


def test_a_folder_that_is_filled_meanwhile_is_left_alone(tmp_path):
    _, parts = batches()

    def meanwhile():
        yield parts[0]
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("precious")
        yield from parts[1:]

    with pytest.raises(UserError, match="out: cannot be written"):
        writers.write_folder(tmp_path / "out", meanwhile(), 5, ["a", "b"])
    assert (tmp_path / "out" / "mine").read_text() == "precious"
    assert os.listdir(tmp_path) == ["out"]


def test_a_stop_half_way_leaves_nothing(tmp_path):
    _, parts = batches()

    def stopped():
        yield parts[0]
        raise KeyboardInterrupt

    for write in (
        lambda: writers.write_folder(tmp_path / "out", stopped(), 5, ["a", "b"]),
        lambda: writers.write_arrays(tmp_path / "out.npz", stopped(), 5, (6, 4, 3)),
    ):
        with pytest.raises(KeyboardInterrupt):
            write()
        assert os.listdir(tmp_path) == []


def test_the_table_is_written_as_it_comes(tmp_path):
    whole, parts = batches()
    path = writers.write_arrays(tmp_path / "out.npz", iter(parts), 5, (6, 4, 3))
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["images", "labels", "latents"]
        for name in arrays:
            np.testing.assert_array_equal(arrays[name], getattr(whole, name))
            assert arrays[name].dtype == getattr(whole, name).dtype


def test_20_000_images_take_the_memory_of_a_batch(tmp_path):
    """50 batches of 32×32 in color, 61 MB: as of generate --count 20000 --format npz."""

    def drawn():
        for number in range(50):
            images = np.full((400, 32, 32, 3), number, np.uint8)
            yield Drawn(images, np.zeros((400, 2), np.float32), np.zeros(400, np.int32))

    tracemalloc.start()
    path = writers.write_arrays(tmp_path / "out.npz", drawn(), 20_000, (32, 32, 3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["images"].shape == (20_000, 32, 32, 3)
        assert arrays["images"][-1].max() == 49


def test_what_a_name_says(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing.txt").touch()
    assert writers.is_folder(str(tmp_path / "new"))
    assert writers.is_folder(str(tmp_path / "v1.2"))
    assert writers.is_folder(str(tmp_path / "empty"))
    assert not writers.is_folder(str(tmp_path / "grid.PNG"))
    with pytest.raises(UserError, match=r"holds other files \('thing.txt'\); name a new folder"):
        writers.is_folder(str(tmp_path / "full"))
    with pytest.raises(UserError, match=r"images are written as PNG; name a \.png file"):
        writers.is_folder("grid.jpg")


def test_a_grid_that_nothing_opens_is_refused():
    writers.check_grid(64, (256, 256, 3))
    with pytest.raises(UserError, match=r"of 1024×1024 is too large for one file; name a folder"):
        writers.check_grid(100, (1024, 1024, 3))
