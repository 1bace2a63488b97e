"""Real trainings, stopped and killed at random moments: resumed, they end as if nothing had happened.

The long form, with its tally, is `python -m benchmarks.stress.soak`.
"""

import os
import random
import signal

import pytest

from benchmarks.stress import soak
from gan_common import files


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    return soak.Trainings(tmp_path_factory.mktemp("interruption"))


def ended(trainings, process, run):
    status = trainings.finish(process, run)
    print(run.with_suffix(".log").read_text())
    return status


@pytest.mark.integration
@pytest.mark.parametrize("package", soak.PACKAGES)
def test_stopped_and_killed_a_run_ends_as_one_that_was_left_alone(trainings, package):
    whole, run = (trainings.folder / f"{package}-{name}" for name in ("whole", "killed"))
    reference = trainings.start(package, whole)
    chance = random.Random(package)

    # Asked to stop: it finishes its step, saves, and says how to go on.
    process = trainings.start(package, run)
    assert soak.wait_for("step", process, run, chance)
    os.kill(process.pid, signal.SIGTERM)
    assert ended(trainings, process, run) == 143
    log = run.with_suffix(".log").read_text()
    assert "SIGTERM: finishing the step, then saving" in log
    assert f"go on with --resume {run}" in log

    # Killed, once while it writes a checkpoint, once about a sample.
    for moment in ("checkpoint", "sample"):
        process = trainings.start(package, run, resume=True)
        assert soak.wait_for(moment, process, run, chance)
        process.kill()
        assert ended(trainings, process, run) == -signal.SIGKILL

    # Two that go on at once: one is refused, the other's run is left alone.
    process, second = (trainings.start(package, run, resume=True) for _ in range(2))
    statuses = [ended(trainings, each, run) for each in (process, second)]
    assert sorted(statuses) in ([0, 2], [0, 0])  # [0, 0]: one was over before the other began
    log = run.with_suffix(".log").read_text()
    assert (" is training in it; stop that one first" in log) == (2 in statuses)

    assert ended(trainings, reference, whole) == 0
    assert soak.differences(run, whole) == []


def test_what_differs_is_found(tmp_path):
    def make(name, loss="0.5", digest="a"):
        run = tmp_path / name
        end = run / "checkpoints" / "step-00000020"
        end.mkdir(parents=True)
        (run / "samples").mkdir()
        (run / "samples" / "step-00000020.png").write_bytes(b"picture")
        (run / "metrics.csv").write_text(f"step,seconds,d_loss\n20,{name},{loss}\n")
        state = {"step": 20, "seconds": len(name), "sums": {}, "count": 0}
        manifest = {"sha256": {"v": digest}, "state": state, "quality": 1, "of": {}, "shapes": {}}
        files.write_json(end / "manifest.json", manifest)
        return run

    one = make("1")
    assert soak.differences(one, make("22")) == []
    assert soak.differences(one, make("3", loss="0.6")) == ["rows of metrics.csv"]
    assert soak.differences(one, make("4", digest="b")) == ["the last checkpoint's sha256"]
    other = make("5")
    (other / "samples" / "step-00000020.png").write_bytes(b"another")
    assert soak.differences(one, other) == ["samples"]


def test_a_killed_run_says_what_it_was_at(tmp_path):
    for folder in ("checkpoints", "samples"):
        (tmp_path / folder).mkdir()
    (tmp_path / "samples" / "step-00000000.png").touch()
    assert soak.found_in(tmp_path) == "step"
    (tmp_path / "metrics.csv").write_text("step,d_loss\n20,1\n")
    assert soak.found_in(tmp_path) == "sample"
    (tmp_path / "samples" / "step-00000020.png").touch()
    assert soak.found_in(tmp_path) == "step"
    (tmp_path / "samples" / ".7-step-00000040.png").touch()
    assert soak.found_in(tmp_path) == "sample"
    (tmp_path / "checkpoints" / ".7-step-00000030").mkdir()
    assert soak.found_in(tmp_path) == "checkpoint"
