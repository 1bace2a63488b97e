"""Targets of `fuzz`: the files of a run beside its checkpoints, and of the cache, with what reads each."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import strategies as st

# add(name, file, read, contents), as in `fuzz.make_targets`.
Add = Callable[[str, str, Callable[[Path], object], st.SearchStrategy[bytes]], Path]


def add_files_of_runs(
    add: Add, altered: Callable[[bytes], Any], altered_json: Callable[[dict], Any]
) -> None:
    """Add summary.json, MODEL_CARD.md's sources, calibration, labels, kernels.json, an index and a lock."""
    from gan_common import runs
    from gan_common.data import index
    from gan_common.kernels import choice
    from gan_common.runs import card, lock
    from ssgan_tf import calibration, parts

    summary = {"seconds": 1.5, "steps": 20, "seed": 1, "fid": 0.5, "fid_floor": 0.1, "versions": {}}
    add("summary.json", "summary.json", runs.read_summary, altered_json(summary))

    config = {"package": "keras_dcgan", "dataset": "mnist5k", "preset": "dcgan", "seed": 1}
    facts = {"image_shape": [8, 8, 1], "class_names": ["a", "b"], "pictures": 9}

    def write_card(folder: Path) -> None:
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "dataset.json").write_text(json.dumps(facts))
        card.write(runs.Run(folder))

    add("card's summary", "summary.json", write_card, altered_json(summary))
    add("card", card.NAME, write_card, altered(b"# A\n\n" + card.LICENSE.encode() + b"\n\nmine\n"))

    gan = SimpleNamespace(steps_done=SimpleNamespace(numpy=lambda: 20))
    add(
        "calibration",
        calibration.FILE,
        lambda folder: calibration.temperature_of(runs.Run(folder), gan),
        altered_json({"temperature": 1.25, "step": 20}),
    )

    labelled = np.arange(20)
    kept = Path("labelled.npy")

    def keep_labelled(folder: Path) -> None:
        parts.keep_labelled(folder / kept, labelled)

    folder = add("labelled.npy", kept.name, keep_labelled, st.nothing())
    keep_labelled(folder)
    add("labelled.npy", kept.name, keep_labelled, altered((folder / kept).read_bytes()))

    names = {"forward of x": ("forward", None)}
    add(
        "kernels.json",
        choice.FILE,
        lambda folder: choice._sound(names, choice._read(folder / choice.FILE)),
        altered_json({"forward of x": choice.LIBRARY}),
    )

    about = {"skipped": [1], "channels": 1, "facts": {"bad": [], "kinds": {}}}

    def read_index(folder: Path) -> object:
        (folder / "a.uint8").write_bytes(bytes(2 * 16))
        return index._open(folder / "a.uint8", 3, 4)

    add("index", "a.json", read_index, altered_json(about))

    finding = {"step": 20, "name": "nan", "began": True, "evidence": "d_loss", "says": "so"}

    def read_findings(folder: Path) -> object:
        from gan_common.pages import training

        return training.read_findings(runs.Run(folder))

    contents = altered_json(finding).map(lambda content: b'{"findings": [' + content + b"]}")
    add("doctor.json", "doctor.json", read_findings, contents)

    def take_lock(folder: Path) -> None:
        with lock.Lock(folder):
            pass

    add("lock", lock.NAME, take_lock, altered_json({"host": "elsewhere", "pid": 7}))
