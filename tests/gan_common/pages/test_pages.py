"""What stands behind the pages: labelled pictures, drawings, directions."""

import numpy as np
import pytest

from gan_common.errors import UserError

pytest.importorskip("nicegui", reason="NiceGUI is not installed")


def test_a_labelled_picture_is_read_by_a_training(tmp_path):
    from gan_common.pages import labelled

    image = np.full((8, 8, 1), 9, np.uint8)
    classes = tmp_path / "classes"
    for name in ("cat", "dog", "dog"):
        labelled.save(classes, image, name)
    assert sorted(str(p.relative_to(classes)) for p in classes.rglob("*.png")) == [
        "cat/labelled-0001.png",
        "dog/labelled-0001.png",
        "dog/labelled-0002.png",
    ]
    listed = tmp_path / "listed"
    listed.mkdir()
    (listed / "labels.csv").write_text("label;file;note")
    path = labelled.save(listed, image, "c/t")
    assert path == listed / "labelled-0001.png"
    from gan_common.data.label_list import read_labels

    assert read_labels(listed / "labels.csv", [path.name]).of == {path.name: "c/t"}
    assert (listed / "labels.csv").read_bytes().endswith(b"note\r\nc/t;labelled-0001.png;\r\n")
    for name in ("../up", "aux", "a:b", "cat."):
        with pytest.raises(UserError, match="folder's name"):
            labelled.save(classes, image, name)
    (classes / "a:b").mkdir()  # a person's own
    assert labelled.save(classes, image, "a:b").exists()


def test_ink_is_centered_as_mnist_is():
    from gan_common.pages.picture import center

    drawing = np.zeros((280, 280), np.uint8)
    drawing[10:110, 20:70] = 255
    image = center(drawing, 28, True)
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (4, 23, 9, 18)
    np.testing.assert_array_equal(center(255 - drawing, 28, False), 255 - image)
    assert center(np.zeros((280, 280), np.uint8), 28, True) is None


def test_directions_are_those_that_move_images_most():
    from gan_common.pages import latents

    class Linear:
        """Images of a linear map: the third number of a latent moves them most, then the first."""

        conditional, num_classes, latent, image_shape = False, 1, "normal", (2, 2, 1)

        def draw_latents(self, count, seed):
            import tensorflow as tf

            return tf.random.stateless_normal((count, 3), (seed, 1))

        def pictures(self, points, labels):
            weights = np.diag([8.0, 2.0, 16.0]) @ np.eye(3, 4)
            return (
                np.clip(128 + points @ weights, 0, 255)
                .round()
                .astype(np.uint8)
                .reshape(-1, 2, 2, 1)
            )

    found = latents.principal_directions(Linear(), count=2)
    np.testing.assert_allclose(found, [[0, 0, 1], [1, 0, 0]], atol=0.1)
    moved = latents.moved(np.zeros(3, np.float32), found, np.array([0.5, -1]), "normal")
    np.testing.assert_allclose(moved, 0.5 * found[0] - found[1], atol=1e-6)


def test_what_is_still_to_be_done_keeps_no_page_from_ending():
    import asyncio
    import threading

    from gan_common.pages import frame

    begun, go_on, done = threading.Event(), threading.Event(), []
    worker = frame.Worker()

    def work():
        begun.set()
        go_on.wait(5)
        done.append(True)

    async def ask():
        wishes = [asyncio.ensure_future(worker(work)) for _ in range(3)]
        await asyncio.to_thread(begun.wait, 5)
        worker.stop()
        go_on.set()
        return await asyncio.gather(*wishes, return_exceptions=True)

    first, *others = asyncio.run(ask())
    assert first is None
    assert [type(each) for each in others] == [asyncio.CancelledError] * 2
    assert done == [True]


def test_what_a_tab_sends_is_a_number_within_bounds_or_none():
    from gan_common.pages.frame import number_of

    assert [number_of(said, 0, 9) for said in ("2.5", 3, -1, 1e300, True)] == [2.5, 3, 0, 9, 1]
    for said in (None, "", "a", [], {}, [1], "nan", float("inf"), 10**400):
        assert number_of(said, 0, 9) is None


@pytest.mark.parametrize(("latent_dim", "sliders"), [(4, 4), (100, 6)])
def test_a_latent_of_few_numbers_has_as_many_sliders(monkeypatch, latent_dim, sliders):
    pytest.importorskip("nicegui")
    from gan_common.pages import studio

    drawn = (np.zeros((1, 8, 8, 1), np.uint8), np.zeros((1, latent_dim), np.float32))
    monkeypatch.setattr(studio.sampling, "draw", lambda *_: drawn)
    assert studio.Studio(None, (), "crop", dict, {}, None).sliders == sliders
