"""The same training with and without something, over several seeds, and what may be said of it.

A difference between two runs says little: two seeds of one and the same training differ as well.  So each
variant is trained with every seed, and the verdict is computed: it speaks of a difference only where a t-test
says that the seeds by themselves would hardly make one as large.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gan_common.lessons import lesson
from gan_common.metrics.significance import clear_sign, p_value, spread
from gan_common.plotting import figures


class Comparison:
    """The numbers of variants × seeds.

    Args:
        results: variant → one mapping (measure → number) for each seed, in the order of the seeds; the
            first variant is what the others are compared with.
    """

    def __init__(self, results: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
        lengths = {len(runs) for runs in results.values()}
        if len(results) < 2 or len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "results must be two variants or more, with as many seeds each. "
                f"Received: { {name: len(runs) for name, runs in results.items()} }"
            )
        self.results = {name: [dict(run) for run in runs] for name, runs in results.items()}

    def values(self, measure: str) -> dict[str, list[float]]:
        """Variant → the measure's value for each seed."""
        return {name: [run[measure] for run in runs] for name, runs in self.results.items()}

    def figure(
        self, measure: str, title: str, unit: str, floor: float | None = None
    ) -> figures.Figure:
        """Bars of the means, with a dot for each seed."""
        return figures.bars(self.values(measure), title, unit, floor)

    def _repr_markdown_(self) -> str:
        measures = list(next(iter(self.results.values()))[0])
        lines = [
            "| | " + " | ".join(measures) + " |",
            "|---" * (len(measures) + 1) + "|",
        ]
        for name in self.results:
            cells = []
            for measure in measures:
                found = self.values(measure)[name]
                cells.append(f"{np.mean(found):.3g} ± {spread(found):.2g}")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        count = len(next(iter(self.results.values())))
        return "\n".join([*lines, "", f"mean ± standard deviation over {count} seeds"])

    def p_value(self, measure: str, variant: str) -> float:
        """That of a variant against the first one."""
        values = self.values(measure)
        return p_value(next(iter(values.values())), values[variant])

    def effect(self, measure: str, variant: str, better: str) -> str:
        """`helped`, `harmed` or `unclear`, against the first variant: see `clear_sign`.

        Args:
            better: "lower" or "higher".
        """
        if better not in ("lower", "higher"):
            raise ValueError(f'better must be "lower" or "higher". Received: better={better!r}')
        values = self.values(measure)
        sign = clear_sign(next(iter(values.values())), values[variant])
        return {0: "unclear", 1 if better == "higher" else -1: "helped"}.get(sign, "harmed")

    def verdict(self, measure: str, better: str) -> None:
        """Print what the numbers say of each variant against the first, in a sentence each."""
        values = self.values(measure)
        names = list(values)
        for name in names[1:]:
            pairs = list(zip(values[names[0]], values[name], strict=True))
            wins = sum((b < a) if better == "lower" else (b > a) for a, b in pairs)
            told = {
                "helped": "it helped here",
                "harmed": "it did harm here",
                "unclear": "no difference that the seeds would not make by themselves",
            }[self.effect(measure, name, better)]
            if len(pairs) == 1:
                told = "one seed decides nothing"
            else:
                told += f" (p = {self.p_value(measure, name):.2g})"
            print(
                f"{name}: {measure} {np.mean(values[names[0]]):.3g} → {np.mean(values[name]):.3g} "
                f"({better} is better), better for {wins} of {len(pairs)} seeds: {told}"
            )
        if lesson.QUICK:
            print("(quick form: trainings this short decide nothing)")


def compare(
    variants: Mapping[str, object],
    train: Callable[[object, int], Mapping[str, float]],
    seeds: Sequence[int] = (1, 2, 3, 4),
) -> Comparison:
    """Train every variant with every seed, printing the numbers of each run as they come.

    Args:
        variants: name → what `train` takes of it; the first is the one without.
        train: (variant, seed) → measures by name.
        seeds: the same for every variant.
    """
    results: dict[str, list] = {name: [] for name in variants}
    for seed in seeds:
        for name, variant in variants.items():
            start = time.perf_counter()
            measured = {k: float(v) for k, v in train(variant, seed).items()}
            results[name].append(measured)
            told = "  ".join(f"{key} {value:.3g}" for key, value in measured.items())
            print(f"seed {seed}  {name}: {told}  ({time.perf_counter() - start:.0f} s)", flush=True)
    return Comparison(results)
