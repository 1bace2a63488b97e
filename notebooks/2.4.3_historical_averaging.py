# %% [markdown]
# # 2.4.3 Historical averaging
#
# After this notebook you will be able to
#
# - show why two players who follow their gradients may circle for ever;
# - stop them by a pull towards their own past;
# - tell it apart from averaging the weights for drawing.
#
# It takes about 3 minutes on two cores. The paper is [Improved GAN](https://arxiv.org/abs/1606.03498), section 3.3.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: two players who each follow their gradient may run in a circle for ever; a pull towards the mean of
# their own past leads to its middle.*
#
# Both players' losses get a term for the distance of the weights θ from the mean of all their past values:
#
# $$\left\| \theta - \frac{1}{t} \sum_{i=1}^{t} \theta[i] \right\|^2$$
#
# **What is it for?** The smallest game there is: one player chooses x to make x·y small, the other chooses y to make it
# large. The equilibrium is (0, 0). Here it is, with the pull: both move at once, by the gradient of their own loss.

# %%
import numpy as np

from gan_common.lessons import game


def orbit(steps, weight, start, rate=0.1):
    """x and y after each step, (steps + 1, 2)."""
    now, mean, path = np.array(start), np.zeros(2), [np.array(start)]
    for t in range(steps):
        x, y = now
        gradient = np.array([y, -x])  # of x·y for the first, of −x·y for the second
        if t:  # before the first step there is no past
            gradient += 2 * weight * (now - mean)
        now = now - rate * gradient
        mean += (now - mean) / (t + 1)  # the mean of all values so far
        path.append(now)
    return np.array(path)


steps = lesson.pick(400, 60)
paths = {weight: game.orbit(steps, weight) for weight in (0.0, 0.1, 0.5)}
for weight, path in paths.items():
    np.testing.assert_allclose(orbit(steps, weight, path[0]), path, rtol=2e-3, atol=1e-3)
print("the same path as by tricks.HistoricalAverage, which the trainings run")

# %% [markdown]
# **Where do they end?** *Predict: with no pull at all, does the circle stay as large as it was?*

# %%
# shown in the README
from gan_common.plotting import figures

ends = {weight: float(np.hypot(*path[-1])) for weight, path in paths.items()}
figures.lines(
    {
        "the game x·y": {f"weight {w}": (path[:, 0], path[:, 1]) for w, path in paths.items()},
        "distance from the equilibrium": {
            f"weight {w}": (np.arange(len(path)), np.hypot(*path.T)) for w, path in paths.items()
        },
    },
    f"After {steps} steps: {ends[0.0]:.2f} from the equilibrium without, {ends[0.5]:.2f} with weight 0.5",
    ("x", "step"),
    ("y", "distance"),
)

# %% [markdown]
# **Why outwards?** The game looks the same from every side, so one start tells as much as many would.

# %%
lesson.seen(
    "Without the pull the players spiral outwards: each step goes along the tangent, and a tangent leads out of the circle, by a factor "
    "of √(1 + rate²) a step. The mean of a circle is its middle, so the pull towards it is a pull to the equilibrium, "
    "though neither player knows where that is.",
    ends[0.0] > 5 and ends[0.5] < 0.3,
)

# %% [markdown]
# ## With and without, on digits
#
# **And with a hundred thousand weights in place of two?** A GAN does not circle so neatly, and the pull also slows learning. Beside
# it stands another average that is often confused with it: `weight_average` changes nothing in training, but draws from
# the mean of the weights.

# %%
from gan_common import data, sampling
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(flags, seed):
    gan, history = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(str(flags.get("tricks", "without")), pictures[:14])
    return scores(pictures) | {"steps/s": history.steps_per_second}


variants = {
    "without": {"weight_average": 0.0},
    "historical averaging": {"tricks": ("historical_averaging",), "weight_average": 0.0},
    "weight average": {"weight_average": 0.99, "tricks": ("weight_average",)},
}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Pictures of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits with either average, after the same number of steps",
)

# %% [markdown]
# **And in numbers?**

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")
lesson.seen(
    "What the pull does to digits is not visible with four seeds, for better or worse: a GAN with a hundred thousand weights "
    "does not run in one circle. The average that is only drawn from is another thing. It leaves the training alone, and "
    "its images are a little better for every seed.",
    result.effects("FID", "lower")
    == {"historical averaging": "unclear", "weight average": "helped"},
)

# %% [markdown]
# ## Exercises
#
# 1. Alternate instead: with `alternate=True` the second player of `game.orbit` sees the first one's move. Does the plain game
#    still run away?
#
# <details><summary>Solution</summary>
#
# ```python
# distance = np.hypot(*game.orbit(steps, 0.0, alternate=True).T)
# print(f"between {distance.min():.2f} and {distance.max():.2f} from the equilibrium")
# assert distance.max() < 1.2
# ```
#
# No: it stays on (nearly) the circle where it began. That is one reason for taking turns in a GAN.
#
# </details>
#
# 2. Which weight brings the players closest in 400 steps?
#
# <details><summary>Solution</summary>
#
# ```python
# weights = (0.01, 0.1, 0.5, 1.0, 3.0)
# closest = {w: float(np.hypot(*game.orbit(steps, w)[-1])) for w in weights}
# print(closest)
# assert min(closest, key=closest.get) != 0.01
# ```
#
# </details>
#
# 3. On a real run: `python -m keras_dcgan.train --tricks historical_averaging --epochs 20`, and the same without.
