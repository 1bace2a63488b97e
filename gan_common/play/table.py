"""A table at which one reader plays: games that train in a thread of their own, so that the page answers."""

import collections
import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from gan_common.errors import UserError, one_line
from gan_common.modes.session import Seen, Session
from gan_common.modes.tasks import Points
from gan_common.play.settings import Setting

# Steps a second that can be asked for; None is as fast as it goes.
SPEEDS: dict[str, float | None] = {
    "full speed": None,
    "100 steps a second": 100.0,
    "10 steps a second": 10.0,
    "1 step a second": 1.0,
}
LOOK_EVERY = 0.15  # seconds from one picture to the next
TURN = 0.04  # seconds of training until the thread hears of a click
# Sessions whose graph is kept for when their switches come back.  So many, since TensorFlow never gives
# back the memory of a graph, 5 to 10 MB: a page would grow that builds the same ones again and again.
PARKED = 64
TABLES = 4  # tabs that play at the same time


class Shelf:
    """Sessions that nobody plays, with their graphs: building one takes up to seconds."""

    def __init__(self, places: int = PARKED) -> None:
        self._parked: collections.OrderedDict[str, list[Session]] = collections.OrderedDict()
        self._places, self._lock = places, threading.Lock()

    def take(self, setting: Setting) -> Session:
        """A session of the setting, at its start.

        Raises:
            UserError: for a setting that cannot be played.
        """
        options, key = setting.options(), setting.key()
        with self._lock:  # TensorFlow builds graphs in one thread at a time
            same = self._parked.get(key)
            if same:
                session = same.pop()
                if not same:
                    del self._parked[key]
                session.restart(setting.seed)
                return session
            made = setting.centres()
            session = Session(options, Points(setting.world, *made) if made else None)
            session.advance(1)
            session.seen()
            session.restart(setting.seed)
            return session

    def warm(self, setting: Setting) -> None:
        """Build a session before somebody asks for it."""
        self.park(setting, self.take(setting))

    def park(self, setting: Setting, session: Session) -> None:
        """Keep a session for later; of too many those go whose setting came longest ago."""
        with self._lock:
            session.restart(session.seed)  # lets go of the states that it kept
            self._parked.setdefault(setting.key(), []).append(session)
            self._parked.move_to_end(setting.key())
            while sum(map(len, self._parked.values())) > self._places:
                self._parked.popitem(last=False)


@dataclasses.dataclass(frozen=True)
class Picture:
    """What the page shows at a moment.

    Attributes:
        number: rises with each picture.
        settings, seen: of each game.
        worlds: of each game the data, and how far the plane reaches.
        running: whether it trains.
        reached: the furthest step there is to wind to.
        speed: steps a second of late, of each game.
    """

    number: int
    settings: tuple[Setting, ...]
    seen: tuple[Seen, ...]
    worlds: tuple[tuple[Points, float], ...]
    running: bool
    reached: int
    speed: float


class Table:
    """Plays one or two settings; every method returns at once, `picture` and `message` say what came of it.

    Args:
        shelf: of the sessions.

    Attributes:
        picture: the latest; None before the first.
        message: what went wrong, or is being done, in a line; else empty.
        busy: whether something that was asked for is not done yet.
        steps: done since the table was opened.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.picture: Picture | None = None
        self.message = ""
        self.steps = 0
        self._shelf = shelf
        self._games: list[tuple[Setting, Session]] = []
        self._running, self._pace, self._reached = False, None, 0
        self._chunk, self._speed, self._counted = 1, 0.0, (time.perf_counter(), 0)
        self._looked = 0.0
        self._lock = threading.Lock()  # of what waits:
        self._target: int | None = None
        self._wanted: tuple[tuple[Setting, ...], bool | None] | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._asked = self._done = 0  # jobs; each is counted by one thread
        self._thread = threading.Thread(target=self._work, name="play", daemon=True)
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

    def join(self, timeout: float = 10.0) -> bool:
        """Wait for the thread of a closed table; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ---------------------------------------------------------------------- the thread

    def _ask(self, job: Callable[[], None]) -> None:
        self._asked += 1
        self._jobs.put(job)

    def _work(self) -> None:
        rest = None
        while True:
            try:
                job = self._jobs.get(timeout=rest) if rest != 0 else self._jobs.get_nowait()
            except queue.Empty:
                rest = self._guarded(self._go_on)
                continue
            if job is None:
                break
            self._guarded(job)
            self._done += 1
            rest = 0 if self._running else None
        self._clear()

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
        self.picture = Picture(
            number=self.picture.number + 1 if self.picture else 1,
            settings=tuple(setting for setting, _ in self._games),
            seen=tuple(session.seen() for session in self._sessions),
            worlds=tuple((session.data, session.reach) for session in self._sessions),
            running=running,
            reached=self._reached,
            speed=self._speed if running else 0.0,
        )
