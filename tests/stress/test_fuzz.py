"""A short round of `python -m benchmarks.stress.fuzz`, the same files every time."""

import pytest

from benchmarks.stress import fuzz


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return fuzz.make_targets(tmp_path_factory.mktemp("fuzz"))


NAMES = (
    *("idx", "npz", "pickle", "mat", "config of keras_dcgan", "config of ssgan_tf"),
    *("image", "labels.csv", "dataset.json", "images.json", "metrics.csv", "checkpoint"),
    *("summary.json", "card's summary", "card", "calibration", "labelled.npy", "unsure"),
    *(
        "kernels.json",
        "index",
        "lock",
        "sentence",
        "moving image",
        "doctor.json",
        "generator.keras",
        "TF_CONFIG",
    ),
)
# Of these anything will do: what is not known is made anew, or is a person's own.
FORGIVING = {"card", "kernels.json", "index", "lock"}


@pytest.mark.parametrize("name", NAMES)
def test_only_our_own_errors_come_out(targets, name):
    # Each of MATLAB's files is read in a process of its own; Keras takes a while to build a network.
    rounds = {"mat": 15, "generator.keras": 4}.get(name, 60)
    counts = fuzz.fuzz(targets[name], rounds)
    assert (counts["refused"] > counts.total() / 20) == (name not in FORGIVING)
    assert counts.total() >= rounds


def test_every_target_is_tried(targets):
    assert set(targets) == set(NAMES)


def test_the_counts_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "make_targets", lambda _: {})
    with pytest.raises(SystemExit) as end:
        fuzz.main(["fuzz", "--minutes=0", f"--json={tmp_path / 'fuzz.json'}"])
    assert end.value.code == 0
    assert (tmp_path / "fuzz.json").exists()


def test_an_error_that_is_not_ours_is_shown(targets):
    def broken():
        raise KeyError("labels")

    target = fuzz.dataclasses.replace(targets["idx"], read=broken)
    with pytest.raises(KeyError, match="labels"):
        fuzz.fuzz(target, 3)
