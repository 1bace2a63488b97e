"""What longer experiments measured: the files of `results/`, for notebooks that show them."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "results"


def results(name: str) -> Any:
    """The contents of `results/NAME.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
