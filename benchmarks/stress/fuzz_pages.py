"""Send the pages of `play` and `explore` what no browser would: they go on, and nothing of ours stumbles.

    python -m benchmarks.stress.fuzz_pages --minutes 4 --json results/fuzz_pages.json

Each page is the command itself, a process of its own, which is talked to by the protocol of its tabs: a tab
is opened, then events of its own elements come with values of every kind, events of elements that are not
there, messages that are none, pictures that are damaged, addresses that lead elsewhere.  A tab that is opened
afterwards has to be served, and no traceback on the page's stderr may have a line of ours in it.
"""

import asyncio
import contextlib
import dataclasses
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

PAGES = {"play": ("",), "explore": ("", "classifier", "training")}
PATIENCE = 120.0  # seconds until a page is there
EVENTS_OF_A_TAB = 200
OURS = re.compile(r'File "[^"]*[/\\](gan_common|keras_dcgan|ssgan_tf)[/\\]')
TINY = "--dataset=mnist5k --image_size=12 --width=4 --latent_dim=4 --batch_size=32 --steps=2 --labels=20"
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 7, -1, 0.5, -2.5, 10**30, 1e308, -1e308, 2**63, 10**400),
    *(
        math.nan,
        math.inf,
        -math.inf,
        "",
        "0",
        "0.5",
        "-3",
        "nan",
        "x" * 5000,
        "\0",
        "../../etc",
        "猫",
    ),
    *([], {}, [[]], [0.5, 0.5], [0, "a"], {"x": 0.5, "y": None}, {"value": 3, "label": "x"}),
    *("data:image/png;base64,AAAA", "data:,", "data:image/png;base64,%%%"),
)
ADDRESSES = (
    *("/../../etc/passwd", "/_nicegui/../../x", "/%2e%2e/%2e%2e/etc/passwd", "//", "/?a=%00", "/x" * 900),
    *("/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/_nicegui_ws/socket.io/?EIO=9", "/favicon.ico"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    minutes: float = flag(4, "over all pages, without their starts", lower=0, upper=1000)
    seed: int = flag(1, "of what is sent", lower=0)
    only: str | None = flag(None, "one of the commands", choices=tuple(PAGES))
    json: str | None = flag(None, "file that the counts are written to")


# ------------------------------------------------------------------------------- messages


def value(chance: random.Random, depth: int = 2) -> Any:
    """Anything that JSON can hold, as Python reads it."""
    kind = chance.randrange(8) if depth else 0
    if kind == 6:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 7:
        keys = ("value", "label", "x", "y", "url", "id", "args", "0")
        return {chance.choice(keys): value(chance, depth - 1) for _ in range(chance.randrange(4))}
    if kind in (4, 5):
        return chance.uniform(-10, 70)
    return chance.choice(ODD)


def message(chance: random.Random, tab: str, listeners: Sequence[tuple[int, str, str]]) -> tuple:
    """A message of a tab: its name, and what it says; most are events of an element that is there.

    Args:
        chance: what is drawn.
        tab: its client's number.
        listeners: (element, listener, type of event) of the page.
    """
    kind = chance.randrange(12)
    if kind == 0:
        name = chance.choice(
            ("javascript_response", "ack", "log", "handshake", "event", "nonsense")
        )
        said = value(chance)
        if chance.randrange(2) and isinstance(said, dict):
            said |= {"client_id": tab, "request_id": "7", "next_message_id": -1, "level": "info"}
        return name, said
    element, listener, _ = chance.choice(listeners)
    args = [json.dumps(value(chance)) for _ in range(chance.choice((0, 1, 1, 1, 1, 1, 2)))]
    if kind == 1:
        element = chance.choice((10**9, -1, None, "3"))
    elif kind == 2:
        listener = chance.choice(("", "nobody", None, 3))
    elif kind == 3:
        args = [chance.choice(("{", "nul", "[1,", "\ud800"))]
    return "event", {"client_id": tab, "id": element, "listener_id": listener, "args": args}


def listeners_of(html: str) -> list[tuple[int, str, str]]:
    """(element, listener, type of event) of what a page listens to."""
    found = re.search(r"parseElements\(String\.raw`(.*?)`\)", html, re.DOTALL)
    if found is None:
        raise UserError("the page has no elements that are known here; NiceGUI is another")
    text = (
        found[1]
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#96;", "`")
        .replace("&#36;", "$")
    )
    elements = json.loads(text.replace("&amp;", "&"))
    return [
        (int(number), event["listener_id"], event["type"])
        for number, element in elements.items()
        for event in element.get("events", ())
    ]


def ours(log: str) -> list[str]:
    """Of the tracebacks in a log those that have a line of ours: the last one, and the error."""
    found = []
    for text in log.split("Traceback (most recent call last):")[1:]:
        lines = text.splitlines()
        end = next((i for i, line in enumerate(lines[1:], 1) if line and line[0] != " "), 0)
        own = [line.strip() for line in lines[:end] if OURS.search(line)]
        if own:
            found.append(f"{own[-1]}: {lines[end][:200]}")
    return found


# ----------------------------------------------------------------------------------- pages


class Served:
    """A page, served by its command; a context.

    Args:
        command: with its flags.
        log: file that its stderr goes to.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command, "--nobrowser"],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise UserError(f"{' '.join(command)}: no page ({log.read_text()[-300:]})")
        self.url = line.split("http://")[1].split()[0]

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        """Raises: UserError: asked to end, it does not."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise UserError(f"does not end within {PATIENCE:.0f} s") from None


class Tab:
    """A tab of a page: its client's number, what it listens to, and a socket."""

    def __init__(self, session: Any, url: str) -> None:
        import socketio

        self.session, self.url, self.heard = session, f"http://{url}", 0
        self.socket = socketio.AsyncClient(http_session=session, reconnection=False)
        self.socket.on("*", self._hear)

    def _hear(self, *_: object) -> None:
        self.heard += 1

    async def open(self, path: str) -> None:
        """Load the page, and shake hands as a browser does."""
        for _ in range(50):  # it says where it is a moment before it listens
            with contextlib.suppress(OSError):
                answer = await self.session.get(f"{self.url}/{path}")
                break
            await asyncio.sleep(0.1)
        else:
            raise UserError(f"{self.url}: nobody listens there")
        html = await answer.text()
        if answer.status != 200:
            raise UserError(f"/{path}: status {answer.status}")
        self.listeners = listeners_of(html)
        self.client = re.search(r"'client_id': '([^']*)'", html)[1]  # type: ignore[index]
        query = f"client_id={self.client}&tab_id=t&document_id=d&implicit_handshake=true&next_message_id=0"
        await self.socket.connect(
            f"{self.url}?{query}", socketio_path="/_nicegui_ws/socket.io", transports=["websocket"]
        )

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await self.socket.disconnect()


async def talk(url: str, paths: Sequence[str], seconds: float, chance: random.Random) -> Counter:
    """Open tabs one after another and send them messages; how many of each kind.

    Raises:
        UserError: a tab that is opened is not served.
    """
    import aiohttp

    counts: Counter = Counter()
    end = time.monotonic() + seconds
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            tab = Tab(session, url)
            await tab.open(chance.choice(paths))
            counts["tabs"] += 1
            for _ in range(EVENTS_OF_A_TAB):
                name, said = message(chance, tab.client, tab.listeners)
                if not tab.socket.connected:  # it was shown the door
                    break
                with contextlib.suppress(Exception):
                    await tab.socket.emit(name, said)
                    counts[name] += 1
                await asyncio.sleep(0.001)
                if chance.randrange(50) == 0:
                    counts["addresses"] += await visit(session, f"http://{url}", chance)
                if time.monotonic() > end:
                    break
            await tab.close()
            if time.monotonic() > end:
                break
        await served(session, url, paths)
    return counts


async def visit(session: Any, url: str, chance: random.Random) -> int:
    """Ask for an address that leads elsewhere, or by a name that is not this machine's; 1."""
    headers = {"Host": "elsewhere.example"} if chance.randrange(3) == 0 else {}
    data = (
        {"data": bytes(chance.randrange(256) for _ in range(200))}
        if chance.randrange(4) == 0
        else {}
    )
    import yarl

    address = yarl.URL(url + chance.choice(ADDRESSES), encoded=True)
    method = "POST" if data else "GET"
    async with session.request(method, address, headers=headers, **data) as answer:
        text = await answer.text(errors="replace")
    if "root:" in text or (headers and answer.status == 200):
        raise UserError(f"{address}: answered, and should not have been")
    return 1


async def served(session: Any, url: str, paths: Sequence[str]) -> None:
    """Each page is there, and talks to a new tab.

    Raises:
        UserError: it does not.
    """
    for path in paths:
        tab = Tab(session, url)
        await tab.open(path)
        end = time.monotonic() + PATIENCE
        while not tab.heard and time.monotonic() < end:
            await asyncio.sleep(0.05)
        await tab.close()
        if not tab.heard:
            raise UserError(f"/{path}: says nothing any more")


# --------------------------------------------------------------------------------- command


def commands(folder: Path) -> dict[str, list[str]]:
    """The command of each page; for `explore` a training of two steps is made."""
    run = folder / "run"
    train = [
        sys.executable,
        "-m",
        "ssgan_tf.train",
        *TINY.split(),
        f"--run_dir={run}",
        "--noevaluate",
    ]
    done = subprocess.run(train, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"no run to explore: {done.stderr[-300:]}")
    labelled = folder / "labelled"
    return {
        "play": ["gan_common.play"],
        "explore": ["ssgan_tf.explore", f"--run_dir={run}", f"--labelled={labelled}"],
    }


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    options = Options(**cli.parse(Options, argv, __doc__))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, command in commands(folder).items():
            if options.only not in (None, name):
                continue
            chance = random.Random(f"{options.seed} {name}")
            with Served(command, folder / f"{name}.log") as page:
                seconds = 60 * options.minutes / len(PAGES)
                counts = asyncio.run(talk(page.url, PAGES[name], seconds, chance))
                alive = page.process.poll() is None
            bad = ours(page.log.read_text(encoding="utf-8", errors="replace"))
            found[name] = {"sent": dict(counts), "alive": alive, "errors_of_ours": len(bad)}
            print(f"{name:<10}{counts.total():>9,} sent, {len(bad)} errors of ours", flush=True)
            for line, count in Counter(bad).most_common(20):
                print(f"  {count:>6} {line}", flush=True)
    if options.json:
        text = f"python -m benchmarks.stress.fuzz_pages --minutes {options.minutes:g} --seed {options.seed}"
        files.write_json(Path(options.json), {"command": text, "pages": found})
    return 1 if any(each["errors_of_ours"] or not each["alive"] for each in found.values()) else 0


if __name__ == "__main__":
    main()
