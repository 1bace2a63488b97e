"""From flags to a frozen configuration, and from what went wrong to one line and an exit status.

A command's flags are the fields of a frozen dataclass.  Nothing here imports TensorFlow: a mistyped flag
is answered at once.
"""

import contextlib
import dataclasses
import json
import math
import os
import signal
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags

from gan_common.errors import UserError


def flag(default, help: str, choices: Sequence[str] | None = None, lower=None, upper=None):
    """A dataclass field that is also a flag.  `lower` and `upper` are inclusive bounds."""
    metadata = {"help": help, "choices": choices, "lower": lower, "upper": upper}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """The flags that both trainings have, by the same names."""

    dataset: str = flag(
        "mnist5k",
        "mnist5k, mnist, fashion_mnist, cifar10, svhn, shapes, shapes:count, shapes:perspective, "
        "shapes:structure or folder:PATH",
    )
    data_dir: str | None = flag(None, "folder with the data set's files (else $GAN_DATA_DIR)")
    image_size: int | None = flag(
        None,
        "height and width in pixels (default: the data's own, 32 for folder:)",
        lower=8,
        upper=1024,
    )
    preset: str | None = flag(None, "networks and hyper-parameters that belong together")
    tricks: tuple[str, ...] = flag((), "names separated by commas; --tricks help lists them")
    epochs: int = flag(20, "passes over the training pictures", lower=1, upper=10**9)
    batch_size: int = flag(128, "pictures in a step", lower=2)
    seed: int = flag(1, "fixes initialisation, order, labels and noise", lower=0, upper=2**31 - 1)
    precision: str = flag(
        "auto",
        "what convolutions and products are computed in; weights and losses stay float32",
        choices=("auto", "float32", "bfloat16"),
    )
    run_dir: str | None = flag(None, "folder for the run (default: a new one under runs/)")
    resume: str | None = flag(None, "folder of a run to go on with")
    max_minutes: float | None = flag(None, "stop training after this time", lower=0.001)
    on_failure: str = flag(
        "warn",
        "when the training is not healthy: say so; also pause D while it is ahead; or slow it, and both "
        "nets where steps overshoot; or stop",
        choices=("warn", "pause", "lower_lr", "stop"),
    )


def _name(field) -> str:
    """A field's flag: `break_` is --break, a word that Python keeps for itself."""
    return field.name.rstrip("_")


def _base_type(annotation) -> type:
    """`int | None` -> int, `tuple[str, ...]` -> tuple."""
    if isinstance(annotation, types.UnionType):
        annotation = next(t for t in typing.get_args(annotation) if t is not types.NoneType)
    return typing.get_origin(annotation) or annotation


def _define(config_class, values: flags.FlagValues) -> None:
    hints = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        kind, meta = _base_type(hints[field.name]), field.metadata
        # The flag's own default is None: so a value that was typed is told from one that was not.
        default = "" if field.default in (None, ()) else f" (default: {field.default})"
        common = {"name": _name(field), "default": None, "help": meta["help"] + default}
        bounds = {"lower_bound": meta["lower"], "upper_bound": meta["upper"]}
        if meta["choices"]:
            flags.DEFINE_enum(enum_values=list(meta["choices"]), flag_values=values, **common)
        elif kind is bool:
            flags.DEFINE_bool(flag_values=values, **common)
        elif kind is int:
            flags.DEFINE_integer(flag_values=values, **bounds, **common)
        elif kind is float:
            flags.DEFINE_float(flag_values=values, **bounds, **common)
        elif kind is tuple:
            flags.DEFINE_list(flag_values=values, **common)
        else:
            flags.DEFINE_string(flag_values=values, **common)


def parse(config_class, argv: Sequence[str], usage: str) -> dict:
    """What the person typed, as a dict of the fields that were given.

    Args:
        config_class: a dataclass whose fields are made with `flag`.
        argv: program name first.
        usage: the text that `--help` prints above the flags.

    Raises:
        UserError: an unknown flag (the known ones are listed), or a value that does not fit.
        SystemExit: with status 0, after `--help`.
    """
    values = flags.FlagValues()
    _define(config_class, values)
    fields = {_name(f): f.name for f in dataclasses.fields(config_class)}
    names = list(fields)
    if any(arg in ("-h", "--help", "-help") for arg in argv[1:]):
        print(usage.strip() + "\n")
        for name in names:
            print(f"  --{name}: {values[name].help}")
        raise SystemExit(0)
    try:
        rest = values(list(argv))[1:]
    except flags.UnrecognizedFlagError as error:
        known = " ".join(f"--{name}" for name in names)
        raise UserError(f"unknown flag --{error.flagname}; the flags are: {known}") from error
    except flags.Error as error:
        raise UserError(str(error)) from error
    if rest:
        raise UserError(f"unexpected argument {rest[0]!r}; values are given as --name value")
    given = {
        field: values[name].value
        for name, field in fields.items()
        if values[name].value is not None
    }
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"--{name} {value}: give a finite number")
        if name in ("json", "out"):
            check_output(f"--{name}", value)
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def check_output(title: str, file: str) -> None:
    """Refuse at once a file that could not be written in the end.

    Raises:
        UserError: it is a folder, or the folder that it would be in is none, or cannot be written to.
    """
    path = Path(file)
    if not file or path.is_dir():
        raise UserError(f"{title} {file!r}: is a folder; name a file")
    folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise UserError(f"{title} {file!r}: {str(folder)!r} is no folder; name another file")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{title} {file!r}: cannot write into {str(folder)!r}; name another file")


def tell_tricks(names: Sequence[str]) -> int:
    """Print what `--tricks help` shows; the exit status, 0."""
    import gan_common.quiet  # noqa: F401
    from gan_common.tricks import TRICKS

    for name in names:
        trick = TRICKS[name]
        print(f"  {name:<22}{trick.section:<10}{trick.effect}")
    print("Several are separated by commas; the number is the section of the chapter.")
    return 0


# Flags that came after the first runs, whose configurations lack them.
NEW = (
    "on_failure", "discriminator_kernel", "updates",
    "consistency_threshold", "consistency_target", "labels_first",
)  # fmt: skip


def from_json(config_class, path: Path):
    """The configuration that a run saved, checked field by field."""
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(saved, dict):
            raise ValueError("it is not a JSON object")
        package = saved.pop("package", mine := config_class.__module__.partition(".")[0])
        if package != mine:
            raise ValueError(f"it is of a run of {package!r}, and this command is {mine}'s")
        hints = typing.get_type_hints(config_class)
        unknown = sorted(set(saved) - set(hints))
        if unknown:
            raise ValueError(f"it has unknown entries {', '.join(map(repr, unknown))}")
        # A run that is older than a flag did what the flag's default does.
        for field in dataclasses.fields(config_class):
            optional = field.default is None and isinstance(hints[field.name], types.UnionType)
            if optional or field.name in NEW:
                saved.setdefault(field.name, field.default)
        missing = sorted(set(hints) - set(saved))
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        for field in dataclasses.fields(config_class):
            saved[field.name] = _checked(field, hints[field.name], saved[field.name])
        return config_class(**saved)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: cannot be read as this command's configuration: {error}; "
            "restore the file, or start a new run"
        ) from error


def _checked(field, annotation, value):
    kind, meta = _base_type(annotation), field.metadata
    if kind is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if value is None and isinstance(annotation, types.UnionType):
        return None
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{field.name} has the value {value!r}, which is no {kind.__name__}")
    if kind is float and not abs(value) < 1e300:
        raise ValueError(f"{field.name} has the value {value!r}, which is not finite")
    if meta["choices"] and value not in meta["choices"]:
        raise ValueError(f"{field.name} has the value {value!r}, not one of {meta['choices']}")
    if meta["lower"] is not None and not value >= meta["lower"]:
        raise ValueError(f"{field.name} has the value {value!r}, below {meta['lower']}")
    if meta["upper"] is not None and not value <= meta["upper"]:
        raise ValueError(f"{field.name} has the value {value!r}, above {meta['upper']}")
    return value


def saved(config_class, run_dir: str | None, title: str = "--run_dir"):
    """The configuration that a run was started with.

    Raises:
        UserError: when there is no run in `run_dir`, or its configuration is damaged.
    """
    if run_dir is None:
        raise UserError(f"{title} is missing: name the folder that the training printed")
    path = Path(run_dir) / "config.json"
    if not path.is_file():
        raise UserError(f"{title} {run_dir}: there is no run here (no config.json)")
    return from_json(config_class, path)


# What --resume may change: how long the run goes on, and where its data lies.
RESUME_MAY_CHANGE = (
    *("resume", "data_dir", "epochs", "steps", "max_minutes", "on_failure", "evaluate", "json"),
)


def resumed(config_class, given: dict):
    """The saved configuration of `given["resume"]`, with what a person may change on resuming.

    Raises:
        UserError: when a flag contradicts the run, or there is no run.
    """
    config = saved(config_class, given["resume"], "--resume")
    for name, value in given.items():
        if name not in RESUME_MAY_CHANGE and getattr(config, name) != value:
            raise UserError(
                f"--resume {given['resume']}: the run has {name}={getattr(config, name)!r}, "
                f"not {value!r}; leave --{name.rstrip('_')} out, or start a new run"
            )
    changed = {k: v for k, v in given.items() if k in RESUME_MAY_CHANGE}
    return dataclasses.replace(config, **changed)


def sync(path: Path) -> None:
    """Have the operating system put a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write(temporary)` make a file, then rename it to `path`: it is there whole or not at all.

    Raises:
        UserError: when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        sync(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file, whole or not at all."""
    text = json.dumps(content, indent=2) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


class Terminated(KeyboardInterrupt):
    """SIGTERM outside the training loop, which has a handler of its own."""


def _terminate(_number, _frame):
    raise Terminated


@contextlib.contextmanager
def when_interrupted(advice: str):
    """Have `run` say how to go on when what is inside is interrupted."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(advice)
        raise


def _one_line(text: str) -> str:
    """The text on one line; what would move a terminal's cursor is spelt out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))


def read_summary(run_dir: Path) -> dict:
    """What summary.json of a run holds; empty before the run ended."""
    path = Path(run_dir) / "summary.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not isinstance(known, dict):
            raise ValueError("it is not a JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it") from error
    return known


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> None:
    """Call a command's main; say what a person can mend in one line, status 2.

    Status 0 is done, 2 what the person can mend, 1 (with a traceback) a defect of ours; 130 and 143
    mean interrupted and terminated.
    """
    argv = sys.argv if argv is None else argv
    name = Path(argv[0]).stem
    if hasattr(sys.stdout, "reconfigure"):  # a name that is no text is printed, not stumbled over
        sys.stdout.reconfigure(errors="backslashreplace")
    before = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGTERM, _terminate)
    try:
        status = main(argv) or 0
    except UserError as error:
        print(f"{name}: {_one_line(str(error))}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt as stop:
        what = "terminated" if isinstance(stop, Terminated) else "interrupted"
        print("; ".join([what, *getattr(stop, "__notes__", [])]), file=sys.stderr)
        status = 143 if isinstance(stop, Terminated) else 130
    except BrokenPipeError:
        # The reader went away (`| head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except Exception as error:
        if type(error).__name__ not in (
            "MemoryError",
            "ResourceExhaustedError",
            "_ArrayMemoryError",
        ):
            raise
        print(
            f"{name}: not enough memory ({_one_line(str(error))[:200]}); give a smaller --batch_size, "
            "--image_size or --width",
            file=sys.stderr,
        )
        status = 2
    finally:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
    sys.exit(status)
