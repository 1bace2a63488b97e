# %% [markdown]
# # 2.3.2 Mode collapse
#
# After this notebook you will be able to
#
# - make a GAN collapse, and count the modes that it has left;
# - say what each remedy of the chapter changes in the game, and try it by one flag;
# - say from the numbers which of them cure the collapse here, and what they cost.
#
# It takes about 4 minutes on two cores.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## Made
#
# Eight narrow Gaussians on a circle. A sample is *good* within 3σ of the nearest centre; a mode is *captured* by at least
# one good sample of 2,500. The networks are those of Metz et al. (2017): two hidden layers of 128 units.
#
# **What do real samples score?** That is the ceiling.

# %%
import numpy as np

from gan_common import modes
from gan_common.lessons import compare
from gan_common.modes.game import Game
from gan_common.modes.tasks import Points
from gan_common.plotting import figures

ring = modes.centres("ring")
real = modes.sample("ring", 2500, seed=0)
captured, good = modes.mode_coverage(real, ring, modes.SIGMA["ring"])
figures.points(
    {f"real: {captured} of 8 modes": real},
    f"Real samples: {captured} modes, {good:.1%} good",
    ring,
)

# %% [markdown]
# **What does the plain GAN draw, over its training?** G finds the place that D doubts least and sends all its samples there;
# D learns to doubt it, and G moves on.

# %%
# shown in the README
steps = lesson.pick(2000, 20)


def game_of(*tricks, **flags):
    options = modes.resolve({"preset": "quick", "steps": steps, "tricks": tricks, **flags})
    return Game(options, Points("ring"))


def over_time(game, seed=1, looks=4):
    game.reset(seed)
    seen = {}
    for _ in range(looks):
        game.train(steps // looks)
        samples = game.samples(2500)
        found = game.data.measure(samples)
        seen[
            f"step {game.steps_done}\n{found['modes']} modes, {found['high_quality']:.0%} good"
        ] = samples
    return seen


plain = game_of()
seen = over_time(plain)
figures.points(
    seen,
    f"The plain GAN: {list(seen)[-1].splitlines()[1]} after {steps} steps, of {captured} modes",
    ring,
)

# %% [markdown]
# ## Diagnosed
#
# **What does D see?** Its verdict over the plane, beside where G's samples are.

# %%
line = np.linspace(-1.6, 1.6, 81)
plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
figures.surface(
    plain.surface(plane).reshape(81, 81), line, plain.samples(1000), ring,
    "How real D finds each point; G's samples (yellow) and the eight modes (crosses)",
)  # fmt: skip

# %% [markdown]
# ## Measured, and cured
#
# | remedy of the chapter | what changes | flag |
# |---|---|---|
# | non-saturating loss | G's loss, −log D for log(1 − D) | the default; `minimax` is the other |
# | changed label boundary | D's targets 1 − α and 0 + β | `label_smoothing` (α), `fake_smoothing` (β) |
# | minibatch features | D compares the samples of a batch (2.4.2) | `minibatch` |
# | packing (Lin et al. 2018) | D judges several samples at once | `packing` |
# | unrolled GAN (1611.02163) | G's loss is against D as it will be: $f_G(\theta_G, \theta_D^{K}(\theta_G, \theta_D))$ | `unrolled` |
# | G before D early on | D moves every fifth step in the first tenth | `generator_first` |
# | conditioning (CGAN) | both are told the mode | `conditional` |
# | learning residuals (LAPGAN, 1506.05751) | G adds what is missing to a coarse start | `residual` |
# | several at once | conditioning, packing, a penalty on D's slope, averaged weights, falling rates | `--preset cured` |
#
# **What does each do to the modes?** The same steps, the same seeds.

# %%
remedies = {
    "plain": (),
    "minimax": ("minimax",),
    "label_smoothing": ("label_smoothing",),
    "fake_smoothing": ("fake_smoothing",),
    "minibatch": ("minibatch",),
    "packing": ("packing",),
    "unrolled": ("unrolled",),
    "generator_first": ("generator_first",),
    "conditional": ("conditional",),
    "residual": ("residual",),
    "preset cured": "cured",
}
if lesson.QUICK:
    remedies = {name: remedies[name] for name in ("plain", "packing", "conditional")}
games, drawn = {(): plain}, {}


def run(variant, seed):
    if variant not in games:
        games[variant] = game_of(preset=variant) if isinstance(variant, str) else game_of(*variant)
    game = games[variant]
    game.reset(seed)
    game.train(steps)
    samples = game.samples(2500)
    drawn.setdefault(variant, samples)
    return game.data.measure(samples)


result = compare.compare(remedies, run, seeds=lesson.pick((1, 2, 3), (1, 2)))
result

# %% [markdown]
# **In one figure?** Modes of 8.

# %%
result.figure(
    "modes", f"Modes captured after {steps} steps, of 8", "modes, higher is better", captured
)

# %% [markdown]
# **And the samples?** Of the first seed.

# %%
figures.points(
    {name: drawn[variant] for name, variant in remedies.items()},
    "Generated points by remedy, seed 1",
    ring,
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference.

# %%
result.verdict("modes", "higher")

# %% [markdown]
# **How do the label boundaries move D's verdict?** The sliders set α and β: D's best answer is
# ((1 − α) p + β q) / (p + q), on the line of section 2.1, where a forgery lies right of the data. With β > 0 it is flat at
# β where only forgeries are, and G is told nothing there.

# %%
from gan_common.lessons import game as line_game

x = line_game.GRID
p, q = line_game.DATA.density(x), line_game.Mixture((4.5,), (0.5,), (1.0,)).density(x)


def boundary(alpha, beta):
    d = ((1 - alpha) * p + beta * q) / (p + q)
    return figures.lines(
        {"": {"data, p": (x, p), "forgery, q": (x, q), "the best D": (x, d)}},
        f"α = {alpha:.2f}, β = {beta:.2f}: D says {d[-1]:.2f} of a far forgery",
        "x",
    )


sliders = lesson.explore(
    boundary,
    {"alpha": (0.0, 0.5, 0.05), "beta": (0.0, 0.5, 0.05)},
    {"alpha": 0.1, "beta": 0.0},
    static=figures.lines(
        {
            f"α = {a}, β = {b}": {
                "p": (x, p), "q": (x, q), "best D": (x, ((1 - a) * p + b * q) / (p + q))
            }
            for a, b in ((0.0, 0.0), (0.1, 0.0), (0.1, 0.2))
        },
        "The best D for three label boundaries",
        "x",
        columns=3,
    ),
)  # fmt: skip

# %% [markdown]
# **How far must G look ahead?** k is the number of D's steps that the unrolled G sees.


# %%
from functools import cache


@cache
def looking_ahead(k):
    game = game_of("unrolled", unrolled_steps=k) if k else plain
    game.reset(1)
    game.train(lesson.pick(1000, 10))
    return game.samples(1000)


def ahead(k):
    samples = looking_ahead(k)
    found, good = modes.mode_coverage(samples, ring, modes.SIGMA["ring"])
    return figures.points({f"k = {k}": samples}, f"k = {k}: {found} modes, {good:.0%} good", ring)


chosen = lesson.pick((0, 1, 3, 5), (0, 1))
sliders = lesson.explore(
    ahead,
    {"k": (0, 8, 1)},
    {"k": 1},
    static=figures.points(
        {f"k = {k}": looking_ahead(k) for k in chosen}, "G that looks ahead k steps of D", ring
    ),
)

# %% [markdown]
# ## Exercises
#
# 1. Do two remedies add up? `game_of("packing", "unrolled")`, then `over_time` of it.
# 2. Twenty-five modes: `python -m gan_common.modes --task grid --preset quick --tricks packing --seeds 3`.
# 3. Is β worse the larger it is? `game_of("fake_smoothing", beta=0.3)`.
