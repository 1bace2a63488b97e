# %% [markdown]
# # 2.4.5 Inputs to [−1, 1], with tanh
#
# After this notebook you will be able to
#
# - scale images to the range of G's last layer, and back, without losing a gray level;
# - say which ranges and last layers go together, and why;
# - recognize unscaled images by what they do to a training.
#
# It takes about 4 minutes on two cores. The paper is [DCGAN](https://arxiv.org/abs/1511.06434), section 4; the advice is the
# first of the list [ganhacks](https://github.com/soumith/ganhacks).

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: real images must lie where G's last layer can put generated ones, or D tells them apart by the range alone.*
#
# Pixels of 0 to 255 become
#
# $$x = \frac{\text{pixel}}{127.5} - 1 \in [-1, 1]$$
#
# which is what tanh, at G's end, can reach.
#
# **As code?** One line each way; the way back rounds, and clips what no pixel can be.

# %%
import numpy as np

from gan_common import tricks


def scale(pixels):
    """uint8 → float32 in [−1, 1]."""
    return pixels.astype(np.float32) / 127.5 - 1


def unscale(x):
    """Floats, of which [−1, 1] has a gray level → uint8."""
    return np.clip(np.rint((x + 1) * 127.5), 0, 255).astype(np.uint8)


levels = np.arange(256, dtype=np.uint8)
np.testing.assert_array_equal(scale(levels), tricks.scale_images(levels))
anywhere = np.linspace(-1.2, 1.2, 1000, dtype=np.float32)
np.testing.assert_array_equal(unscale(anywhere), tricks.unscale_images(anywhere))
kept = int(np.sum(unscale(scale(levels)) == levels))
print(f"the same as tricks.scale_images and unscale_images; {kept} of 256 gray levels come back")
assert kept == 256

# %% [markdown]
# **Which last layer for which range?** Most pixels of a digit are black or white, nearly none between. *Predict: where would a last
# layer rather have them, where it is steep or where it is flat?*

# %%
import tensorflow as tf

from gan_common import data
from gan_common.plotting import figures

digits = data.load("mnist5k")
real = scale(digits.x_train)
a = np.linspace(-4, 4, 161).astype(np.float32)
black, white = float(np.mean(real < -0.99)), float(np.mean(real > 0.9))
figures.lines(
    {
        "tanh": {"tanh(a)": (a, np.tanh(a))},
        "sigmoid": {"σ(a)": (a, tf.sigmoid(a).numpy())},
    },
    f"{black:.0%} of the pixels are black and {white:.0%} nearly white: ends of the range, where either is flat",
    "a, what goes into the last activation",
    ("x in [−1, 1]", "x in [0, 1]"),
)

# %% [markdown]
# **How steep is it there?** tanh′ is 1 − x² and σ′ is x (1 − x); both are told as shares of the steepest.

# %%
unit = (real + 1) / 2  # in [0, 1]
slope = {
    "[−1, 1] by tanh": float(np.mean(1 - real**2)),
    "[0, 1] by sigmoid": float(np.mean(4 * unit * (1 - unit))),
    "[0, 1] by tanh": float(np.mean(1 - unit**2)),
}
np.testing.assert_allclose((np.tanh(a / 2) + 1) / 2, tf.sigmoid(a), atol=1e-6)
figures.bars(
    {name: [value] for name, value in slope.items()},
    f"Where real pixels are, the last layer has {slope['[−1, 1] by tanh']:.0%} of its steepest slope, or "
    f"{slope['[0, 1] by tanh']:.0%} where tanh has to draw [0, 1]",
    "mean slope at real pixels, as a share of the steepest",
)

# %% [markdown]
# **What does that say?**

# %%
lesson.seen(
    "Sigmoid with [0, 1] is tanh with [−1, 1] in other units: σ(a) = (tanh(a / 2) + 1) / 2. In both, black is an end of the range: "
    "any very negative a gives it, and small errors of a do not show. For tanh with [0, 1] black is the middle, "
    "where it is steepest: every error of a is an error of the image, and half of what tanh can do is no gray level at all.",
    abs(slope["[−1, 1] by tanh"] - slope["[0, 1] by sigmoid"]) < 0.01
    and slope["[0, 1] by tanh"] > 5 * slope["[−1, 1] by tanh"],
)

# %% [markdown]
# ## The disease, the cure, and the healthy patient
#
# **What does each make of digits?** Four ways with the same networks, steps and seeds:
#
# - pixels as they lie in the file, 0 to 255, beside a G that ends in tanh: the disease;
# - [−1, 1] with tanh: the cure;
# - [0, 1] with sigmoid, as Improved GAN's generator of digits has it: a range and a last layer that fit, too;
# - [0, 1] with tanh: the range is within reach, and does not fit.
#
# The package always scales to [−1, 1]. So that its networks see x, they are given the pixels that it would scale to x. *Predict: how
# low does D's loss get on unscaled images, and what will G draw?*

# %%
import dataclasses

import keras

from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn, curves = {}, {}


def to_draw(gan, seed):
    """What the trained G puts out, (N, 28, 28, 1) floats in whatever range it has learned."""
    with gan.averaged():
        latents = gan.draw_latents(scores.count, [seed, -2])
        return np.concatenate([gan.generator(z, training=False) for z in tf.split(latents, 4)])


def run(variant, seed):
    low, high, last = variant  # what black and white are to the networks; G's last activation
    x = low + (high - low) * unit
    given = dataclasses.replace(digits, x_train=(x + 1) * 127.5)

    def change(gan):
        gan.generator.layers[-1].activation = keras.activations.get(last)

    gan, history = train.trial(given, lesson.pick(500, 2), seed=seed, width=8, change=change)
    pictures = unscale(2 * (to_draw(gan, seed) - low) / (high - low) - 1)
    drawn.setdefault(variant, pictures[:14])
    curves.setdefault(variant, history.curve("d_loss", window=lesson.pick(10, 1)))
    return scores(pictures) | {"D's loss": history.last("d_loss")}


variants = {
    "[−1, 1], tanh": (-1, 1, "tanh"),
    "0 to 255, tanh": (0, 255, "tanh"),
    "[0, 1], sigmoid": (0, 1, "sigmoid"),
    "[0, 1], tanh": (0, 1, "tanh"),
}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Images of the first seed, black and white as each range has them.

# %%
# shown in the README
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits by range and last layer, seed 1, after the same number of steps",
)

# %% [markdown]
# **What does it look like while it runs?** D's loss is what one watches; log 4 = 1.39 is that of guessing.

# %%
figures.lines(
    {"": dict(zip(result.results, curves.values(), strict=True))},
    "D's loss by range and last layer, seed 1, means of ten steps",
    "training step",
    "D's loss",
    levels={"guessing": float(np.log(4))},
)

# %% [markdown]
# **How alike are the seeds?** A failed training is one of a kind: the mean tells less than the dots.

# %%
result.figure("FID", "FID by range and last layer, four seeds", "FID, lower is better")

# %% [markdown]
# **And in numbers?**

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")
fid = result.values("FID")
lesson.seen(
    "Unscaled images ruin the training: D sees 255 where G can put 1 at most, and is right from the range alone; its loss falls "
    "toward 0, and what G draws is black when it is shown in D's range. Sigmoid with [0, 1] is a healthy patient: digits with every seed, "
    "and no difference visible with four. Tanh with [0, 1] does harm with every seed, and with one it is ruin, worse than black. How "
    "much it harms is open, for it fails or it does not, and an interval of a mean does not say so.",
    result.effects("FID", "lower")
    == {"0 to 255, tanh": "harmed", "[0, 1], sigmoid": "unclear", "[0, 1], tanh": "unclear"}
    and min(fid["0 to 255, tanh"]) > 5 * max(fid["[−1, 1], tanh"])
    and min(curves[variants["0 to 255, tanh"]][1]) < 0.2
    and max(fid["[0, 1], tanh"]) > max(fid["0 to 255, tanh"])
    and all(b > a for a, b in zip(fid["[−1, 1], tanh"], fid["[0, 1], tanh"], strict=True)),
)

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | DCGAN, section 4 | no preprocessing besides scaling to the range of tanh, [−1, 1] | the same | |
# | Improved GAN's G for MNIST | sigmoid, so [0, 1] | tried above, with DCGAN's networks | the range and the last layer must fit, whichever they are |
# | what a wrong range does | no number | the verdicts above | |

# %% [markdown]
# ## Exercises
#
# 1. A common mistake: the images are floats in [0, 1] already, and are scaled once more. How much contrast is left?
#
# <details><summary>Solution</summary>
#
# ```python
# twice = scale(unit)
# print(f"from {twice.min():.3f} to {twice.max():.3f}: every image is black")
# assert np.ptp(twice) < 0.01
# ```
#
# </details>
#
# 2. Must the disease be cured by scaling? Give G a last layer that reaches 255, `"linear"`, and leave the pixels as they are.
#
# <details><summary>Solution</summary>
#
# ```python
# found = run((0, 255, "linear"), 1)
# print(found)
# assert lesson.QUICK or found["FID"] > fid["[−1, 1], tanh"][0]
# ```
#
# It is within reach and far away: G's last weights are N(0, 0.02²), and Adam moves each by 0.002 a step.
#
# </details>
#
# 3. Your own images: `python -m keras_dcgan.train --dataset folder:PATH` scales them, whatever their size.
