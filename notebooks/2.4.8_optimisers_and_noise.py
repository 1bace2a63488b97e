# %% [markdown]
# # 2.4.8 Optimisers, and noise
#
# After this notebook you will be able to
#
# - give D another optimizer than G;
# - say what noise on D's inputs does to a game that D has already won;
# - use dropout in G as its source of variety, and measure all three.
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
# Three pieces of advice: Adam for G but SGD for D, so that D is slower; noise on D's inputs, fading over the training
# (Sønderby et al. 2017; Arjovsky and Bottou 2017), so that real and generated samples overlap; dropout in G, at test time
# too, as a source of noise. With noise ε of density n, D compares smeared densities:
#
# $$D^*(x) = \frac{(p * n)(x)}{(p * n)(x) + (q * n)(x)}$$
#
# In the package: `keras.optimizers.SGD`, `tricks.InstanceNoise(stddev, decay_steps)`, `tricks.DropoutNoise(rate)`.
#
# **What does noise on both do to a game that is lost for G?** Two narrow densities that do not touch: D is perfect, flat at
# the forgeries, and tells G nothing. Noise of standard deviation s widens both.

# %%
# shown in the README
import numpy as np
from scipy.integrate import trapezoid

from gan_common import data, sampling, tricks
from gan_common.lessons import compare, game
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

x = np.linspace(-5, 5, 2001)
noises = (0.0, 0.3, 0.6, 1.0)
judged, distance, slope = {}, [], []
for s in noises:
    p, q = (game.Mixture((m,), (float(np.hypot(0.1, s)),), (1.0,)).density(x) for m in (-1.5, 1.5))
    d = game.optimal_discriminator(p, q)
    judged[f"noise {s}"] = (x, d)
    distance.append(game.jensen_shannon(p, q, x))
    slope.append(float(trapezoid(np.abs(np.gradient(d, x)) * q, x)))
figures.lines(
    {
        "the best D": judged,
        "what it tells": {
            "JS, nats (log 2 is 'nothing in common')": (noises, distance),
            "D's slope at the forgeries": (noises, slope),
        },
    },
    f"D's slope at the forgeries: {slope[0]:.0e} without noise, {slope[-1]:.2f} with noise of 1",
    ("x", "noise"),
    ("D*(x)", ""),
)

# %% [markdown]
# **Is the noise gone at the end?** It fades linearly with D's looks, to exactly nothing.

# %%
noise = tricks.InstanceNoise(stddev=0.5, decay_steps=50, seed=1)
zeros = np.zeros((4000, 1), np.float32)
seen = [float(np.std(noise(zeros, training=True))) for _ in range(60)]
print(
    "standard deviation at look 0, 25, 49, 50: "
    + ", ".join(f"{seen[i]:.3f}" for i in (0, 25, 49, 50))
)

# %% [markdown]
# **Does dropout give G variety?** One latent, drawn four times by a fresh layer; a dropout for regularizing would be off.

# %%
dropped = tricks.DropoutNoise(0.3, seed=1)
ones = np.ones((1, 1000), np.float32)
shares = [float(np.mean(np.asarray(dropped(ones)) == 0)) for _ in range(4)]
print(
    "share of units that are off, four times at inference: " + ", ".join(f"{s:.2f}" for s in shares)
)

# %% [markdown]
# ## With and without
#
# **What do they do to digits?**

# %%
digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(flags, seed):
    gan, history = train.trial(digits, lesson.pick(400, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(str(flags.get("tricks", "without")), pictures[:14])
    return scores(pictures) | {"steps/s": history.steps_per_second}


variants = {
    "without": {},
    "SGD for D": {"tricks": ("sgd_discriminator",)},
    "instance noise": {"tricks": ("instance_noise",)},
    "dropout in G": {"tricks": ("dropout_noise",)},
}
variants = dict(list(variants.items())[: lesson.pick(4, 3)])
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Pictures of the first seed.

# %%
figures.pictures(
    dict(zip(result.results, drawn.values(), strict=True)),
    "Digits without and with each, after the same number of steps",
)

# %% [markdown]
# **And in numbers?** Held-out real digits are the floor.

# %%
result.figure(
    "FID", "FID on digits: without and with each", "FID, lower is better", scores.floor["FID"]
)

# %% [markdown]
# **The verdict?** It is computed: a t-test asks whether the seeds by themselves would make such a difference.
# Instance noise is made for trainings longer than this one: it fades over 2,000 steps.

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# ## Exercises
#
# 1. How much faster than Adam must SGD be? `{"tricks": ("sgd_discriminator",), "discriminator_lr": 0.01}` as a variant.
# 2. Is there a noise that is too large? In the first figure go on to 3: what happens to the slope?
# 3. Draw the same latent ten times from a G with `dropout_noise`: `gan.pictures(np.repeat(latents[:1], 10, 0),
#    np.zeros(10, int))`.
