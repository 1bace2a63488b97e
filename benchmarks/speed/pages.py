"""How soon a page of `explore` shows a picture, and how soon a slider answers.

    python -m benchmarks.speed.pages                      writes results/pages.json

A browser without a window drives the page (Chromium and Playwright).  Of images of 28 and of 64 pixels:
seconds from the command to the first picture, and milliseconds from a slider's event to the picture that it
asked for.  The networks are those of the preset `dcgan` at its default width, hardly trained: how long they
take does not depend on that.
"""

import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.experiments import running
from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError
from gan_common.kernels import machine

SIDES = (28, 64)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STARTS = 3
MOVES = 60
PARTS = ("start", "slider")
# Milliseconds from an event of the first slider until its picture has another address.
ANSWER = """(value) => new Promise((resolve) => {
  const slider = [...document.querySelectorAll("input[type=range]")].at(-7);
  const picture = document.querySelector('img[alt^="the pinned picture"]');
  const begun = performance.now();
  const observer = new MutationObserver(() => { observer.disconnect(); resolve(performance.now() - begun); });
  setTimeout(() => resolve(-1), 10000);
  observer.observe(picture, { attributeFilter: ["src"] });
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
})"""


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    only: tuple[str, ...] = flag((), f"of {', '.join(PARTS)}, separated by commas")
    json: str = flag("results/pages.json", "file for the numbers; other parts' are kept")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    running.check_only(options.only, PARTS)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("a browser is needed: pip install playwright") from None
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise UserError("a browser is needed: apt-get install chromium")
    import gan_common.quiet  # noqa: F401

    chosen = options.only or PARTS
    table = Path(options.json)
    found = running.table(table, "parts") | {"command": "python -m benchmarks.speed.pages"}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for side in SIDES:
            run = _hardly_trained(Path(folder) / str(side), side)
            for name in chosen:
                found["parts"][f"{name} {side}"] = {
                    **MEASURES[name](browser, run),
                    "machine": machine.description(),
                    "load": round(os.getloadavg()[0], 1),
                }
                print(f"{name}, {side} pixels: {found['parts'][f'{name} {side}']}", flush=True)
                files.write_json(table, found)
        browser.close()


def _hardly_trained(folder: Path, side: int) -> Path:
    flags = ["--preset=dcgan", "--dataset=mnist5k", f"--image_size={side}", "--steps=2"]
    command = [sys.executable, "-m", "keras_dcgan.train", *flags, "--noevaluate"]
    subprocess.run([*command, f"--run_dir={folder}"], check=True, stdout=subprocess.DEVNULL)
    return folder


class Served:
    """A process that serves a run, and a tab of it that has its first picture; `seconds` until then."""

    def __init__(self, browser, run: Path) -> None:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "keras_dcgan.explore", f"--run_dir={run}", "--nobrowser"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.page = browser.new_page()
        self.page.goto(line.split()[4])
        self.page.locator('img[alt^="the pinned picture"]').wait_for(timeout=60_000)
        self.seconds = time.perf_counter() - begun

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_) -> None:
        self.page.close()
        self.process.terminate()
        self.process.wait(20)


def start(browser, run: Path) -> dict:
    """Seconds from the command to the first picture."""
    seconds = []
    for _ in range(STARTS):
        with Served(browser, run) as served:
            seconds.append(round(served.seconds, 2))
    return {"seconds": seconds, "median_seconds": statistics.median(seconds)}


def slider(browser, run: Path) -> dict:
    """Milliseconds from a slider's event to its picture."""
    with Served(browser, run) as served:
        time.sleep(5)  # the directions, which are found once after the first picture
        values = [0.1 * (k % 30) + 0.5 for k in range(MOVES + 10)]
        found = sorted([served.page.evaluate(ANSWER, value) for value in values][10:])
    if found[0] < 0:
        raise UserError("a slider was moved, and no picture came within 10 seconds")
    return {
        "moves": MOVES,
        "median_ms": round(statistics.median(found), 1),
        "p95_ms": round(found[int(0.95 * MOVES)], 1),
        "worst_ms": round(found[-1], 1),
    }


MEASURES = {"start": start, "slider": slider}


if __name__ == "__main__":
    main()
