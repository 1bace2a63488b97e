"""Which form each operation of a network's convolutions takes: measured once on a processor, then kept.

The measurements are kept in the cache.  A run has its choices in its folder, so that it goes on with the
same forms, and to the same numbers, wherever the cache is.
"""

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gan_common import files
from gan_common.errors import UserError
from gan_common.kernels import machine
from gan_common.kernels.forms import FORWARD, LIBRARY, TO_INPUT, TO_KERNEL, Forms, Work

OPERATIONS = {"forward": FORWARD, "to_input": TO_INPUT, "to_kernel": TO_KERNEL}
FILE = "kernels.json"  # in the cache, and in a run's folder
LEAST_PRODUCTS = 4e6  # below, there is nothing to gain
GAIN = 0.9  # of the library's time: another form has to be below, for measurements waver
ROUNDS = 7  # of all forms of an operation, or fewer,
SECONDS = 0.3  # when so much time is over; but three


def choose(
    networks: Iterable[keras.Model],
    batch_size: int,
    kept: Path | None = None,
    say: Callable[[str], Any] = print,
) -> None:
    """Set `forms` of all convolutions of the networks, measuring what is not known yet.

    On a GPU they stay the library's.

    Args:
        networks: built, and not traced yet.
        batch_size: images that a layer is given at a time.
        kept: the file of a run's choices; made if it is not there.
        say: is told when measuring begins, and how long it took.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    works = dict(_works(networks, batch_size))
    names = {
        f"{operation} of {work}": (operation, work)
        for work in works.values()
        for operation in OPERATIONS
    }
    cache = files.cache_dir() / FILE
    own = _sound(names, _read(kept)) if kept else {}
    known = _sound(names, _read(cache).get(machine.description(), {})) | own
    missing = {name: names[name] for name in names if name not in known}
    if missing:
        say("measuring  which form of each convolution is fastest here: once for these shapes")
        began = time.perf_counter()
        found = {name: fastest(*missing[name]) for name in missing}
        known |= _keep(cache, names, found)
        say(f"measured   {len(found)} operations in {time.perf_counter() - began:.0f} s")
    for layer, work in works.items():
        layer.forms = Forms(*(known[f"{operation} of {work}"] for operation in OPERATIONS))
    if kept and known != own:
        files.write_json(kept, known)


def _works(networks: Iterable[keras.Model], count: int) -> Iterator[tuple[Any, Work]]:
    """The convolutions among the networks' layers, however deep, that are worth the choice."""
    for owner in networks:
        if hasattr(owner, "work"):
            work = owner.work(count)
            if work is not None and work.products >= LEAST_PRODUCTS:
                yield owner, work
        inner = getattr(owner, "layer", None)
        yield from _works([*getattr(owner, "layers", ()), *([inner] if inner else ())], count)


def fastest(operation: str, work: Work) -> str:
    """The form that takes the least time by the median, or the library's if none is clearly faster."""
    images, result = (
        tf.cast(tf.random.stateless_normal(shape, (0, 0)), work.dtype)
        for shape in (work.images, work.result)
    )
    k = work.geometry.kernel
    kernel = tf.cast(
        tf.random.stateless_normal((k, k, work.images[-1], work.filters), (0, 0)), work.dtype
    )
    given = {
        "forward": (images, kernel),
        "to_input": (kernel, result, work.images[1:3]),
        "to_kernel": (images, result),
    }[operation]
    functions = {
        name: tf.function(partial(form, *given, work.geometry))
        for name, form in OPERATIONS[operation].items()
    }
    for function in functions.values():
        function()  # traced, and the memory is there
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    began = time.perf_counter()
    for turn in range(ROUNDS):
        if turn >= 3 and time.perf_counter() - began > SECONDS:
            break
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    best = min(medians, key=medians.__getitem__)
    return best if medians[best] < GAIN * medians[LIBRARY] else LIBRARY


def _sound(names: Mapping[str, tuple[str, Work]], known: Any) -> dict[str, str]:
    """What a file knows of these operations, unless it is nothing that this version has."""
    known = known if isinstance(known, dict) else {}
    return {
        name: known[name]
        for name, (operation, _) in names.items()
        if isinstance(known.get(name), str) and known[name] in OPERATIONS[operation]
    }


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # not there, or damaged: measured anew
        return {}
    return content if isinstance(content, dict) else {}


def _keep(cache: Path, names: Mapping[str, Any], found: Mapping[str, str]) -> dict[str, str]:
    """Add to the measurements; what another process has written meanwhile holds."""
    content = _read(cache)
    here = content.get(machine.description())
    here = here if isinstance(here, dict) else {}
    merged = {**found, **_sound({name: names[name] for name in found}, here)}
    with contextlib.suppress(UserError):  # it cannot be written: measured anew next time
        files.write_json(cache, {**content, machine.description(): {**here, **merged}})
    return merged
