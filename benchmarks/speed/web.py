"""How many images a second the pages of `export --format web` show, on one core.

    python -m benchmarks.speed.web          writes results/web.json

The generator of `make train-dcgan` (preset cgan, width 16, 28×28) and the default classifier of `ssgan_tf`,
with the weights that they begin with, which make no difference to the time.  Headless Chromium, kept to one
core (Linux), plays the walk from A to B for some seconds, and its processor time is counted: where other
work shares the core fewer frames are shown than it could.  The networks alone are timed too.
Needs `make web`, Chromium, and the packages playwright, tf2onnx and onnx.
"""

import contextlib
import dataclasses
import functools
import http.server
import os
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan_common import cli, files
from gan_common.cli import flag
from gan_common.errors import UserError

SHAPE, CLASSES = (28, 28, 1), 10
RUN = """async (count) => {
  const { inputs } = network.facts.example, times = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await network.run(inputs);
    times.push(performance.now() - start);
  }
  return times;
}"""
FRAMES = """async (seconds) => {
  const begun = performance.now();
  let frames = 0, last = "";
  while (performance.now() - begun < 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    const now = document.getElementById("image").toDataURL();
    frames += now !== last;
    last = now;
  }
  return frames / (performance.now() - begun) * 1000;
}"""


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    seconds: float = flag(10, "for which the walk is played", lower=1)
    count: int = flag(300, "calls of the network alone", lower=1)
    json: str = flag("results/web.json", "file for the numbers")


def main(argv=None) -> None:
    """The command."""
    cli.run(_main, argv)


def _main(argv) -> None:
    options = Options(**cli.parse(Options, argv, __doc__))
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise UserError("playwright is not installed; pip install playwright") from error
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise UserError("no browser is installed; on Debian: apt-get install chromium")
    if hasattr(os, "sched_setaffinity"):  # the browser's processes inherit it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        sizes = _write(Path(temporary))
        with _served(Path(temporary)) as address:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            found = {
                kind: {"onnx_bytes": sizes[kind], **_measure(browser, address, kind, options)}
                for kind in sizes
            }
            version = browser.version
            browser.close()
    import keras

    from gan_common.kernels import machine

    facts = {
        "command": "python -m benchmarks.speed.web",
        "machine": f"one core of {machine.processor()}",
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "chromium": version,
        "keras": keras.__version__,
    }
    files.write_json(Path(options.json), {**facts, **found})
    for kind, numbers in found.items():
        print(kind, numbers)
    print(options.json)


def _write(folder: Path) -> dict[str, int]:
    """Both pages, and the sizes of their networks in bytes."""
    import gan_common.quiet  # noqa: F401
    import keras_dcgan.config
    import keras_dcgan.models
    import ssgan_tf.config
    import ssgan_tf.models
    from gan_common.cli import export
    from gan_common.portable import merged, portable
    from ssgan_tf.export import class_logits

    given: dict[str, Any] = {"precision": "float32"}
    config = keras_dcgan.config.resolve({**given, "preset": "cgan", "width": 16})
    generator = keras_dcgan.models.build(config, SHAPE, CLASSES).generator
    other = ssgan_tf.config.resolve(given)
    import keras

    images = keras.Input(SHAPE, name="images")
    gan = ssgan_tf.models.build(other, SHAPE, CLASSES)
    x = class_logits(gan, keras.layers.Rescaling(1 / 127.5, -1)(images))
    classifier = keras.Model(images, keras.layers.Softmax()(x), name="classifier")
    facts = {
        "title": "a benchmark",
        "image_shape": list(SHAPE),
        "class_names": [str(number) for number in range(CLASSES)],
        "latent_dim": config.latent_dim,
        "latent": config.latent,
    }
    for network in (generator, classifier):
        export.write(merged(portable(network)), "web", folder / network.name, facts)
    return {
        network.name: (folder / network.name / "model.onnx").stat().st_size
        for network in (generator, classifier)
    }


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a server of the folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _cpu_seconds() -> float:
    """Processor time that this process's children, their children and so on have used; 0 but on Linux."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
            used[int(path.parent.name)] = int(fields[11]) + int(fields[12])
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    ticks = os.sysconf("SC_CLK_TCK") if used else 1
    return sum(used.get(pid, 0) for pid in family - {os.getpid()}) / ticks


def _measure(browser: Any, address: str, kind: str, options: Options) -> dict[str, float]:
    page = browser.new_page()
    page.goto(f"{address}{kind}/")
    page.get_by_text("differs from Keras's output").wait_for()
    found: dict[str, float] = {}
    if kind == "generator":
        page.get_by_role("button", name="Play").click()
        before = _cpu_seconds()
        found["frames_per_second"] = page.evaluate(FRAMES, options.seconds)
        if before:
            used = (_cpu_seconds() - before) / options.seconds
            found["share_of_the_core"] = used
            found["frames_per_cpu_second"] = found["frames_per_second"] / used
        page.get_by_role("button", name="Stop").click()
    times = page.evaluate(RUN, options.count)
    found["milliseconds_an_image"] = statistics.median(times)
    found["difference_from_keras"] = page.evaluate("network.difference")
    page.close()
    return {name: float(f"{value:.3g}") for name, value in found.items()}


if __name__ == "__main__":
    main()
