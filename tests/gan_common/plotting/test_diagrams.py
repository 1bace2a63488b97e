"""Diagrams of games: arrows end at the boxes, what cannot be drawn is refused."""

import io

import numpy as np
import pytest
from PIL import Image

from gan_common.plotting import diagrams
from gan_common.plotting.diagrams import Arrow, Box, diagram

BOXES = {"z": Box("noise", "noise", 0, 0), "G": Box("generator", "network", 2, 1)}


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png)).convert("RGB")).astype(int)


def test_a_line_to_a_box_ends_at_its_edge():
    # a box of 1.26 × 0.48 inches at the origin
    assert diagrams._edge((0, 0), (5, 0)) == pytest.approx((0.63, 0))
    assert diagrams._edge((0, 0), (0, -3)) == pytest.approx((0, -0.24))
    # to the upper right by 1:1 it leaves by the upper edge
    assert diagrams._edge((1, 1), (2, 2)) == pytest.approx((1.24, 1.24))


def test_gradients_alone_are_red():
    def red(arrows):
        image = pixels(diagram(BOXES, arrows, "A game"))
        return np.count_nonzero((image[..., 0] > 150) & (image[..., 1:].max(axis=-1) < 60))

    assert red([Arrow("z", "G", "G(z)")]) == 0
    assert red([Arrow("G", "z", gradient=True, bend=0.3)]) > 100
    assert repr(diagram(BOXES, [], "A game")) == "A game"


def test_what_is_no_box_is_refused():
    with pytest.raises(ValueError, match="'D'"):
        diagram(BOXES, [Arrow("G", "D")], "A game")
    with pytest.raises(ValueError, match="'net'"):
        diagram({"G": Box("generator", "net", 0, 0)}, [], "A game")


def test_larger_images_are_taller_blocks():
    def ink(side):
        figure = diagrams.layers({"D": [("image", (28, 28, 1)), ("Conv2D", (side, side, 1))]}, "D")
        blue = (pixels(figure) - (0xCF, 0xE2, 0xF3) == 0).all(axis=-1)
        return np.count_nonzero(blue)

    assert ink(28) > 1.5 * ink(7)
