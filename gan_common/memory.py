"""How much memory there is, and whether a training fits into it.

A system that runs out of memory kills without a word, often minutes later.  So what a training takes at
least is estimated before its networks are built.  What is left out (the libraries' own needs, temporaries)
makes the estimate too low, never too high: nothing is refused that would have trained.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gan_common.errors import UserError

MEMINFO = Path("/proc/meminfo")
PROCESS = Path("/proc/self")
CGROUPS = Path("/sys/fs/cgroup")
# Networks for such small images, up to such a width, and a batch of so few numbers are small where so much is
# free.
SIDE, WIDTH, LATENT_DIM, NUMBERS, PLENTY = 64, 64, 1000, 2**22, 2**32
MARGIN = 1.6  # trainings took 1.4 to 1.7 times the estimate; what is advised has to fit with it
# The limit, what is taken of it, and what of that is files, which make room: cgroups of version 2, and 1.
FILES = (
    ("memory.max", "memory.current", "file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"),
)


def available() -> int | None:
    """Bytes that this process may still take, by the system, its cgroups and its limits.

    None where none of them tells: outside Linux.
    """
    room = [*_of_system(), *_of_cgroups(), *_of_limits()]
    return max(0, min(room)) if room else None


def _of_system() -> Iterator[int]:
    facts = _table(MEMINFO)
    if "MemAvailable:" in facts:
        yield 1024 * (facts["MemAvailable:"] + facts.get("SwapFree:", 0))


def _of_cgroups() -> Iterator[int]:
    """What is left in each group that the process is in; a container may see its own as the root."""
    try:
        lines = (PROCESS / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = CGROUPS / "memory" if controllers else CGROUPS
        inside = root / path.lstrip("/")
        for folder in (inside, *inside.parents):
            if folder.is_relative_to(root):
                yield from _of_cgroup(folder)


def _of_cgroup(folder: Path) -> Iterator[int]:
    for limit, taken, files in FILES:
        try:
            left = int((folder / limit).read_text()) - int((folder / taken).read_text())
        except (OSError, ValueError):  # not there, or "max"
            continue
        yield left + _table(folder / "memory.stat").get(files, 0)


def _of_limits() -> Iterator[int]:
    """What is left below `ulimit -v` and `ulimit -d`."""
    try:
        import resource

        pages = [int(number) for number in (PROCESS / "statm").read_text().split()]
    except (ImportError, OSError):
        return
    size, data = (pages[i] * os.sysconf("SC_PAGE_SIZE") for i in (0, 5))
    for kind, taken in ((resource.RLIMIT_AS, size), (resource.RLIMIT_DATA, data)):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - taken


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number; nothing if there is no such file."""
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
    except OSError:
        return {}


@dataclasses.dataclass(frozen=True)
class Footprint:
    """What a training takes at least.

    Attributes:
        weights: of all networks.
        state: bytes of weights, gradients, optimizers and averages.
        per_image: bytes of what is kept of an image of the batch for the gradients.
    """

    weights: int
    state: int
    per_image: int

    def bytes(self, batch_size: int) -> int:
        """With a batch of so many images."""
        return self.state + batch_size * self.per_image


def check(
    config: Any, image_shape: Sequence[int], footprint: Callable[[Any, tuple], Footprint]
) -> None:
    """Refuse a training that cannot fit into memory, with what would.

    Args:
        config: of the training, with `batch_size`, `width`, `latent_dim`, `preset` and `resume`.
        image_shape: (height, width, channels).
        footprint: (configuration, image shape) → what it takes.

    Raises:
        UserError: it takes more than `available`.
    """
    height, width, channels = image_shape
    room, batch = available(), config.batch_size
    small = max(height, width) <= SIDE and batch * height * width * channels <= NUMBERS
    narrow = (config.width or 0) <= WIDTH and config.latent_dim <= LATENT_DIM
    if room is None or (small and narrow and room >= PLENTY):
        return
    needed = footprint(config, (height, width, channels))
    if needed.bytes(batch) <= room:
        return
    if config.resume:
        mend = "go on with it on a machine that has more"
    else:
        fits = list(_what_fits(config, (height, width, channels), footprint, needed, room))
        mend = f"choose {', or '.join(fits)}" if fits else "make room, or choose another preset"
    raise UserError(
        f"not enough memory: preset {config.preset} for images of {height}×{width} takes "
        f"{needed.bytes(batch) / 1e9:.1f} GB at least ({needed.weights / 1e6:,.0f} million weights, "
        f"a batch of {batch}), and {room / 1e9:.1f} GB are free; {mend}"
    )


def _what_fits(
    config: Any,
    image_shape: tuple[int, int, int],
    footprint: Callable[[Any, tuple], Footprint],
    needed: Footprint,
    room: int,
) -> Iterator[str]:
    """The largest image size, width and batch size that fit, each with the others as they are."""
    side, batch, channels = min(image_shape[:2]), config.batch_size, image_shape[2]
    room = int(room / MARGIN)
    while (side := side // 8 * 4) >= 8:
        if footprint(config, (side, side, channels)).bytes(batch) <= room:
            yield f"--image_size {side}"
            break
    width = config.width or 0
    while width := width // 2:
        narrow = dataclasses.replace(config, width=width)
        if footprint(narrow, image_shape).bytes(batch) <= room:
            yield f"--width {width}"
            break
    while (batch := batch // 2) >= 2:
        if needed.bytes(batch) <= room:
            yield f"--batch_size {batch}"
            break
