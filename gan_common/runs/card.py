"""MODEL_CARD.md: what a run's networks are, of which data, how good, and how to load them.

It is made from the run's own files, so it can be written again at any time.  What stands below its last
heading is the person's, and stays.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_common import files
from gan_common.errors import UserError
from gan_common.metrics.report import MEASURES
from gan_common.runs.run import Run

NAME = "MODEL_CARD.md"
LICENSE = "## License of the data"
LICENSES = {
    "mnist": "CC BY-SA 3.0; Yann LeCun and Corinna Cortes.",
    "mnist5k": "CC BY-SA 3.0, 5,000 images of MNIST; Yann LeCun and Corinna Cortes.",
    "fashion_mnist": "MIT; Zalando SE.",
    "cifar10": "Published without one (Krizhevsky 2009); its images were collected from the web.",
    "svhn": "For non-commercial use only; Netzer et al. 2011, images from Google Street View.",
    "shapes": "MIT, as this project, which draws them.",
    "boxes": "MIT, as this project, which draws them.",
    "moving": "Figures: MIT, as this project, which draws them. Digits: those of mnist5k, CC BY-SA 3.0.",
    "openmoji": "CC BY-SA 4.0; OpenMoji (openmoji.org), to be credited wherever its images are shown.",
}
# Of the data sets of gan_applications that are made of two.
LICENSES |= {
    f"{name}:patches": f"Digits: {LICENSES[name]}\n\nPatches: {LICENSES['openmoji']}"
    for name in ("mnist", "mnist5k")
}
YOURS = (
    "Yours: say here whose images they are, and what may be done with them and with what is drawn."
)
# Beside those of a report, which have floors: name in summary.json, title, direction.
MORE_MEASURES = {
    "copied_share": ("copies: nearer to a training image than the nearest 1% held out", "lower"),
    "distance_ratio": ("nearest training image, distance over that of held-out ones", "about 1"),
    "validation_error": ("validation error", "lower"),
    "test_error": ("test error", "lower"),
    "real_detected": ("D right on real images", "higher"),
    "fake_detected": ("D right on generated images", "higher"),
}


def write(run: Run) -> Path:
    """Write the card of a run, or write it anew; the file.

    Raises:
        UserError: a file of the run is damaged, or the folder cannot be written.
    """
    path, text = run.folder / NAME, contents(run)
    files.write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def contents(run: Run) -> str:
    """What the card of a run says.

    Raises:
        UserError: a file of the run is damaged.
    """
    path, config = run.folder / NAME, _config(run)
    dataset = str(config.get("dataset", "unknown"))
    license = _kept(path) or LICENSES.get(dataset, LICENSES.get(dataset.partition(":")[0], YOURS))
    try:
        parts = [_title(config), _facts(run, config), _measures(run), _loading(run, config)]
    except UserError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError) as error:  # no number, say
        raise UserError(
            f"{run.folder / 'summary.json'}, or config.json beside it: damaged ({error}); restore them"
        ) from error
    return "\n\n".join([*parts, f"{LICENSE}\n\n{license.strip()}\n"])


def _config(run: Run) -> dict[str, Any]:
    path = run.folder / "config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); restore it") from error


def _kept(path: Path) -> str:
    """What a person may have written below the last heading."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.partition(f"{LICENSE}\n")[2].strip()


def title(run: Run) -> str:
    """What the run's networks are, in a line: "keras_dcgan: cgan on mnist5k".

    Raises:
        UserError: its configuration is damaged.
    """
    config = _config(run)
    dataset = str(config.get("dataset"))
    if dataset.startswith("folder:"):  # where it lies is nobody's business
        config["dataset"] = f"folder {Path(dataset.partition(':')[2]).name}"
    return _title(config).removeprefix("# ")


def _title(config: Mapping[str, Any]) -> str:
    package, _, system = str(config.get("package")).partition(".")
    kind = "baseline" if config.get("baseline") else config.get("preset", system)
    return f"# {package}: {kind} on {_text(config.get('dataset'))}"


def _facts(run: Run, config: Mapping[str, Any]) -> str:
    (height, width, channels), names = run.dataset_facts()
    summary, count = run.summary(), run.pictures()
    pictures = "" if count is None else f"{count:,} training images of "
    classes = f"{len(names)} classes ({_list(names)})" if len(names) > 1 else "no classes"
    labels = f"; {summary['labels']:,} labels" if "labels" in summary else ""
    versions = ", ".join(f"{name} {of}" for name, of in summary.get("versions", {}).items())
    chosen = ", ".join(config.get("tricks", ())) or "none"
    rows = {
        "data": f"{_text(config.get('dataset'))}: {pictures}{height}×{width}×{channels}, {classes}{labels}",
        **(
            {"preset": f"{config['preset']}, tricks: {chosen}"}
            if "preset" in config
            else {"tricks": chosen}
        ),
        "seed": config.get("seed"),
        "steps": f"{summary.get('steps', 0):,} of {config.get('batch_size')} images",
        "time": _time(summary),
        "machine": summary.get("machine", "not known"),
        "precision": config.get("precision", "float32"),
        "versions": versions or "not known",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | {_cell(v)} |" for k, v in rows.items())])


def _time(summary: Mapping[str, Any]) -> str:
    seconds = float(summary.get("seconds", 0))
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} minutes, {summary.get('images_per_second', 0):,.0f} images/s"


def _measures(run: Run) -> str:
    summary = run.summary()
    if "measures" in summary:  # of a system of gan_applications
        return "\n".join(["## Measures", "", *_beside_baselines(summary["measures"])])
    rows = []
    for name, (title, better) in {**MEASURES, **MORE_MEASURES}.items():
        if summary.get(name) is not None:  # a file's null is a number that was not finite
            floor = summary.get(f"{name}_floor")
            beside = "" if floor is None else _number(floor)
            rows.append(f"| {title} | {_number(summary[name])} | {beside} | {better} |")
    if not rows:
        package = _config(run).get("package")
        return (
            f"## Measures\n\nNot measured: `python -m {package}.evaluate --run_dir {_path(run)}`."
        )
    lines = [
        "## Measures",
        "",
        "| | generated | real (floor) | better |",
        "|---|---|---|---|",
        *rows,
    ]
    if "fid" in summary:
        lines += ["", "Compare with the floor: the features are not those of papers."]
    if "copies" in summary:
        lines += ["", f"Copies: {summary['copies']}."]
    return "\n".join(lines)


def _beside_baselines(measures: Mapping[str, Any]) -> list[str]:
    """A table of measures that have baselines of their own."""
    rows = ["| | this run | baselines | better |", "|---|---|---|---|"]
    for name, one in measures.items():
        beside = ", ".join(f"{of} {_number(value)}" for of, value in one["baselines"].items())
        rows.append(f"| {name} | {_number(one['value'])} | {beside} | {one['better']} |")
    return rows


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _loading(run: Run, config: Mapping[str, Any]) -> str:
    package = config.get("package")
    if "preset" not in config:
        return f"## How to use it\n\n`python -m {package} --run_dir {_path(run)}`; `--help` says with what."
    if config.get("baseline"):
        return (
            "## How to load it\n\nA baseline has no generator; "
            f"`python -m {package}.evaluate --run_dir {_path(run)}` measures its classifier."
        )
    latents = f"(N, {config.get('latent_dim')}) float32, {config.get('latent')}"
    call = "generator(latents)"
    if config.get("preset") == "cgan":
        call, latents = "generator([latents, labels])", f"{latents}; labels (N,) int32"
    return f"""## How to load it

```
python -m {package}.generate --run_dir {_path(run)} --count 64
python -m {package}.generate --run_dir {_path(run)} --format keras --out generator.keras
```

```python
from gan_common.sampling import load_generator  # safe: runs nothing that the file brings

generator = load_generator("generator.keras")
images = {call}  # latents {latents}; images in [-1, 1]
```"""


def _path(run: Run) -> str:
    """The run's folder, as a shell takes it."""
    import shlex

    return shlex.quote(_text(run.folder))


def _list(names: list[str], most: int = 12) -> str:
    more = f", … {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(_text, names[:most])) + more


def _text(value: Any) -> str:
    """On one line, whatever a folder is called."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def _cell(value: Any) -> str:
    return _text(value).replace("|", "\\|")
