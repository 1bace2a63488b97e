"""Sets of images that are worse to the eye, and the judgement whether the measures say so."""

import json

import numpy as np
import pytest

from benchmarks.experiments import measures
from gan_common import data
from gan_common.errors import UserError
from gan_common.metrics import scores


def test_each_set_is_worse_in_the_way_that_its_name_says():
    digits = data.load("mnist5k")
    sets = measures.degraded(digits, seed=1)
    real = sets["real"].astype(float)
    assert {images.shape for images in sets.values()} == {(1000, 28, 28, 1)}
    assert {images.dtype for images in sets.values()} == {np.dtype(np.uint8)}

    def edges(name):
        return np.abs(np.diff(sets[name].astype(float), axis=1)).mean()

    assert edges("real") > 1.3 * edges("blurred") > 1.3 * edges("more blurred")
    off = [np.abs(sets[f"noise {n}"] - real).mean() for n in (10, 25, 60)]
    assert off == sorted(off)
    assert len(np.unique(sets["20 images, repeated"], axis=0)) == 20
    named = {name for pair in measures.PAIRS for name in pair}
    assert set(sets) | {"after 600 steps", "after 60 steps"} == named


def test_pairs_are_judged_by_every_measure(tmp_path, monkeypatch, capsys):
    values = {
        "real": 1,
        "blurred": 2,
        "more blurred": 3,
        "noise 10": 2,
        "noise 25": 3,
        "noise 60": 4,
    }
    values |= {"20 images, repeated": 5, "another data set": 0.5}
    values |= {"after 600 steps": 2, "after 60 steps": 3}
    monkeypatch.setattr(measures, "degraded", lambda dataset, seed: dict(list(values.items())[:8]))
    monkeypatch.setattr(measures, "trained", lambda dataset, seed: dict(list(values.items())[8:]))
    monkeypatch.setattr(scores, "compare", lambda dataset, value: {"fid": value, "kid": value})

    digits = data.load("mnist5k")

    def load(name, folder):
        if name == "cifar10":
            raise UserError("not there")
        return digits

    monkeypatch.setattr(data, "load", load)
    path = tmp_path / "measures.json"
    with pytest.raises(SystemExit) as end:
        measures.main(["measures", f"--json={path}"])
    assert end.value.code == 0
    rows = {
        row["pair"]: row["in_order"] for row in json.loads(path.read_text())["pairs"]["mnist5k"]
    }
    assert len(rows) == 8
    assert [pair for pair, fine in rows.items() if not fine] == ["real / another data set"]
    assert "7 of 8 pairs in order" in capsys.readouterr().out
