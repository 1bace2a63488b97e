"""A new run that begins with the weights of another (`--from`): what fits is taken over, the rest is told.

Networks of other data, sizes or tricks have some layers in common.  Layers fit when they are of one kind,
their weights of one shape, and they come in one order: of a generator for larger images the last layers, of
its discriminator the first ones.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from gan_common import tricks
from gan_common.errors import UserError

NETWORKS = ("generator", "discriminator")


class Part(NamedTuple):
    """The weights of a layer.

    Attributes:
        name: of the layer; its kind, and its number among those of that kind.
        kind: without the number.
        variables: in the layer's order.
    """

    name: str
    kind: str
    variables: list

    @property
    def shapes(self) -> tuple:
        return tuple(tuple(v.shape) for v in self.variables)

    @property
    def told(self) -> str:
        """The shape of its largest variable: 3×3×1."""
        largest = max(self.shapes, key=lambda shape: np.prod(shape))
        return "×".join(map(str, largest)) or "a number"


def take_over(pair: Any, source: Any, run: str) -> None:
    """Assign to a pair of networks what fits of another's, and print what does not.

    The average of the weights is taken over likewise; only where all of it is, with its count, so that it
    never leans towards layers that begin anew.

    Args:
        pair: has `generator`, `discriminator`, and `average`, a `tricks.WeightAverage` or None.
        source: likewise.
        run: the run that `source` is of, for messages.

    Raises:
        UserError: nothing fits.
    """
    taken: list[tuple] = []
    told, count = [], 0
    for name in NETWORKS:
        ours, theirs = parts(getattr(pair, name)), parts(getattr(source, name))
        fitting, unlike = matched(ours, theirs)
        told += [f"{name}/{line}" for line in unlike]
        count += len(ours)
        for mine, other in fitting:
            taken += zip(mine.variables, other.variables, strict=True)
    if not taken:
        raise UserError(
            f"--from {run}: no layer of its networks fits these: {'; '.join(told[:3])}; choose its --preset, "
            "--width or --image_size"
        )
    for mine, other in taken:
        mine.assign(keras.ops.convert_to_numpy(other))
    if pair.average is not None and source.average is not None:
        _take_average(pair.average, source.average, taken)
    print(f"begins with {count - len(told)} of {count} layers of {run}")
    for line in told:
        print(f"  not taken over: {line}")


def parts(network: keras.Model) -> list[Part]:
    """The layers of a network that have weights, in order.

    Variables that hold no weights, such as the states of random generators, are left out.
    """
    by_path: dict[str, list] = {}
    for variable in tricks.floating(network.variables):
        by_path.setdefault(variable.path.rpartition("/")[0], []).append(variable)
    found, seen = [], dict[str, int]()
    for path, variables in by_path.items():
        # Keras numbers the layers of a process, not those of a network.
        kind = "/".join(re.sub(r"_\d+$", "", step) for step in path.split("/"))
        kind = kind.removeprefix(f"{network.name}/")
        seen[kind] = seen.get(kind, 0) + 1
        name = kind if seen[kind] == 1 else f"{kind}_{seen[kind] - 1}"
        found.append(Part(name, kind, variables))
    return found


def matched(
    ours: Sequence[Part], theirs: Sequence[Part]
) -> tuple[list[tuple[Part, Part]], list[str]]:
    """Which layers fit which, in order; and a line on each of ours that none fits."""
    mine, others = ([(part.kind, part.shapes) for part in some] for some in (ours, theirs))
    matcher = difflib.SequenceMatcher(a=mine, b=others, autojunk=False)
    fitting: list[tuple[Part, Part]] = []
    unlike: list[str] = []
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        if what == "equal":
            fitting += zip(ours[i:i_end], theirs[j:j_end], strict=True)
            continue
        rest = list(theirs[j:j_end])
        for part in ours[i:i_end]:
            other = next((each for each in rest if each.kind == part.kind), None)
            if other is None:
                unlike.append(f"{part.name}: {part.told}, there is no such layer")
            else:
                rest.remove(other)
                unlike.append(f"{part.name}: {other.told} → {part.told}")
    return fitting, unlike


def _take_average(
    average: tricks.WeightAverage, source: tricks.WeightAverage, taken: Sequence[tuple]
) -> None:
    """The averages of what was taken over; of all others the present weights."""
    of_source = _by_live(source)
    of_taken: Mapping[int, Any] = {
        id(mine): of_source[id(other)] for mine, other in taken if id(other) in of_source
    }
    for live, mine in zip(average.live, average.averages, strict=True):
        mine.assign(np.array(of_taken.get(id(live), live)))
    if all(id(live) in of_taken for live in average.live):
        average.count.assign(source.count.numpy())


def _by_live(average: tricks.WeightAverage) -> dict[int, Any]:
    return {id(v): each for v, each in zip(average.live, average.averages, strict=True)}
