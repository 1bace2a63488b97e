# %% [markdown]
# # 2.4.1 Feature matching
#
# After this notebook you will be able to
#
# - train a generator on statistics instead of on D's verdict, in three lines;
# - say why the *means* of two batches are compared, and not their samples one by one;
# - say where feature matching cures, and what it costs a healthy training.
#
# It takes about 3 minutes on two cores. The paper is [Improved GAN](https://arxiv.org/abs/1606.03498), section 3.1.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: let G match what D sees of the data on average, instead of chasing the one place that D likes best.*
#
# With f the features of an inner layer of D:
#
# $$L_G = \left\| E_{x \sim p} f(x) - E_z f(G(z)) \right\|^2$$
#
# **As code?** D goes on as before; this takes the place of G's loss.

# %%
import numpy as np
import tensorflow as tf

from gan_common import tricks


def matching_loss(real_features, fake_features):
    """(N, features) and (M, features): the mean of each feature over either batch, compared."""
    of_real = tf.reduce_mean(real_features, axis=0)
    of_fake = tf.reduce_mean(fake_features, axis=0)
    return tf.reduce_mean((of_real - of_fake) ** 2)


features = np.random.default_rng(1).normal(size=(2, 64, 100)).astype(np.float32)
np.testing.assert_allclose(
    matching_loss(*features), tricks.feature_matching_loss(*features), rtol=1e-5
)
print("the same number as tricks.feature_matching_loss, which the trainings run")

# %% [markdown]
# **Why means, and not sample by sample?** *Predict: how far are two batches of the same data from each other, in either
# way of counting?* Much copied code compares the i-th generated with the i-th real sample.

# %%
from gan_common import data
from gan_common.plotting import figures

digits = data.load("mnist5k")
flat = tricks.scale_images(digits.x_train).reshape(4000, -1)
sizes = (16, 64, 256, 1024)
means, singles = [], []
for n in sizes:
    a, b = flat[:n], flat[n : 2 * n]
    means.append(float(matching_loss(a, b)))
    singles.append(float(np.mean((a - b) ** 2)))
figures.columns(
    {"": {"means compared": means, "sample by sample": singles}},
    sizes,
    f"Real against real: {means[-1]:.4f} by means of {sizes[-1]}, {singles[-1]:.2f} sample by sample",
    "images in a batch",
    "squared difference of pixels",
)

# %% [markdown]
# **So what would G learn from either?**

# %%
lesson.seen(
    "Two batches of the same data have nearly the same mean, the more so the larger they are: a perfect generator "
    "has loss 0. Sample by sample they are as far apart as any two digits, so a perfect generator would be punished for every "
    "digit that it draws, and least if it drew one gray average.",
    means[-1] < 0.05 * singles[-1] and means[-1] < means[0],
)

# %% [markdown]
# ## The disease and the cure
#
# **What is it for?** Eight modes on a ring, and a D that learns ten times slower than G, as in the unrolled GAN's published
# setting (section 2.3.2). The plain generator sends all its samples to the place that D doubts least, and follows it
# about.

# %%
# shown in the README
from gan_common import modes
from gan_common.lessons import compare
from gan_common.modes.game import Game
from gan_common.modes.tasks import Points

steps = lesson.pick(5000, 20)
played = {}


def ring(chosen, seed):
    options = modes.resolve({"preset": "quick", "task": "ring", "steps": steps, "tricks": chosen})
    game = Game(options, Points("ring"))
    game.reset(seed)
    game.train(steps)
    samples = game.samples(2500)
    found = game.data.measure(samples)
    played.setdefault(
        f"{chosen[0] if chosen else 'plain'}\n{found['modes']} modes, {found['high_quality']:.0%} good",
        samples,
    )
    return {"modes": found["modes"], "good share": found["high_quality"]}


variants = {"plain": (), "feature_matching": ("feature_matching",)}
on_ring = compare.compare(variants, ring, seeds=lesson.pick((1, 2, 3, 4), (1,)))
figures.points(
    dict(list(played.items())[:2]),
    "Eight modes (crosses): what plain G and G with feature matching make of them, seed 1",
    modes.centres("ring"),
)

# %% [markdown]
# **In numbers?** A mode is captured if one sample of 2,500 lies within three deviations of its middle: a measure that flatters.
# So the share of such good samples stands beside it.

# %%
on_ring.verdict("modes", "higher")
on_ring.verdict("good share", "higher")

# %% [markdown]
# **Is it cured?**

# %%
ring_modes, good = on_ring.values("modes"), on_ring.values("good share")
lesson.seen(
    "It is cured of the collapse, not of being blurred. The mean of D's features cannot be matched from one place, so G's samples "
    "go all around the ring. But a mean does not say where exactly each of them belongs: few are sharp.",
    np.mean(ring_modes["feature_matching"]) > np.mean(ring_modes["plain"]) + 4
    and 0.02 < np.mean(good["feature_matching"]) < 0.5,
)

# %% [markdown]
# ## The healthy patient
#
# **What does it do to digits, where nothing collapses?** The same networks, steps and seeds; only G's loss differs. FID is the
# distance to real digits; the class KL tells how unevenly the ten digits are drawn (0 is even).

# %%
from gan_common import sampling
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(tricks_used, seed):
    gan, history = train.trial(digits, lesson.pick(600, 2), tricks=tricks_used, seed=seed, width=8)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(tricks_used[0] if tricks_used else "without", pictures[:14])
    return scores(pictures) | {"steps/s": history.steps_per_second}


result = compare.compare(
    {"without": (), "feature_matching": ("feature_matching",)},
    run,
    seeds=lesson.pick((1, 2, 3, 4), (1,)),
)
result

# %% [markdown]
# **How do they look?** The first seed of each.

# %%
figures.pictures(drawn, "Digits without and with feature matching, seed 1")

# %% [markdown]
# **And in numbers?**

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")
lesson.seen(
    "On digits it does harm: the strokes are softer, and the FID is clearly higher for every seed. D's verdict says where each image is "
    "wrong, and a mean says less. The paper, too, uses it where the classifier counts and not the picture: in "
    "semi-supervised learning (2.2.3), where it is this project's default.",
    result.effects("FID", "lower")["feature_matching"] == "harmed",
)

# %% [markdown]
# ## Exercises
#
# 1. Compare absolute instead of squared differences, `norm="l1"`. Of the two, which minds one feature that is far off more?
#
# <details><summary>Solution</summary>
#
# ```python
# real, fake = np.zeros((8, 100), np.float32), np.zeros((8, 100), np.float32)
# fake[:, 0] = 10  # one feature far off
# even = np.full((8, 100), 0.1, np.float32)  # all of them a little
# l1 = [float(tricks.feature_matching_loss(real, other, norm="l1")) for other in (fake, even)]
# l2 = [float(tricks.feature_matching_loss(real, other)) for other in (fake, even)]
# print(f"l1: {l1[0]:.2f} and {l1[1]:.2f}, l2: {l2[0]:.2f} and {l2[1]:.2f}")
# assert np.isclose(l1[0], l1[1]) and l2[0] > 50 * l2[1]
# ```
#
# The squared one: to it, one feature that is off by 10 is as bad as a hundred that are off by 1.
#
# </details>
#
# 2. Use it where it shines: `python -m ssgan_tf.train --labels 100 --generator_loss feature_matching`, against
#    `--generator_loss non_saturating`.
