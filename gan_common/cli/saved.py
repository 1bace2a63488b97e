"""The configuration that a run was started with, read back and checked; what --resume may change."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gan_common.cli.flags import base_type, flag_name
from gan_common.cli.images import moved
from gan_common.cli.training import RunConfig
from gan_common.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
C = TypeVar("C", bound=RunConfig)


def from_json(config_class: type[T], path: Path) -> T:
    """The configuration that a run saved, checked field by field."""
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(saved, dict):
            raise ValueError("it is not a JSON object")
        # A file that is run by itself has no module of its name: it says whose runs it goes on with.
        mine = getattr(config_class, "PACKAGE", config_class.__module__.partition(".")[0])
        package = saved.pop("package", mine)
        if package != mine:
            raise ValueError(f"it is of a run of {package!r}, and this command is {mine}'s")
        every = typing.get_type_hints(config_class)
        hints = {field.name: every[field.name] for field in dataclasses.fields(config_class)}
        unknown = sorted(set(saved) - set(hints))
        if unknown:
            raise ValueError(f"it has unknown entries {', '.join(map(repr, unknown))}")
        # A run that is older than a flag did what the flag's default does.
        for field in dataclasses.fields(config_class):
            optional = field.default is None and isinstance(hints[field.name], types.UnionType)
            if optional or field.metadata["since"]:
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


def _checked(field: dataclasses.Field, annotation: Any, value: Any) -> Any:
    kind, meta = base_type(annotation), field.metadata
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


def saved(config_class: type[T], run_dir: str | None, title: str = "--run_dir") -> T:
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


def resumed(config_class: type[C], given: Mapping[str, Any]) -> C:
    """The saved configuration of `given["resume"]`, with what a person may change on resuming.

    Raises:
        UserError: when a flag contradicts the run, or there is no run.
    """
    if "from_" in given:
        raise UserError(
            "--from and --resume exclude each other: --from begins a new run with another's weights, "
            "--resume goes on with a run"
        )
    config = saved(config_class, given["resume"], "--resume")
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    config = moved(config, given["resume"], given.get("dataset"), given.get("data_dir"))
    changed = {name: v for name, v in given.items() if fields[name].metadata["on_resume"]}
    for name, value in given.items():
        if name not in changed and getattr(config, name) != value:
            raise UserError(
                f"--resume {given['resume']}: the run has {name}={getattr(config, name)!r}, "
                f"not {value!r}; leave --{flag_name(fields[name])} out, or begin a new run"
                + (f" with its weights by --from {given['resume']}" if "from_" in fields else "")
            )
    changed = {name: v for name, v in changed.items() if name not in ("dataset", "data_dir")}
    return dataclasses.replace(config, **changed)


def started_from(
    config_class: type[T], given: Mapping[str, Any], of_networks: Sequence[str]
) -> dict[str, Any]:
    """`given`, with the flags of the networks of the run that --from names, where they were not typed.

    Args:
        config_class: of this package.
        given: what was typed.
        of_networks: names of fields; with another --preset than the run's none of them is taken.

    Raises:
        UserError: as `saved`.
    """
    if "from_" not in given:
        return dict(given)
    config = saved(config_class, given["from_"], "--from")
    found = {name: getattr(config, name) for name in of_networks}
    if given.get("preset", found["preset"]) != found["preset"]:
        return dict(given)
    return {**{name: value for name, value in found.items() if value is not None}, **given}
