"""All tabs' games, which train in a process beside the page, followed by a fresh one when it has grown.

TensorFlow never gives back the memory of a graph, and each new setting of the switches is one.  So when a
process has built many, another one is started, builds those graphs that are played, and gets what the first
one's games have come to: weights, optimizers, curves, and what they can be wound back to.  The reader sees
nothing of it, or a pause of a moment.  Nothing here imports TensorFlow.
"""

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from typing import Any

from gan_common.play import process
from gan_common.play.news import News, Picture
from gan_common.play.settings import Setting

DIED = "The process that trained the games has ended unexpectedly; they wait at their start."
NEVER_BEGAN = "The process that trains the games does not start; the terminal may say why."


class Player:
    """One process, or what stands in for it, and the thread that hears what it says.

    Args:
        hear: called with the player and a message; "ended" is the last one.
        most: graphs until it says that it is full.
    """

    def __init__(self, hear: Callable[..., None], most: int) -> None:
        self.warmed = False
        self._hear, self._sending = hear, threading.Lock()
        self._pipe, theirs = multiprocessing.Pipe()
        self.start(theirs, most)
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, theirs: Any, most: int) -> None:
        """Start the process, which alone holds its end of the pipe then."""
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(
            target=process.work, args=(theirs, most), name="games", daemon=True
        )
        self.process.start()
        theirs.close()

    def send(self, *message: Any) -> None:
        """A message to the process; one that has ended misses nothing."""
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError:  # `_listen` sees that, too
            pass

    def _listen(self) -> None:
        try:
            while True:
                self._hear(self, *self._pipe.recv())
        except (EOFError, OSError):
            self._hear(self, "ended")


class Seat:
    """One tab's table, as the page sees it: every method returns at once.

    Attributes:
        picture, message, running, busy: see `table.Table`.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self.picture: Picture | None = None
        self.message, self.running = "", False
        self.settings: tuple[Setting, ...] = ()  # that were asked for last
        self._send, self._pace = send, ""
        self._asked = self._done = 0

    @property
    def busy(self) -> bool:
        return self._asked != self._done

    def set(self, settings: Sequence[Setting], run: bool | None = None) -> None:
        """Play these from their start; `run` says whether at once, None leaves it as it is."""
        self.settings, self.message = tuple(settings), ""
        self._ask("set", self.settings, run)

    def run(self, on: bool) -> None:
        """Train, or pause."""
        self._ask("run", on)

    def pace(self, name: str) -> None:
        """Train so fast: a name in `settings.SPEEDS`."""
        self._pace = name
        self._ask("pace", name)

    def step(self, steps: int = 1) -> None:
        """Pause, and go so many steps."""
        self._ask("step", steps)

    def wind(self, step: int) -> None:
        """Pause, and go back (or on) to a step."""
        self._ask("wind", step)

    def _ask(self, name: str, *given: Any) -> None:
        self._asked += 1
        self._send(name, *given)

    def hear(self, news: News) -> None:
        """What has changed."""
        self._done, self.running, self.message = news.done, news.running, news.message
        self.picture = news.picture or self.picture

    def begin_anew(self, message: str) -> None:
        """What was played is lost, but for the settings, which wait at their start."""
        self._asked = self._done = 0
        self.running = False
        if self._pace:
            self.pace(self._pace)
        if self.settings:
            self.set(self.settings, False)
        self.message = message


class Games:
    """The seats of all tabs, and the process that they are played in.

    Args:
        start: of a process, as `Player`.
        most: graphs that a process builds until another one follows.

    Attributes:
        seats: by number.
        trouble: why nothing can be played, in a line; else empty.
    """

    def __init__(
        self, start: Callable[..., Player] = Player, most: int = process.MOST_BUILT
    ) -> None:
        self.seats: dict[int, Seat] = {}
        self.trouble = ""
        self._start, self._most = start, most
        self._lock = threading.RLock()
        self._number = 0
        self._closed = False
        self._next: Player | None = None  # that follows
        self._waiting: list[tuple] | None = None  # for the next one, while the games move to it
        with self._lock:  # what it says is heard when it is known
            self._player = self._started([Setting()])

    def _started(self, settings: Sequence[Setting]) -> Player:
        player = self._start(self._hear, self._most)
        player.send("warm", tuple(settings))
        return player

    @property
    def pid(self) -> int | None:
        """Of the process that the games train in."""
        return self._player.process.pid

    def sit(self) -> tuple[int, Seat]:
        """A seat, and its number."""
        with self._lock:
            self._number += 1
            number = self._number
            seat = Seat(lambda name, *given: self._send("ask", number, name, *given))
            self.seats[number] = seat
            self._send("open", number)
        return number, seat

    def leave(self, number: int) -> None:
        """A tab is closed: its training ends."""
        with self._lock:
            if self.seats.pop(number, None):
                self._send("close", number)

    def renew(self) -> None:
        """Let a fresh process take over, as soon as it has the graphs of what is played."""
        with self._lock:
            if self._next is None:
                seats = self.seats.values()
                played = [setting for seat in seats for setting in _played(seat)]
                self._next = self._started(played)

    def close(self) -> None:
        """End all."""
        with self._lock:
            self._closed = True
            for player in filter(None, (self._player, self._next)):
                player.send("end")

    def _send(self, *message: Any) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(message)
            else:
                self._player.send(*message)

    # --------------------------------------------------------- what the processes say

    def _hear(self, player: Player, name: str, *given: Any) -> None:
        with self._lock:
            if not self._closed:
                getattr(self, f"_{name}")(player, *given)

    def _news(self, player: Player, number: int, news: News) -> None:
        if player is self._player and number in self.seats:
            self.seats[number].hear(news)

    def _full(self, player: Player) -> None:
        if player is self._player:
            self.renew()

    def _warmed(self, player: Player) -> None:
        player.warmed = True
        if player is self._next and self._waiting is None:
            self._waiting = []
            self._player.send("leave")

    def _left(self, player: Player, packed: dict[int, Any]) -> None:
        """The tables of a process that has done all that it was asked for."""
        waiting, self._waiting = self._waiting or [], None
        self._player, self._next = self._next or self._started([]), None
        for number, table in packed.items():
            self._player.send("open", number, table)
        for message in waiting:
            self._player.send(*message)
        player.send("end")

    def _failed(self, player: Player, message: str) -> None:
        if player is self._player:
            self.trouble = message

    def _ended(self, player: Player) -> None:
        if player is self._next:
            self._next = None  # tried again when the next graph is built
        elif player is self._player and not player.warmed:
            self.trouble = self.trouble or NEVER_BEGAN
        elif player is self._player:
            self._player = self._next or self._started([])
            self._next = self._waiting = None
            for number, seat in self.seats.items():
                self._player.send("open", number)
                seat.begin_anew(DIED)


def _played(seat: Seat) -> Sequence[Setting]:
    return seat.picture.settings if seat.picture else ()
