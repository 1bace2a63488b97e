# %% [markdown]
# # 2.4.8 Optimizers, and noise
#
# After this notebook you will be able to
#
# - write a step of Adam and one of SGD, and say why a D with SGD slows down by itself when it is winning;
# - say what noise on D's inputs does to a game that D has won, under the saturating loss and under the default one;
# - use dropout in G as a source of variety, and say when G has need of it.
#
# It takes about 3 minutes on two cores. The advice is entries 9, 13 and 17 of
# [ganhacks](https://github.com/soumith/ganhacks); the papers are [Adam](https://arxiv.org/abs/1412.6980), instance noise by
# [Sønderby et al. 2017](https://arxiv.org/abs/1610.04490) and
# [Arjovsky and Bottou 2017](https://arxiv.org/abs/1701.04862), and [pix2pix](https://arxiv.org/abs/1611.07004) for dropout.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## Adam for G, SGD for D
#
# *In one sentence: Adam takes steps of the same size whether a gradient is large or small, SGD steps as large as the gradient; so
# a D with SGD that has won slows down, and G can catch up.*
#
# With the gradient g of step t, the rate η and the moments m and v, which begin at 0:
#
# $$\text{Adam:}\quad m \leftarrow \beta_1 m + (1 - \beta_1)\,g, \quad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2, \quad
# \theta \leftarrow \theta - \eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,\frac{m}{\sqrt v + \epsilon}$$
#
# $$\text{SGD with Nesterov's momentum:}\quad m \leftarrow \mu m - \eta\,g, \quad \theta \leftarrow \theta + \mu m - \eta\,g$$
#
# **As code?** Both by hand, against the package's, over ten steps. The numbers are those of `keras_dcgan`: β₁ = μ = 0.5.

# %%
import keras
import numpy as np

from gan_common.kernels import optimizers


def adam(theta, m, v, g, t, rate=0.002, beta_1=0.5, beta_2=0.999, epsilon=1e-7):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    scale = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return theta - scale * m / (np.sqrt(v) + epsilon), m, v


def sgd(theta, m, g, rate=0.2, momentum=0.5):
    m = momentum * m - rate * g
    return theta + momentum * m - rate * g, m


rng = np.random.default_rng(1)
start = rng.normal(size=5).astype(np.float32)
gradients = rng.normal(size=(10, 5)).astype(np.float32)
for theirs in (
    optimizers.Adam(0.002, beta_1=0.5),
    optimizers.SGD(0.2, momentum=0.5, nesterov=True),
):
    variable = keras.Variable(start)
    theirs.build([variable])
    theta, m, v = start, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        if isinstance(theirs, keras.optimizers.Adam):
            theta, m, v = adam(theta, m, v, g, t)
        else:
            theta, m = sgd(theta, m, g)
        theirs.apply([keras.ops.convert_to_tensor(g)], [variable])
    np.testing.assert_allclose(theta, variable.numpy(), rtol=1e-4, atol=1e-6)
    print(f"{type(theirs).__name__}: the same weights after ten steps")

# %% [markdown]
# **How large is a step?** A hundred steps along a gradient that stays as it is, large or small; a D that has won has a small
# one. *Predict: how much shorter is the hundredth step of either for a gradient that is a thousand times smaller?*

# %%
from gan_common.plotting import figures


def hundredth(g):
    """The length of the hundredth step of Adam and of SGD, along the gradient g."""
    theta, m, v, other, momentum = 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(1, 101):
        before = theta, other
        theta, m, v = adam(theta, m, v, g, t)
        other, momentum = sgd(other, momentum, g)
    return before[0] - theta, before[1] - other


powers = np.linspace(-4, 1, 21)
of_adam, of_sgd = np.array([hundredth(10.0**power) for power in powers]).T
figures.lines(
    {
        "": {
            "Adam, rate 0.002": (powers, np.log10(of_adam)),
            "SGD, rate 0.2": (powers, np.log10(of_sgd)),
        }
    },
    "Adam's step is as long for any gradient, SGD's as the gradient",
    "size of the gradient, power of ten",
    "length of a step, power of ten",
)

# %% [markdown]
# **What follows for a D that wins?**

# %%
lesson.seen(
    "SGD's step goes down with the gradient: a D that has little left to learn hardly moves. Adam divides by the size of "
    "the recent gradients and goes on at its rate, as soon as it has forgotten the larger ones of the past, which with "
    "β₂ = 0.999 takes some thousands of steps. It also means that no rate can be carried over: with 0.002 Adam's step is "
    "0.002, and SGD's 0.004 times a gradient that is small already.",
    of_adam.max() < 1.01 * of_adam.min() and of_sgd.max() > 1e4 * of_sgd.min(),
)

# %% [markdown]
# ## Does it help digits?
#
# **Over a long training?** `keras_dcgan` on mnist5k, 1,488 steps, three seeds (`results/ablation.json`, by
# `python -m benchmarks.experiments.ablation --steps 1500`). The rate of SGD, 0.2, was chosen on seed 1.

# %%
from gan_common.lessons import compare
from notebooks import stored

rows = stored.results("ablation")["rows"]


def measured(*names):
    """Rows of the table of tricks, as a comparison: the first is the training without any."""
    return compare.Comparison(
        {
            name: [
                {"FID": run["fid"], "class KL": run["class_kl"]} for run in rows[name]["mnist5k"]
            ]
            for name in names
        }
    )


long = measured("plain", "sgd_discriminator")
long.verdict("FID", "lower")
long.verdict("class KL", "lower")

# %% [markdown]
# **And over a short one?** 400 steps, three seeds, live. *Predict: does SGD help in the first minute, too?*

# %%
# shown in the README
from gan_common import data, sampling
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

digits = data.load("mnist5k")
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn, told = {}, {}


def run(flags, seed):
    gan, history = train.trial(digits, lesson.pick(400, 3), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    name = str(flags)
    drawn.setdefault(name, pictures[:14])
    told.setdefault(name, []).append(history)
    right = (history.last("d_real_accuracy") + history.last("d_fake_accuracy")) / 2
    return scores(pictures) | {"D is right": right}


variants = {"Adam for both": {}, "SGD for D": {"tricks": ("sgd_discriminator",)}}
short = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3), (1,)))
window = lesson.pick(20, 1)
right = {
    name: np.mean(
        [
            (
                history.curve("d_real_accuracy", window)[1]
                + history.curve("d_fake_accuracy", window)[1]
            )
            / 2
            for history in told[str(flags)]
        ],
        axis=0,
    )
    for name, flags in variants.items()
}
figures.lines(
    {"": {name: (window * np.arange(1, len(found) + 1), found) for name, found in right.items()}},
    "How often D is right over the training, mean of the seeds",
    "step",
    "share of images that D judges rightly",
    levels={"guessing": 0.5},
)

# %% [markdown]
# **How do they look?** Seed 1.

# %%
figures.pictures(
    dict(zip(variants, drawn.values(), strict=True)),
    "Digits with Adam and with SGD for D, the same steps",
)

# %% [markdown]
# **And in numbers?**

# %%
short.verdict("FID", "lower")
right_of = short.values("D is right")
lesson.seen(
    "After 400 steps a difference of the images is not visible with three seeds. In D it is: with SGD it is right less often, for "
    "every seed, so G fools it more. After 1,488 steps, with networks four times as wide, SGD is ahead with every seed. So it is a "
    "trick for trainings that are long enough, and it needs a rate of its own.",
    short.effects("FID", "lower") == {"SGD for D": "unclear"}
    and all(a > b for a, b in zip(*right_of.values(), strict=True))
    and long.effects("FID", "lower") == {"sgd_discriminator": "helped"},
)

# %% [markdown]
# ## Noise on D's inputs
#
# *In one sentence: where data and forgeries have nothing in common, blur both before D sees them, so that D is wrong
# about some, and let the blur fade.*
#
# With noise ε of density n, D compares smeared densities (p∗n and q∗n). The noise fades linearly:
#
# $$D \text{ is shown } x + s \max(0,\, 1 - t/T)\;\varepsilon, \qquad \varepsilon \sim N(0, I)$$
#
# **As code?** One line. The noise must be on both, real and generated, or D would know them by it.

# %%
import tensorflow as tf

from gan_common import losses, tricks


def noisy(images, stddev, t, steps, seed):
    return images + stddev * max(0.0, 1 - t / steps) * tf.random.stateless_normal(
        images.shape, seed
    )


seed = tf.constant([1, 2], tf.int64)
images = tricks.scale_images(digits.x_test[:8])
for t in (0, 500, 2000):
    theirs = tricks.instance_noise(images, 0.5, tf.constant(t), 2000, seed)
    np.testing.assert_allclose(noisy(images, 0.5, t, 2000, seed), theirs, atol=1e-6)
figures.pictures(
    np.concatenate([noisy(images, 0.5, t, 2000, seed).numpy() for t in (0, 1000, 2000)]).clip(
        -1, 1
    ),
    "What D is shown at step 0, 1,000 and 2,000 of 2,000",
    columns=8,
)

# %% [markdown]
# **What does a sure D tell G?** The data lie at −1.5 and the forgeries at 1.5, both with the deviation 0.1: they do not
# touch. The best D is known, and its logit is f = log p − log q. What moves a forgery is the slope of **G's loss**, and there
# are two losses, the saturating (minimax) and the default (non-saturating):
#
# $$\frac{d}{dx}\log(1 - \sigma(f)) = -\sigma(f)\,f' \qquad\qquad \frac{d}{dx}\left(-\log \sigma(f)\right) = -(1 - \sigma(f))\,f'$$
#
# *Predict both at the middle forgery, first without noise and then with noise of deviation 1.* The tape says:

# %%
DATA, FORGERY, SHARP = -1.5, 1.5, 0.1


def log_density(x, mean, noise):
    """Of N(mean, SHARP² + noise²), but for a constant that p and q share."""
    return -0.5 * (x - mean) ** 2 / (SHARP**2 + noise**2)


def pull(kind, x, noise, forgery=FORGERY):
    """The slope of G's loss at x, against the best D."""
    x = tf.constant(x, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logit = log_density(x, DATA, noise) - log_density(x, forgery, noise)
        # as losses.generator_loss, but each sample's own, and in float64
        minimax = kind == "minimax"
        loss = -tf.nn.softplus(logit) if minimax else tf.nn.softplus(-logit)
    return tape.gradient(loss, x).numpy()


check = tf.constant([-3.0, 0.5, 2.0])
for kind, mine in (("minimax", -tf.nn.softplus(check)), ("non_saturating", tf.nn.softplus(-check))):
    np.testing.assert_allclose(tf.reduce_mean(mine), losses.generator_loss(kind, check), rtol=1e-6)
slopes = {
    kind: [float(pull(kind, FORGERY, noise)) for noise in (0.0, 1.0)]
    for kind in ("minimax", "non_saturating")
}
for kind, (without, blurred) in slopes.items():
    print(f"{kind:<15} without noise {without:8.3g}   with noise {blurred:.2g}")

# %% [markdown]
# **So what is a sure D's fault?**

# %%
lesson.seen(
    "That a sure D tells G nothing is so under the saturating loss only, as section 2.3.1 says: its slope is 0. Under the default "
    "loss it is 300: G is told the way, and far too loudly. Without noise the slope is 0 or 300, and it grows without bound "
    "as the densities get sharper. Noise brings both to a size that a step can be taken by: 0.034 and 2.9.",
    abs(slopes["minimax"][0]) < 1e-12
    and 299 < slopes["non_saturating"][0] < 301
    and 0.02 < slopes["minimax"][1] < 0.05
    and 2.8 < slopes["non_saturating"][1] < 3.0,
)

# %% [markdown]
# ## The disease and the cure
#
# **Does G get there?** The smallest forger: one number θ, the middle of its forgeries, moved by plain gradient descent against
# the best D of each step. The noise begins at 2 and is gone at the end. *Predict where θ goes without noise, for either
# loss.*

# %%
quantiles = np.linspace(-2.5, 2.5, 41)
shares = np.exp(-(quantiles**2) / 2)
shares /= shares.sum()


def forger(kind, noise, steps=300, rate=0.02):
    """θ after each step."""
    path = [FORGERY]
    for t in range(steps):
        s, theta = noise * (1 - t / steps), path[-1]
        shown = theta + np.hypot(SHARP, s) * quantiles  # what D sees of the forgeries
        path.append(theta - rate * float(shares @ pull(kind, shown, s, theta)))
    return np.array(path)


steps = lesson.pick(300, 30)
paths = {
    kind: {
        "without noise": forger(kind, 0.0, steps),
        "with fading noise": forger(kind, 2.0, steps),
    }
    for kind in slopes
}
figures.lines(
    {
        f"{name} loss": {
            "without noise, every 25th step": (
                np.arange(0, steps + 1, 25),
                paths[kind]["without noise"][::25],
            ),
            "with fading noise": (np.arange(steps + 1), paths[kind]["with fading noise"]),
        }
        for name, kind in (("saturating", "minimax"), ("default", "non_saturating"))
    },
    "Against the best D: G without noise, and with noise that fades",
    "step",
    "middle of the forgeries",
    levels={"data": DATA},
)

# %% [markdown]
# **What does noise cure, then?**

# %%
ends = {kind: {name: path[-1] for name, path in each.items()} for kind, each in paths.items()}
hasty = forger("minimax", 2.0, steps // 10)[-1]
print(f"saturating loss, noise that is gone in a tenth of the steps: θ ends at {hasty:.2f}")
lesson.seen(
    "Two opposite diseases. Under the saturating loss θ does not move at all; under the default one a slope of 300 throws it "
    "over the data, and from the other side back again, for ever. With noise both arrive. It must fade slowly: gone in a tenth "
    "of the time, it leaves G where the slope is 0 again.",
    ends["minimax"]["without noise"] == FORGERY
    and abs(paths["non_saturating"]["without noise"][-1] - DATA) > 2
    and hasty > 1
    and all(abs(end["with fading noise"] - DATA) < 0.1 for end in ends.values()),
)

# %% [markdown]
# **And in trainings, whose D is not the best one?** From the same table: digits, and the ring of section 2.3.2 with ten seeds.

# %%
measured("plain", "instance_noise").verdict("FID", "lower")
on_ring = compare.Comparison(
    {
        name: [
            {"modes": run["modes"], "good share": run["high_quality"]} for run in rows[name]["ring"]
        ]
        for name in ("plain", "instance_noise")
    }
)
on_ring.verdict("modes", "higher")
on_ring.verdict("good share", "higher")
modes = on_ring.values("modes")
print("modes by seed with noise:", ", ".join(f"{m:.0f}" for m in modes["instance_noise"]))
lesson.seen(
    "Neither is visible. The argument is about the best D, and these are not: on digits D is wrong about many images as it "
    "is. On the ring one seed of ten found all eight modes and the others none or one, which is why the interval is so wide: a mean of 1.2 modes "
    "describes none of the ten.",
    measured("plain", "instance_noise").effects("FID", "lower") == {"instance_noise": "unclear"}
    and on_ring.effects("modes", "higher") == {"instance_noise": "unclear"}
    and sorted(modes["instance_noise"])[-2:] == [1, 8],
)

# %% [markdown]
# ## Dropout in G
#
# *In one sentence: where G has no latent, or does not heed it, dropout that stays on when G draws is its source of noise.*
#
# With the rate r each unit is off with probability r, and the others are divided by 1 − r, in training **and** at test
# time:
#
# $$\tilde h = \frac{h \cdot b}{1 - r}, \qquad b \sim \text{Bernoulli}(1 - r)$$


# %%
def dropout(h, on, rate):
    """Units h, and which of them are on."""
    return np.where(on, h / (1 - rate), 0.0)


h = rng.normal(size=(4, 1000)).astype(np.float32)
theirs = keras.ops.convert_to_numpy(tricks.DropoutNoise(0.3, seed=1)(h))
np.testing.assert_allclose(dropout(h, theirs != 0, 0.3), theirs, rtol=1e-5)
keras_own = keras.ops.convert_to_numpy(keras.layers.Dropout(0.3, seed=1)(h, training=False))
print(
    f"off when G draws: {np.mean(theirs == 0):.1%} with tricks.DropoutNoise, "
    f"{np.mean(keras_own == 0):.0%} with keras.layers.Dropout, which is for training only"
)

# %% [markdown]
# **The disease?** A G without a latent, as that of an image-to-image network is: it is told the class, and its latent is
# always 0. *Predict: how many different sevens can it draw?* Beside it the same G with dropout.

# %%
from gan_common.kernels import choice
from gan_common.runs.history import History
from keras_dcgan import config, models


def without_latent(chosen, seed=1):
    """A conditional DCGAN whose latents are all 0; what it draws of each class, (10, 12, 28, 28, 1)."""
    steps = lesson.pick(400, 3)
    settings = config.resolve(
        {"preset": "cgan", "width": 8, "precision": "float32", "seed": seed, "steps": steps,
         "tricks": chosen}
    )  # fmt: skip
    gan = models.build(settings, digits.image_shape, 10, digits.x_train[:64])
    latents, label = gan.generator.inputs
    silent = keras.Model([latents, label], gan.generator([0.0 * latents, label]))
    gan = models.GAN(silent, gan.discriminator, settings, digits.image_shape, 10)
    gan.compile(jit_compile=False)
    choice.choose(gan.networks, 64, say=lambda line: None)
    train.fit(gan, digits, settings, History(steps))
    labels = np.arange(120) // 12
    return gan.pictures(gan.draw_latents(120, [seed, 5]), labels).reshape(10, 12, 28, 28, 1)


def variety(images):
    """(classes, N, ...): the mean deviation of a pixel within a class, in shares of the range."""
    return float(np.mean(np.std(images / 255.0, axis=1)))


silent = {"no latent": without_latent(()), "dropout": without_latent(("dropout_noise",))}
silent["real"] = np.stack([digits.x_test[digits.y_test == k][:12] for k in range(10)])
differ = {name: variety(images) for name, images in silent.items()}
figures.pictures(
    {f"{name}, {k}": silent[name][k] for name in silent for k in (7, 3)},
    "What a G without a latent draws, by its class",
)

# %% [markdown]
# **Is that variety enough?**

# %%
print(
    "deviation of a pixel within a class: "
    + ", ".join(f"{name} {value:.3f}" for name, value in differ.items())
)
lesson.seen(
    "Without a latent G has one image for a class, twelve times the same. With dropout the twelve sevens differ, by a third or so "
    "of what real ones differ by, and mostly in how much of a stroke is there. It is a source of noise, and a poor one; "
    "Isola et al. say so of theirs.",
    differ["no latent"] < 0.002 and 0.2 < differ["dropout"] / differ["real"] < 0.6,
)

# %% [markdown]
# **And the healthy patient, a G that has its latent?** From the table again.

# %%
dropped = measured("plain", "dropout_noise")
dropped.verdict("FID", "lower")
lesson.seen(
    "There it does harm: the FID is higher for each of the three seeds. Every image is drawn by another sub-network, and the "
    "strokes pay for it.",
    dropped.effects("FID", "lower") == {"dropout_noise": "harmed"},
)

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | SGD for D | "use the ADAM optimizer; SGD for the discriminator", no number (ganhacks, 9) | FID 1.19 → 0.80 on digits after 1,488 steps, three seeds | the rate had to be found: a hundred times Adam's |
# | instance noise | Sønderby et al.: a necessary step to make sense of super-resolution by a GAN; Arjovsky and Bottou: theorem 2.6 has the default loss's gradient grow without bound | slopes 0 and 300 become 0.034 and 2.9 | the same argument on a line, where all is known |
# | dropout as noise | Isola et al.: "only minor stochasticity" in what their networks draw | see above | their G also sees an image, which says most of what to draw |

# %% [markdown]
# ## Exercises
#
# 1. Is there noise that is too large? Follow the slope of the default loss at the middle forgery on to a noise of 10.
#
# <details><summary>Solution</summary>
#
# ```python
# large = {s: float(pull("non_saturating", FORGERY, s)) for s in (0.3, 1.0, 3.0, 10.0)}
# print({s: f"{slope:.3g}" for s, slope in large.items()})
# assert all(np.diff(list(large.values())) < 0) and large[10.0] < 0.02
# ```
#
# Yes: it falls with the square of the noise. Under that of 10 data and forgeries look alike, and D has nothing to tell.
#
# </details>
#
# 2. Give SGD the rate that Adam has. What does D learn, by how often it is right?
#
# <details><summary>Solution</summary>
#
# ```python
# slow = {"tricks": ("sgd_discriminator",), "discriminator_lr": 0.002}
# _, history = train.trial(digits, lesson.pick(100, 3), seed=1, width=8, **slow)
# print(f"D's loss {history.last('d_loss'):.3f}, guessing costs 1.386")
# assert lesson.QUICK or abs(history.last("d_loss") - 1.386) < 0.05
# ```
#
# Nothing: it guesses. The doctor calls that "D guesses".
#
# </details>
#
# 3. On a real run: `python -m keras_dcgan.train --tricks sgd_discriminator --epochs 24`, and the same without.
