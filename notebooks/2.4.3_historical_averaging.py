# %% [markdown]
# # 2.4.3 Historical averaging
#
# After this notebook you will be able to
#
# - show why two players who follow their gradients may circle for ever;
# - stop them by a pull towards their own past;
# - tell it apart from averaging the weights for drawing.
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
# Both players' losses get a term that pulls the weights θ towards the mean of all their past values (Salimans et al. 2016,
# section 3.3):
#
# $$\left\| \theta - \frac{1}{t} \sum_{i=1}^{t} \theta[i] \right\|^2$$
#
# In the package: `tricks.HistoricalAverage(variables)`, with `penalty()` and `update()`.
#
# **What is it for?** The smallest game there is: one player chooses x to make x·y small, the other chooses y to make it
# large. The equilibrium is (0, 0). Following the gradients, both run around it, and away.

# %%
# shown in the README
import numpy as np

from gan_common import data, sampling
from gan_common.lessons import compare, game
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

steps = lesson.pick(400, 60)
paths = {weight: game.orbit(steps, weight) for weight in (0.0, 0.1, 0.5)}
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
# **Is it sure to help from anywhere?** Several starting points: the seeds of this small game, which looks the
# same from every side.

# %%
starts = compare.compare(
    {"without": 0.0, "historical averaging": 0.5},
    lambda weight, seed: {"distance": np.hypot(*game.orbit(steps, weight, seed=seed)[-1])},
    seeds=lesson.pick((1, 2, 3, 4), (1,)),
)
starts.verdict("distance", "lower")

# %% [markdown]
# ## With and without, on digits
#
# **And with a hundred thousand weights in place of two?** A GAN does not circle so neatly, and the pull also slows learning. Beside
# it stands another average that is often confused with it: `weight_average` changes nothing in training, but draws from
# the mean of the weights.

# %%
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
# **And in numbers?** Held-out real digits are the floor.

# %%
result.figure(
    "FID",
    "FID on digits: without, and with either average",
    "FID, lower is better",
    scores.floor["FID"],
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference. The two
# averages answer different questions, so they may differ in what they are good for.

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Alternate instead: in `game.orbit` both move at once. With `alternate=True` the second player sees the first
#    one's move. Does the plain game still run away?
# 2. Which weight is best in the small game? `game.orbit(400, weight)` for 0.01, 0.1, 1.
# 3. On a real run: `python -m keras_dcgan.train --tricks historical_averaging --epochs 20`, and the same without.
