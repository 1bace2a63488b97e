"""What `generate` asks for and writes, the same for both packages."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_common import files, plotting, sampling
from gan_common.cli.flags import flag
from gan_common.cli.flags import parse as parse_flags
from gan_common.cli.saved import saved
from gan_common.errors import UserError
from gan_common.runs.run import Run
from gan_common.sampling import FRAMES, WALKS, Generator, parse_arithmetic


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of `generate`."""

    run_dir: str | None = flag(None, "the run's folder")
    count: int = flag(64, "pictures", lower=1, upper=100_000)
    seed: int = flag(0, "fixes the latents", lower=0, upper=2**31 - 1)
    nice: bool = flag(False, "keep the 5% that the discriminator finds most real")
    interpolate: bool = flag(False, "walk along great circles between latents, as grid and GIF")
    arithmetic: str | None = flag(None, 'latent arithmetic over grid numbers: "3,17,25 - 4,9,11"')
    label: str | None = flag(None, "number or name of a class (preset cgan)")
    format: str = flag("png", "what is written", ("png", "npz", "keras"))
    checkpoint: str = flag("last", "which one is drawn from", ("last", "best"))
    out: str | None = flag(None, "file to write (default: in the run's folder)")

    def modes(self) -> list[str]:
        """Which of the flags that exclude each other were given."""
        return [name for name in ("nice", "interpolate", "arithmetic") if getattr(self, name)]


def command(
    argv: Sequence[str],
    usage: str,
    config_class: type,
    restore: Callable[..., Any],
    check: Callable[[Any], None] = lambda config: None,
) -> None:
    """Restore a run's generator and write what is asked for.

    Args:
        argv, usage, config_class, restore: as of `evaluate.command`.
        check: refuses a configuration that has nothing to draw.
    """
    options = parse(argv, usage)
    config: Any = saved(config_class, options.run_dir)
    check(config)

    import gan_common.quiet  # noqa: F401

    run = Run(Path(str(options.run_dir)))
    image_shape, class_names = run.dataset_facts()
    gan = restore(run, config, image_shape, len(class_names), options.checkpoint)
    for path in write(options, gan, class_names, run.folder):
        print(path)


def parse(argv: Sequence[str], usage: str) -> Options:
    """The options of what was typed.

    Raises:
        UserError: on flags that exclude each other.
    """
    options = Options(**parse_flags(Options, argv, usage))
    modes = options.modes()
    if len(modes) > 1:
        raise UserError(f"--{modes[0]} and --{modes[1]} exclude each other; give one of them")
    if options.format == "keras" and (modes or options.label):
        raise UserError(
            "--format keras writes the generator, not images; leave the other flags out"
        )
    if options.arithmetic:
        parse_arithmetic(options.arithmetic, options.count)
    return options


def write(
    options: Options, generator: Generator, class_names: Sequence[str], folder: Path
) -> list[Path]:
    """Write what the options ask for, into `folder` unless they name a file; the files written."""
    label = find_label(options.label, class_names, generator.conditional)
    modes = options.modes()
    name = "-".join(["generated", *modes, *([f"label-{label}"] if label is not None else [])])
    out = Path(options.out or folder / f"{name}.{options.format}")
    if options.format == "keras":
        files.write_whole(out, generator.save_generator)
        return [out]
    columns = None
    if options.interpolate:
        pictures, latents = sampling.interpolate(generator, options.seed, label)
        columns = FRAMES
    elif options.arithmetic:
        terms = parse_arithmetic(options.arithmetic, options.count)
        pictures, latents = sampling.arithmetic(
            generator, terms, options.count, options.seed, label
        )
        columns = len(latents) // (len(terms) + 1)
    elif options.nice:
        pictures, latents = sampling.nice(generator, options.count, options.seed, label)
    else:
        pictures, latents = sampling.draw(generator, options.count, options.seed, label)
    if options.format == "npz":
        files.write_whole(out, lambda path: _save_arrays(path, images=pictures, latents=latents))
        return [out]

    plotting.save_grid(out, pictures, columns=columns)
    if not options.interpolate:
        return [out]
    frames = pictures.reshape(WALKS, FRAMES, *pictures.shape[1:]).swapaxes(0, 1)
    there_and_back = [plotting.tile(frame) for frame in [*frames, *frames[-2:0:-1]]]
    plotting.save_gif(out.with_suffix(".gif"), there_and_back)
    return [out, out.with_suffix(".gif")]


def _save_arrays(path: Path, **arrays: np.ndarray) -> None:
    with open(path, "wb") as file:  # given a name, NumPy would add .npz to it
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stubs of some NumPys


def find_label(text: str | None, class_names: Sequence[str], conditional: bool) -> int | None:
    """The class that was asked for, by name or by number; None when none was."""
    if text is None:
        return None
    if not conditional:
        raise UserError(f"--label {text}: this generator knows no classes; train --preset cgan")
    if text in class_names:
        return class_names.index(text)
    if text.isdecimal() and int(text) < len(class_names):
        return int(text)
    raise UserError(f"--label {text}: no such class; the classes are {', '.join(class_names)}")
