"""Targets of `fuzz`: what else a person gives: sentences, moving pictures, a generator's file, $TF_CONFIG."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from benchmarks.stress.fuzz_runs import Add
from gan_common.data import decode, found
from gan_common.errors import UserError


def add_what_is_given(
    add: Add, altered: Callable[[bytes], Any], altered_json: Callable[[dict], Any]
) -> None:
    """Add the readers that are not of data sets, nor of runs."""
    _add_sentences(add, altered)
    _add_moving(add, altered)
    _add_generator(add, altered)

    workers = {"worker": ["host1:2222", "host2:2222"]}
    config = {"cluster": workers, "task": {"type": "worker", "index": 0}}

    def read_cluster(folder: Path) -> None:
        from gan_common.runs import distribute

        text = (folder / "TF_CONFIG").read_bytes().decode(errors="replace").replace("\0", "")
        with mock.patch.dict(os.environ, TF_CONFIG=text.replace("\ufffd", "?")):
            workers = distribute.cluster()["cluster"]["worker"]
        if not all(isinstance(worker, str) for worker in workers):
            raise AssertionError(f"no addresses: {workers}")

    add("TF_CONFIG", "TF_CONFIG", read_cluster, altered_json(config))


def _add_sentences(add: Add, altered: Callable[[bytes], Any]) -> None:
    """Words, and scenes by their sentence: what --say is given."""
    from gan_applications import sentences
    from gan_common.shapes import scenes

    every = list(scenes.everything())
    known = tuple(map(scenes.sentence, every)), scenes.vocabulary()

    def read(folder: Path) -> None:
        said = (folder / "sentence").read_bytes().decode(errors="replace")
        refused = []
        for names in known:
            try:
                numbers = sentences.numbers_of([said], names)
            except UserError as error:
                refused.append(error)
            else:
                assert numbers.min() >= 0
                assert numbers.max() <= len(names)
        if len(refused) == len(known):
            raise refused[0]

    words = st.lists(st.sampled_from([*scenes.vocabulary(), "", ",", "zebra"]), max_size=15)
    spoken = words.map(lambda chosen: " ".join(chosen).encode())
    whole = st.sampled_from([known[0][i].encode() for i in range(0, len(every), 40)])
    add("sentence", "sentence", read, spoken | whole.flatmap(altered) | whole)


def _add_moving(add: Add, altered: Callable[[bytes], Any]) -> None:
    """Images of several frames or pages, as `predict` and a training read them."""
    frames = [Image.new("RGB", (12, 9), color) for color in ("red", "green", "blue")]
    frames[1].putpixel((3, 3), (9, 9, 9))
    written = []
    kinds = ["GIF", "WEBP", "PNG", "TIFF", *(["AVIF"] if decode.HAS_AVIF else [])]
    for kind in kinds:
        frames[0].save(file := io.BytesIO(), kind, save_all=True, append_images=frames[1:])
        written.append(file.getvalue())

    def read(folder: Path) -> np.ndarray:
        (_, images), *_ = found.read_batches([str(folder / "moving.gif")], (8, 8, 3))
        return images

    add("moving image", "moving.gif", read, st.one_of(*map(altered, written)))


def _add_generator(add: Add, altered: Callable[[bytes], Any]) -> None:
    """A generator in a .keras file."""
    import keras

    from gan_common import sampling

    def read(folder: Path) -> object:
        keras.utils.clear_session()
        return sampling.load_generator(folder / "generator.keras")

    folder = add("generator.keras", "generator.keras", read, st.nothing())
    latents = keras.Input((2,), name="latents")
    path = folder / "generator.keras"
    keras.Model(latents, keras.layers.Activation("tanh")(latents)).save(path)
    add("generator.keras", "generator.keras", read, altered(path.read_bytes()))
