# %% [markdown]
# # 2.4.7 Sparse gradients, and how to change the size
#
# After this notebook you will be able to
#
# - say how much of a gradient max pooling and ReLU throw away;
# - enlarge pictures without a chequerboard;
# - choose between a transposed convolution and pixel shuffle by their numbers.
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
# G learns from D's gradient at its pixels, so what sets parts of it to zero costs G: ReLU and max pooling in D. Down, use
# strided convolutions or average pooling; up, transposed convolutions or pixel shuffle (Shi et al. 2016, 1609.05158):
#
# $$\mathrm{PS}(T)_{x,y,c} = T_{\lfloor x/r \rfloor,\ \lfloor y/r \rfloor,\ c r^2 + r\,(x \bmod r) + (y \bmod r)}$$
#
# In the package: `tricks.PixelShuffle(scale)`; `tricks.UpsampleConv2D`, which is upsampling and a convolution in one.
#
# **How many pixels get any gradient?** Through one layer, from a random gradient above it.

# %%
import keras
import numpy as np
import tensorflow as tf

from gan_common import data, sampling, tricks
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

keras.utils.set_random_seed(1)
pixels = tf.random.stateless_normal((16, 28, 28, 4), (1, 1))
layers = {
    "max pooling": keras.layers.MaxPooling2D(2),
    "average pooling": keras.layers.AveragePooling2D(2),
    "strided convolution": keras.layers.Conv2D(4, 4, 2, "same"),
    "ReLU": keras.layers.ReLU(),
    "LeakyReLU": keras.layers.LeakyReLU(0.2),
}
reached = {}
for name, layer in layers.items():
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        out = layer(pixels)
    above = tf.random.stateless_normal(out.shape, (2, 2))
    below = tape.gradient(out, pixels, output_gradients=above)
    reached[name] = [float(np.mean(below.numpy() != 0))]
figures.bars(
    reached,
    f"Max pooling hands a gradient to {reached['max pooling'][0]:.0%} of the pixels, a strided convolution to "
    f"{reached['strided convolution'][0]:.0%}",
    "share of pixels whose gradient is not 0",
)

# %% [markdown]
# **Where does the chequerboard come from?** A transposed convolution whose kernel is no multiple of its stride touches some
# pixels more often than others. An even picture goes in; the kernel is all ones.

# %%
# shown in the README
even = np.ones((1, 6, 6, 1), np.float32)
ups = {
    "transposed, kernel 3": keras.layers.Conv2DTranspose(
        1, 3, 2, "same", kernel_initializer="ones"
    ),
    "transposed, kernel 4": keras.layers.Conv2DTranspose(
        1, 4, 2, "same", kernel_initializer="ones"
    ),
    "pixel shuffle": keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, padding="same", kernel_initializer="ones"),
            tricks.PixelShuffle(2),
        ]
    ),
}
inside = {
    name: up(even).numpy()[0, 3:-3, 3:-3, 0] for name, up in ups.items()
}  # away from the border
uneven = {name: float(x.std() / x.mean()) for name, x in inside.items()}
figures.pictures(
    np.stack([np.clip(x / x.mean() - 1, -1, 1)[..., None] for x in inside.values()]),
    "An even picture enlarged: unevenness (standard deviation over mean) "
    + ", ".join(f"{value:.2f}" for value in uneven.values()),
    columns=3,
    labels=[name.replace("transposed, ", "") for name in inside],
)

# %% [markdown]
# ## With and without
#
# **What does pixel shuffle do to digits?** G's transposed convolutions are replaced; the rest is the same.

# %%
digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(flags, seed):
    gan, history = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(str(flags.get("tricks", "without")), pictures[:14])
    return scores(pictures) | {"steps/s": history.steps_per_second}


variants = {"transposed convolution": {}, "pixel shuffle": {"tricks": ("pixel_shuffle",)}}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Pictures of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits enlarged by either, after the same number of steps",
)

# %% [markdown]
# **And in numbers?** Held-out real digits are the floor.

# %%
result.figure(
    "FID", "FID on digits: two ways to enlarge", "FID, lower is better", scores.floor["FID"]
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference.

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. The reference networks have max pooling and tanh. `train.trial(digits, 500, preset="reference")`: how large is
#    its `g_gradient_norm` beside dcgan's?
# 2. Which kernels make a chequerboard with stride 2? Try 2, 5, 6 in the second figure, and find the rule.
# 3. `tricks.UpsampleConv2D(1, 3, scale=2)` on `even`: how uneven is it, and what does it equal?
