# %% [markdown]
# # 2.4.4 One-sided label smoothing
#
# After this notebook you will be able to
#
# - say what D learns when its target for real pictures is 0.9, and why generated ones keep 0;
# - show the harm of smoothing both sides;
# - measure it on digits, with flipped labels beside it.
#
# It takes about 3 minutes on two cores.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# D's targets become α for real and β for generated samples. The best D is then (Salimans et al. 2016, section 3.4)
#
# $$D^*(x) = \frac{\alpha\, p(x) + \beta\, q(x)}{p(x) + q(x)}$$
#
# With β = 0 it is the old one, scaled: never sure above α. With β > 0, q stands in the numerator too: where only forgeries
# are, D says β and lies flat, so they are not told to move. Hence *one-sided*: α = 0.9, β = 0. In the package:
# `tricks.smooth_labels(labels, real=0.9)`, and `real_label` of `losses.discriminator_loss`.
#
# **What does D then say on the line of section 2.1?**

# %%
# shown in the README
import numpy as np

from gan_common import data, sampling, tricks
from gan_common.lessons import compare, game
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

x = game.GRID
p, q = game.DATA.density(x), game.Mixture((4.0,), (0.5,), (1.0,)).density(x)
best = {
    f"α = {alpha}, β = {beta}": (x, (alpha * p + beta * q) / np.maximum(p + q, 1e-300))
    for alpha, beta in ((1.0, 0.0), (0.9, 0.0), (0.9, 0.1))
}
smoothed = best["α = 0.9, β = 0.0"][1]
figures.lines(
    {"data and a forgery far to the right": {"p": (x, p), "q": (x, q)}, "the best D": best},
    f"The smoothed detective never says more than {smoothed.max():.2f}",
    "x",
    ("density", "D*(x)"),
)

# %% [markdown]
# **What becomes of labels?** Those of real samples are smoothed, those of generated ones are left alone.

# %%
labels = np.array([1, 1, 0, 0])
print(f"labels {labels} → {tricks.smooth_labels(labels)}")
print(f"flipped at random, seed 3: {tricks.noisy_labels(labels, 0.5, seed=3)}")

# %% [markdown]
# ## With and without
#
# **What does it do to digits?** Beside it stand targets that are flipped at random, the other half of the advice
# "soft and noisy labels".

# %%
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
# **And in numbers?** Held-out real digits are the floor.

# %%
result.figure(
    "FID", "FID on digits: without, smoothed, flipped", "FID, lower is better", scores.floor["FID"]
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference.

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Smooth more: `{"real_label": 0.7}` as a variant. When does it begin to harm?
# 2. Why is smoothing refused with the hinge loss? `train.trial(digits, 2, loss="hinge", real_label=0.9)` tells.
# 3. What does two-sided smoothing do on the ring of section 2.3.2? That notebook's exercises have the flag.
