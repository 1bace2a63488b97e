"""Labels asked for against labels at random: the same start, no label twice, what is made of the errors."""

import json

import numpy as np
import pytest

from benchmarks.experiments import label_choice
from gan_common import data


def digits():
    """Eighty images of ten classes, 12×12."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (80, 12, 12, 1), np.uint8), np.arange(80, dtype=np.int32) % 10
    return data.Dataset(x, y, x[:20], y[:20], 10, (12, 12, 1), tuple("0123456789"), "mnist5k")


def test_both_ways_begin_alike_and_label_ten_more_each_round(monkeypatch):
    small = {"width": 2, "latent_dim": 4, "batch_size": 8, "labelled_batch": 4}
    monkeypatch.setattr(label_choice, "FLAGS", {**label_choice.FLAGS, **small})
    monkeypatch.setattr(label_choice, "FIRST_STEPS", 3)
    monkeypatch.setattr(label_choice, "ROUND_STEPS", 2)
    monkeypatch.setattr(label_choice, "LAST", 40)
    found = {
        way: list(label_choice.labelled_rounds(digits(), 1, True, way)) for way in label_choice.WAYS
    }
    for rounds in found.values():
        assert [labels for labels, *_ in rounds] == [20, 30, 40]
        assert rounds[0][2] == [2] * 10
        assert [sum(counts) for *_, counts in rounds] == [20, 30, 40]
        assert max(rounds[-1][2]) <= 8  # no image twice
    first, other = (rounds[0] for rounds in found.values())
    assert first == other


def test_what_is_done_is_kept_and_the_two_ways_are_compared_seed_by_seed(tmp_path, monkeypatch):
    done = []

    def rounds(dataset, seed, baseline, way):
        done.append((seed, baseline, way))
        better = 2.0 if way == "most unsure" else 0.0
        for labels, error in ((20, 30.0), (30, 20.0 + seed - better), (100, 10.0 + seed - better)):
            yield labels, error, [labels // 10] * 10

    monkeypatch.setattr(label_choice, "labelled_rounds", rounds)
    monkeypatch.setattr(label_choice.data, "load", lambda name: digits())
    path = tmp_path / "table.json"

    def run(*more):
        with pytest.raises(SystemExit) as ended:
            label_choice.main(["label_choice", "--seeds=2", f"--json={path}", *more])
        assert not ended.value.code

    run("--minutes=0")
    assert done == [(1, False, "at random")]
    assert "most_unsure_less_random_percent" not in json.loads(path.read_text())
    run()
    assert len(done) == len(set(done)) == 8
    told = json.loads(path.read_text())["most_unsure_less_random_percent"]
    assert told["SSGAN, with 100 labels"]["at random"] == [11.0, 12.0]
    assert {each["difference"] for each in told.values()} == {-2.0}
    assert any(name.startswith("labels alone") for name in told)
    run("--only=SSGAN")
    told = json.loads(path.read_text())["most_unsure_less_random_percent"]
    assert [name.partition(",")[0] for name in told] == ["SSGAN", "SSGAN"]
    assert path.with_suffix(".png").stat().st_size > 0
