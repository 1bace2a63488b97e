"""What each trick did in the experiments of `results/`: trainings that differ in it alone, paired by seed.

Nothing is trained here, and no number is typed: what a file does not hold is not told.  All tests of the page
are one family, whose p-values are corrected together (Benjamini and Hochberg 1995).
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gan_common.metrics.significance import (
    SIGNIFICANCE,
    Difference,
    difference,
    false_discovery,
)

HELPED, UNCLEAR, HARMED = "helped", "unclear", "harmed"


@dataclasses.dataclass(frozen=True)
class Measure:
    """How a number is compared: whether more of it is better, and whether as a ratio."""

    more_is_better: bool
    ratio: bool = False


MEASURES = {
    "modes": Measure(True),
    "filled": Measure(True),
    "high_quality": Measure(True),
    "kl": Measure(False),
    "fid": Measure(False, ratio=True),
    "wrong": Measure(False),
    "test_error": Measure(False, ratio=True),
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """Trainings without and with a trick.

    Attributes:
        trick: of the catalogue, or one of `words.MORE`.
        patient: what was trained, a key of `words.PATIENTS`.
        setting: in which way, a key of `words.SETTINGS`, or an experiment's own words.
        measure: one of `MEASURES`.
        without, found: one number for each seed, in the same order.
        source: the file of `results/`.
    """

    trick: str
    patient: str
    setting: str
    measure: str
    without: tuple[float, ...]
    found: tuple[float, ...]
    source: str


@dataclasses.dataclass(frozen=True)
class Effect:
    """A trial, and what may be said of it.

    Attributes:
        trial: what was compared.
        difference: of logarithms for a ratio.
        verdict: `HELPED`, `HARMED` or `UNCLEAR`, by the corrected p-value.
    """

    trial: Trial
    difference: Difference
    verdict: str

    @property
    def worst(self) -> float:
        """The worst seed with the trick."""
        return (min if MEASURES[self.trial.measure].more_is_better else max)(self.trial.found)

    @property
    def varies(self) -> bool:
        """Whether the difference is not the same for all seeds."""
        return self.difference.low < self.difference.high


def load(folder: Path, name: str) -> Any:
    """The contents of a file of `results/`; an empty object if it is not there."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def effects(folder: Path) -> list[Effect]:
    """Every effect that the files of a folder tell of, in the order of the files."""
    trials = list(_longest(_trials(folder)))
    differences = [
        difference(
            trial.without, trial.found, paired=True, logarithms=MEASURES[trial.measure].ratio
        )
        for trial in trials
    ]
    tested = [number for number, each in enumerate(differences) if each.seeds > 1]
    corrected = dict(
        zip(tested, false_discovery([differences[number].p for number in tested]), strict=True)
    )
    return [
        Effect(trial, each, _verdict(trial, each, corrected.get(number, 1.0)))
        for number, (trial, each) in enumerate(zip(trials, differences, strict=True))
    ]


def _verdict(trial: Trial, found: Difference, p: float) -> str:
    measure = MEASURES[trial.measure]
    nothing = 1.0 if measure.ratio else 0.0
    if p > SIGNIFICANCE or found.mean == nothing:
        return UNCLEAR
    return HELPED if (found.mean > nothing) == measure.more_is_better else HARMED


def _longest(trials: Iterable[Trial]) -> Iterator[Trial]:
    """Of the same trial in two files, that with more seeds."""
    best: dict[tuple[str, ...], Trial] = {}
    for trial in trials:
        key = (trial.trick, trial.patient, trial.setting, trial.measure)
        if key not in best or len(trial.found) > len(best[key].found):
            best[key] = trial
    yield from best.values()


def _trials(folder: Path) -> Iterator[Trial]:
    for task in ("ring", "grid", "stacked"):
        yield from _of_modes(load(folder, f"modes_{task}"), task)
    yield from _of_cases(load(folder, "cases"))
    yield from _of_page(load(folder, "play"))
    yield from _of_ablation(load(folder, "ablation"))
    yield from _of_doctor(load(folder, "doctor"))
    yield from _of_color(load(folder, "color"))
    yield from _of_shapes(load(folder, "shapes"))
    yield from _of_labels(folder)


def _paired(
    without: Mapping[Any, Mapping[str, Any]],
    found: Mapping[Any, Mapping[str, Any]],
    names: tuple[str, str, str],
    source: str,
    measures: Iterable[str] = tuple(MEASURES),
) -> Iterator[Trial]:
    """A trial for each measure that both have, of the seeds that both have.

    Args:
        without, found: seed → numbers by measure.
        names: trick, patient, setting.
    """
    seeds = [seed for seed in without if seed in found]
    for measure in measures:
        if seeds and all(measure in runs[seed] for runs in (without, found) for seed in seeds):
            before, after = (
                tuple(float(runs[seed][measure]) for seed in seeds) for runs in (without, found)
            )
            yield Trial(*names, measure, before, after, source)


def _by_seed(runs: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {run["seed"]: run for run in runs}


# ------------------------------------------------------------------------------------ one file each

# What two rows of a table of modes may differ in beside the trick: what it sets, and what was measured.
_NOT_COMPARED = {"tricks", "loss", "beta", "mean", "spread", "runs"}
# Rows that differ in more than a trick, or in something that is none: name on the page → with what, which.
_WHOLE = {
    "equal_rates": ("plain", "equal rates"),
    "long": ("plain", "long"),
    "cured": ("plain", "cured"),
    "modern": ("plain", "modern"),
}


def _of_modes(content: Mapping[str, Any], task: str) -> Iterator[Trial]:
    """Of benchmarks.experiments.modes: each row against the one that lacks one of its tricks."""
    rows = content.get("settings", {})
    source = f"modes_{task}.json"
    for (name, one), (other_name, other) in itertools.permutations(rows.items(), 2):
        added = set(other["tricks"]) - set(one["tricks"])
        same = (one.keys() & other.keys()) - _NOT_COMPARED
        if (
            len(added) == 1
            and set(one["tricks"]) < set(other["tricks"])
            and all(one[key] == other[key] for key in same)
        ):
            # of several amounts of a trick the row's name tells which
            setting = f"{name}; {other_name}" if added == {"fake_smoothing"} else name
            names = (added.pop(), task, setting)
            yield from _paired(_by_seed(one["runs"]), _by_seed(other["runs"]), names, source)
    for trick, (name, other_name) in _WHOLE.items():
        if name in rows and other_name in rows:
            yield from _paired(
                _by_seed(rows[name]["runs"]),
                _by_seed(rows[other_name]["runs"]),
                (trick, task, name),
                source,
            )


def _of_cases(content: Mapping[str, Any]) -> Iterator[Trial]:
    """Of benchmarks.experiments.cases: a case without its remedy and with it."""
    for row in content.get("cases", {}).values():
        if "without" in row and "with" in row:
            without, found = (_by_seed(row[part]["runs"]) for part in ("without", "with"))
            measures = ("modes", "filled", "high_quality")
            ratio = row["without"]["discriminator_lr"] / row["without"]["generator_lr"]
            names = (row["trick"], "ring", f"rate {ratio:g}")
            yield from _paired(without, found, names, "cases.json", measures)


# The stories of the page of the game: story → what the game beside it has more.
_STORIES = {"cure": "r1", "circling": "packing", "strong": "non_saturating"}


def _of_page(content: Mapping[str, Any]) -> Iterator[Trial]:
    """Of benchmarks.speed.play: two games of the same seed."""
    for story, trick in _STORIES.items():
        part = content.get("parts", {}).get(story)
        if part:
            columns = [
                {
                    seed: {"modes": modes, "high_quality": share}
                    for seed, (modes, share) in enumerate(
                        zip(part[who]["modes"], part[who]["high_quality"], strict=True), 1
                    )
                }
                for who in ("itself", "beside")
            ]
            yield from _paired(columns[0], columns[1], (trick, "page", story), "play.json")


def _of_ablation(content: Mapping[str, Any]) -> Iterator[Trial]:
    """Of benchmarks.experiments.ablation; a row "no X" is the plain one of the trick X."""
    rows = content.get("rows", {})
    for name, row in rows.items():
        for task, patient in (("ring", "ring"), ("mnist5k", "digits")):
            pair = [rows["plain"].get(task), row.get(task)]
            if name == "plain" or None in pair:
                continue
            without, found = map(_by_seed, pair)
            if name.startswith("no "):
                without, found = found, without
            trick = name.removeprefix("no ").replace(" ", "_")
            measures = ("modes", "high_quality") if task == "ring" else ("fid",)
            names = (trick, patient, "plain")
            yield from _paired(without, found, names, "ablation.json", measures)


def _of_doctor(content: Mapping[str, Any]) -> Iterator[Trial]:
    """Of benchmarks.experiments.doctor: each treatment against only being told."""
    for failure, treated in content.get("treated", {}).items():
        for trick in ("pause", "lower_lr"):
            without, found = (
                {seed: {"fid": fid} for seed, fid in enumerate(treated[policy]["fids"])}
                for policy in ("warn", trick)
            )
            yield from _paired(without, found, (trick, "failing", failure), "doctor.json")


def _of_color(content: Mapping[str, Any]) -> Iterator[Trial]:
    """Of benchmarks.experiments.color: few images with and without augmentation, and the preset modern."""
    rows = content.get("rows", {})
    for name, row in rows.items():
        first, _, trick = name.partition("_")
        base, patient = (f"{first}_plain", "few") if row.get("few") else (f"{first}_dcgan", "color")
        if base != name and base in rows and trick != "cgan" and first != "recipe":
            yield from _paired(
                rows[base]["runs"], row["runs"], (trick, patient, first), "color.json", ("fid",)
            )


_SHAPES = {"conditioned": "conditional"}


def _of_shapes(content: Mapping[str, Any]) -> Iterator[Trial]:
    """Of benchmarks.experiments.shapes: the share of images that are wrong."""
    for family, rows in content.get("shares", {}).items():
        for name, row in rows.items():
            if name not in ("real", "plain"):
                without, found = (dict(enumerate(each["seeds"])) for each in (rows["plain"], row))
                names = (_SHAPES.get(name, name), "shapes", family)
                yield from _paired(without, found, names, "shapes.json", ("wrong",))


_LABELS = ("mnist20", "mnist50", "mnist100", "mnist1000", "mnist5k", "cifar4000")
# Of the experiment on the parts of D's loss: the GAN's alone, without and with the consistency term.
_PARTS = (("labels alone", "labels, GAN"), ("labels, consistency", "SSGAN"))


def _of_labels(folder: Path) -> Iterator[Trial]:
    """Of benchmarks.experiments.ssgan: test error, the same labels and seed."""

    def errors(row: Mapping[str, Any]) -> dict[int, Mapping[str, float]]:
        return {seed: {"test_error": value} for seed, value in enumerate(row["each"])}

    for name in _LABELS:
        content = load(folder, f"ssgan_{name}")
        rows = content.get("test_error_percent", {})
        if "baseline" in rows:
            yield from _paired(
                errors(rows["baseline"]),
                errors(rows["SSGAN"]),
                ("ssgan", "labels", name),
                f"ssgan_{name}.json",
            )
    rows = load(folder, "ssgan_mnist100_parts").get("test_error_percent", {})
    for without, found in _PARTS:
        if without in rows:
            yield from _paired(
                errors(rows[without]),
                errors(rows[found]),
                ("gan_loss", "labels", without),
                "ssgan_mnist100_parts.json",
            )


SLOWER = 1.5  # times as long a step is worth telling; less may be the machine


def slower(folder: Path) -> dict[str, float]:
    """How many times as long a step takes with a trick, on the ring, where it is at least `SLOWER`."""
    rows = load(folder, "modes_ring").get("settings", {})
    speeds = {
        row["tricks"][0]: row["mean"]["steps_per_second"]
        for row in rows.values()
        if len(row["tricks"]) == 1
        and all(row[key] == rows["plain"][key] for key in ("steps", "preset"))
    }
    plain = rows["plain"]["mean"]["steps_per_second"] if "plain" in rows else 0.0
    return {name: plain / each for name, each in speeds.items() if plain / each >= SLOWER}
