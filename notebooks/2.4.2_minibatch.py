# %% [markdown]
# # 2.4.2 Minibatch discrimination
#
# After this notebook you will be able to
#
# - let D see that a batch is all alike, which no single picture shows;
# - compute the layer's output by hand;
# - measure what it does to the variety of digits.
#
# It takes about 2 minutes on two cores.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# Features of sample i are mapped to B rows M of C numbers each; to them D's layer appends how close they are to the other
# samples' (Salimans et al. 2016, section 3.2):
#
# $$o(x_i)_b = \sum_{j \ne i} \exp\left(-\lVert M_{i,b} - M_{j,b} \rVert_1\right)$$
#
# In the package: `tricks.MinibatchDiscrimination(num_kernels, kernel_dim)`.
#
# **Does it see a collapse?** A batch of 32 different digits against 32 times the same one, and what lies between.

# %%
# shown in the README
import numpy as np

from gan_common import data, sampling, tricks
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

digits = data.load("mnist5k")
flat = tricks.scale_images(digits.x_train[:32]).reshape(32, -1)
layer = tricks.MinibatchDiscrimination(num_kernels=8, kernel_dim=4)
kinds = (1, 2, 4, 8, 16, 32)
closeness = [float(np.mean(layer(flat[np.arange(32) % k])[:, flat.shape[1] :])) for k in kinds]
figures.lines(
    {"": {"mean output o of the layer": (np.log2(kinds), closeness)}},
    f"A batch of one picture: o = {closeness[0]:.1f} (31 others, all at distance 0); all different: {closeness[-1]:.2g}",
    "log2 of the number of different pictures in a batch of 32",
    "o",
)

# %% [markdown]
# **Is that the equation?** The same by hand, for the first sample and the first kernel.

# %%
some = flat[:5]
m = np.einsum("nf,fc->nc", some, np.asarray(layer.kernel)[:, 0])  # (5, kernel_dim), kernel b = 0
by_hand = sum(np.exp(-np.abs(m[0] - m[j]).sum()) for j in range(1, 5))
print(f"by hand {by_hand:.3e}, by the layer {float(layer(some)[0, flat.shape[1]]):.3e}")

# %% [markdown]
# ## With and without
#
# **What does it do to digits?** The class KL is the measure to watch: it tells how unevenly the ten digits are drawn.

# %%
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(flags, seed):
    gan, history = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(str(flags.get("tricks", "without")), pictures[:14])
    return scores(pictures) | {"steps/s": history.steps_per_second}


variants = {"without": {}, "minibatch": {"tricks": ("minibatch",)}}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Pictures of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits without and with minibatch discrimination, after the same number of steps",
)

# %% [markdown]
# **And in numbers?** Held-out real digits are the floor.

# %%
result.figure(
    "FID",
    "FID on digits: without and with minibatch discrimination",
    "FID, lower is better",
    scores.floor["FID"],
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference. Where
# nothing collapses there is little to cure: section 2.3.2 has the ring, where the plain GAN does collapse.

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Give the layer more to say: `num_kernels=64` in the first figure. What changes, the level or the shape?
# 2. Why is minibatch discrimination refused with a gradient penalty? Try `train.trial(digits, 2,
#    tricks=("minibatch", "r1"))` and read the error.
# 3. Packing is the same idea in another form: add `"packing": {"tricks": ("packing",)}` to `variants`.
