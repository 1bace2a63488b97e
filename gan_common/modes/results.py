"""What is said of trainings: a line each, and their mean."""

import dataclasses
import statistics

from gan_common.modes.config import Config, Options


def describe(options: Options) -> dict:
    """What was trained, for the result."""
    # All that a training depends on, so that rows of other settings or defaults are never mixed.
    left_out = {f.name for f in dataclasses.fields(Options)} - {
        f.name for f in dataclasses.fields(Config)
    }
    left_out.add("data_dir")
    if options.task != "stacked":
        left_out |= {"dataset", "width"}
    values = dataclasses.asdict(options)
    return {name: value for name, value in values.items() if name not in left_out}


def summary(runs: list[dict]) -> dict:
    """Mean and standard deviation (0 for one) of every number of the runs, and the runs."""
    names = [n for n, v in runs[0].items() if n != "seed" and isinstance(v, int | float)]
    columns = {name: [run[name] for run in runs] for name in names}
    return {
        "mean": {name: statistics.fmean(column) for name, column in columns.items()},
        "spread": {
            name: statistics.stdev(column) if len(column) > 1 else 0.0
            for name, column in columns.items()
        },
        "runs": runs,
    }


def table_line(name: str, mean: dict, spread: dict | None = None, width: int = 24) -> str:
    """One row: modes, quality, divergence, speed, each with its spread if there is one."""

    def cell(key: str, text: str, factor: float = 1.0) -> str:
        shown = text.format(factor * mean[key])
        return shown + (f" ± {text.format(factor * spread[key])}" if spread else "")

    cells = [f"{cell('modes', '{:.1f}'):>15} modes"]
    if "filled" in mean:
        cells.append(f"{cell('filled', '{:.1f}'):>13} filled")
    if "high_quality" in mean:
        cells.append(f"{cell('high_quality', '{:.1f}', 100):>13}% high quality")
    if "kl" in mean:
        cells.append(f"KL {cell('kl', '{:.2f}')}")
    cells.append(f"{mean['steps_per_second']:>8.0f} steps/s")
    return f"{name:<{width}}" + "  ".join(cells)
