# %% [markdown]
# # 2.4.4 One-sided label smoothing
#
# After this notebook you will be able to
#
# - say what D learns when its target for real images is 0.9, and why generated ones keep 0;
# - show a forger who is stranded by smoothing both sides, and one who is not;
# - say why flipped labels are smoothed ones in disguise.
#
# It takes about 3 minutes on two cores. The paper is [Improved GAN](https://arxiv.org/abs/1606.03498), section 3.4.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: tell D that real samples are real with 0.9, and it has no reason to be ever more sure.*
#
# D's targets become 1 − α for real and β for generated samples; one-sided means β = 0. (The paper writes α for what is 1 − α
# here, in section 2.3.2 and in the flags.) Where p is the density of the data and q that of G, the best D is
#
# $$D^*(x) = \frac{(1 - \alpha)\, p(x) + \beta\, q(x)}{p(x) + q(x)}$$
#
# **As code?** The cross-entropy with soft targets, from logits: −t log σ(l) − (1 − t) log(1 − σ(l)) for a target t.

# %%
import numpy as np
import tensorflow as tf

from gan_common import losses, tricks


def smoothed_loss(real_logits, fake_logits, of_real=0.9, of_fake=0.0):
    """D's loss with the targets of_real = 1 − α and of_fake = β."""

    def part(logits, target):
        return tf.reduce_mean(
            target * tf.nn.softplus(-logits) + (1 - target) * tf.nn.softplus(logits)
        )

    return part(real_logits, of_real) + part(fake_logits, of_fake)


logits = 3 * np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32)
theirs = losses.discriminator_loss("non_saturating", *logits, real_label=0.9)
np.testing.assert_allclose(smoothed_loss(*logits), theirs, rtol=1e-5)
labels = np.array([1, 1, 0, 0])
print(f"the package's loss, which --tricks label_smoothing trains with: {theirs:.4f}, the same")
print(f"as labels: {labels} become {tricks.smooth_labels(labels)}")

# %% [markdown]
# **How sure does D want to be?** *Predict: at which logit is the loss on a real sample least, with the target 1 and with 0.9?*

# %%
from gan_common.plotting import figures

logit = np.linspace(-2, 10, 121).astype(np.float32)


def of_one(target):
    return target * np.logaddexp(0, -logit) + (1 - target) * np.logaddexp(0, logit)


best_logit = float(logit[np.argmin(of_one(0.9))])
figures.lines(
    {"": {f"target {target}": (logit, of_one(target)) for target in (1.0, 0.9)}},
    f"With the target 0.9 the loss on a real sample is least at the logit {best_logit:.1f}",
    "D's logit on a real sample",
    "loss",
)

# %% [markdown]
# **Is there an end?**

# %%
lesson.seen(
    "With the target 1 there is none: every step that makes D surer is rewarded, however little. With 0.9 the best logit "
    "is log(0.9 / 0.1) = 2.2, and to be surer than that costs.",
    abs(best_logit - np.log(9)) < 0.1 and np.argmin(of_one(1.0)) == len(logit) - 1,
)

# %% [markdown]
# ## The disease: a detective who is too sure
#
# **What does training make of it?** Data on a line (that of section 2.1), a forgery far to the right of it, both standing
# still, and a small D that is trained to tell them apart, with three pairs of targets.

# %%
import keras

from gan_common.lessons import game

FAR = game.Mixture(means=(5.0,), stddevs=(0.5,), weights=(1.0,))
TARGETS = {"1 and 0": (1.0, 0.0), "0.9 and 0": (0.9, 0.0), "0.9 and 0.1": (0.9, 0.1)}


def detective(of_real, of_fake, steps, seed=1):
    """A network D: x → logit, trained with these targets; and its mean logit on real samples as it went."""
    d = game.network(seed, "detective")
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(d.trainable_variables)

    @tf.function
    def step(number):
        real = game.DATA.sample(256, tf.stack([seed, number]))
        fake = FAR.sample(256, tf.stack([seed + 1, number]))
        with tf.GradientTape() as tape:
            of_data = d(real)
            loss = smoothed_loss(of_data, d(fake), of_real, of_fake)
        optimizer.apply(tape.gradient(loss, d.trainable_variables), d.trainable_variables)
        return tf.reduce_mean(of_data)

    return d, [float(step(tf.constant(number))) for number in range(steps)]


trained = {
    name: detective(*targets, lesson.pick(2000, 20), seed=1) for name, targets in TARGETS.items()
}
sure = {name: np.mean(curve[-10:]) for name, (_, curve) in trained.items()}
figures.lines(
    {"": {name: (np.arange(len(curve)), curve) for name, (_, curve) in trained.items()}},
    f"D's logit on real samples: {sure['1 and 0']:.1f} with the targets 1 and 0, "
    f"{sure['0.9 and 0']:.1f} with 0.9 and 0",
    "training step",
    "mean logit on real samples",
)

# %% [markdown]
# ## Why one-sided?
#
# **What is left for G to go by?** G minimizes −E log D(G(z)), so what moves it is the slope of **log D** where its own samples
# are, not that of D. *Predict: at the forgery D is nearly 0 or nearly 0.1, so D is flat in all three. Is its logarithm?*

# %%
# shown in the README
x = game.GRID
p, q = game.DATA.density(x), FAR.density(x)
theory, learned, pull = {}, {}, {}
for name, (of_real, of_fake) in TARGETS.items():
    log_d = np.log((of_real * p + of_fake * q) / (p + q))
    pull[name] = float(np.sum(q * np.abs(np.gradient(log_d, x))) / np.sum(q))
    theory[name] = (x, log_d)
    found = trained[name][0](x[:, None].astype(np.float32)).numpy()[:, 0]
    learned[name] = (x, -np.logaddexp(0, -found))
figures.lines(
    {
        "the best D: log D*": theory,
        "trained: log D": learned,
        "data p, forgery q": {"p": (x, p), "q": (x, q)},
    },
    "With β > 0 log D lies flat where the forgery is; with β = 0 it falls on and on",
    "x",
    ("log D(x)", "log D(x)", "density"),
    columns=3,
)

# %% [markdown]
# **How strong is the pull, in numbers?**

# %%
inside = (x > 4) & (x < 6)
real_pull = {
    name: float(np.mean(np.abs(np.gradient(log_d, x)[inside])))
    for name, (_, log_d) in learned.items()
}
for name in TARGETS:
    print(
        f"targets {name}: mean slope of log D at the forgery {pull[name]:.2f} for the best D, "
        f"{real_pull[name]:.2f} for the trained one"
    )
lesson.seen(
    "D itself is as flat at the forgery in all three. Its logarithm is not: with β = 0 it falls on as p does, and G is pulled "
    "toward the data from anywhere. With β = 0.1 D says 0.1 wherever there are only forgeries, and the logarithm of a constant "
    "has no slope. To smooth the real side costs next to nothing of the pull.",
    pull["0.9 and 0"] > 3 * pull["0.9 and 0.1"]
    and abs(pull["0.9 and 0"] - pull["1 and 0"]) < 0.05
    and real_pull["0.9 and 0"] > 3 * real_pull["0.9 and 0.1"],
)

# %% [markdown]
# **Is a forger stranded by that?** Let G be one number, the middle m of its samples, that follows the slope of log D*. It starts
# at 7, with the data at −2 and 2. (The curve of 1 and 0 lies under that of 0.9 and 0.)

# %%
line = np.linspace(-8, 16, 2401)
p_line = game.DATA.density(line)


def journey(of_real, of_fake, start=7.0, steps=200, rate=0.02):
    """m after each step of gradient ascent on E log D*, D at its best throughout."""
    m, path = start, [start]
    for _ in range(steps):
        q_line = game.Mixture((m,), (0.5,), (1.0,)).density(line)
        log_d = np.log((of_real * p_line + of_fake * q_line) / (p_line + q_line))
        m += rate * np.sum(q_line * np.gradient(log_d, line)) / np.sum(q_line)
        path.append(m)
    return np.array(path)


journeys = {name: journey(*targets) for name, targets in TARGETS.items()}
figures.lines(
    {"": {name: (np.arange(len(path)), path) for name, path in journeys.items()}},
    f"After 200 steps: m = {journeys['0.9 and 0'][-1]:.1f} with β = 0, "
    f"{journeys['0.9 and 0.1'][-1]:.1f} with β = 0.1",
    "step",
    "m, the middle of G's samples",
    levels={"the data's right mode": 2.0},
)

# %% [markdown]
# **And against a D that has to learn?** The same forger, but D is the small network. It learns alone for 400 steps, so that it is
# ahead; then both take turns. G follows plain gradient descent, or Adam, which divides a gradient by its own usual size. *Predict: is
# G stranded with β = 0.1? With both optimizers?*

# %%
from gan_common.lessons import compare

AHEAD, LONGEST = lesson.pick(400, 10), lesson.pick(1000, 10)
paths = {}


def chase(variant, seed):
    """How many steps of G it takes until the middle of its samples is within 0.5 of the data's right mode."""
    (of_real, of_fake), way = variant
    g_optimizer = {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}[way](0.02)
    d, m = game.network(seed, "detective"), tf.Variable(7.0)
    d_optimizer = keras.optimizers.Adam(3e-3)
    d_optimizer.build(d.trainable_variables)
    g_optimizer.build([m])

    @tf.function
    def step(number, moves):
        real = game.DATA.sample(256, tf.stack([seed, number]))
        noise = tf.random.stateless_normal((256, 1), tf.stack([seed + 1, number]))
        with tf.GradientTape(persistent=True) as tape:
            of_forgery = d(m + 0.5 * noise)
            d_loss = smoothed_loss(d(real), of_forgery, of_real, of_fake)
            g_loss = losses.generator_loss("non_saturating", of_forgery)
        d_optimizer.apply(tape.gradient(d_loss, d.trainable_variables), d.trainable_variables)
        g_optimizer.apply([moves * tape.gradient(g_loss, m)], [m])

    path = []
    for number in range(AHEAD + LONGEST):
        step(tf.constant(number), tf.constant(float(number >= AHEAD)))
        path.append(float(m))
        if abs(path[-1] - 2) < 0.5:
            break
    paths.setdefault(variant, path[AHEAD:])
    return {"steps": len(path) - AHEAD}


chases = {
    way: compare.compare(
        {f"{name}, {way}": (targets, way) for name, targets in TARGETS.items()},
        chase,
        seeds=lesson.pick((1, 2, 3, 4), (1,)),
    )
    for way in ("SGD", "Adam")
}
figures.lines(
    {
        way: {
            name: (np.arange(len(paths[targets, way])), paths[targets, way])
            for name, targets in TARGETS.items()
        }
        for way in chases
    },
    "A forger's way against a D that learns, by D's targets and G's optimizer",
    "step of G",
    "m, the middle of G's samples",
)

# %% [markdown]
# **In numbers?**

# %%
chases["SGD"].verdict("steps", "lower")
taken = {k: v for each in chases.values() for k, v in each.values("steps").items()}
for name in TARGETS:
    print(f"{name}, Adam: {np.mean(taken[f'{name}, Adam']):.0f} steps")
lesson.seen(
    "A D that learns is never quite flat, so nobody is stranded for good. But with plain gradient descent the forger takes "
    "half as long again with 0.9 for real samples, and about four times as long with 0.1 for generated ones, too. With Adam "
    "it makes no difference that would matter: Adam divides a gradient by its usual size, and a weak one moves G as far as a "
    "strong one. All other trainings of this notebook use Adam.",
    set(chases["SGD"].effects("steps", "lower").values()) == {"harmed"}
    and min(taken["0.9 and 0.1, SGD"]) > 2 * max(taken["1 and 0, SGD"])
    and abs(np.mean(taken["0.9 and 0.1, Adam"]) - np.mean(taken["1 and 0, Adam"])) < 10,
)

# %% [markdown]
# **Does the harm show in a training of two dimensions?** On the ring of section 2.3.2 with equal rates, stored, ten seeds each
# (`python -m benchmarks.experiments.modes --task ring`). All eight modes are found in nearly every run, so the share of good
# samples, within three deviations of a mode, is what may differ.

# %%
from notebooks import stored

settings = stored.results("modes_ring")["settings"]
shown = {
    "1 and 0": "equal rates",
    "0.9 and 0": "equal rates, labels 0.9 and 0",
    "0.9 and 0.1": "equal rates, labels 0.9 and 0.1",
    "0.9 and 0.3": "equal rates, labels 0.9 and 0.3",
}
ring = compare.Comparison(
    {
        name: [{"good share": run["high_quality"]} for run in settings[key]["runs"]]
        for name, key in shown.items()
    }
)
ring.figure(
    "good share", "Good samples on the ring, by D's targets, ten seeds", "share of good samples"
)

# %% [markdown]
# **In numbers?** Beside the mean stands the median, which one failed seed does not move.

# %%
ring.verdict("good share", "higher")
good = ring.values("good share")
median = {name: np.median(values) for name, values in good.items()}
print("medians: " + ", ".join(f"{name}: {value:.2f}" for name, value in median.items()))
lesson.seen(
    "The median run is sharper with any smoothing, but some runs are far worse, and so the difference is not visible with ten "
    "seeds. That β harms is not visible either, even at 0.3. G's samples are near the data nearly all the time, and the argument "
    "against β is about samples that are far off, with no data about. One-sided is the safe choice, not the only one that works.",
    set(ring.effects("good share", "higher").values()) == {"unclear"}
    and all(median[name] > median["1 and 0"] + 0.1 for name in list(median)[1:]),
)

# %% [markdown]
# **Does smoothing cure a collapse?** With D's rate a tenth of G's, the disease of section 2.3.2; stored, ten seeds each
# (`python -m benchmarks.experiments.ablation`).

# %%
rows = stored.results("ablation")["rows"]
collapse = compare.Comparison(
    {
        name: [{"modes": run["modes"]} for run in rows[name]["ring"]]
        for name in ("plain", "label_smoothing", "fake_smoothing")
    }
)
collapse.verdict("modes", "higher")
lesson.seen(
    "No. A collapsed G is one whose D is too slow, not too sure; another trick is for that (2.4.1, 2.4.2).",
    all(np.mean(values) < 2 for values in collapse.values("modes").values()),
)

# %% [markdown]
# ## The healthy patient
#
# **What are flipped labels?** "Soft and noisy labels" is how the advice is usually given. If each pair of a real and a generated
# sample has its labels exchanged with probability 0.05, a real sample's target is 1 nineteen times in twenty and 0 once: 0.95 on
# average. *Predict: and a generated sample's?*

# %%
flips = [
    float(losses.discriminator_loss("non_saturating", *tricks.flip_logits(*logits, 0.05, seed=k)))
    for k in range(500)
]
both_sides = float(smoothed_loss(*logits, of_real=0.95, of_fake=0.05))
assert abs(np.mean(flips) - both_sides) < 4 * np.std(flips) / np.sqrt(len(flips))
print(
    f"mean loss with flipped labels {np.mean(flips):.3f}, with the targets 0.95 and 0.05 {both_sides:.3f}"
)

# %% [markdown]
# So flipping is two-sided smoothing with noise on top. **What does each do to digits, where nothing is wrong?** The same
# networks, steps and seeds; only D's loss differs. (The four runs with hard targets are runs of 2.4.2 and 2.4.6, too.)

# %%
from gan_common import data, sampling
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def two_sided(gan):
    gan.discriminator_loss = lambda real, fake, seed: smoothed_loss(real, fake, 0.9, 0.1)


def run(flags, seed):
    gan, _ = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(str(flags), pictures[:14])
    real = tricks.scale_images(digits.x_test[:256])
    judged = gan.judge(real, digits.y_test[:256], training=True)
    return scores(pictures) | {"D on real": float(tf.reduce_mean(tf.sigmoid(judged)))}


variants = {
    "1 and 0": {},
    "0.9 and 0": {"tricks": ("label_smoothing",)},
    "0.9 and 0.1": {"change": two_sided},
    "5% flipped": {"tricks": ("label_noise",)},
}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Images of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits by D's targets, seed 1, after the same number of steps",
)

# %% [markdown]
# **And in numbers?**

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")
lesson.seen(
    "None of them is visible on digits with four seeds, β > 0 included. D is not too sure here to begin with, for G keeps up "
    "with it: with hard targets it says 0.6 of real images on average.",
    set(result.effects("FID", "lower").values()) == {"unclear"}
    and 0.5 < np.mean(result.values("D on real")["1 and 0"]) < 0.7,
)

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | target of real samples | 0.9 | 0.9 | |
# | target of generated samples | 0 | 0, 0.1, 0.3 | the paper argues against β > 0 and does not try it |
# | CIFAR-10, inception score with and without smoothing | 8.09 and 6.83 | not tried | its model was given labels and had all its other tricks |
# | what it does to digits | not told | the table above | |
#
# For a G that minimizes −log D, [Zhou et al. 2017](https://arxiv.org/abs/1708.01729) also find that smoothed generated samples do
# no harm; for one that minimizes log(1 − D) they find some.

# %% [markdown]
# ## Exercises
#
# 1. What is D's best logit on real samples for the targets 0.7 and 0.99?
#
# <details><summary>Solution</summary>
#
# ```python
# for target in (0.7, 0.99):
#     assert abs(logit[np.argmin(of_one(target))] - np.log(target / (1 - target))) < 0.1
# ```
#
# log(t / (1 − t)): 0.85 and 4.6.
#
# </details>
#
# 2. Let the stranded forger of the best D begin nearer to the data, at m = 4. Is it still stranded?
#
# <details><summary>Solution</summary>
#
# ```python
# near = journey(0.9, 0.1, start=4.0)
# print(f"m = {near[-1]:.2f}")
# assert abs(near[-1] - 2) < 0.5
# ```
#
# No: where p and q overlap, p has a say in D*, and there is a slope.
#
# </details>
#
# 3. Why is smoothing refused with the hinge loss?
#
# <details><summary>Solution</summary>
#
# ```python
# try:
#     losses.discriminator_loss("hinge", *logits, real_label=0.9)
# except ValueError as refused:
#     print(refused)
# else:
#     raise AssertionError("it was not refused")
# ```
#
# The hinge loss has no targets: it is 0 as soon as a sample is on the right side by 1.
#
# </details>
