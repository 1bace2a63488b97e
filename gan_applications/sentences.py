"""Images with a sentence each, the words as numbers, and images held against their sentences.

    shapes:scenes    drawn; combinations held out of training (`gan_common.shapes.scenes`)

What a sentence says is read back from the pixels by `gan_common.shapes.reading`, which nobody trains.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from gan_applications.running import Measure
from gan_common import data
from gan_common.data import Listing
from gan_common.errors import UserError
from gan_common.shapes import reading, scenes
from gan_common.shapes.scenes import Scene

LENGTH = 12  # words of a sentence that are read
CHOICES = 100  # sentences among which the right one is to be found
PARTS = ("kind", "color", "count", "place")  # that are told one by one


@dataclasses.dataclass(frozen=True, eq=False)
class Told:
    """Images uint8 (N, H, W, 3), and what is told of each.

    Attributes:
        x_train, tokens, scene_ids: to train on; tokens int32 (N, LENGTH) or (N, 1), see `numbers_of`;
            a number for each scene, int32 (N,).
        said: the sentences of these.
        x_test, said_test: held out.
        unseen: (N,) of the held-out ones, whether training has no image of their combination.
        class_names: what a token can be, from 1 on.
    """

    x_train: np.ndarray
    tokens: np.ndarray
    scene_ids: np.ndarray
    said: tuple[str, ...]
    x_test: np.ndarray
    said_test: tuple[str, ...]
    unseen: np.ndarray
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    listing: Listing | None = None


def load(size: int, by_class: bool = False, name: str = data.datasets.SCENES) -> Told:
    """The data set.

    Args:
        size: height and width in pixels, a multiple of 32.
        by_class: a scene is one class among 612; else its sentence is so many words.
        name: of the data set.

    Raises:
        UserError: another name.
    """
    if name != data.datasets.SCENES:
        raise UserError(f"--dataset {name}: has no sentences; known: {data.datasets.SCENES}")
    given = data.load(name, image_size=size)
    said, said_test = given.sentences_train or (), given.sentences_test or ()
    every = {scene: number for number, scene in enumerate(scenes.everything())}
    known = tuple(map(scenes.sentence, every)) if by_class else scenes.vocabulary()
    return Told(
        given.x_train,
        numbers_of(said, known),
        np.array([every[scenes.parse(text)] for text in said], np.int32),
        said,
        given.x_test,
        said_test,
        np.array([scenes.held_out(scenes.parse(text)) for text in said_test]),
        given.image_shape,
        known,
    )


def numbers_of(said: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Sentences as numbers: of their words (N, LENGTH), 0 after the last; or of their scenes (N, 1).

    Args:
        said: the sentences.
        known: words; or sentences, of which each is the first form of its scene.

    Raises:
        UserError: an unknown word, no word, or more than LENGTH.
    """
    index = {word: number for number, word in enumerate(known, 1)}
    if " " in known[0]:
        try:
            found = [index[scenes.sentence(scenes.parse(text))] for text in said]
        except (ValueError, KeyError) as error:
            raise UserError(
                f"the sentence is none of the {len(known)} classes ({error})"
            ) from error
        return np.array(found, np.int32)[:, None]
    numbers = np.zeros((len(said), LENGTH), np.int32)
    for row, text in zip(numbers, said, strict=True):
        words = scenes.words(text)
        if unknown := [word for word in words if word not in index]:
            raise UserError(f"unknown word {unknown[0]!r}; the words are {', '.join(known)}")
        if not 1 <= len(words) <= LENGTH:
            raise UserError(f"a sentence has 1 to {LENGTH} words, not {len(words)}: {text!r}")
        row[: len(words)] = [index[word] for word in words]
    return numbers


def nearest(said: Sequence[str], known: Sequence[str]) -> list[int]:
    """For each sentence the number of the one in `known` that has the most words in common with it."""
    of_known = {frozenset(scenes.words(text)): row for row, text in enumerate(known)}

    def best(text: str) -> int:
        words = frozenset(scenes.words(text))
        return of_known[max(of_known, key=lambda other: len(words & other) / len(words | other))]

    found = {text: best(text) for text in set(said)}
    return [found[text] for text in said]


def retrieved(said: Sequence[Scene], seen: Sequence[Scene], seed: int = 0) -> float:
    """How often the right one of `CHOICES` sentences agrees best with what is seen; n alike count 1/n.

    Args:
        said: of each image what its sentence says; the other sentences are drawn from these.
        seen: what each image shows.
        seed: of the draw.
    """
    rng, right = np.random.default_rng(seed), []
    among = list(dict.fromkeys(said))
    for one, shown in zip(said, seen, strict=True):
        others = [scene for scene in among if scene != one]
        drawn = rng.choice(len(others), min(CHOICES - 1, len(others)), replace=False)
        scores = [
            np.mean(list(scene.agreement(shown).values()))
            for scene in [one, *(others[i] for i in drawn)]
        ]
        right.append((scores[0] == max(scores)) / scores.count(scores[0]))
    return float(np.mean(right))


def held_against(given: Told, images: np.ndarray) -> dict[str, float]:
    """Shares of images, of the held-out sentences, that show what these say."""
    said, seen = [scenes.parse(text) for text in given.said_test], reading.read(images)
    found = {}
    for name, rows in (("seen", ~given.unseen), ("unseen", given.unseen)):
        which = np.flatnonzero(rows)
        shares = reading.shares([said[i] for i in which], [seen[i] for i in which])
        found[f"right_{name}"] = shares["all"]
        found |= {f"{part}_{name}": shares[part] for part in PARTS if part in shares}
    return found | {"retrieval": retrieved(said, seen)}


def measures(
    given: Told, images: np.ndarray, others: Mapping[str, np.ndarray]
) -> dict[str, Measure]:
    """`held_against` of what a system drew, and of what stands beside it."""
    own = held_against(given, images)
    beside = {name: held_against(given, drawn) for name, drawn in others.items()}
    return {
        name: Measure(value, "higher", {other: found[name] for other, found in beside.items()})
        for name, value in own.items()
    }
