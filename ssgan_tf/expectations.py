"""What a training may be expected to reach, from results/README.md: the first line that it prints."""

import dataclasses

from ssgan_tf.config import Config


@dataclasses.dataclass(frozen=True)
class Measured:
    """A row of the table "Test error with few labels" of results/README.md, preset `fast`.

    Attributes:
        row: its name there, also of results/ssgan_ROW.json.
        dataset, labels: of the runs.
        error: mean test error of its seeds, in percent.
        minutes: of training.
        machine: on which.
    """

    row: str
    dataset: str
    labels: int
    error: float
    minutes: int
    machine: str


MEASURED = (
    Measured("mnist20", "mnist", 20, 1.15, 10, "one Zen 4 core"),
    Measured("mnist50", "mnist", 50, 1.16, 10, "one Zen 3 core"),
    Measured("mnist100", "mnist", 100, 0.93, 18, "one Zen 3 core"),
    Measured("mnist1000", "mnist", 1000, 0.78, 10, "one Zen 3 core"),
    Measured("mnist5k", "mnist5k", 100, 1.13, 3, "two Zen 3 cores"),
    Measured("cifar4000", "cifar10", 4000, 21.62, 45, "one core with AMX"),
)


def expected(config: Config) -> str | None:
    """A line: what was measured on such data; None of a person's own images."""
    if config.dataset.startswith("folder:"):
        return None
    return f"to expect: {_measured(config)}"


def _measured(config: Config) -> str:
    kind = "the baseline" if config.baseline else f"preset {config.preset}"
    if config.baseline or config.preset != "fast":
        return f"{kind} on {config.dataset}: see results/README.md"
    rows = [row for row in MEASURED if row.dataset == config.dataset]
    if not rows:
        return f"not measured on {config.dataset}"
    labels = int(config.labels) if config.labels and config.labels.isdecimal() else None
    told = [row for row in rows if row.labels == labels] or rows
    nearest = min(told, key=lambda row: abs(row.labels - (labels or 10**6)))
    of_others = "" if nearest.labels == labels else f"with {config.labels} labels not measured; "
    return (
        f"{of_others}{nearest.error:.1f}% test error with {nearest.labels:,} labels after "
        f"{nearest.minutes} minutes on {nearest.machine} (results/README.md, {nearest.row})"
    )
