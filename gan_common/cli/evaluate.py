"""What `evaluate` asks for, the same for both packages."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_common import data, files
from gan_common.cli import images
from gan_common.cli.flags import flag, parse
from gan_common.cli.saved import saved
from gan_common.runs.run import Run


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
    if options.json:
        files.write_json(Path(options.json), measured)
