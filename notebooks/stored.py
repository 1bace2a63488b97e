"""What longer experiments measured: the files of `results/`, for notebooks that show them."""

import json
from pathlib import Path
from typing import Any

from gan_common.plotting.figures import Figure

FOLDER = Path(__file__).resolve().parent.parent / "results"


def results(name: str) -> Any:
    """The contents of `results/NAME.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def show_application(*names: str) -> None:
    """Show what `make applications` measured of systems, with their ablations and figures, or that it is not there yet.

    Args:
        names: headlines of `benchmarks.experiments.applications`, "pix2pix" or "pix2pix:hole".
    """
    from IPython.display import Markdown, display

    try:
        table = results("applications")
    except FileNotFoundError:
        table = {"rows": {}}
    for name in names:
        row = table["rows"].get(name)
        if row is None:
            print(
                f"{name}: no long result is stored yet; `make applications` trains and measures it"
            )
            continue
        ablations = {
            key.removeprefix(f"{name}: "): other
            for key, other in table["rows"].items()
            if key.startswith(f"{name}: ")
        }
        display(Markdown(told_application(name, row, ablations, table.get("date", ""))))
        png = FOLDER / f"applications_{name.replace(':', '_')}.png"
        if png.is_file():
            title = f"{name} after {_minutes(row)} minutes, held-out examples"
            display(Figure(png.read_bytes(), title))


def told_application(name: str, row: dict, ablations: dict[str, dict], date: str = "") -> str:
    """A headline's measures as a Markdown table: the system, its baselines, its ablations.

    Args:
        name: of the headline.
        row, ablations: as `benchmarks.experiments.applications` stores them.
        date: of the table, if it has one.
    """
    measures, seeds = row["measures"], len(row["runs"])
    many = "seed" if seeds == 1 else "seeds"
    about = f"{seeds} {many}, {_minutes(row)} minutes each on one core" + (date and f", {date}")
    lines = [
        f"| {about} | " + " | ".join(f"{m}, {one['better']}" for m, one in measures.items()) + " |",
        "|---" * (len(measures) + 1) + "|",
        f"| **{name}** | "
        + " | ".join(f"{one['value']:.3g} ± {one['deviation']:.1g}" for one in measures.values())
        + " |",
    ]
    for of in dict.fromkeys(of for one in measures.values() for of in one["baselines"]):
        cells = [
            f"{one['baselines'][of]:.3g}" if of in one["baselines"] else ""
            for one in measures.values()
        ]
        lines.append(f"| {of} | " + " | ".join(cells) + " |")
    for part, other in ablations.items():
        found = other["measures"]
        cells = [f"{found[m]['value']:.3g}" if m in found else "" for m in measures]
        lines.append(f"| *ablation, one seed:* {part} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _minutes(row: dict) -> int:
    seconds = [run["seconds"] for run in row["runs"].values()]
    return round(sum(seconds) / len(seconds) / 60)
