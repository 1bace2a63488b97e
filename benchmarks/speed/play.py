"""The page of the game in two dimensions: its speed, how soon it answers, its memory, and its stories.

    python -m benchmarks.speed.play            writes results/play.json

A headless Chromium opens the page of a server of its own, plays, turns switches, and then does 2,000 things
in five minutes, among them stories, switches and rewinding.  The stories are played without a page, over six
seeds.  Needs the extra `dev`, and Chromium.
"""

import contextlib
import dataclasses
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

LATEST = 240.0  # seconds that anything may take
STEPS = {"cure": 1000, "strong": 1000, "circling": 1500}  # the collapse is what is cured
SWITCHES = ("r1", "label_smoothing", "packing", "conditional", "unrolled", "minibatch")


PARTS = ("all", "page", "session", *STEPS)


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    seeds: int = flag(6, "of each story", lower=1)
    actions: int = flag(2000, "of the scripted session", lower=1)
    minutes: float = flag(5, "that the session takes at least", lower=0)
    json: str = flag("results/play.json", "file for the numbers; finished parts are kept")
    only: str = flag("all", "the part to measure", PARTS)


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    path = Path(options.json)
    found = {"command": "python -m benchmarks.speed.play"} | running.table(path, "parts")
    for part in PARTS[1:]:
        if options.only in ("all", part) and part not in found["parts"]:
            print(part, flush=True)
            if part in STEPS:
                found["parts"][part] = story(part, options.seeds)
            else:
                measure = measure_page if part == "page" else measure_session
                found["parts"][part] = visited(measure, options)
            files.write_json(path, found)
    print(path)


# -------------------------------------------------------------------------------------------- the page


@contextlib.contextmanager
def server() -> Iterator[tuple[subprocess.Popen, str]]:
    """A server's process, and the address of its page."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gan_common.play", "--nobrowser"], stdout=subprocess.PIPE, text=True
    )
    try:
        address = process.stdout.readline().split(": ", 1)[1].split()[0]
        _wait_for(int(address.rsplit(":", 1)[1]))  # the line comes just before the port is open
        yield process, address
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        started = [int(each) for each in children]
        for thread in Path(f"/proc/{pid}/task").iterdir():  # each thread has children of its own
            if thread.name != str(pid):
                started += map(int, (thread / "children").read_text().split())
        return [pid, *(each for child in started for each in family(child))]
    return []


def trains(pid: int) -> bool:
    """Whether it is a process of games."""
    with contextlib.suppress(OSError):
        return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    return False


def memory(process: subprocess.Popen) -> float:
    """MB that the page's process and the games' hold, what they share counted twice."""
    total = 0
    for pid in family(process.pid):
        with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
            text = Path(f"/proc/{pid}/status").read_text()
            total += int(text.split("VmRSS:")[1].split()[0])
    return total / 1024


class Reader:
    """Reads numbers off the page."""

    def __init__(self, page) -> None:
        self.page = page
        page.set_default_timeout(LATEST * 1000)

    def step(self) -> int:
        told = self.page.locator("[data-told='Step']")
        return int(told.first.inner_text().replace(",", "")) if told.count() else -1

    def wait(self, until) -> float:
        """Seconds until it holds."""
        start = time.perf_counter()
        while not until():
            if time.perf_counter() - start > LATEST:
                raise RuntimeError("the page does not answer")
            time.sleep(0.01)
        return time.perf_counter() - start

    def click(self, what: str) -> None:
        self.page.locator(f"[{what}]").click()

    def is_busy(self) -> bool:
        return "building" in self.page.locator("[data-told=speed]").inner_text()

    def speed(self, seconds: float) -> float:
        """Steps a second that a game makes while the page shows it."""
        self.wait(lambda: self.step() > 100)
        first, start = self.step(), time.perf_counter()
        time.sleep(seconds)
        return (self.step() - first) / (time.perf_counter() - start)


def visited(measure: Callable, options: Options) -> dict:
    """What is measured of a server by a browser that has opened its page."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise UserError("no browser is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.perf_counter()
        with server() as (process, address):
            page.goto(address)
            read = Reader(page)
            read.wait(lambda: read.step() == 0)
            found = {"first_picture_seconds": round(time.perf_counter() - start, 2)}
            found |= measure(read, process, options)
        browser.close()
    return found | {"load_average": round(os.getloadavg()[0], 1)}


def measure_page(read: Reader, _: subprocess.Popen, __: Options) -> dict:
    """Steps a second, and how soon a switch is answered."""
    read.click("data-do=run")
    found: dict = {"steps_per_second": round(read.speed(4.0))}
    read.click("data-do=run")
    found["switches_seconds"] = {"first time": {}, "again": {}}
    for when in found["switches_seconds"].values():
        for name in SWITCHES:
            when[name] = round(switch(read, name), 2)
    read.click("data-story=cure")
    read.wait(lambda: 0 <= read.step() < 100)
    found["steps_per_second_of_two"] = round(read.speed(4.0))
    found["steps_per_second_without_a_page"] = round(alone())
    return found


def switch(read: Reader, name: str) -> float:
    """Seconds from the click until the page shows the other game; then it is turned back."""
    tricks = read.page.locator(f"[data-trick={name}]")
    shown = read.page.locator(".game h2").first
    start = time.perf_counter()
    tricks.click()
    words = name.replace("_", " ")
    read.wait(lambda: words in shown.inner_text())
    took = time.perf_counter() - start
    tricks.click()
    read.wait(lambda: words not in shown.inner_text() and not read.is_busy())
    return took


def measure_session(read: Reader, process: subprocess.Popen, options: Options) -> dict:
    """Many things done at random, and the memory that the server holds meanwhile."""
    chance, page = random.Random(1), read.page
    pause, start = 60 * options.minutes / options.actions, time.perf_counter()
    doings = {
        "step": lambda: read.click("data-do=step"),
        "back": lambda: read.click("data-do=back"),
        "run": lambda: read.click("data-do=run"),
        "restart": lambda: read.click("data-do=restart"),
        "switch": lambda: read.click(f"data-trick={chance.choice(SWITCHES)}"),
        "story": lambda: read.click(f"data-story={chance.choice(list(STEPS))}"),
        "rewind": lambda: page.get_by_role("slider").press(chance.choice(["Home", "ArrowLeft"])),
        "seed": lambda: page.get_by_role("spinbutton", name="Seed").fill(
            str(chance.randrange(100))
        ),
    }
    weights = (20, 10, 30, 5, 10, 5, 15, 5)
    seen, done = [], dict.fromkeys(doings, 0)
    most, processes = 0.0, set()
    for number in range(options.actions):
        now = memory(process)
        most = max(most, now)
        processes |= set(filter(trains, family(process.pid)))
        if number % max(1, options.actions // 20) == 0:
            seen.append(round(now, 1))
            print(f"  {number}/{options.actions} actions  {seen[-1]:.0f} MB", flush=True)
        name = chance.choices(list(doings), weights)[0]
        doings[name]()
        done[name] += 1
        time.sleep(max(0.0, start + (number + 1) * pause - time.perf_counter()))
    read.wait(lambda: not read.is_busy())
    before = read.step()
    read.click("data-do=step")
    read.wait(lambda: read.step() != before)
    half = len(seen) // 2
    return {
        "actions": done,
        "seconds": round(time.perf_counter() - start, 1),
        "memory_mb": [*seen, round(memory(process), 1)],
        "most_memory_mb": round(most, 1),
        "processes_of_games": len(processes),
        "second_half_over_first": round(
            statistics.fmean(seen[half:]) / statistics.fmean(seen[1:half] or seen), 3
        ),
    }


def alone() -> float:
    """Steps a second of the same game without a page."""
    import gan_common.quiet  # noqa: F401
    from gan_common.modes.session import Session
    from gan_common.play.settings import Setting

    game = Session(Setting().options())
    game.advance(200)
    start = time.perf_counter()
    game.advance(2000)
    return 2000 / (time.perf_counter() - start)


# ------------------------------------------------------------------------------------------- the stories


def story(name: str, seeds: int) -> dict:
    """What a story comes to over its seeds, and what stands beside it."""
    import gan_common.quiet  # noqa: F401
    from gan_common.modes.session import Session
    from gan_common.play.settings import beside
    from gan_common.play.stories import STORIES

    told = STORIES[name]
    settings = {"itself": told.setting}
    if told.beside:
        settings["beside"] = beside(told.setting, told.beside)
    found: dict = {"steps": STEPS[name]}
    for which, setting in settings.items():
        game = Session(setting.options())
        rows = [outcome(game, seed, STEPS[name]) for seed in range(1, seeds + 1)]
        found[which] = {key: [row[key] for row in rows] for key in rows[0]}
        print(f"  {which:<8}{found[which]}", flush=True)
    return found


def outcome(game, seed: int, steps: int) -> dict:
    """One seed's numbers after so many steps."""
    game.restart(seed)
    start = time.perf_counter()
    game.advance(steps)
    seconds, seen = time.perf_counter() - start, game.seen()
    pulls = (seen.pulls**2).sum(axis=1) ** 0.5
    return {
        "modes": seen.modes,
        "visited": seen.visited,
        "high_quality": round(seen.high_quality, 3),
        "pull": float(f"{pulls.mean():.2g}"),
        "doctor": ",".join(seen.findings),
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
