"""Sessions that nobody plays: building the graph of one takes up to seconds."""

import collections
import threading

from gan_common.modes.session import Session
from gan_common.modes.tasks import Points
from gan_common.play.settings import Setting


class Shelf:
    """Sessions with their graphs, for when their switches come back; all tables' of a process.

    None is thrown away, since TensorFlow never gives back the memory of a graph, 5 to 10 MB: a process that
    has built many is to be followed by a fresh one, see `games.Games`.

    Attributes:
        built: graphs of sessions that were built.
    """

    def __init__(self) -> None:
        self.built = 0
        self._parked: dict[str, list[Session]] = collections.defaultdict(list)
        self._lock = threading.Lock()

    def take(self, setting: Setting) -> Session:
        """A session of the setting, at its start.

        Raises:
            UserError: for a setting that cannot be played.
        """
        options, key = setting.options(), setting.key()
        with self._lock:  # TensorFlow builds graphs in one thread at a time
            if self._parked[key]:
                session = self._parked[key].pop()
                session.restart(setting.seed)
                return session
            made = setting.centres()
            session = Session(options, Points(setting.world, *made) if made else None)
            session.advance(1)
            session.seen()
            session.restart(setting.seed)
            self.built += 1
            return session

    def park(self, setting: Setting, session: Session) -> None:
        """Keep a session for later."""
        with self._lock:
            session.restart(session.seed)  # lets go of the states that it kept
            self._parked[setting.key()].append(session)
