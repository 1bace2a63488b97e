"""A session: the command's steps, wound back and looked at."""

import numpy as np
import pytest
import tensorflow as tf

from gan_common import losses, modes
from gan_common.modes import game, modern, play
from gan_common.modes.curve import Curve
from gan_common.modes.game import TOLD, Game
from gan_common.modes.points import mode_counts
from gan_common.modes.session import COUNTED, SIDE, Session
from gan_common.modes.tasks import Points
from gan_common.plotting import planes

SMALL = {"preset": "quick", "batch_size": 8, "latent_dim": 4, "steps": 52, "seed": 3}
TRICKY = ("packing", "historical_averaging", "instance_noise", "replay", "weight_average")


def resolved(*chosen, **given):
    return modes.resolve({**SMALL, "tricks": chosen, **given})


@pytest.fixture(scope="module", autouse=True)
def _short_calls():
    """The graph is called anew, and states are kept, so often that a few steps see it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(game, "CALL_STEPS", 20)
        patch.setattr("gan_common.modes.session.KEPT_EVERY", 5)
        yield


@pytest.fixture(scope="module")
def session():
    return Session(resolved(*TRICKY))


def test_its_steps_are_the_commands_bit_for_bit(session, capsys):
    """Over the end of a call of the graph, however the steps are cut."""
    options = resolved(*TRICKY)
    command = Game(options, Points("ring"))
    (run,) = play.play(options, [3], game=command)
    session.restart(3)
    for steps in (1, 30, 8, 1, 12):
        session.advance(steps)
    seen = session.seen()
    assert session.step == 52
    for mine, theirs in zip(session.game.save()[1], command.save()[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (seen.modes, seen.high_quality) == (run["modes"], run["high_quality"])
    assert "seed 3" in capsys.readouterr().out


def state_of(session):
    watched = session._treatment.state()
    return [*session.game.save()[1], np.array([session.step]), np.array([repr(watched)])]


def test_wound_back_it_takes_the_same_way_again(session):
    session.restart(4)
    session.advance(33)
    there, seen = state_of(session), session.seen()
    session.advance(19)
    end = state_of(session)
    session.rewind(33)
    for a, b in zip(there, state_of(session), strict=True):
        np.testing.assert_array_equal(a, b)
    again = session.seen()
    np.testing.assert_array_equal(seen.samples, again.samples)
    np.testing.assert_array_equal(seen.told[-1], again.told[-1])
    np.testing.assert_array_equal(seen.counted, again.counted)
    session.advance(19)
    for a, b in zip(end, state_of(session), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"from 0 to 52\. Received: 53"):
        session.rewind(53)


def test_of_a_long_session_few_states_are_kept_and_the_first_is_one(session, monkeypatch):
    monkeypatch.setattr("gan_common.modes.session.KEPT", 4)
    session.restart(1)
    session.advance(25)
    assert session.marks == [0, 10, 20]
    session.rewind(0)
    assert (session.marks, session.step) == ([0], 0)
    np.testing.assert_array_equal(session.game.g, session.game.generator.initial(2))


def test_a_look_is_what_it_says():
    session = Session(resolved(task="grid", activation="tanh"))
    session.advance(3)
    seen = session.seen()
    assert (seen.samples.shape, seen.places.shape) == ((COUNTED, 2), (8, 2))
    np.testing.assert_array_equal(seen.places, seen.samples[:8])
    assert seen.surface.shape == (SIDE, SIDE)
    corner = session.game.surface(np.array([[-5.5, -5.5]], np.float32))
    assert seen.surface[0, 0] == pytest.approx(float(corner[0]), rel=1e-5)
    np.testing.assert_array_equal(seen.told[:, 0], [1, 2, 3])
    # A pull is the derivative of the sum of the samples' losses, here by differences.
    by = 0.03
    for axis in (0, 1):
        moved = [seen.places.copy() for _ in range(2)]
        moved[0][:, axis] += by
        moved[1][:, axis] -= by
        more, less = (
            [float(losses.generator_loss("non_saturating", [x])) for x in session.game.verdicts(m)]
            for m in moved
        )
        slope = (np.array(more) - np.array(less)) / (2 * by)
        np.testing.assert_allclose(seen.pulls[:, axis], -slope, rtol=0.05, atol=2e-4)


@pytest.mark.parametrize(
    "chosen", [("unrolled",), ("minibatch", "feature_matching", "conditional")], ids=",".join
)
def test_pulls_of_tricks_that_change_what_g_follows(chosen):
    session = Session(resolved(*chosen, **({"unrolled_steps": 1} if "unrolled" in chosen else {})))
    seen = session.seen()
    assert np.isfinite(seen.pulls).all()
    assert np.abs(seen.pulls).max() > 0
    assert (seen.surface is None) == ("minibatch" in chosen)


def test_points_that_are_drawn():
    centres = np.array([[0.5, 0.5], [-0.5, 0.25], [0.0, -1.0]])
    session = Session(resolved(), Points("drawn", centres, 0.05))
    assert len(session.seen().filled) == 3
    real, which = session.data.draw(2000, lambda stream: tf.constant([1, stream], tf.int64))
    np.testing.assert_allclose((real - centres[which]).numpy().std(axis=0), 0.05, rtol=0.1)
    assert Points("drawn", np.zeros((1, 2)), 0.05).std == 0.05


def test_numbers_that_are_not_finite_end_it():
    session = Session(resolved(generator_lr=1e30))
    session.advance(9)
    assert not session.finite
    assert session.step < 9
    seen = session.seen()
    assert "nan" in seen.findings
    assert (seen.modes, seen.least) == (0, 0.0)
    session.rewind(0)
    assert session.finite


def test_counts_by_hand():
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    samples = np.array([[0.01, 0], [0, 0], [-0.02, 0], [1.0, 0.02], [0.5, 0.5], [np.nan, 0]])
    np.testing.assert_array_equal(mode_counts(samples, centres, 0.01), [3, 1, 0])


def test_a_curve_stays_short_and_its_means_are_right():
    curve = Curve(("a", "b"), most=4)
    values = np.arange(20.0).reshape(10, 2)
    for start in (0, 3, 4):
        part = values[start : {0: 3, 3: 4, 4: 10}[start]]
        curve.add(start + len(part), part)
    np.testing.assert_array_equal(curve.table(), [[4, 3, 4], [8, 11, 12], [10, 17, 18]])
    curve.cut(8)
    np.testing.assert_array_equal(curve.table()[:, 0], [4, 8])
    curve.cut(0)
    assert curve.table().shape == (0, 3)
    assert TOLD[0] == "d_loss"


def by_hand(net, unit, flat, samples):
    """Logits (n,) of a D of `--preset modern`, and their slopes by what D sees (n, 2): NumPy, chain rule."""
    parts = np.split(np.asarray(flat, np.float64), np.cumsum([np.prod(s) for s in net.shapes])[:-1])
    weights = [part.reshape(shape) for part, shape in zip(parts, net.shapes, strict=True)]
    frequencies = net.frequencies.numpy().astype(np.float64)
    x = np.asarray(samples, np.float64) / unit
    angles = x @ frequencies
    h, slopes = np.concatenate([x, np.sin(angles), np.cos(angles)], axis=1), []
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        h = h @ kernel + bias
        slopes.append(np.where(h > 0, 1.0, 0.2))
        h = h * slopes[-1]
    back = np.repeat(weights[-2].T, len(x), axis=0)
    for kernel, slope in zip(weights[-4::-2], slopes[::-1], strict=True):
        back = back * slope @ kernel.T
    of_x, of_sin, of_cos = np.split(back, [2, 2 + frequencies.shape[1]], axis=1)
    slope = of_x + (of_sin * np.cos(angles) - of_cos * np.sin(angles)) @ frequencies.T
    return (h @ weights[-2] + weights[-1])[:, 0], slope


def test_the_game_of_pairs_is_shown_as_it_is_computed_by_hand():
    """`--preset modern`, relativistic with R1 and R2: the pulls, D's surface, and D's gradient."""
    session = Session(modes.resolve({"preset": "modern", "batch_size": 8, "codes": 4, "waves": 2}))
    played, gamma = session.game, 0.3
    played.d.assign(3.0 * played.d)
    net, unit, d = played.discriminator, played.unit, played.d.numpy().astype(np.float64)
    seen = session.seen()
    real, _ = session.data.draw(
        8, lambda stream: tf.constant([session.seed + 1_000_000_007, stream], tf.int64)
    )
    on_real, _ = by_hand(net, unit, d, real)
    on_fake, slope = by_hand(net, unit, d, seen.places)
    # −∂/∂place of softplus(real − fake), whose mean G minimizes, is σ(real − fake) times D's slope.
    pulls = slope / (unit * (1 + np.exp(on_fake - on_real)))[:, None]
    np.testing.assert_allclose(seen.pulls, pulls, rtol=1e-3, atol=1e-6)
    assert np.abs(pulls).max() > 0.01

    # Of pairs no logit means "as likely real as not": the surface is about the mean of what is shown.
    known = np.concatenate([on_fake, by_hand(net, unit, d, session.data.centres)[0]])
    lattice = by_hand(net, unit, d, planes.lattice(session.reach, SIDE))[0]
    surface = 1 / (1 + np.exp(-(lattice - known.mean()) / known.std()))
    np.testing.assert_allclose(seen.surface, surface.reshape(SIDE, SIDE), atol=1e-4)

    def loss(flat):
        (r, r_slope), (f, f_slope) = (by_hand(net, unit, flat, of) for of in (real, seen.places))
        punished = (r_slope**2).sum(axis=1).mean() + (f_slope**2).sum(axis=1).mean()
        return np.logaddexp(0, f - r).mean() + gamma / 2 * punished

    z = played.latents(tf.constant(0))[0][:8]
    _, gradient, told = modern.gradients(played, real, z, gamma)
    assert float(told["d_loss"]) == pytest.approx(np.logaddexp(0, on_fake - on_real).mean(), 1e-4)
    along = np.random.default_rng(0).normal(size=d.size)
    slope = (loss(d + 1e-6 * along) - loss(d - 1e-6 * along)) / 2e-6
    assert float(gradient.numpy() @ along) == pytest.approx(slope, rel=1e-3)
