"""A table at which one reader plays: games that train in a thread of their own, so that the page answers."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from gan_common.errors import UserError, one_line
from gan_common.modes.session import Session
from gan_common.play.news import News, Packed, Picture, World
from gan_common.play.settings import SPEEDS, Setting
from gan_common.play.shelf import Shelf

LOOK_EVERY = 0.15  # seconds from one picture to the next
TURN = 0.04  # seconds of training until the thread hears of a click


class Table:
    """Plays one or two settings; every method returns at once, `picture` and `message` say what came of it.

    Args:
        shelf: of the sessions.
        hear: is given what has changed, in the table's thread.
        packed: of a table that is played on.

    Attributes:
        picture: the latest; None before the first.
        message: what went wrong, or came to an end, in a line; else empty.
        busy: whether something that was asked for is not done yet.
        steps: done since the table was opened.
    """

    def __init__(
        self,
        shelf: Shelf,
        hear: Callable[[News], None] = lambda _: None,
        packed: Packed | None = None,
    ) -> None:
        self.picture: Picture | None = None
        self.message = ""
        self.steps = 0
        self._shelf, self._hear = shelf, hear
        self._told = (0, False, "")
        self._shown: Picture | None = None
        self._number = packed.number if packed else 0
        self._games: list[tuple[Setting, Session]] = []
        self._running, self._reached = False, 0
        self._pace: float | None = None
        self._chunk, self._speed, self._counted = 1, 0.0, (time.perf_counter(), 0)
        self._looked = 0.0
        self._lock = threading.Lock()  # of what waits:
        self._target: int | None = None
        self._wanted: tuple[tuple[Setting, ...], bool | None] | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # Jobs; each number is counted by one thread.
        self._asked = self._done = packed.done if packed else 0
        self._leaving, self._packed = False, packed
        self._thread = threading.Thread(target=self._work, args=(packed,), name="play", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        return self._asked != self._done

    @property
    def running(self) -> bool:
        return self._running

    # ---------------------------------------------------------- what the page asks for

    def set(self, settings: Sequence[Setting], run: bool | None = None) -> None:
        """Play these from their start; `run` says whether at once, None leaves it as it is.

        Of several that wait only the last is built.
        """
        with self._lock:
            if run is None and self._wanted is not None:
                run = self._wanted[1]
            self._wanted = tuple(settings), run
        self._ask(self._set)

    def run(self, on: bool) -> None:
        """Train, or pause."""
        self._ask(lambda: self._run(on))

    def pace(self, name: str) -> None:
        """Train so fast: a name in `SPEEDS`."""
        self._ask(lambda: setattr(self, "_pace", SPEEDS[name]))

    def step(self, steps: int = 1) -> None:
        """Pause, and go so many steps."""
        self._ask(lambda: self._go(steps))

    def wind(self, step: int) -> None:
        """Pause, and go back (or on) to a step; of several that wait only to the last."""
        with self._lock:
            self._target = step
        self._ask(self._wind)

    def close(self) -> None:
        """Stop; the sessions go back to the shelf."""
        self._running = False
        self._jobs.put(None)

    def leave(self) -> Packed:
        """Do what was asked for, then stop; all that another table needs to play on."""
        self._leaving, self._packed = True, None
        self._jobs.put(None)
        self._thread.join()
        assert self._packed is not None
        return self._packed

    def join(self, timeout: float = 10.0) -> bool:
        """Wait for the thread of a closed table; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ---------------------------------------------------------------------- the thread

    def _ask(self, job: Callable[[], None]) -> None:
        self._asked += 1
        self._jobs.put(job)

    def _work(self, packed: Packed | None) -> None:
        if packed is not None:
            self._guarded(lambda: self._unpack(packed))
            self._tell()
        rest: float | None = 0 if self._running else None
        while True:
            try:
                job = self._jobs.get(timeout=rest) if rest != 0 else self._jobs.get_nowait()
            except queue.Empty:
                rest = self._guarded(self._go_on)
                self._tell()
                continue
            if job is None:
                break
            self._guarded(job)
            self._done += 1
            rest = 0 if self._running else None
            self._tell()
        if self._leaving:
            self._packed = self._pack()
        self._clear()

    def _tell(self) -> None:
        told = (self._done, self._running, self.message)
        picture = None if self.picture is self._shown else self.picture
        if picture or told != self._told:
            self._told, self._shown = told, self.picture
            self._hear(News(*told, picture))

    def _pack(self) -> Packed:
        games = tuple((setting, session.state()) for setting, session in self._games)
        return Packed(
            games,
            self._running,
            self._pace,
            self._reached,
            self._number,
            self._done,
            self.message,
        )

    def _unpack(self, packed: Packed) -> None:
        for setting, state in packed.games:
            session = self._shelf.take(setting)
            session.resume(state)
            self._games.append((setting, session))
        self._running, self._pace = packed.running, packed.pace
        self._reached, self.message = packed.reached, packed.message
        if self._games:
            self._look()

    def _clear(self) -> None:
        while self._games:
            self._shelf.park(*self._games.pop())

    @property
    def _sessions(self) -> list[Session]:
        return [session for _, session in self._games]

    def _guarded(self, job: Callable) -> float | None:
        """Do it; the seconds to wait for the next job, None for as long as it takes."""
        try:
            return job()
        except UserError as error:
            self.message = one_line(error)
        except Exception as error:
            logging.getLogger(__name__).exception("a game went wrong")
            self.message = f"Something is wrong here: {one_line(error)}"
        self._running = False
        return None

    def _set(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        settings, run = wanted
        self.message = ""
        for setting in settings:
            setting.options()  # refused before anything is given up
        self._clear()
        for setting in settings:
            self._games.append((setting, self._shelf.take(setting)))
        self._reached, self._chunk = 0, 1
        self._running = self._running if run is None else run
        self._look()

    def _run(self, on: bool) -> None:
        self._running = on and bool(self._games)
        self._counted = (time.perf_counter(), self.steps)
        if self._games:
            self._look()

    def _go(self, steps: int) -> None:
        self._running = False
        if self._games:
            self._advance(steps)
            self._look()

    def _wind(self) -> None:
        self._running = False
        with self._lock:
            target, self._target = self._target, None
        if target is None or not self._games:
            return
        step = max(0, min(target, self._reached))
        for session in self._sessions:
            if step < session.step:
                session.rewind(step)
            else:
                session.advance(step - session.step)
        self._look()

    def _advance(self, steps: int) -> None:
        for session in self._sessions:
            session.advance(steps)
        self.steps += steps
        self._reached = max([self._reached, *(session.step for session in self._sessions)])

    def _go_on(self) -> float | None:
        """One turn of training."""
        if not self._running:
            return None
        start = time.perf_counter()
        before, length = self._sessions[0].step, self._sessions[0].options.steps
        steps = self._chunk if self._pace is None else max(1, round(self._pace * LOOK_EVERY))
        self._advance(min(steps, length - before % length))
        took = time.perf_counter() - start
        if self._pace is None:  # as many steps as a turn has room for
            self._chunk = max(1, min(200, round(steps * TURN / max(took, 1e-4))))
        ended = self._sessions[0].step % length == 0
        over = ended or not all(session.finite for session in self._sessions)
        if over or time.perf_counter() - self._looked >= LOOK_EVERY:
            self._look(running=not over)
        if over:
            self.message = (
                f"Paused after {self._sessions[0].step:,} steps; Run goes on."
                if ended
                else "Paused: a number is not finite, the game is over.  Rewind, or restart."
            )
            self._running = False
            return None
        if self._pace is None:
            return 0
        return max(0.0, steps / self._pace - (time.perf_counter() - start))

    def _look(self, running: bool | None = None) -> None:
        running = self._running if running is None else running
        now = time.perf_counter()
        since, done = self._counted
        if now - since > 0.5:
            self._speed, self._counted = (self.steps - done) / (now - since), (now, self.steps)
        self._looked = now
        self._number += 1
        self.picture = Picture(
            number=self._number,
            settings=tuple(setting for setting, _ in self._games),
            seen=tuple(session.seen() for session in self._sessions),
            worlds=tuple(map(_world, self._sessions)),
            running=running,
            reached=self._reached,
            speed=self._speed if running else 0.0,
        )


def _world(session: Session) -> World:
    centres = tuple(map(tuple, session.data.centres.tolist()))
    return World(centres, session.data.sigma, session.reach)
