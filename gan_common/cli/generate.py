"""What `generate` asks for and writes, the same for both packages."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan_common import files, plotting, sampling
from gan_common.cli import writers
from gan_common.cli.flags import flag
from gan_common.cli.flags import parse as parse_flags
from gan_common.cli.saved import saved
from gan_common.errors import UserError
from gan_common.runs.run import Run
from gan_common.sampling import Drawn, Generator, parse_arithmetic

PROJECTION = ("starts", "steps")  # flags of --project alone


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of `generate`."""

    run_dir: str | None = flag(None, "the run's folder")
    count: int = flag(64, "images", lower=1, upper=100_000)
    seed: int = flag(0, "fixes the latents", lower=0, upper=2**31 - 1)
    truncation: float | None = flag(
        None,
        "keep each number of a latent within ± this (Brock et al. 2018): more typical images, less varied",
        lower=0.01,
    )
    nice: bool = flag(False, "keep the 5% that the discriminator finds most real")
    interpolate: bool = flag(False, "walk along great circles between latents, as grid and GIF")
    arithmetic: str | None = flag(None, 'latent arithmetic over grid numbers: "3,17,25 - 4,9,11"')
    project: str | None = flag(None, "an image file: find the latent whose image is nearest to it")
    starts: int | None = flag(
        None, "of --project: latents to descend from (default: 8)", lower=1, upper=1000
    )
    steps: int | None = flag(
        None, "of --project: steps of the descent (default: 300)", lower=1, upper=100_000
    )
    label: str | None = flag(None, "number or name of a class (preset cgan)")
    format: str = flag("png", "what is written", ("png", "npz", "keras"))
    checkpoint: str = flag("last", "which one is drawn from", ("last", "best"))
    out: str | None = flag(
        None,
        "file to write (default: in the run's folder), or a folder: one PNG an image, and labels.csv",
        folder=True,
    )

    def modes(self) -> list[str]:
        """Which of the flags that exclude each other were given."""
        known = ("nice", "interpolate", "arithmetic", "project")
        return [name for name in known if getattr(self, name)]


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
    sampling.check_truncation(config.latent, options.truncation)
    run = Run(Path(str(options.run_dir)))
    image_shape, class_names = run.dataset_facts()
    target = None
    if options.project:
        from gan_common.cli.project import read_target

        out = Path(options.out or run.folder / "generated-project.png")
        if any(files.same(path, options.project) for path in (out, out.with_suffix(".npz"))):
            raise UserError(
                f"--project {options.project!r}: would be overwritten by what is found; name another --out"
            )
        target = read_target(options.project, image_shape, config.fit)
    elif options.format == "png" and not (options.out and writers.is_folder(options.out)):
        writers.check_grid(options.count, image_shape)

    import gan_common.quiet  # noqa: F401

    gan = restore(run, config, image_shape, len(class_names), options.checkpoint)
    if target is not None:
        from gan_common.cli import project

        label = find_label(options.label, class_names, gan.conditional)
        written = project.write(
            gan, target, label, class_names, out, options.seed, options.starts, options.steps
        )
    else:
        written = write(options, gan, class_names, run.folder)
    for path in written:
        print(path)


def parse(argv: Sequence[str], usage: str) -> Options:
    """The options of what was typed.

    Raises:
        UserError: on flags that exclude each other.
    """
    given = parse_flags(Options, argv, usage)
    options = Options(**given)
    modes = options.modes()
    if len(modes) > 1:
        raise UserError(f"--{modes[0]} and --{modes[1]} exclude each other; give one of them")
    of_images = {"label", "truncation", "count", "seed"} & set(given)
    if options.format == "keras" and (modes or of_images):
        raise UserError(
            "--format keras writes the generator, not images; leave the other flags out"
        )
    if options.project:
        for name in ("truncation", "count", "format"):
            if name in given:
                raise UserError(f"--{name} says nothing of --project; leave it out")
    if options.interpolate and "count" in given:
        raise UserError("--count says nothing of --interpolate; leave it out")
    for name in PROJECTION:
        if name in given and not options.project:
            raise UserError(f"--{name} belongs to --project IMAGE")
    if options.arithmetic:
        parse_arithmetic(options.arithmetic, options.count)
    if options.out is not None:
        _check_out(options, options.out)
    return options


def _check_out(options: Options, out: str) -> None:
    if options.format != "png":
        if Path(out).is_dir():
            raise UserError(f"--out {out!r}: is a folder; name a file")
    elif writers.is_folder(out) and options.modes() not in ([], ["nice"]):
        raise UserError(
            f"--out {out!r}: --{options.modes()[0]} draws one image file; name a .png file"
        )


def write(
    options: Options, generator: Generator, class_names: Sequence[str], folder: Path
) -> list[Path]:
    """Write what the options ask for, into `folder` unless they name a place; the files written."""
    label = find_label(options.label, class_names, generator.conditional)
    modes = options.modes()
    name = "-".join(["generated", *modes, *([f"label-{label}"] if label is not None else [])])
    out = Path(options.out or folder / f"{name}.{options.format}")
    if options.format == "keras":
        files.write_whole(out, generator.save_generator)
        return [out]
    into_folder = options.format == "png" and options.out and writers.is_folder(options.out)
    count, how = options.count, (options.seed, label, options.truncation)
    if modes in ([], ["nice"]) and (into_folder or options.format == "npz"):
        draw = sampling.nicest if options.nice else sampling.batches
        batches = draw(generator, count, *how)
        if into_folder:
            return [writers.write_folder(out, batches, count, class_names)]
        return [writers.write_arrays(out, batches, count, generator.image_shape)]

    drawn, columns = _draw(options, generator, label)
    if options.format == "npz":
        return [writers.write_arrays(out, [drawn], len(drawn.images), generator.image_shape)]
    if options.interpolate:
        return writers.write_walks(out, drawn.images)
    plotting.save_grid(out, drawn.images, columns=columns)
    return [out]


def _draw(options: Options, generator: Generator, label: int | None) -> tuple[Drawn, int | None]:
    """What a grid shows, and the columns that it has."""
    count, how = options.count, (options.seed, label, options.truncation)
    if options.interpolate:
        return sampling.walks(generator, *how), sampling.FRAMES
    if options.arithmetic:
        terms = parse_arithmetic(options.arithmetic, count)
        drawn = sampling.sums(generator, terms, count, *how)
        return drawn, len(drawn.latents) // (len(terms) + 1)
    draw = sampling.nicest if options.nice else sampling.batches
    return sampling.joined(draw(generator, count, *how)), None


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
