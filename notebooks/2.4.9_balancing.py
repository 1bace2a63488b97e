# %% [markdown]
# # 2.4.9 Do not balance the losses by statistics
#
# After this notebook you will be able to
#
# - say why balanced losses are no sign of health, and show a game that is balanced and dead;
# - write the rules that people try, by loss, by accuracy and "train whoever is behind", and measure what each does;
# - tell when pausing D is right after all, as in section 2.3.1.
#
# It takes about 4 minutes on two cores. The advice is entries 11 and 14 of
# [ganhacks](https://github.com/soumith/ganhacks); what D's loss means is theorem 1 of
# [Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661).

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: a low loss of D is no fault to be balanced away but a report that the forgery is bad, and it is what G
# learns from.*
#
# Against a forgery with the density q the best D has the loss
#
# $$L_D^* = 2\log 2 - 2\,\mathrm{JS}(p, q)$$
#
# **What loss does a perfect D have, while a forgery comes nearer?** The forgery is the data, shifted. *Predict: which way
# does D's loss go while G gets better?*

# %%
import numpy as np

from gan_common.lessons import game
from gan_common.plotting import figures

x = np.linspace(-12, 12, 2401)
shifts = np.linspace(0, 5, 26)
bump = game.Mixture((0.0,), (1.0,), (1.0,))
p = bump.density(x)
best = []
for shift in shifts:
    q = bump.density(x - shift)
    best.append(-game.value(p, q, game.optimal_discriminator(p, q), x))
    np.testing.assert_allclose(best[-1], 2 * np.log(2) - 2 * game.jensen_shannon(p, q, x))
figures.lines(
    {"": {"loss of the best D": (shifts, best)}},
    f"The better the forgery, the higher the best D's loss: from {best[-1]:.2f} to {best[0]:.2f}",
    "distance of the forgery",
    "loss",
    levels={"a D that knows nothing, 2 log 2": 2 * np.log(2)},
)

# %% [markdown]
# **What can be read from D's loss, then?**

# %%
lesson.seen(
    "It rises to 2 log 2 = 1.39 as the forgery becomes perfect. But 1.39 is also the loss of a D that knows nothing, "
    "whatever the forgery. The formula holds for the best D alone, and whoever keeps D from becoming that makes its loss mean "
    "nothing.",
    abs(best[0] - 2 * np.log(2)) < 1e-3 and all(np.diff(best) < 0),
)

# %% [markdown]
# ## The rules
#
# **As code?** A rule is asked each turn, with the losses and D's accuracy on the batch, and says which of the two may
# move.


# %%
import itertools

import keras
import tensorflow as tf

from gan_common import losses, tricks

YES = tf.constant(True)
K = lesson.pick(5, 1)  # D's steps for each of G, as in algorithm 1 of Goodfellow et al. 2014


def fixed(d_loss, g_loss, accuracy):
    return YES, YES


def by_loss(least):
    """D waits while its loss is under a level."""
    return lambda d_loss, g_loss, accuracy: (d_loss >= least, YES)


def by_accuracy(most):
    """D waits while it is right more often than so."""
    return lambda d_loss, g_loss, accuracy: (accuracy <= most, YES)


def behind(d_loss, g_loss, accuracy):
    """Only the one moves whose loss is higher, measured by what guessing costs: 2 log 2 and log 2."""
    d_is_behind = d_loss / 2 > g_loss
    return d_is_behind, ~d_is_behind


# %% [markdown]
# **And the game?** That of section 2.1: two small networks on a line, D with k steps for each of G. A rule is asked before
# each step.


# %%
def make_game(rule, k=K):
    """A game with D's k steps for each of G; what comes back plays it from the start of a seed."""
    G, D = game.network(0, "generator"), game.network(0, "discriminator")
    of_g = keras.optimizers.Adam(1e-3, beta_1=0.5)
    of_d = keras.optimizers.Adam(3e-3, beta_1=0.5)
    of_g.build(G.trainable_variables)
    of_d.build(D.trainable_variables)
    steps_of_d, steps_of_g = tf.Variable(0), tf.Variable(0)
    changing = [*of_g.variables, *of_d.variables, steps_of_d, steps_of_g]
    at_first = [tf.convert_to_tensor(variable).numpy() for variable in changing]

    def turn(number, seed):
        for i in range(k):
            seeds = tf.stack([seed, number * k + i])
            real = game.DATA.sample(game.BATCH, seeds)
            fake = G(tricks.sample_latent(game.BATCH, 1, seed=tf.random.fold_in(seeds, 7)))
            with tf.GradientTape() as tape:
                on_real, on_fake = D(real), D(fake)
                d_loss = losses.discriminator_loss("non_saturating", on_real, on_fake)
            gradients = tape.gradient(d_loss, D.trainable_variables)
            g_loss = losses.generator_loss("non_saturating", on_fake)
            right = tf.concat([on_real > 0, on_fake < 0], axis=0)
            d_moves, g_moves = rule(d_loss, g_loss, tf.reduce_mean(tf.cast(right, tf.float32)))
            if d_moves:
                of_d.apply(gradients, D.trainable_variables)
                steps_of_d.assign_add(1)
        if g_moves:
            z = tricks.sample_latent(game.BATCH, 1, seed=tf.random.fold_in(seeds, 8))
            with tf.GradientTape() as tape:
                g_loss = losses.generator_loss("non_saturating", D(G(z)))
            of_g.apply(tape.gradient(g_loss, G.trainable_variables), G.trainable_variables)
            steps_of_g.assign_add(1)
        return tf.stack([d_loss, g_loss])

    @tf.function
    def many(first, last, seed):  # turns in one graph: a call from Python takes as long as a turn
        told = tf.TensorArray(tf.float32, last - first)
        for number in tf.range(first, last):
            told = told.write(number - first, turn(number, seed))
        return told.stack()

    def play(turns, seed, looks=16):
        """The turns that are looked at, G's density at each, the losses of all turns, the steps of both."""
        G.set_weights(game.network(seed, "generator").get_weights())
        D.set_weights(game.network(seed + 1000, "discriminator").get_weights())
        for variable, value in zip(changing, at_first, strict=True):
            variable.assign(value)
        moments = np.rint(np.linspace(0, turns, looks)).astype(np.int32)
        densities, told = [game.density(G)], []
        for first, last in itertools.pairwise(moments):
            told.append(many(*map(tf.constant, (first, last, seed))).numpy())
            densities.append(game.density(G))
        return moments, densities, np.concatenate(told), (int(steps_of_d), int(steps_of_g))

    return play


for rule, threshold in ((fixed, 0.0), (by_loss(1.2), 1.2))[: lesson.pick(2, 1)]:
    few = lesson.pick(60, 6)
    densities = make_game(rule)(few, 1, looks=2)[1]
    theirs, *_ = game.play(few, 1, discriminator_steps=K, threshold=threshold, moments=2)
    np.testing.assert_allclose(densities[-1], theirs[-1].q, atol=2e-3)
print("the same forgeries as by game.play, without a rule and with D waiting under 1.2")

# %% [markdown]
# ## On the line, where the truth is known
#
# **What do the rules do?** Five games with the same seeds, as many turns, and D's five tries a turn, but for the last. JS
# is the true distance of the forgery: 0 is perfect, log 2 = 0.69 is nothing in common; the mean of the last quarter is told.
# *Predict: which of them leads to balanced losses, and which to a good forgery?*

# %%
from gan_common.lessons import compare

turns = lesson.pick(500, 12)
truth = game.DATA.density(game.GRID)
played = {}


def run(play, seed):
    moments, densities, told, (of_d, of_g) = play(turns, seed)
    distances = [game.jensen_shannon(truth, q, game.GRID) for q in densities]
    played[play, seed] = moments, distances, densities[-1], told
    d_loss, g_loss = told[-turns // 6 :].mean(axis=0)
    return {
        "JS": np.mean(distances[-4:]),
        "D's loss": d_loss,
        "G's loss": g_loss,
        "steps of D": of_d,
        "steps of G": of_g,
    }


variants = {
    "5 : 1": make_game(fixed),
    "D waits under loss 1.2": make_game(by_loss(1.2)),
    "D waits over 65% right": make_game(by_accuracy(0.65)),
    "whoever is behind": make_game(behind),
    "1 : 1": make_game(fixed, 1),
}
seeds = lesson.pick((1, 2, 3, 4, 5, 6), (1,))
on_line = compare.compare(variants, run, seeds)
on_line

# %% [markdown]
# **How does the forgery get on?** Every seed of every rule, so that no one of them can be picked.

# %%
# shown in the README
figures.lines(
    {
        name: {f"seed {seed}": played[play, seed][:2] for seed in seeds}
        for name, play in variants.items()
    },
    "Distance of the forgery under fixed ratios and under rules",
    "turn",
    "JS, nats",
    columns=3,
)

# %% [markdown]
# **And in numbers?**

# %%
on_line.verdict("JS", "lower")

# %% [markdown]
# **What does the worst of them look like?** "Whoever is behind", in its middling game, the third worst of the six: the losses,
# and what G draws at the end.

# %%
js = on_line.values("JS")
middling = sorted(seeds, key=lambda seed: js["whoever is behind"][seed - 1])[len(seeds) // 2]
moments, distances, q, told = played[variants["whoever is behind"], middling]
steps = np.arange(len(told))
figures.lines(
    {
        "perfectly balanced losses": {
            "D's, of 2 log 2": (steps, told[:, 0] / (2 * np.log(2))),
            "G's, of log 2": (steps, told[:, 1] / np.log(2)),
        },
        "and the game is dead": {"data": (game.GRID, truth), "what G draws": (game.GRID, q)},
    },
    f"Whoever is behind, seed {middling}: balanced losses, and JS {distances[-1]:.2f} of at most 0.69",
    ("turn", "x"),
    ("loss over that of guessing", "density"),
)

# %% [markdown]
# **Why?**

# %%
loss_of_d = on_line.values("D's loss")
lesson.seen(
    "The rule brings the losses to where they would be in the equilibrium, and the forgery is far from the data: JS 0.1 to 0.7 in "
    "the six games, and 0.03 with the fixed ratio. D was hardly ever allowed to move, so it guesses, G satisfies a D that "
    "guesses, and both losses are those of guessing. Balance was what the rule asked for, and balance is what it got.",
    np.mean(js["whoever is behind"]) > 0.2
    and abs(np.mean(loss_of_d["whoever is behind"]) - 2 * np.log(2)) < 0.1,
)
lesson.seen(
    "The two rules with a level do little, for better or worse, as long as they rarely act: under loss 1.2 D lost 3% of its steps. The one "
    "by accuracy took more of them, and the forgery is farther off. And the way that works is the unbalanced one: D five "
    "times for each step of G.",
    np.mean(js["D waits over 65% right"]) > 1.3 * np.mean(js["5 : 1"])
    and on_line.effects("JS", "lower")["D waits under loss 1.2"] == "unclear"
    and np.mean(on_line.values("steps of D")["D waits under loss 1.2"]) > 0.95 * K * turns
    and np.mean(js["1 : 1"]) > 1.5 * np.mean(js["5 : 1"]),
)

# %% [markdown]
# ## On digits
#
# **And in a real training?** The package has a place where its doctor stands: after each step it may set both rates. A
# rule is put there, and sees the losses of the step before. The same number of steps for all.

# %%
from gan_common import data, sampling
from gan_common.kernels import choice
from gan_common.metrics.scores import PictureScores
from gan_common.runs.history import History
from keras_dcgan import config, models, train


class Ruled:
    """Stands where the doctor stands: after a step it says which share of its rate D, and G, has in the next."""

    rates = (1.0, 1.0)

    def __init__(self, rule, gan):
        self.rule, self.gan = rule, gan

    def start(self):
        return "go on"

    def after_step(self, step, told):
        self.rates = tuple(float(moves) for moves in self.rule(step, told))
        self.gan.set_rates(*self.rates)
        return "go on"


def right(told):
    return (told["d_real_accuracy"] + told["d_fake_accuracy"]) / 2


def who_is_behind(step, told):
    d_is_behind = told["d_loss"] / 2 > told["g_loss"]
    return d_is_behind, not d_is_behind


digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def train_by(rule, seed):
    steps = lesson.pick(250, 3)
    settings = config.resolve(
        {"preset": "dcgan", "width": 8, "precision": "float32", "seed": seed, "steps": steps}
    )
    gan = models.build(settings, digits.image_shape, 10, digits.x_train[:64])
    choice.choose(gan.networks, 64, say=lambda line: None)
    history = History(steps, treatment=Ruled(rule, gan))
    train.fit(gan, digits, settings, history)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(rule, pictures[:14])
    moved = {
        f"{who} moves": float(np.mean([row[f"{who.lower()}_rate"] for row in history.rows]))
        for who in "DG"
    }
    return scores(pictures) | {"D's loss": history.last("d_loss")} | moved


rules = {
    "fixed, 1 : 1": lambda step, told: (True, True),
    "D waits over 70% right": lambda step, told: (right(told) <= 0.7, True),
    "whoever is behind": who_is_behind,
    "fixed, 2 : 1": lambda step, told: (True, step % 2 == 0),
}
if lesson.QUICK:
    rules = {name: rules[name] for name in ("fixed, 1 : 1", "D waits over 70% right")}
on_digits = compare.compare(rules, train_by, seeds=lesson.pick((1, 2, 3), (1,)))
on_digits

# %% [markdown]
# **How do they look?** The first seed of each.

# %%
figures.pictures(
    {name: drawn[rule] for name, rule in rules.items()},
    "Digits by fixed ratios and by rules, the same steps",
)

# %% [markdown]
# **And in numbers?**

# %%
on_digits.verdict("FID", "lower")
on_digits.verdict("class KL", "lower")
told = on_digits.values("FID")
lesson.seen(
    'The rule by accuracy kept D from a third of its steps, and neither use nor harm is visible with three seeds. "Whoever is '
    "behind\" balances the losses again, D's at 1.37 of 1.39: two of three seeds are far worse, one is as good, and three do not "
    "settle it. What was best on the line, more of D, is worst here: every step of D's is one that G does not get, and "
    "this training was cut short. No rule beats the fixed ratio visibly, and none can be told from the losses to be good.",
    on_digits.effects("FID", "lower")
    == {
        "D waits over 70% right": "unclear",
        "whoever is behind": "unclear",
        "fixed, 2 : 1": "harmed",
    }
    and sum(b > 2 * a for a, b in zip(told["fixed, 1 : 1"], told["whoever is behind"], strict=True))
    == 2,
)

# %% [markdown]
# ## But section 2.3.1 pauses D
#
# **Is that not a rule of the same kind?** There a training had failed at its start: with the minimax loss and a D that is
# never wrong, G's gradient is 0. `make doctor` trained such cases with three seeds each, left alone and with D paused while
# it is ahead (`results/doctor.json`):

# %%
from notebooks import stored

doctor = stored.results("doctor")
for name, treated in doctor["treated"].items():
    told = {f"{name}, {how}": treated[how]["fids"] for how in ("warn", "pause")}
    compare.Comparison({how: [{"FID": fid} for fid in fids] for how, fids in told.items()}).verdict(
        "FID", "lower"
    )
alarms = sum(bool(each["alarms"]) for each in doctor["healthy"].values())
waited = 1 - np.mean(on_digits.values("D moves")["D waits over 70% right"])
print(
    f"healthy trainings in which the doctor would have paused D: {alarms} of {len(doctor['healthy'])}; "
    f"the rule by accuracy kept D from {waited:.0%} of its steps in healthy ones"
)

# %% [markdown]
# **What tells the two apart?**

# %%
lesson.seen(
    "A treatment acts on a diagnosis, a rule acts always. Each of the paused trainings ended better than every one that was left "
    "alone, though with three seeds the intervals are wide. The doctor pauses D when two things hold at once: its loss has been "
    "under a fifth of what guessing costs, and it has been right on 98% of both kinds, for 40 steps. Under the minimax loss "
    "G then learns nothing at all, so nothing is lost by waiting; and it is over once D mistakes generated images for real. "
    "A rule with a level near the equilibrium acts in trainings that lack nothing: a third of D's steps on digits, to no visible "
    "use, and a tenth on the line, with harm for every seed.",
    all(
        max(each["pause"]["fids"]) < min(each["warn"]["fids"])
        for each in doctor["treated"].values()
    )
    and alarms == 0
    and waited > 0.25
    and on_line.effects("JS", "lower").get("D waits over 65% right") == "harmed",
)

# %% [markdown]
# ## Paper box
#
# | | source | here | why |
# |---|---|---|---|
# | balancing by losses | ganhacks 11: do not, unless there is a good reason; no number | JS 0.03 → 0.47 on the line by "whoever is behind", no visible use on digits | the formula of D's loss holds for the best D alone |
# | D more often | ganhacks 14 doubts it; Goodfellow et al., algorithm 1: k = 1, "the least expensive option" | JS 0.07 → 0.03 with five for one on the line; FID 20 → 101 with two for one on digits in the same time | with a D that costs as much as G, its steps are G's |
# | pausing D | the chapter, section 2.3.1 | FID 1,125 → 138, three seeds, minimax loss | G learns nothing from it there |

# %% [markdown]
# ## Exercises
#
# 1. Which level of D's loss is so high that D never moves? Say it before you try it.
#
# <details><summary>Solution</summary>
#
# ```python
# few, levels = lesson.pick(60, 6), lesson.pick((1.2, 1.39, 3.0), (3.0,))
# moved = {level: make_game(by_loss(level))(few, 1, looks=2)[3][0] for level in levels}
# print({level: f"{steps} of {K * few} steps" for level, steps in moved.items()})
# assert moved[3.0] == 0 and (lesson.QUICK or moved[1.2] > moved[1.39] > 0)
# ```
#
# None under 2 log 2 = 1.39 does so for ever: a D that guesses has that loss, and one that G fools has more. Far above it
# D keeps its first weights.
#
# </details>
#
# 2. Give D one step and five times the turns: as many steps of D as 5 : 1 has, and more of G. Does it catch up?
#
# <details><summary>Solution</summary>
#
# ```python
# densities = make_game(fixed, 1)(5 * turns, 1, looks=2)[1]
# longer = game.jensen_shannon(truth, densities[-1], game.GRID)
# print(f"JS {longer:.3f} after {5 * turns} turns of 1 : 1, {js['5 : 1'][0]:.3f} after {turns} of 5 : 1")
# assert lesson.QUICK or longer > js["5 : 1"][0]
# ```
#
# No: what G lacks is not time but a D that is right.
#
# </details>
#
# 3. See a pause that is called for: `python -m keras_dcgan.train --break strong_d --on_failure pause --epochs 5`; the bands
#    are in its curves.png.
