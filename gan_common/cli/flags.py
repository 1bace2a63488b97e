"""A command's flags are the fields of a frozen dataclass.

Nothing here imports TensorFlow: a mistyped flag is answered at once.
"""

import dataclasses
import math
import os
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from gan_common.errors import UserError
from gan_common.files import LONGEST_NAME, alike, check_name, same

# What a run's folder is made of (see `gan_common.runs.run`): no command's further output goes there.
RUN_FILES = (
    "config.json", "doctor.json", "dataset.json", "images.json", "kernels.json", "calibration.json",
    "metrics.csv", "summary.json", "labelled.npy", "MODEL_CARD.md", ".lock", "checkpoints", "samples",
    "tensorboard",
)  # fmt: skip

HUSHING = re.compile("--?undefok(=|$)")  # of absl: unknown flags that are passed over


def flag(
    default: Any,
    help: str,
    choices: Sequence[str] | None = None,
    lower: float | None = None,
    upper: float | None = None,
    *,
    since: str | None = None,
    on_resume: bool = False,
    folder: bool = False,
) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: its value when nothing is typed.
        help: in a line, for `--help`.
        choices: the values that it may have.
        lower, upper: inclusive bounds.
        since: the version of this project in which it came, unless that is the first: a run of an earlier one
            did what the default does.
        on_resume: whether it may be given anew with --resume.
        folder: of what is written, whether it may be a folder.
    """
    metadata = {"help": help, "choices": choices, "lower": lower, "upper": upper}
    metadata |= {"since": since, "on_resume": on_resume, "folder": folder}
    return dataclasses.field(default=default, metadata=metadata)


def by_preset(
    help: str,
    choices: Sequence[str] | None = None,
    lower: float | None = None,
    upper: float | None = None,
    **more: Any,
) -> Any:
    """A `flag` that each preset has a value for.

    Its annotation is the value's: a configuration that was resolved never has None there.
    """
    return flag(None, f"{help} (default: by preset)", choices, lower, upper, **more)


def flag_name(field: dataclasses.Field) -> str:
    """A field's flag: `break_` is --break, a word that Python keeps for itself."""
    return field.name.rstrip("_")


def base_type(annotation: Any) -> type:
    """`int | None` -> int, `tuple[str, ...]` -> tuple."""
    if isinstance(annotation, types.UnionType):
        annotation = next(t for t in typing.get_args(annotation) if t is not types.NoneType)
    return typing.get_origin(annotation) or annotation


def _of_flags(config_class: type) -> list[dataclasses.Field]:
    """The fields that are flags: one made without `flag` takes what is typed without a flag's name."""
    return [field for field in dataclasses.fields(config_class) if field.metadata]


def _define(config_class: type, values: flags.FlagValues) -> None:
    hints = typing.get_type_hints(config_class)
    for field in _of_flags(config_class):
        kind, meta = base_type(hints[field.name]), field.metadata
        # The flag's own default is None: so a value that was typed is told from one that was not.
        default = "" if field.default in (None, ()) else f" (default: {field.default})"
        common = {"name": flag_name(field), "default": None, "help": meta["help"] + default}
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


def parse(
    config_class: type,
    argv: Sequence[str],
    usage: str | None,
    places: Sequence[str] = (),
    arguments: str | None = None,
    outputs: Sequence[str] = ("json", "csv", "out"),
) -> dict[str, Any]:
    """What the person typed, as a dict of the fields that were given.

    Args:
        config_class: a dataclass whose fields are made with `flag`.
        argv: program name first.
        usage: the text that `--help` prints above the flags.
        places: fields that may also be given without their flag's name, in this order.
        arguments: the field, made without `flag`, that takes what else is typed without a flag's name, as a
            tuple; flags may stand between.  None refuses such.
        outputs: flags that name a file to write, which is checked.

    Raises:
        UserError: an unknown flag (the known ones are listed), or a value that does not fit.
        SystemExit: with status 0, after `--help`.
    """
    values = flags.FlagValues()
    values.set_gnu_getopt(bool(places) or arguments is not None)  # flags before, between and after
    _define(config_class, values)
    fields = {flag_name(f): f.name for f in _of_flags(config_class)}
    names = list(fields)
    if any(arg in ("-h", "--help", "-help") for arg in argv[1:]):
        print((usage or f"{argv[0]} --flag value ...").strip() + "\n")  # python -OO drops it
        for name in names:
            print(f"  --{name}: {values[name].help}")
        raise SystemExit(0)
    try:
        if hushing := next((arg for arg in argv[1:] if HUSHING.match(arg)), None):
            raise flags.UnrecognizedFlagError(hushing.lstrip("-").partition("=")[0])
        rest = values(list(argv))[1:]
    except flags.UnrecognizedFlagError as error:
        known = " ".join(f"--{name}" for name in names)
        raise UserError(f"unknown flag --{error.flagname}; the flags are: {known}") from error
    except flags.Error as error:
        raise UserError(_mended(str(error), config_class)) from error
    if len(rest) > len(places) and arguments is None:
        raise UserError(
            f"unexpected argument {rest[len(places)]!r}; values are given as --name value"
        )
    given = {
        field: values[name].value
        for name, field in fields.items()
        if values[name].value is not None
    }
    for place, text in zip(places, rest, strict=False):
        if place in given:
            raise UserError(f"both --{place} {given[place]} and {text!r}: give one of them")
        given[place] = text
    may_be_folder = {f.name for f in _of_flags(config_class) if f.metadata["folder"]}
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"--{name} {value}: give a finite number")
        if name in outputs:
            check_output(f"--{name}", str(value), name in may_be_folder)
    if arguments is not None:
        given[arguments] = list(rest[len(places) :])
    _check_apart(given, fields, outputs)
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def _mended(text: str, config_class: type) -> str:
    """absl's message; where no number was typed for one, what the flag is, in place of Python's words."""
    found = re.match(r"flag --(\w+)=(.*): (invalid literal|could not convert)", text, re.DOTALL)
    if found is None:
        return text
    name, value, _ = found.groups()
    help = next(f.metadata["help"] for f in _of_flags(config_class) if flag_name(f) == name)
    return f"--{name} {value!r}: give one number: {help}"


def _check_apart(
    given: Mapping[str, Any], fields: Mapping[str, str], outputs: Sequence[str]
) -> None:
    """Refuse two outputs of one name, an output that an input has, and a file that is a run's own."""
    names = {field: f"--{name}" for name, field in fields.items()}
    written = {
        field: given[field] for name, field in fields.items() if name in outputs and field in given
    }
    read = [
        (names.get(field, "what is read"), part)
        for field, value in given.items()
        if field not in written
        for part in (value if isinstance(value, list | tuple) else [value])
        if isinstance(part, str) and os.path.exists(part)
    ]
    for field, out in written.items():
        for other, another in written.items():
            if other < field and alike(out, another):
                raise UserError(
                    f"{names[other]} and {names[field]} both name {out!r}; name two files"
                )
        for name, path in read:
            if same(out, path):
                raise UserError(
                    f"{names[field]} {out!r}: is also {name}, and would be overwritten; name another"
                )
        for run in ("run_dir", "resume", "from_"):
            if run in given and _own_file(str(given[run]), out):
                raise UserError(
                    f"{names[field]} {out!r}: is a file of the run itself; name another"
                )


def _own_file(run: str, path: str) -> bool:
    """Whether a path is one of those that a run's folder is made of."""
    inside, folder = Path(os.path.realpath(path)), Path(os.path.realpath(run))
    return folder in inside.parents and inside.relative_to(folder).parts[0] in RUN_FILES


def check_output(title: str, file: str, may_be_folder: bool = False) -> None:
    """Refuse at once a file that could not be written in the end.

    Raises:
        UserError: it is a folder, or the folder that it would be in is none, or cannot be written to.
    """
    path = Path(file)
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UserError(f"{title} {file!r}: the name is too long; give a shorter one")
    if not file or (os.path.isdir(path) and not may_be_folder):
        raise UserError(f"{title} {file!r}: is a folder; name a file")
    folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise UserError(f"{title} {file!r}: {str(folder)!r} is no folder; name another file")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{title} {file!r}: cannot write into {str(folder)!r}; name another file")
    check_name(title, path)
