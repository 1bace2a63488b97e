"""The process that the games of all tabs train in; it talks with the page over a pipe.

A message is the name of a method and what it is given: of `Host` here, of `games.Games` there.
"""

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from gan_common.errors import UserError, one_line
from gan_common.play.news import News
from gan_common.play.settings import Setting

MOST_BUILT = 16  # graphs, of some 20 MB each, until another process is to follow


class Host:
    """The tables of one process.

    Args:
        send: (name, *what it is given) → a message to the page.
        most: graphs that are built until it says that it is full.
    """

    def __init__(self, send: Callable[..., None], most: int = MOST_BUILT) -> None:
        self._send, self._most = send, most
        self._full_at = 0  # graphs, when it last said so
        self._shelf = new_shelf()
        self._tables: dict[int, Any] = {}

    def open(self, seat: int, packed: Any = None) -> None:
        """A table, anew or as `leave` packed it."""
        from gan_common.play.table import Table

        self._tables[seat] = Table(self._shelf, lambda news: self._hear(seat, news), packed)

    def ask(self, seat: int, name: str, *given: Any) -> None:
        """Ask a table for something: a method of `Table`."""
        if seat in self._tables:
            getattr(self._tables[seat], name)(*given)

    def close(self, seat: int) -> None:
        """A table is left for good."""
        if table := self._tables.pop(seat, None):
            table.close()

    def warm(self, settings: Sequence[Setting]) -> None:
        """Build graphs before somebody asks for them, and say so."""
        built = [(setting, self._shelf.take(setting)) for setting in settings]
        for setting, session in built:
            self._shelf.park(setting, session)
        self._send("warmed")

    def leave(self) -> None:
        """Pack all tables."""
        self._send("left", {seat: table.leave() for seat, table in self._tables.items()})
        self._tables.clear()

    def end(self) -> None:
        """Close what is open."""
        for table in self._tables.values():
            table.close()

    def _hear(self, seat: int, news: News) -> None:
        self._send("news", seat, news)
        if self._shelf.built >= max(self._most, self._full_at + 1):
            self._full_at = self._shelf.built
            self._send("full")


def new_shelf() -> Any:
    """An empty shelf of this process."""
    from gan_common.play.shelf import Shelf

    return Shelf()


def work(pipe: Connection, most: int = MOST_BUILT) -> None:
    """What the process does, until the page closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the page, and that the pipe
    serve(pipe, most)
    os._exit(0)  # whatever TensorFlow's threads are doing


def serve(pipe: Connection, most: int = MOST_BUILT) -> None:
    """Do what messages ask for until one says end, or the pipe is closed."""
    messages: queue.SimpleQueue[tuple] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, messages), daemon=True).start()
    sending = threading.Lock()

    def send(*message: Any) -> None:
        try:
            with sending:
                pipe.send(message)
        except OSError:  # the page is gone; `_listen` has seen it
            pass

    try:
        import gan_common.quiet  # noqa: F401
    except UserError as error:
        send("failed", one_line(error))
        return
    # Each game is a graph of its own by design; TensorFlow would warn of that.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    host = Host(send, most)
    while True:
        name, *given = messages.get()
        getattr(host, name)(*given)
        if name == "end":
            pipe.close()
            return


def _listen(pipe: Connection, messages: queue.SimpleQueue) -> None:
    try:
        name = ""
        while name != "end":
            name, *_ = message = pipe.recv()
            messages.put(message)
    except (EOFError, OSError):
        messages.put(("end",))
