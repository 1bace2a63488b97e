"""The command trains what the Makefile's target trains, and says what came of it."""

import json
from pathlib import Path

import pytest

from benchmarks.experiments import running, train_dcgan

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_its_flags_are_the_makefiles():
    words = " ".join(f"--{name} {value}" for name, value in train_dcgan.FLAGS.items())
    assert f"-m keras_dcgan.train {words} $(ARGS)" in MAKEFILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("avx2", [False, True])
def test_seeds_are_averaged_and_the_first_ones_grid_is_kept(tmp_path, monkeypatch, avx2):
    asked = []

    def train(package, folder, flags, measured):
        asked.append(flags)
        (folder / "samples").mkdir(parents=True)
        (folder / "samples" / "step-00000010.png").write_bytes(b"early")
        (folder / "samples" / "step-00000020.png").write_bytes(b"late")
        return dict.fromkeys(train_dcgan.MEASURES, float(flags["seed"]))

    monkeypatch.setattr(running, "train", train)
    monkeypatch.setattr(train_dcgan, "AVX2", {})
    path = tmp_path / "out.json"
    with pytest.raises(SystemExit) as end:
        train_dcgan.main(["x", f"--runs={tmp_path}", f"--json={path}", *["--avx2"] * avx2])
    assert end.value.code == 0
    content = json.loads(path.read_text())
    assert content["mean"]["fid"] == 2.0
    assert content["deviation"]["fid"] == 1.0
    assert [flags["seed"] for flags in asked] == [1, 2, 3]
    assert ("precision" in asked[0]) == avx2
    assert path.with_suffix(".png").exists() == (not avx2)
    if not avx2:
        assert path.with_suffix(".png").read_bytes() == b"late"
