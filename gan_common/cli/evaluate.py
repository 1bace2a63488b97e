"""What `evaluate` asks for, and what it finds of generated images, the same for both packages."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_common import data, files, plotting
from gan_common.cli import images
from gan_common.cli.flags import flag, parse
from gan_common.cli.saved import saved
from gan_common.errors import UserError
from gan_common.runs import card
from gan_common.runs.run import Run

COPIES = "copies.png"
LEAST_HELD_OUT = 2  # with fewer nothing can be said of generated images


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of `evaluate`."""

    run_dir: str | None = flag(None, "the run's folder")
    dataset: str | None = flag(None, "folder:PATH, if the run's folder of images has moved")
    data_dir: str | None = flag(None, "folder with the data set's files, if they have moved")
    checkpoint: str = flag("last", "which one is measured", ("last", "best"))
    json: str | None = flag(None, "file that the numbers are also written to")


def command(
    argv: Sequence[str],
    usage: str,
    config_class: type,
    restore: Callable[..., Any],
    evaluate: Callable[[Run, Any, data.Dataset], Mapping[str, float]],
    options_class: type[Options] = Options,
    first: Callable[[Any, Run, Any, data.Dataset], None] | None = None,
) -> None:
    """Restore a run and measure it.

    Args:
        argv: as typed, the program's name first.
        usage: what `--help` prints above the flags.
        config_class: of the package's runs.
        restore: (run, configuration, image shape, number of classes, "last" or "best") → the networks.
        evaluate: measures them.
        options_class: the flags, where a package has more of them.
        first: (options, run, networks, data set), called before measuring.
    """
    options = options_class(**parse(options_class, argv, usage))
    config: Any = saved(config_class, options.run_dir)
    run = Run(Path(str(options.run_dir)))
    config = images.moved(config, str(options.run_dir), options.dataset, options.data_dir)
    dataset = images.load_of(run, config)

    import gan_common.quiet  # noqa: F401

    facts = (dataset.image_shape, dataset.num_classes)
    networks = restore(run, config, *facts, options.checkpoint)
    if first is not None:
        first(options, run, networks, dataset)
    measured = evaluate(run, networks, dataset)
    card.write(run)
    if options.json:
        files.write_json(Path(options.json), measured)


def measure(run: Run, dataset: data.Dataset, fake: Any) -> dict[str, float]:
    """Every measure of generated images, each beside its floor, and whether they are copies.

    Prints both, draws the closest pairs into `COPIES`, adds the numbers to the run's summary.  With too few
    held-out images for the measures, or features that mean nothing, it looks for copies in pixels alone, and
    says so.

    Args:
        run: the run.
        dataset: that it was trained on.
        fake: `scores.fake_count` images that it generates, uint8 (N, H, W, C), as `sampling.to_measure`.

    Raises:
        UserError: too few held-out images even for that.
    """
    from gan_common import metrics
    from gan_common.metrics import scores

    measured: dict[str, float] = {}
    try:
        measured = dict(scores.compare(dataset, fake, scores.sample_count(dataset)))
        print(metrics.format_report(measured))
    except UserError as error:
        if len(dataset.x_test) < LEAST_HELD_OUT:
            raise
        print(f"FID and the like are left out: {error}")
    copies = scores.copies(dataset, fake, in_features=bool(measured))
    print(copies)
    measured |= copies.numbers()
    draw_pairs(run.folder / COPIES, copies)
    run.summarize(**measured, copies=copies.verdict())
    return measured


def draw_pairs(path: Path, copies: Any) -> None:
    """The closest pairs of a `memorization.Copies`: generated, and at its right the training image."""
    images, texts = copies.pairs()
    plotting.save_grid(path, images, columns=8, padding=2, labels=texts)
    print(f"closest pairs, generated | training: {path}")
