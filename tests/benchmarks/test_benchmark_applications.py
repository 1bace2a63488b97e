"""The table of section 2.2.1: rows that their systems take, seeds summed up, figures with their credit."""

import importlib
import json

import pytest
from PIL import Image

from benchmarks.experiments import applications, running
from gan_common import runs


@pytest.mark.parametrize("name", applications.ROWS)
def test_each_row_is_one_that_its_system_takes(name):
    row = applications.ROWS[name]
    config = importlib.import_module(f"gan_applications.{row.system}").Config
    words = [
        f"--{flag}" if value is True else f"--{flag}={value}" for flag, value in row.flags.items()
    ]
    from gan_applications import running as system

    system._read(config, ["name", *words], "")
    assert name.startswith(row.system)


def measured(value):
    return {"l1": {"value": value, "better": "lower", "baselines": {"nearest": 0.5, "mean": 0.3}}}


def test_seeds_are_summed_up_and_a_baseline_is_beaten_in_all_of_them():
    found = {str(seed): {"measures": measured(0.1 * seed)} for seed in (1, 2, 3)}
    one = applications.summary(applications.ROWS["pix2pix"], found)["measures"]["l1"]
    assert (one["value"], one["deviation"]) == (pytest.approx(0.2), pytest.approx(0.1))
    assert (one["baselines"]["nearest"], one["beats"]) == (0.5, ["nearest"])
    assert "0.2 ± 0.1" in applications.told({"l1": one})


def test_rows_are_trained_and_kept(tmp_path, monkeypatch, capsys):
    trained = []

    def train(package, folder, flags, known):
        trained.append((package, flags["seed"], flags["max_minutes"]))
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "figure.png")
        more = {"seconds": 1.0, "steps": 5, "machine": "x"}
        runs.Run(folder).summarize(measures=measured(0.1), **more)
        return runs.read_summary(folder)

    monkeypatch.setattr(running, "train", train)
    path = tmp_path / "applications.json"
    words = [
        "--runs",
        str(tmp_path / "runs"),
        "--json",
        str(path),
        "--minutes",
        "2",
        "--seeds",
        "2",
    ]
    only = "pix2pix:hole,pix2pix: the game alone,srgan:cifar10"
    with pytest.raises(SystemExit) as ended:
        applications.main(["x", *words, "--only", only, "--data_dir", str(tmp_path)])
    assert not ended.value.code
    rows = json.loads(path.read_text())["rows"]
    if "srgan:cifar10" not in rows:
        assert "left out" in capsys.readouterr().out
    assert set(rows["pix2pix:hole"]["runs"]) == {"1", "2"}
    assert set(rows["pix2pix: the game alone"]["runs"]) == {"1"}
    assert trained[:2] == [("gan_applications.pix2pix", seed, 2.0) for seed in (1, 2)]
    with Image.open(tmp_path / "applications_pix2pix_hole.png") as figure:
        assert "OpenMoji" in figure.text["Copyright"]
    with pytest.raises(SystemExit) as ended:
        applications.main(["x", "--only", "magic"])
    assert ended.value.code == 2
