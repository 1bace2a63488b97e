"""What `generate` does with a trained generator, the same for both packages.

The generator is any object with

    draw_latents(count, seed) → (count, latent_dim) tensor
    pictures(latents, labels) → (N, height, width, channels) uint8
    scores(pictures, labels)  → (N,) how real the discriminator finds them
    save_generator(path)      → writes one `.keras` file
    conditional, num_classes  → whether labels matter, and how many classes there are
"""

import dataclasses
import re
import zipfile
from pathlib import Path

import numpy as np

from gan_common import cli, readers
from gan_common.cli import flag
from gan_common.errors import UserError

NICE_SHARE = 0.05  # of the candidates that --nice keeps, as jacobgil/keras-dcgan does
MAX_GENERATOR_BYTES = 2**32
WALKS, FRAMES = 8, 12  # rows of --interpolate, and pictures from one end to the other


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


def parse(argv, usage: str) -> Options:
    """The options of what was typed.

    Raises:
        UserError: on flags that exclude each other.
    """
    options = Options(**cli.parse(Options, argv, usage))
    modes = options.modes()
    if len(modes) > 1:
        raise UserError(f"--{modes[0]} and --{modes[1]} exclude each other; give one of them")
    if options.format == "keras" and (modes or options.label):
        raise UserError(
            "--format keras writes the generator, not pictures; leave the other flags out"
        )
    if options.arithmetic:
        parse_arithmetic(options.arithmetic, options.count)
    return options


def write(options: Options, generator, class_names, folder: Path) -> list[Path]:
    """Write what the options ask for, into `folder` unless they name a file; the files written."""
    label = find_label(options.label, class_names, generator.conditional)
    modes = options.modes()
    name = "-".join(["generated", *modes, *([f"label-{label}"] if label is not None else [])])
    out = Path(options.out or folder / f"{name}.{options.format}")
    if options.format == "keras":
        cli.write_whole(out, generator.save_generator)
        return [out]
    columns = None
    if options.interpolate:
        pictures, latents = interpolate(generator, options.seed, label)
        columns = FRAMES
    elif options.arithmetic:
        terms = parse_arithmetic(options.arithmetic, options.count)
        pictures, latents = arithmetic(generator, terms, options.count, options.seed, label)
        columns = len(latents) // (len(terms) + 1)
    elif options.nice:
        pictures, latents = nice(generator, options.count, options.seed, label)
    else:
        pictures, latents = draw(generator, options.count, options.seed, label)
    if options.format == "npz":
        cli.write_whole(out, lambda path: _save_arrays(path, images=pictures, latents=latents))
        return [out]

    from gan_common import plotting

    plotting.save_grid(out, pictures, columns=columns)
    if not options.interpolate:
        return [out]
    frames = pictures.reshape(WALKS, FRAMES, *pictures.shape[1:]).swapaxes(0, 1)
    there_and_back = [plotting.tile(frame) for frame in [*frames, *frames[-2:0:-1]]]
    plotting.save_gif(out.with_suffix(".gif"), there_and_back)
    return [out, out.with_suffix(".gif")]


def load_generator(path):
    """The generator that --format keras wrote, from a file that need not be trusted.

    Nothing that the file brings is run: no Lambda with code of its own, no class from outside Keras and
    this project.

    Returns:
        A `keras.Model` from latents (N, latent_dim) to pictures (N, H, W, C) in [−1, 1].

    Raises:
        UserError: it is no such file, is damaged, or asks for what is not allowed.
    """
    import keras

    from gan_common import tricks  # noqa: F401  (its layers have to be registered)

    if not zipfile.is_zipfile(path):
        raise UserError(f"{str(path)!r} is no .keras file; write one by --format keras")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MAX_GENERATOR_BYTES:
                raise ValueError(f"it unpacks to {unpacked:,} bytes")
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras makes of a file that is not what it says
        raise UserError(
            f"{str(path)!r} cannot be loaded safely ({readers.one_line(error)}); write it again by "
            "--format keras"
        ) from error


def _save_arrays(path: Path, **arrays) -> None:
    with open(path, "wb") as file:  # given a name, NumPy would add .npz to it
        np.savez_compressed(file, **arrays)


def labels_for(generator, count: int, label: int | None = None) -> np.ndarray:
    """`count` labels: all `label`, or every class in turn."""
    return np.arange(count) % generator.num_classes if label is None else np.full(count, label)


def draw(generator, count: int, seed: int, label: int | None = None):
    """`count` pictures (count, H, W, C) uint8 and their latents (count, latent_dim) float32."""
    latents = generator.draw_latents(count, seed).numpy()
    return generator.pictures(latents, labels_for(generator, count, label)), latents


def find_label(text: str | None, class_names, conditional: bool) -> int | None:
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


def nice(generator, count: int, seed: int, label: int | None = None):
    """The `count` pictures that D finds most real among 20 times as many, best first."""
    candidates = round(count / NICE_SHARE)
    pictures, latents = draw(generator, candidates, seed, label)
    scores = generator.scores(pictures, labels_for(generator, candidates, label))
    best = np.argsort(-scores, kind="stable")[:count]
    return pictures[best], latents[best]


def interpolate(generator, seed: int, label: int | None = None):
    """`WALKS` walks of `FRAMES` pictures each, along great circles (White 2016)."""
    from gan_common import tricks

    ends = generator.draw_latents(2 * WALKS, seed).numpy()
    latents = np.concatenate(
        [
            np.asarray(tricks.slerp(a, b, t))[None]
            for a, b in zip(ends[:WALKS], ends[WALKS:], strict=True)
            for t in np.linspace(0, 1, FRAMES, dtype=np.float32)
        ]
    )
    # A walk keeps one class, so that only the latent changes along it.
    labels = np.repeat(labels_for(generator, WALKS, label), FRAMES)
    return generator.pictures(latents, labels), latents


def directions(network, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How a generator's picture moves with its latent: the derivative's singular values and directions.

    Args:
        network: a Keras model from latents (N, d) to pictures.
        latent: (d,), where the derivative is taken.

    Returns:
        How far a unit step moves the picture, (d,), strongest first; and the unit steps, (d, d), a row each.
    """
    import tensorflow as tf

    size = len(latent)
    repeated = tf.constant(np.repeat(latent[None], size, axis=0))
    with tf.autodiff.ForwardAccumulator(repeated, tf.eye(size)) as along:
        picture = network(repeated, training=False)
    jacobian = along.jvp(picture).numpy().reshape(size, -1)  # a row for each number of the latent
    steps, strengths, _ = np.linalg.svd(jacobian, full_matrices=False)
    return strengths, steps.T


def parse_arithmetic(text: str, count: int) -> list[tuple[int, list[int]]]:
    """`"3,17 - 4 + 8"` → [(+1, [3, 17]), (-1, [4]), (+1, [8])].

    Raises:
        UserError: when it does not read like that, or a number is not of the grid.
    """
    form = r"\s*(\d+(\s*,\s*\d+)*)(\s*[-+−]\s*\d+(\s*,\s*\d+)*)*\s*"
    if not re.fullmatch(form, text):
        raise UserError(
            f'--arithmetic {text!r}: write grid numbers as in "3,17,25 - 4,9,11 + 8,20,31"'
        )
    signed = re.findall(r"([-+−]?)\s*(\d+(?:\s*,\s*\d+)*)", text)
    terms = [(1 if sign in ("", "+") else -1, [int(i) for i in t.split(",")]) for sign, t in signed]
    largest = max(i for _, term in terms for i in term)
    if largest >= count:
        raise UserError(
            f"--arithmetic: there is no picture {largest}; the grid has 0 to {count - 1}"
        )
    return terms


def arithmetic(generator, terms, count: int, seed: int, label: int | None = None):
    """Radford et al. 2015, section 6.3.2: sum and difference of mean latents.

    Returns:
        Pictures and latents of a grid: a row for each term, its pictures then its mean's; in the last
        row the result, then the result with uniform noise of ±0.25 added, as in their figure 7.
    """
    grid = generator.draw_latents(count, seed).numpy()
    means = [grid[term].mean(axis=0) for _, term in terms]
    result = sum(sign * mean for (sign, _), mean in zip(terms, means, strict=True))
    columns = max(len(term) for _, term in terms) + 1
    noise = np.random.default_rng(seed).uniform(-0.25, 0.25, (columns, len(result)))
    noise[0] = 0
    rows = [
        [*grid[term], *[mean] * (columns - len(term))]
        for (_, term), mean in zip(terms, means, strict=True)
    ]
    latents = np.concatenate([*rows, result + noise]).astype(np.float32)
    labels = np.full(len(latents), 0 if label is None else label)
    return generator.pictures(latents, labels), latents
