"""The random walk of faults, over trainings that are a few files: what it does, and what it finds.

With real trainings: `python -m benchmarks.stress.walk`; kills of these are in test_interruption.py.
"""

import json
import random

import pytest

from benchmarks.stress import soak, walk


@pytest.mark.parametrize("seed", range(6))
def test_a_file_is_damaged_in_one_of_three_ways(seed, tmp_path):
    file = tmp_path / "file"
    whole = bytes(range(200))
    file.write_bytes(whole)
    walk.damage(file, random.Random(seed))
    if file.exists():
        content = file.read_bytes()
        cut = content == whole[: len(content)] and len(content) < 200
        bits = sum((a ^ b).bit_count() for a, b in zip(content, whole, strict=False))
        assert cut or (len(content) == 200 and bits == 1)


def test_the_clock_goes_back_and_forth():
    tell = walk.jumping_clock(random.Random(1))
    times = [tell() for _ in range(20)]
    assert times != sorted(times)
    assert max(times) - min(times) > 30 * walk.DAY


class Process:
    """A training that is over when it is asked."""

    def __init__(self, status):
        self.exitcode, self.killed = status, 0

    def kill(self):
        self.killed += 1


class Trainings:
    """Each ends with the next of these statuses."""

    def __init__(self, *statuses):
        self.statuses, self.resumed = list(statuses), []

    def start(self, package, run, resume=False):
        run.mkdir(exist_ok=True)
        (run / "config.json").touch()
        with run.with_suffix(".log").open("a") as log:
            log.write("Traceback (most recent call last)" if self.statuses[0] == 1 else "fine\n")
        self.resumed.append(resume)
        return Process(self.statuses.pop(0))

    def finish(self, process, run):
        return process.exitcode


@pytest.mark.parametrize(
    ("statuses", "met", "wrong"),
    [
        ((-9, 2, 0), ["kill", "full disk"], []),
        ((-9, 0), ["kill", "full disk"], []),
        ((-9, 1), ["kill"], ["ended with status 1 after kill; see run.log"]),
        ((2,), [], ["ended with status 2; see run.log"]),  # a kill that was refused
        ((-9, -9), ["kill"], ["ended with status -9 after kill; see run.log"]),
    ],
)
def test_only_what_is_promised_is_an_end(statuses, met, wrong, tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "wait_for", lambda *_: True)
    monkeypatch.setattr(soak, "differences", lambda *_: [])
    import resource

    monkeypatch.setattr(resource, "prlimit", lambda *_: None)
    Process.pid = 2**30
    trainings = Trainings(*statuses, 0)
    found = walk.Walk(trainings, "keras_dcgan", tmp_path / "run", random.Random(1))
    assert walk.walk_through(found, ["kill", "full disk"], tmp_path) == (met, wrong)
    assert trainings.resumed == [False] + [True] * (len(trainings.resumed) - 1)


def test_a_walk_goes_on_where_it_was_and_is_counted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(walk, "Trainings", lambda folder: Trainings(*[0] * 9))
    monkeypatch.setattr(soak, "left_alone", lambda *_: None)
    seen = []

    def through(found, kinds, reference):
        seen.append((found.package, list(kinds)))
        return list(kinds), ["rows of metrics.csv"] if len(seen) == 2 else []

    monkeypatch.setattr(walk, "walk_through", through)
    command = ["walk", f"--runs={tmp_path}", "--seed=4"]
    for faults, status in ((5, 0), (12, 1)):
        with pytest.raises(SystemExit) as end:
            walk.main([*command, f"--faults={faults}", f"--json={tmp_path / 'tally.json'}"])
        assert end.value.code == status
    assert [package for package, _ in seen] == ["keras_dcgan", "ssgan_tf", "keras_dcgan"]
    assert [len(kinds) for _, kinds in seen] == [5, 5, 2]
    result = json.loads((tmp_path / "tally.json").read_text())
    assert sum(sum(result[package]["faults"].values()) for package in soak.PACKAGES) == 12
    assert [len(result[package]["bad"]) for package in soak.PACKAGES] == [0, 1]
    assert "rows of metrics.csv" in capsys.readouterr().out
