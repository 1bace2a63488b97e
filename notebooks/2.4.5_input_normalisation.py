# %% [markdown]
# # 2.4.5 Inputs to [−1, 1], with tanh
#
# After this notebook you will be able to
#
# - scale pictures to the range of G's last layer, and back, without losing a gray level;
# - say what a wrong range does to D and to G;
# - measure it.
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
# Pixels of 0 to 255 become
#
# $$x = \frac{\text{pixel}}{127.5} - 1 \in [-1, 1]$$
#
# which is what tanh, at G's end, can reach: `tricks.scale_images` and `tricks.unscale_images`. Both packages always do it.
#
# **Is anything lost on the way there and back?**

# %%
import dataclasses

import numpy as np

from gan_common import data, sampling, tricks
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

digits = data.load("mnist5k")
levels = np.arange(256, dtype=np.uint8)
back = tricks.unscale_images(tricks.scale_images(levels))
print(f"{np.sum(back == levels)} of 256 gray levels come back as they were")

# %% [markdown]
# **What does tanh have to do for other ranges?** To draw a digit whose pixels lie in [0, 1], tanh must sit at 0 for all of
# the black, where it is steepest, so that every small error shows.

# %%
real = tricks.scale_images(digits.x_train[:500])
ranges = {"[−1, 1]": real, "[0, 1]": (real + 1) / 2, "[−0.1, 0.1]": real / 10}
slope = {name: float(np.mean(1 - x**2)) for name, x in ranges.items()}
figures.bars(
    {name: [value] for name, value in slope.items()},
    f"tanh's slope where real pixels are: {slope['[−1, 1]']:.2f} in its own range, {slope['[0, 1]']:.2f} in [0, 1]",
    "mean of 1 − x² over real pixels",
)

# %% [markdown]
# ## With and without
#
# **What does a wrong range do to the digits?** The same networks are shown digits in [−1, 1], in [0, 1] and in
# [−0.1, 0.1]; what they draw is stretched back before it is measured.

# %%
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(variant, seed):
    scale, shift = variant  # of pixels, about the middle gray
    squeezed = np.rint(127.5 + shift + (digits.x_train - 127.5) * scale).astype(np.uint8)
    gan, history = train.trial(
        dataclasses.replace(digits, x_train=squeezed), lesson.pick(500, 2), seed=seed, width=8
    )
    pictures, _ = sampling.draw(gan, scores.count, seed)
    stretched = (pictures - 127.5 - shift) / scale + 127.5
    pictures = np.clip(np.rint(stretched), 0, 255).astype(np.uint8)
    drawn.setdefault(variant, pictures[:14])
    return scores(pictures) | {"D's loss": history.last("d_loss")}


variants = {"[−1, 1]": (1.0, 0.0), "[0, 1]": (0.5, 63.75), "[−0.1, 0.1]": (0.1, 0.0)}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Pictures of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits of three ranges, after the same number of steps",
)

# %% [markdown]
# **And in numbers?** Held-out real digits are the floor.

# %%
# shown in the README
result.figure(
    "FID", "FID on digits: three ranges of the pixels", "FID, lower is better", scores.floor["FID"]
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference.
# (Squeezing to a tenth also leaves only 26 gray levels.)

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Which of the 26 gray levels matter? Measure the squeezed and stretched *real* digits: `scores` of them is their
#    floor.
# 2. Batch norm undoes a range after D's first layer. Take it away, `tricks=("spectral_norm",)`, and run the
#    comparison again.
# 3. Your own pictures: `python -m keras_dcgan.train --dataset folder:PATH` scales them too, whatever their size.
