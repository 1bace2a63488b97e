# %% [markdown]
# # 2.4.2 Minibatch discrimination
#
# After this notebook you will be able to
#
# - let D see that a batch is all alike, which no single sample shows;
# - write the layer in six lines;
# - say where it cures, and what it costs a healthy training.
#
# It takes about 4 minutes on two cores. The paper is [Improved GAN](https://arxiv.org/abs/1606.03498), section 3.2.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: D judges samples one at a time, so a G that draws one perfect seven, always the same, is never found
# out; let D see the others of the batch.*
#
# Features of sample i are mapped to B rows M of C numbers each. To them the layer appends how close they are to those of
# the other samples:
#
# $$o(x_i)_b = \sum_{j \ne i} \exp\left(-\lVert M_{i,b} - M_{j,b} \rVert_1\right)$$
#
# **As code?** One projection, all pairs, a sum. The sample itself, at distance 0, is taken out again.

# %%
import numpy as np
import tensorflow as tf

from gan_common import data, tricks


def minibatch(features, kernel):
    """Features (N, A), kernel (A, B, C) → (N, A + B)."""
    m = tf.einsum("na,abc->nbc", features, kernel)
    distance = tf.reduce_sum(tf.abs(m[:, None] - m[None]), axis=-1)  # (N, N, B)
    closeness = tf.reduce_sum(tf.exp(-distance), axis=1) - 1  # itself
    return tf.concat([features, closeness], axis=1)


digits = data.load("mnist5k")
flat = tricks.scale_images(digits.x_train[:32]).reshape(32, -1)
layer = tricks.MinibatchDiscrimination(num_kernels=8, kernel_dim=4)
theirs = layer(flat)
np.testing.assert_allclose(minibatch(flat, layer.kernel), theirs, rtol=1e-3, atol=1e-4)
print(f"{flat.shape} → {tuple(theirs.shape)}: the same numbers as tricks.MinibatchDiscrimination")

# %% [markdown]
# **Does it see a collapse?** A batch of 32 different digits against 32 times the same one, and what lies between.
# *Predict: what is o when all 32 are the same?*

# %%
from gan_common.plotting import figures

kinds = (1, 2, 4, 8, 16, 32)
closeness = [float(np.mean(layer(flat[np.arange(32) % k])[:, flat.shape[1] :])) for k in kinds]
figures.columns(
    {"": {"o": closeness}},
    kinds,
    f"A batch of one image: o = {closeness[0]:.0f}, the 31 others at distance 0; all different: {closeness[-1]:.2g}",
    "different images in a batch of 32",
    "mean output o of the layer",
)

# %% [markdown]
# **What does D learn from it?**

# %%
lesson.seen(
    "The output counts how many others look like this one. A batch of different images has few, so a single threshold tells a "
    "collapsed G, and its slope tells G to move its samples apart.",
    closeness[0] > 30 and closeness[-1] < closeness[0] / 5,
)

# %% [markdown]
# ## The disease and the cure
#
# **What is it for?** The ring of section 2.3.2, where plain G follows one place about.

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


variants = {"plain": (), "minibatch": ("minibatch",), "packing": ("packing",)}
on_ring = compare.compare(variants, ring, seeds=lesson.pick((1, 2, 3), (1,)))
figures.points(
    dict(list(played.items())[:3]),
    "Eight modes (crosses): plain G, a D that sees the batch, a D that sees pairs; seed 1",
    modes.centres("ring"),
    columns=3,
)

# %% [markdown]
# **And in numbers?** *Packing* (Lin et al. 2018) is the same idea in its simplest form: D is shown two samples side by side.

# %%
on_ring.verdict("modes", "higher")
on_ring.verdict("good share", "higher")

# %% [markdown]
# **Which would you take?**

# %%
ring_modes = on_ring.values("modes")
lesson.seen(
    "Both let D see what no single sample shows, and G spreads out. Packing finds more modes here, with no layer of its own and "
    "at no cost in time; minibatch discrimination compares all pairs of the batch, and took ten times as long a step.",
    np.mean(ring_modes["minibatch"]) > np.mean(ring_modes["plain"]) + 1
    and np.mean(ring_modes["packing"]) >= np.mean(ring_modes["minibatch"]),
)

# %% [markdown]
# ## The healthy patient
#
# **What does it do to digits, where nothing collapses?** The class KL is the measure to watch: it tells how unevenly the ten
# digits are drawn.

# %%
from gan_common import sampling
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(chosen, seed):
    gan, history = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, tricks=chosen)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(chosen[0] if chosen else "without", pictures[:14])
    return scores(pictures) | {"steps/s": history.steps_per_second}


result = compare.compare(
    {"without": (), "minibatch": ("minibatch",)}, run, seeds=lesson.pick((1, 2, 3, 4), (1,))
)
result

# %% [markdown]
# **How do they look?** Images of the first seed.

# %%
figures.pictures(
    drawn, "Digits without and with minibatch discrimination, after the same number of steps"
)

# %% [markdown]
# **And in numbers?**

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")
fid = result.values("FID")
lesson.seen(
    "Nothing is collapsed here, so there is nothing to cure, and the digits get no better: the FID is higher on average. A trick "
    "for variety is for a generator that lacks it.",
    np.mean(fid["minibatch"]) > np.mean(fid["without"]),
)

# %% [markdown]
# ## Exercises
#
# 1. Why is minibatch discrimination refused together with a gradient penalty?
#
# <details><summary>Solution</summary>
#
# ```python
# from gan_common.errors import UserError
#
# try:
#     train.trial(digits, 2, tricks=("minibatch", "r1"))
# except UserError as refused:
#     print(refused)
# else:
#     raise AssertionError("it was not refused")
# ```
#
# A penalty on D's slope is one on each sample's own; here each logit depends on all samples of the batch.
#
# </details>
#
# 2. Give the layer more to say: what does `num_kernels=64` change in the first figure, the level or the shape?
#
# <details><summary>Solution</summary>
#
# ```python
# large = tricks.MinibatchDiscrimination(num_kernels=64, kernel_dim=4)
# level = [float(np.mean(large(flat[np.arange(32) % k])[:, flat.shape[1] :])) for k in kinds]
# assert abs(level[0] - closeness[0]) < 0.1
# ```
#
# Neither: each kernel has its own o, and 64 of them have the same mean as 8.
#
# </details>
