"""The table of the semi-supervised GAN: which runs it takes, and what it makes of them."""

import csv
import dataclasses
import json

import pytest

from benchmarks.experiments import running, ssgan
from gan_common import files
from gan_common.errors import UserError
from ssgan_tf import config, presets

ROW = ssgan.Row(
    "digits",
    {"dataset": "mnist", "max_minutes": 2},
    {
        "equal time": {"baseline": True},
        "baseline": ssgan.BASELINE,
        "SSGAN": {},
    },
    seeds=2,
    required=1.0,
)


def test_a_kind_takes_its_steps_from_another():
    done = {"SSGAN": {"steps": 70, "seconds": 90.0}}
    assert ssgan.flags_of(ROW, "SSGAN", {}) == {"dataset": "mnist", "max_minutes": 2}
    same_steps = {"dataset": "mnist", "baseline": True, "steps": 70}
    assert ssgan.flags_of(ROW, "baseline", done) == same_steps
    same_time = {"dataset": "mnist", "baseline": True, "max_minutes": 2}
    assert ssgan.flags_of(ROW, "equal time", done) == same_time


def test_a_row_trains_every_kind_with_every_seed_and_writes_what_they_reach(tmp_path, monkeypatch):
    order = []

    def pretend(package, folder, flags, measured):
        order.append((folder.name, flags["seed"], flags.get("steps")))
        folder.mkdir(parents=True)
        with open(folder / "metrics.csv", "w", newline="") as file:
            head = ["step", "seconds", "validation_error"]
            csv.writer(file).writerows([head, [10, 1.5, 0.5], [15, 2.0, 0.5], [20, 3.0, 0.25]])
        error = 0.2 if flags.get("baseline") else 0.01 * flags["seed"]
        return {"test_error": error, "steps": 20, "seconds": 3.0}

    monkeypatch.setattr(running, "train", pretend)
    options = ssgan.Options(runs=str(tmp_path / "runs"), results=str(tmp_path))
    ssgan.measure("digits", ROW, options)
    expected = ["equal time-1", "SSGAN-1", "baseline-1", "equal time-2", "SSGAN-2", "baseline-2"]
    assert [name for name, _, _ in order] == expected
    assert order[2] == ("baseline-1", 1, 20)
    written = json.loads((tmp_path / "ssgan_digits.json").read_text())
    table = written["test_error_percent"]
    assert table["SSGAN"] == {"mean": 1.5, "std": pytest.approx(0.5**0.5), "each": [1.0, 2.0]}
    assert table["baseline"]["mean"] == 20.0
    looks = {"steps": [10, 20], "seconds": [1.5, 3.0], "errors": [0.5, 0.25]}
    assert written["runs"]["SSGAN"]["2"]["validation"] == looks
    assert (tmp_path / "ssgan_digits.png").stat().st_size > 0

    # The table alone, without the runs' folders, says what is done.
    again = dataclasses.replace(options, runs=str(tmp_path / "elsewhere"), seeds=3)
    assert ssgan.measure("digits", ROW, again)["test_error_percent"]["SSGAN"]["mean"] == 2.0
    assert [name for name, _, _ in order[6:]] == ["equal time-3", "SSGAN-3", "baseline-3"]
    other = dataclasses.replace(ROW, flags={**ROW.flags, "max_minutes": 3})
    ssgan.measure("digits", other, dataclasses.replace(again, seeds=1))
    assert [name for name, _, _ in order[9:]] == ["equal time-1", "SSGAN-1"]


def test_a_preset_that_has_changed_makes_a_run_another(monkeypatch):
    flags = {"dataset": "mnist", "baseline": True, "seed": 1}
    before = ssgan.configuration(flags)
    assert before["labelled_batch"] == presets.PRESETS["fast"]["labelled_batch"]
    assert ssgan.configuration({**flags, "data_dir": "there", "precision": "bfloat16"}) == before
    assert ssgan.differences({**before, "seed": 2}, before) == ["seed"]
    changed = {**presets.PRESETS["fast"], "labelled_batch": 7}
    monkeypatch.setitem(presets.PRESETS, "fast", changed)
    assert ssgan.differences(before, ssgan.configuration(flags)) == ["labelled_batch"]


def test_a_folder_of_another_configuration_is_refused(tmp_path):
    options = ssgan.Options(runs=str(tmp_path), results=str(tmp_path))
    folder = tmp_path / "ssgan-digits" / "SSGAN-1"
    trained = config.resolve({**ROW.flags, "seed": 7})
    files.write_json(folder / "config.json", dataclasses.asdict(trained))
    row = dataclasses.replace(ROW, kinds={"SSGAN": {}})
    with pytest.raises(UserError, match="SSGAN-1: was trained with other values of seed; move"):
        ssgan.measure("digits", row, options)


def test_the_games_share_is_paired_by_seed():
    errors = {
        "labels alone": {"1": 0.06, "2": 0.08},
        "labels, GAN": {"1": 0.03, "2": 0.06, "3": 0.01},
        "SSGAN": {"1": 0.02},
    }
    found = {kind: {s: {"test_error": e} for s, e in of.items()} for kind, of in errors.items()}
    (name,), (share,) = zip(*ssgan.game_shares(found).items(), strict=True)
    assert name == "labels, GAN less labels alone"
    assert share["difference"] == pytest.approx(-2.5)
    low, high = share["interval"]
    assert low < -2.5 < high
    assert share["seeds"] == 2
    assert ssgan.game_shares({"SSGAN": found["SSGAN"]}) == {}


@pytest.mark.parametrize("name", ssgan.ROWS)
def test_each_kind_of_a_row_is_a_training_that_is_not_refused(name):
    row = ssgan.ROWS[name]
    done = {"SSGAN": {"steps": 70}}
    for kind in row.kinds:
        made = ssgan.configuration({**ssgan.flags_of(row, kind, done), "seed": 1})
        assert made["dataset"] in ("mnist", "mnist5k", "cifar10")


def test_the_time_to_an_error_is_that_from_which_on_it_stays_below():
    looks = {"seconds": [1.0, 2.0, 3.0, 4.0], "errors": [0.2, 0.1, 0.3, 0.1]}
    assert ssgan.time_to(looks, 0.25) == 4.0
    assert ssgan.time_to(looks, 0.5) == 1.0
    assert ssgan.time_to(looks, 0.1) is None


@pytest.mark.parametrize("text", ['{"runs": [1]}', '{"runs": {"SSGAN": {"1": {"steps": 9}}}}'])
def test_what_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "ssgan_digits.json").write_text(text)
    with pytest.raises(UserError, match=r"ssgan_digits\.json: is no table of this command"):
        ssgan.measure("digits", ROW, ssgan.Options(results=str(tmp_path)))


def test_an_unknown_row_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as end:
        ssgan.main(["ssgan", "--only", "mnist7"])
    assert end.value.code == 2
    assert "mnist100" in capsys.readouterr().err


def test_a_training_is_found_done_taken_up_or_started(tmp_path, monkeypatch):
    commands = []

    def pretend(words):
        commands.append(words[1:])
        files.write_json(tmp_path / "run" / "summary.json", {"fid": 1.0, "versions": {}})
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(running.subprocess, "run", pretend)
    flags = {"baseline": True, "seed": 3, "data_dir": None}
    assert running.train("ssgan_tf", tmp_path / "run", flags, "fid") == {"fid": 1.0}
    new = [f"--run_dir={tmp_path / 'run'}", "--baseline", "--seed=3"]
    assert commands == [["-m", "ssgan_tf.train", *new]]
    assert running.train("ssgan_tf", tmp_path / "run", flags, "fid") == {"fid": 1.0}
    assert len(commands) == 1  # done
    (tmp_path / "run" / "checkpoints" / "step-00000001").mkdir(parents=True)
    running.train("ssgan_tf", tmp_path / "run", flags, "test_error")
    assert commands[1] == ["-m", "ssgan_tf.train", f"--resume={tmp_path / 'run'}"]


def test_a_training_that_fails_stops_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(
        running.subprocess, "run", lambda words: type("Failed", (), {"returncode": 2})
    )
    with pytest.raises(UserError, match="did not end"):
        running.train("ssgan_tf", tmp_path / "run", {}, "fid")
