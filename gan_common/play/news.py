"""What a table tells of its games, and what they have come to: for a process without TensorFlow, too."""

import dataclasses
from typing import NamedTuple

from gan_common.modes.seen import Seen, State
from gan_common.play.settings import Setting


class World(NamedTuple):
    """The real data of a game, and the plane that it is shown in.

    Attributes:
        centres: (x, y) of each mode.
        sigma: of each.
        reach: the plane goes from −reach to reach, both ways.
    """

    centres: tuple[tuple[float, ...], ...]
    sigma: float
    reach: float


@dataclasses.dataclass(frozen=True)
class Picture:
    """What the page shows at a moment.

    Attributes:
        number: rises with each picture.
        settings, seen, worlds: of each game.
        running: whether it trains.
        reached: the furthest step there is to wind to.
        speed: steps a second of late, of each game.
    """

    number: int
    settings: tuple[Setting, ...]
    seen: tuple[Seen, ...]
    worlds: tuple[World, ...]
    running: bool
    reached: int
    speed: float


@dataclasses.dataclass(frozen=True)
class News:
    """What has changed at a table.

    Attributes:
        done: things asked for that are done by now.
        running: whether it trains.
        message: what went wrong, or came to an end, in a line; else empty.
        picture: the latest, if it is new.
    """

    done: int
    running: bool
    message: str
    picture: Picture | None


@dataclasses.dataclass(frozen=True)
class Packed:
    """A table without its graphs: what another process needs to play on.

    Attributes:
        games: each setting, and its session's state.
        running, pace: whether it trains, and how many steps a second at most.
        reached: the furthest step there is to wind to.
        number: of the last picture.
        done: things asked for that were done.
        message: what went wrong, or came to an end.
    """

    games: tuple[tuple[Setting, State], ...]
    running: bool
    pace: float | None
    reached: int
    number: int
    done: int
    message: str
