# %% [markdown]
# # 2.4.1 Feature matching
#
# After this notebook you will be able to
#
# - train a generator on statistics instead of on D's verdict;
# - say why the *means* of two batches are compared, and not their samples one by one;
# - measure what it does on digits.
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
# G is to match the mean features f of real data in an inner layer of D (Salimans et al. 2016, section 3.1):
#
# $$L_G = \left\| E_{x \sim p} f(x) - E_z f(G(z)) \right\|^2$$
#
# In the package: `tricks.feature_matching_loss(real_features, fake_features)`.
#
# **Why means, and not sample by sample?** Two batches of the same data should be at distance 0. Compared one by one they
# never are: a generator would be punished for drawing another digit than the one that it happens to be paired with.
# Much copied code does just that.

# %%
import numpy as np

from gan_common import data, sampling, tricks
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

digits = data.load("mnist5k")

flat = tricks.scale_images(digits.x_train).reshape(4000, -1)
sizes = (16, 64, 256, 1024)
means, singles = [], []
for n in sizes:
    a, b = flat[:n], flat[n : 2 * n]
    means.append(float(tricks.feature_matching_loss(a, b)))
    singles.append(float(np.mean((a - b) ** 2)))
figures.lines(
    {"two batches of real digits": {
        "means compared": (np.log2(sizes), means),
        "sample by sample": (np.log2(sizes), singles),
    }},
    f"Real against real: {means[-1]:.4f} by batch means of {sizes[-1]}, {singles[-1]:.2f} sample by sample",
    "log2 of the batch size",
    "squared difference",
)  # fmt: skip

# %% [markdown]
# ## With and without
#
# **What does it do to digits?** The same networks, steps and seeds; only G's loss differs. FID is the distance to real
# digits, the class KL tells how unevenly the ten digits are drawn (0 is even).

# %%
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(tricks_used, seed):
    gan, history = train.trial(digits, lesson.pick(600, 2), tricks=tricks_used, seed=seed, width=8)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn[tricks_used or "without", seed] = pictures[:14]
    return scores(pictures) | {"steps/s": history.steps_per_second}


variants = {"without": (), "feature_matching": ("feature_matching",)}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** The first seed of each.

# %%
figures.pictures(
    {
        " ".join(name) if isinstance(name, tuple) else name: x
        for (name, seed), x in drawn.items()
        if seed == 1
    },
    "Digits without and with feature matching, seed 1",
)

# %% [markdown]
# **And in numbers?** Held-out real digits are the floor.

# %%
# shown in the README
floor = scores.floor["FID"]
result.figure("FID", "FID without and with feature matching", "FID, lower is better", floor)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference. The
# chapter recommends feature matching for stable training and for semi-supervised learning, not for beauty.

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Does it train longer without harm? Give `run` 2,000 steps instead of 600.
# 2. Compare absolute instead of squared differences: `tricks.feature_matching_loss(a, b, norm="l1")` in the first figure.
# 3. Use it where it shines: `python -m ssgan_tf.train --labels 100 --generator_loss feature_matching`, against
#    `--generator_loss non_saturating`.
