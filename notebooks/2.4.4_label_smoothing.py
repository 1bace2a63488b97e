# %% [markdown]
# # 2.4.4 One-sided label smoothing
#
# After this notebook you will be able to
#
# - say what D learns when its target for real pictures is 0.9, and why generated ones keep 0;
# - say against what smoothing both sides is warned, and whether that is to be seen;
# - measure it on digits, with flipped labels beside it.
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
# D's targets become α for real and β for generated samples. The best D is then (Salimans et al. 2016, section 3.4)
#
# $$D^*(x) = \frac{\alpha\, p(x) + \beta\, q(x)}{p(x) + q(x)}$$
#
# **As code?** The cross-entropy with a soft target, from logits. With α = 1 it is the ordinary loss.

# %%
import numpy as np
import tensorflow as tf

from gan_common import losses, tricks


def smoothed_loss(real_logits, fake_logits, alpha=0.9):
    """−E[α log D(x) + (1 − α) log(1 − D(x))] − E log(1 − D(G(z)))."""
    real = alpha * tf.nn.softplus(-real_logits) + (1 - alpha) * tf.nn.softplus(real_logits)
    return tf.reduce_mean(real) + tf.reduce_mean(tf.nn.softplus(fake_logits))


logits = np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32) * 3
ours = losses.discriminator_loss("non_saturating", *logits, real_label=0.9)
np.testing.assert_allclose(smoothed_loss(*logits), ours, rtol=1e-5)
labels = np.array([1, 1, 0, 0])
print(f"the same loss as the package's; the labels {labels} become {tricks.smooth_labels(labels)}")

# %% [markdown]
# **How sure does D get?** With the target 1 its loss falls for ever as the logit grows. With 0.9 there is a best logit,
# log(0.9 / 0.1) = 2.2, and what is surer costs.

# %%
from gan_common.plotting import figures

logit = np.linspace(-2, 10, 121).astype(np.float32)
of_real = {
    f"target {alpha}": (
        logit,
        alpha * np.logaddexp(0, -logit) + (1 - alpha) * np.logaddexp(0, logit),
    )
    for alpha in (1.0, 0.9)
}
best_logit = float(logit[np.argmin(of_real["target 0.9"][1])])
figures.lines(
    {"": of_real},
    f"With the target 0.9 D's loss on a real sample is least at the logit {best_logit:.1f}",
    "D's logit on a real sample",
    "loss",
)

# %% [markdown]
# **Why one-sided?** Let a forgery lie far to the right of the data, with D's targets α and β. G minimizes −E log D(G(z)),
# so what moves it is the slope of **log D**, not of D. *Predict: which of the three gives G least to go by?*

# %%
# shown in the README
from gan_common.lessons import game

x = game.GRID
p, q = game.DATA.density(x), game.Mixture((4.0,), (0.5,), (1.0,)).density(x)
best, pull = {}, {}
for alpha, beta in ((1.0, 0.0), (0.9, 0.0), (0.9, 0.1)):
    name = f"α = {alpha}, β = {beta}"
    log_d = np.log(np.maximum((alpha * p + beta * q) / np.maximum(p + q, 1e-300), 1e-30))
    best[name] = (x, np.exp(log_d))
    pull[name] = float(np.sum(q * np.abs(np.gradient(log_d, x))) / np.sum(q))
figures.lines(
    {
        "data p, and a forgery q far to the right": {"p": (x, p), "q": (x, q)},
        "log of the best D": {
            name: (xs, np.log(np.maximum(d, 1e-6))) for name, (xs, d) in best.items()
        },
    },
    "With β > 0 log D lies flat where only forgeries are",
    "x",
    ("density", "log D*(x)"),
)

# %% [markdown]
# **How strong is the pull?**

# %%
print(
    "\n".join(
        f"{name}: mean slope of log D at the forgeries {value:.2f}" for name, value in pull.items()
    )
)
lesson.seen(
    "D itself is as flat at the forgeries in all three. Its logarithm is not: with β = 0 it goes on falling, since p does, and G is "
    "pulled all the way to the data. With β = 0.1 D says 0.1 everywhere out there, and a constant has no slope. Smoothing the "
    "real side costs nothing of that.",
    pull["α = 0.9, β = 0.0"] > 3 * pull["α = 0.9, β = 0.1"]
    and abs(pull["α = 0.9, β = 0.0"] - pull["α = 1.0, β = 0.0"]) < 0.05,
)

# %% [markdown]
# **Does that harm show in a training?** On the ring of section 2.3.2, with equal rates, ten seeds each
# (`python -m benchmarks.experiments.modes --task ring`):

# %%
from notebooks import stored

ring = stored.results("modes_ring")["settings"]
shown = {
    "hard labels": "equal rates",
    "α = 0.9, β = 0": "equal rates, labels 0.9 and 0",
    "α = 0.9, β = 0.1": "equal rates, labels 0.9 and 0.1",
    "α = 0.9, β = 0.3": "equal rates, labels 0.9 and 0.3",
}
good = {
    name: [100 * run["high_quality"] for run in ring[key]["runs"]] for name, key in shown.items()
}
figures.bars(
    good, "Share of good samples on the ring, by D's two targets, ten seeds", "good samples, %"
)

# %% [markdown]
# **What was seen?**

# %%
lesson.seen(
    "Smoothing the real side makes the samples sharper: a D that is less sure has gentler slopes. The harm of β does not "
    "show: G's samples are near the data nearly all the time, and the argument is about forgeries that are far off, with no data "
    "about. One-sided is the safe choice; that two-sided is ruinous is not to be seen here.",
    np.mean(good["α = 0.9, β = 0"]) > np.mean(good["hard labels"]) + 3
    and abs(np.mean(good["α = 0.9, β = 0.3"]) - np.mean(good["α = 0.9, β = 0"])) < 8,
)

# %% [markdown]
# ## The healthy patient
#
# **What does it do to digits?** Beside it stand targets that are flipped at random, the other half of the advice
# "soft and noisy labels".

# %%
from gan_common import data, sampling
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(flags, seed):
    gan, _ = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(str(flags.get("tricks", "without")), pictures[:14])
    sure = 1 / (1 + np.exp(-gan.scores(digits.x_test[:200], np.zeros(200, int))))
    return scores(pictures) | {"D on real": float(sure.mean())}


variants = {
    "without": {},
    "label_smoothing": {"tricks": ("label_smoothing",)},
    "label_noise": {"tricks": ("label_noise",)},
}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Pictures of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits with smoothed and with flipped labels, after the same number of steps",
)

# %% [markdown]
# **And in numbers?**

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")
lesson.seen(
    "Neither is visible on digits with four seeds. Here D is not too sure to begin with: batch norm and a "
    "generator that keeps up see to that. Smoothing is cheap insurance; flipped labels teach D something false now and then, "
    "and are no better.",
    set(result.effects("FID", "lower").values()) == {"unclear"},
)

# %% [markdown]
# ## Exercises
#
# 1. What is D's best logit on real samples for the targets 0.7 and 0.99?
#
# <details><summary>Solution</summary>
#
# ```python
# for alpha in (0.7, 0.99):
#     found = logit[np.argmin(alpha * np.logaddexp(0, -logit) + (1 - alpha) * np.logaddexp(0, logit))]
#     assert abs(found - np.log(alpha / (1 - alpha))) < 0.1
# ```
#
# log(α / (1 − α)): 0.85 and 4.6.
#
# </details>
#
# 2. Why is smoothing refused with the hinge loss?
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
