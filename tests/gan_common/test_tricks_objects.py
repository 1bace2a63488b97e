"""The objects of gan_common.tricks that carry state from step to step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_common import tricks


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def history(steps=6):
    """Two live variables, one of each kind, and the values that they go through."""
    live = [tf.Variable(normal(2, 3)), keras.Variable(normal(4))]
    values = [[normal(2, 3, seed=t), normal(4, seed=100 + t)] for t in range(1, steps + 1)]
    return live, values


def assign(live, values):
    for variable, value in zip(live, values, strict=True):
        variable.assign(value)


@pytest.mark.parametrize("in_graph", [False, True])
def test_historical_average_equals_its_closed_form(in_graph):
    live, values = history()
    average = tricks.HistoricalAverage(live)
    update = tf.function(average.update) if in_graph else average.update
    penalty = tf.function(average.penalty) if in_graph else average.penalty
    assign(live, values[3])
    assert float(penalty()) == 0  # nothing has been seen
    for t, now in enumerate(values, start=1):
        assign(live, now)
        update()
        theta = [normal(2, 3, seed=7 * t), normal(4, seed=7 * t)]
        assign(live, theta)
        expected = sum(
            np.sum((theta[k] - np.mean([v[k] for v in values[:t]], axis=0)) ** 2) for k in (0, 1)
        )
        assert float(penalty()) == pytest.approx(expected, rel=1e-5)
    assert int(average.count) == len(values)


def test_historical_average_pulls_towards_the_mean():
    theta = tf.Variable([1.0, -2.0])
    average = tricks.HistoricalAverage([theta])
    average.update()
    theta.assign([3.0, 2.0])
    average.update()  # mean (2, 0)
    with tf.GradientTape() as tape:
        penalty = average.penalty()
    assert float(penalty) == pytest.approx(1 + 4)
    np.testing.assert_allclose(tape.gradient(penalty, theta), [2, 4])


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9999])
@pytest.mark.parametrize("in_graph", [False, True])
def test_weight_average_is_unbiased_from_the_first_step(decay, in_graph):
    live, values = history()
    average = tricks.WeightAverage(live, decay)
    update = tf.function(average.update) if in_graph else average.update
    for t, now in enumerate(values, start=1):
        assign(live, now)
        update()
        weights = (1 - decay) * decay ** np.arange(t - 1, -1, -1.0)
        weights /= 1 - decay**t
        assert weights.sum() == pytest.approx(1)
        for k in (0, 1):
            expected = np.tensordot(weights, [v[k] for v in values[:t]], 1)
            np.testing.assert_allclose(average.averages[k], expected, rtol=1e-5, atol=1e-6)
    assert int(average.count) == len(values)


def test_weight_average_after_one_update_is_the_weights_to_the_bit():
    live, values = history()
    average = tricks.WeightAverage(live, 0.999)
    assign(live, values[0])
    average.update()
    for mean, value in zip(average.averages, values[0], strict=True):
        np.testing.assert_array_equal(mean, value)


def bits(variables):
    return [np.array(v).tobytes() for v in variables]


def test_swap_restores_the_live_weights_bit_for_bit():
    live, values = history()
    average = tricks.WeightAverage(live, 0.5)
    for now in values:
        assign(live, now)
        average.update()
    odd = values[0][1].copy()
    odd[:3] = [np.nan, -0.0, 1e-42]  # not a number, a signed zero, a denormal
    assign(live, [values[0][0], odd])
    before = bits(live)
    with average.swap():
        assert bits(live) == bits(average.averages)
        live[0].assign(0 * values[0][0])
    assert bits(live) == before

    kept = bits(average.averages)
    with pytest.raises(ZeroDivisionError), average.swap():
        1 / (bits(live) != kept)
    assert bits(live) == before
    assert bits(average.averages) == kept


def test_swap_is_refused_inside_a_graph():
    average = tricks.WeightAverage([tf.Variable(1.0)], 0.5)

    @tf.function
    def inside():
        with average.swap():
            return tf.zeros(())

    with pytest.raises(RuntimeError, match="outside"):
        inside()


def test_swap_changes_what_a_compiled_model_predicts():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    average = tricks.WeightAverage(model.trainable_variables, 0.5)
    predict = tf.function(model)
    x = np.ones((1, 2), np.float32)
    model.layers[0].kernel.assign([[1.0], [2.0]])
    average.update()
    model.layers[0].kernel.assign([[10.0], [20.0]])
    assert float(predict(x)[0, 0]) == 30
    with average.swap():
        assert float(predict(x)[0, 0]) == 3
    assert float(predict(x)[0, 0]) == 30


@pytest.mark.parametrize("make", [tricks.HistoricalAverage, tricks.WeightAverage])
def test_the_state_of_averages_goes_through_a_checkpoint(make, tmp_path):
    live, values = history()
    average = make(live)
    for now in values[:3]:
        assign(live, now)
        average.update()
    path = tf.train.Checkpoint(state=average.variables).save(str(tmp_path / "average"))
    other_live, _ = history()
    other = make(other_live)
    tf.train.Checkpoint(state=other.variables).restore(path).assert_consumed()
    for variables, one in ((live, average), (other_live, other)):
        assign(variables, values[4])
        one.update()
    for ours, theirs in zip(other.variables, average.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_averages_refuse():
    with pytest.raises(ValueError, match=r"decay=1\.0"):
        tricks.WeightAverage([tf.Variable(1.0)], 1.0)
    with pytest.raises(ValueError, match=r"Received: variables=\[\]"):
        tricks.WeightAverage([], 0.9)
    with pytest.raises(ValueError, match="of type int32"):
        tricks.HistoricalAverage([tf.Variable(1)])


# ---------------------------------------------------------------------------------------------- replay buffer


def batch(first, size=4):
    """Samples that carry their number."""
    return np.arange(first, first + size, dtype=np.float32).reshape(size, 1)


@pytest.mark.parametrize("in_graph", [False, True])
def test_the_buffer_fills_up_and_then_replaces_at_random(in_graph):
    buffer = tricks.ReplayBuffer(capacity=10, seed=1)
    add = tf.function(buffer.add, reduce_retracing=True) if in_graph else buffer.add
    for first in (0, 4):
        add(batch(first))
    assert int(buffer.size) == 8
    np.testing.assert_array_equal(buffer.variables[-1][:8], batch(0, 8))
    add(batch(8))  # two into the free places, two over random old ones
    held = buffer.variables[-1].numpy().ravel()
    assert int(buffer.size) == 10
    assert len(set(held)) == 10
    assert set(held) <= set(range(12))
    assert {8, 9, 10, 11} <= set(held)
    add(batch(12, 10))  # a batch as large as the buffer replaces all of it
    assert set(buffer.variables[-1].numpy().ravel()) == set(range(12, 22))


def test_old_samples_fade_exponentially():
    """Of 40 places, a batch of 4 takes 4 at random: after n batches a share of 0.9ⁿ is left."""
    left = []
    for seed in range(30):
        buffer = tricks.ReplayBuffer(40, seed)
        buffer.add(batch(0, 40))
        for step in range(10):
            buffer.add(batch(100 + 4 * step))
        left.append(np.mean(buffer.variables[-1].numpy() < 100))
    assert np.mean(left) == pytest.approx(0.9**10, abs=0.03)


def test_samples_are_drawn_evenly_from_what_is_held():
    buffer = tricks.ReplayBuffer(10, seed=0)
    buffer.add(batch(5))
    drawn = buffer.sample(8000).numpy().ravel()
    values, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_array_equal(values, [5, 6, 7, 8])
    np.testing.assert_allclose(counts / 8000, 0.25, atol=0.02)
    assert not np.array_equal(buffer.sample(50), buffer.sample(50))
    again = tricks.ReplayBuffer(10, seed=0)
    again.add(batch(5))
    np.testing.assert_array_equal(again.sample(8000).numpy().ravel(), drawn)


@pytest.mark.parametrize("in_graph", [False, True])
def test_mix_replaces_half_of_a_batch_by_old_samples(in_graph):
    buffer = tricks.ReplayBuffer(50, seed=0)
    mix = tf.function(buffer.mix) if in_graph else buffer.mix
    np.testing.assert_array_equal(mix(batch(0, 5)), batch(0, 5))  # nothing old yet
    mixed = np.array(mix(batch(10, 5))).ravel()
    np.testing.assert_array_equal(mixed[:3], [10, 11, 12])
    assert set(mixed[3:]) <= set(range(5))
    np.testing.assert_array_equal(
        np.sort(buffer.variables[-1][:10].numpy().ravel()), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    )


def test_the_buffer_goes_through_a_checkpoint(tmp_path):
    buffer = tricks.ReplayBuffer(8, seed=3)
    buffer.add(batch(0, 8))
    path = tf.train.Checkpoint(state=buffer.variables).save(str(tmp_path / "buffer"))
    other = tricks.ReplayBuffer(8, seed=3)
    other.build((1,))
    tf.train.Checkpoint(state=other.variables).restore(path).assert_consumed()
    np.testing.assert_array_equal(other.mix(batch(10)), buffer.mix(batch(10)))
    np.testing.assert_array_equal(other.variables[-1], buffer.variables[-1])


def test_the_buffer_holds_values_not_gradients():
    buffer = tricks.ReplayBuffer(4, seed=0)
    weight = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        buffer.add(weight * tf.ones((2, 1)))
        mixed = buffer.mix(weight * tf.ones((2, 1)))
    np.testing.assert_allclose(tape.gradient(mixed, weight), 1.0)  # of the new half alone


def test_the_buffer_refuses():
    with pytest.raises(ValueError, match="Received: capacity=0"):
        tricks.ReplayBuffer(0, seed=0)
    with pytest.raises(ValueError, match="Received: 4 samples, capacity=3"):
        tricks.ReplayBuffer(3, seed=0).add(batch(0))
    buffer = tricks.ReplayBuffer(3, seed=0)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(1)
    buffer.build((1,))
    with pytest.raises(tf.errors.InvalidArgumentError, match="empty"):
        buffer.sample(1)
