"""What workers agree on, what a cluster's description has to say, and the loop that all of them are in."""

import os
import signal

import pytest
import tensorflow as tf

from gan_common.errors import UserError
from gan_common.runs import distribute
from gan_common.runs.history import History


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_cluster_that_is_not_described_is_refused(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match="TF_CONFIG"):
        distribute.cluster()


def test_without_distribution_there_is_one_replica():
    assert distribute.make_strategy("none").num_replicas_in_sync == 1
    assert distribute.agreement(None, several=False)(0.25, True) == (0.25, True)


def test_a_follower_counts_and_obeys_signals():
    with distribute.Follower(3, 5) as follower:
        assert not follower.finished
        os.kill(os.getpid(), signal.SIGTERM)
        assert follower.finished
        follower.interrupted = None
        follower.after_step(5, {})
        assert follower.finished
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_batches_that_replicas_cannot_share_are_refused(monkeypatch):
    class Two:
        num_replicas_in_sync = 2

    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: Two())
    assert (
        distribute.make_strategy("mirrored", {"batch_size": 8, "game_batch": None}).__class__ is Two
    )
    with pytest.raises(UserError, match="--game_batch 7 does not divide by the 2 replicas"):
        distribute.make_strategy("mirrored", {"batch_size": 8, "game_batch": 7})


def test_the_share_of_time_follows_the_clock_only_if_there_is_a_limit():
    class Clock:
        seconds, max_seconds = 30.0, None

    assert distribute.share_of_time(Clock) == 0
    Clock.max_seconds = 120.0
    assert distribute.share_of_time(Clock) == 0.25


class GoingBack(History):
    """One that goes back from step 3 to step 1, once."""

    gone = False

    def after_step(self, step, values):
        super().after_step(step, values)
        if step == 3 and not self.gone:
            self.gone, self.step = True, 1
        return self.finished


def test_the_loop_takes_each_batch_once_and_goes_back_with_the_recorder():
    recorder, taken = GoingBack(5), []

    def step(batch, done, time_share):
        taken.append((batch, done))
        return {"d_loss": 0.0}

    def batches(start):
        return iter(range(start, 100))

    distribute.train_together(recorder, batches, step, None, several=False)
    assert taken == [(k, k) for k in (0, 1, 2, 1, 2, 3, 4)]


def test_only_a_lost_worker_is_the_persons_to_mend(monkeypatch):
    def lost(batch, done, time_share):
        raise tf.errors.UnavailableError(None, None, "gone")

    monkeypatch.setattr(distribute, "agreement", lambda *_: lambda time_share, stop: (0.0, stop))
    with pytest.raises(UserError, match="another worker is gone"):
        distribute.train_together(History(2), lambda start: [0], lost, None, several=True)
    with pytest.raises(tf.errors.UnavailableError):
        distribute.train_together(History(2), lambda start: [0], lost, None, several=False)


def test_a_cluster_that_was_left_over_is_left_aside(monkeypatch, capsys):
    """TensorFlow reads $TF_CONFIG for one machine's devices, too, and would wait for those that it names."""
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:2"]}')
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda _: tf.distribute.get_strategy())
    distribute.make_strategy("mirrored")
    assert "TF_CONFIG" not in os.environ
    assert "$TF_CONFIG is left aside" in capsys.readouterr().err
