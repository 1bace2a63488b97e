"""Scenes, their sentences, and the reading of scenes from pixels against what was drawn."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from gan_common import data
from gan_common.shapes import reading, scenes
from gan_common.shapes.scenes import Scene


def test_each_scene_has_two_sentences_that_are_understood_again():
    every = scenes.everything()
    said = {scenes.sentence(scene, form): scene for scene in every for form in (0, 1)}
    assert (len(every), len(said)) == (612, 1224)
    assert all(scenes.parse(text) == scene for text, scene in said.items())
    three = Scene("disc", "red", 3, "small", "pale")
    assert scenes.sentence(three) == "three small red discs on a pale ground"
    at_left = Scene("square", "blue", 1, "large", "dark", "left")
    assert scenes.sentence(at_left) == "a large blue square on the left of a dark ground"
    assert scenes.sentence(Scene("box", "blue", 1, view="left")) == "a blue box seen from the left"
    figure = Scene("figure", "green", 1, arms="raised")
    assert scenes.sentence(figure) == "a figure with a green shirt and raised arms"


def test_what_a_sentence_leaves_open_is_none():
    assert scenes.parse("Two discs!") == Scene("disc", count=2)
    assert scenes.parse("a red box") == Scene("box", "red", 1)
    assert Scene("disc", "red").agreement(Scene("disc", "blue", 3)) == {
        "kind": True,
        "color": False,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a purple disc", "unknown word 'purple'; the words are a, and, arms"),
        ("a red and blue disc", "both blue and red"),
        ("small and red", "must name one of disc, square"),
    ],
)
def test_what_is_no_sentence_is_refused(text, told):
    with pytest.raises(ValueError, match=told):
        scenes.parse(text)


@pytest.fixture(scope="module")
def drawn():
    return {
        size: scenes.dataset(20, 400, seed=3, size=size)[1] for size in (32, 64)
    }  # half of them held out


@pytest.mark.parametrize("size", [32, 64])
def test_scenes_are_read_back(drawn, size):
    images, said = drawn[size].images, drawn[size].scenes
    soft = ndimage.gaussian_filter(images.astype(float), (0, size / 64, size / 64, 0))
    for shown in (images, soft.round().astype(np.uint8)):
        found = reading.shares(said, reading.read(shown))
        assert min(found.values()) >= 0.99, found


def test_what_is_wrong_is_seen():
    rng = np.random.default_rng(0)
    three = Scene("disc", "red", 3, "small", "pale")
    image = scenes.draw([three], rng)
    assert reading.read(image) == [three]
    two = image.copy()
    labels, _ = ndimage.label(image[0, ..., 1] < 150)
    two[0][ndimage.binary_dilation(labels == 1, iterations=2)] = image[0, 0, 0]
    assert reading.read(two)[0] == dataclasses.replace(
        three, count=2, place=reading.read(two)[0].place
    )
    unlike = image.copy()
    unlike[0][labels == 1] = unlike[0][labels == 1][:, ::-1]
    assert (reading.read(unlike)[0].color, reading.read(unlike)[0].count) == (None, 3)
    noise = rng.integers(0, 256, (4, 32, 32, 3), np.uint8)
    assert all(scene.kind is None for scene in reading.read(noise))
    flat = np.full((1, 32, 32, 3), 200, np.uint8)
    assert reading.read(flat) == [Scene(count=0, ground="pale")]


def test_a_larger_image_is_the_same_scene_in_more_pixels():
    some = scenes.choose(60, np.random.default_rng(1))
    small, large = (scenes.draw(some, np.random.default_rng(2), size) for size in (32, 64))
    shrunk = large.reshape(60, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small).mean() < 1.5
    with pytest.raises(ValueError, match="multiple of 32"):
        scenes.draw(some, np.random.default_rng(2), 40)


def test_held_out_combinations_are_never_drawn_for_training():
    train, test = scenes.dataset(600, 200, seed=0)
    assert not any(map(scenes.held_out, train.scenes))
    assert sum(map(scenes.held_out, test.scenes)) == 100
    assert {word for text in train.sentences for word in scenes.words(text)} == set(
        scenes.vocabulary()
    )
    # Any two of kind, color and count that are held out together are seen together with another third.
    things = {(s.kind, s.color, s.count) for s in scenes.everything() if s.kind in scenes.THINGS}
    seen = {(s.kind, s.color, s.count) for s in scenes.everything() if not scenes.held_out(s)}
    assert len(things - seen) == 12
    for triple in things - seen:
        for other in range(3):
            pair = triple[:other] + triple[other + 1 :]
            assert any(pair == one[:other] + one[other + 1 :] for one in seen)
    np.testing.assert_array_equal(scenes.dataset(5, 200, seed=0)[1].images, test.images)


def test_the_data_set_by_name(monkeypatch):
    whole = scenes.dataset
    monkeypatch.setattr(scenes, "dataset", lambda *_, **given: whole(30, 10, **given))
    given = data.load("shapes:scenes", image_size=48)
    assert given.image_shape == (48, 48, 3)
    for text, label in zip(given.sentences_train, given.y_train, strict=True):
        assert scenes.parse(text).kind == given.class_names[label]
