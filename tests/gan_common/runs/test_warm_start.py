"""Which layers of one pair of networks another begins with, and what is said of the others."""

import types

import keras
import numpy as np
import pytest
from keras import layers

from gan_common import tricks
from gan_common.errors import UserError
from gan_common.runs import warm_start


def chain(name, *sizes, norm=()):
    """Dense layers of these sizes, the first being the input's; batch norm after those in `norm`."""
    x = inputs = keras.Input((sizes[0],))
    for number, size in enumerate(sizes[1:]):
        x = layers.Dense(size)(x)
        x = layers.BatchNormalization()(x) if number in norm else x
    return keras.Model(inputs, x, name=name)


def pair(generator, discriminator, decay=None):
    average = None if decay is None else tricks.WeightAverage(generator.variables, decay)
    return types.SimpleNamespace(generator=generator, discriminator=discriminator, average=average)


def filled(made, value):
    for network in (made.generator, made.discriminator):
        for variable in network.variables:
            variable.assign(np.full(variable.shape, value))
    return made


def values(network):
    """Of each layer with weights the one number that they all have, else None."""
    found = []
    for part in warm_start.parts(network):
        numbers = np.unique(np.concatenate([np.ravel(v) for v in part.variables]))
        found.append(numbers[0] if len(numbers) == 1 else None)
    return found


def test_layers_are_named_by_their_kind_and_number_in_their_network():
    chain("other", 2, 3)  # Keras counts on from here
    found = warm_start.parts(chain("g", 2, 3, 4, norm=(0,)))
    assert [part.name for part in found] == ["dense", "batch_normalization", "dense_1"]
    assert found[0].shapes == ((2, 3), (3,))
    assert found[0].told == "2×3"
    assert found[1].shapes == ((3,), (3,), (3,), (3,))  # moving statistics, too


def test_equal_networks_are_taken_over_whole(capsys):
    source = filled(pair(chain("generator", 2, 3, 4, norm=(0,)), chain("discriminator", 4, 1)), 7.0)
    made = pair(chain("generator", 2, 3, 4, norm=(0,)), chain("discriminator", 4, 1))
    warm_start.take_over(made, source, "RUN")
    assert values(made.generator) == [7, 7, 7]
    assert values(made.discriminator) == [7]
    assert capsys.readouterr().out == "begins with 4 of 4 layers of RUN\n"


def test_what_does_not_fit_stays_and_is_told(capsys):
    source = filled(pair(chain("generator", 2, 5, 3), chain("discriminator", 3, 5, 1)), 7.0)
    made = pair(chain("generator", 4, 5, 3), chain("discriminator", 3, 5, 2, norm=(0,)))
    warm_start.take_over(made, source, "RUN")
    assert values(made.generator) == [None, 7]
    assert values(made.discriminator) == [7, None, None]
    assert capsys.readouterr().out.splitlines() == [
        "begins with 2 of 5 layers of RUN",
        "  not taken over: generator/dense: 2×5 → 4×5",
        "  not taken over: discriminator/batch_normalization: 5, there is no such layer",
        "  not taken over: discriminator/dense_1: 5×1 → 5×2",
    ]


def test_a_deeper_network_begins_with_those_in_the_middle_of_its_chain():
    """A generator for larger images has its last layers in common, a discriminator its first."""
    small = filled(pair(chain("generator", 2, 16, 8, 4), chain("discriminator", 4, 8, 16)), 7.0)
    large = pair(chain("generator", 2, 32, 16, 8, 4), chain("discriminator", 4, 8, 16, 32))
    warm_start.take_over(large, small, "RUN")
    assert values(large.generator) == [None, None, 7, 7]
    assert values(large.discriminator) == [7, 7, None]


def test_nothing_in_common_is_refused():
    source = pair(chain("generator", 2, 3), chain("discriminator", 3, 1))
    made = pair(chain("generator", 5, 4), chain("discriminator", 4, 2))
    with pytest.raises(UserError, match=r"--from RUN: no layer .*generator/dense: 2×3 → 5×4"):
        warm_start.take_over(made, source, "RUN")


def averaged(sizes, weights, average, count):
    made = filled(pair(chain("generator", *sizes), chain("discriminator", 4, 1), 0.9), weights)
    for each in made.average.averages:
        each.assign(np.full(each.shape, average))
    made.average.count.assign(count)
    return made


def test_the_average_goes_on_where_all_of_it_was_taken_over():
    source, made = averaged((2, 3), 7.0, 5.0, 40), averaged((2, 3), 1.0, 1.0, 0)
    warm_start.take_over(made, source, "RUN")
    assert {float(np.mean(each)) for each in made.average.averages} == {5.0}
    made.average.update()  # (1 − .9) / (1 − .9⁴¹) of the weights, 7
    share = 0.1 / (1 - 0.9**41)
    np.testing.assert_allclose(made.average.averages[0], 5 + 2 * share, rtol=1e-6)


def test_an_average_of_which_a_part_begins_anew_never_leans_on_its_beginning():
    source, made = averaged((2, 3, 4), 7.0, 5.0, 40), averaged((9, 3, 4), 1.0, 0.0, 0)
    warm_start.take_over(made, source, "RUN")
    means = [float(np.mean(each)) for each in made.average.averages]
    assert means == [1, 1, 5, 5]
    made.average.update()
    means = [float(np.mean(each)) for each in made.average.averages]
    assert means == [1, 1, 7, 7]
