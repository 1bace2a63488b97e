# %% [markdown]
# # 2.4.9 Do not balance the losses by statistics
#
# After this notebook you will be able to
#
# - say why equal losses are no sign of health;
# - show what a rule such as "train D only while its loss is above a threshold" does;
# - choose a fixed ratio of steps instead.
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
# It is tempting to watch the losses and to train whoever is behind. The chapter advises against it. Against a forger whose
# density is q the best D has the loss
#
# $$L_D^* = 2\log 2 - 2\,\mathrm{JS}(p, q)$$
#
# which is small *because* the forgery is bad: an early low loss of D is not a D that is too strong but one that is right,
# and it is what G has to learn from. In the package: the ratio of D's and G's steps is fixed (`update_ratio` in `ssgan_tf`);
# `game.play(..., threshold=…)` has the rule for this notebook alone.
#
# **What loss does a perfect detective have, while a forgery comes nearer?** The forgery is the data, shifted.

# %%
import numpy as np

from gan_common.lessons import compare, game
from gan_common.plotting import figures

x = np.linspace(-12, 12, 2401)
shifts = np.linspace(0, 5, 26)
bump = game.Mixture((0.0,), (1.0,), (1.0,))
p = bump.density(x)
best = []
for shift in shifts:
    q = bump.density(x - shift)
    best.append(-game.value(p, q, game.optimal_discriminator(p, q), x))
figures.lines(
    {"": {"loss of the best D": (shifts, best)}},
    f"The better the forgery, the higher the best D's loss: from {best[-1]:.2f} to {best[0]:.2f}",
    "distance of the forgery",
    "loss",
    levels={"a D that knows nothing, 2 log 2": 2 * np.log(2)},
)

# %% [markdown]
# ## With and without
#
# **What does the rule do?** "Skip D's step when its loss is under 0.9 (or 1.2)." The game on the line, the same seeds, the
# same number of G's steps, five tries of D for each; JS is the true distance of the forgery.

# %%
steps = lesson.pick(1000, 40)
grid = game.GRID
truth = game.DATA.density(grid)
paths = {}


def run(threshold, seed):
    states, _, _ = game.play(steps, seed, discriminator_steps=5, threshold=threshold)
    distances = [game.jensen_shannon(truth, s.q, grid) for s in states]
    paths.setdefault(threshold, ([s.step for s in states], distances))
    return {"JS": distances[-1], "mean JS": np.mean(distances[1:])}


variants = {"fixed ratio": 0.0, "D waits under 0.9": 0.9, "D waits under 1.2": 1.2}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How does the forgery get on?** The first seed of each.

# %%
# shown in the README
figures.lines(
    {"": dict(zip(variants, paths.values(), strict=True))},
    "The distance of forgery and data over training, seed 1",
    "step of G",
    "JS, nats",
)

# %% [markdown]
# **And for all seeds?**

# %%
result.figure("JS", "Distance of forgery and data at the end", "JS, nats, lower is better")

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference.

# %%
result.verdict("JS", "lower")
result.verdict("mean JS", "lower")

# %% [markdown]
# ## Exercises
#
# 1. The other way round: give D one step only, `discriminator_steps=1` in `run`. What happens to JS, and to the time?
# 2. Which threshold is too high for G ever to get there? Compare it with 2 log 2 = 1.39.
# 3. Where pausing D is right: a start-up that has failed, section 2.3.1. What tells that case from this one?
