# %% [markdown]
# # 2.4.6 Batch normalization, virtual and instance too
#
# After this notebook you will be able to
#
# - write batch norm for training and for inference, and virtual batch norm, by hand;
# - show how one image depends on the others of its batch, and for whom that matters;
# - say what real and generated images in one batch do to a training, and what no batch norm does.
#
# It takes about 4 minutes on two cores. The papers are [batch norm](https://arxiv.org/abs/1502.03167) and, for the virtual one,
# [Improved GAN](https://arxiv.org/abs/1606.03498), section 3.5.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: bring every channel to mean 0 and variance 1, over the batch, so that no layer depends on the scale that the
# layers before it happen to have.*
#
# $$y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# **Whose μ and σ²?** In training those of the batch, over images and positions. At inference there may be no batch, so
# moving averages of them are kept. γ and β are learned, one a channel.

# %%
import numpy as np
import tensorflow as tf

from gan_common import data, tricks
from gan_common.kernels.normalization import BatchNormalization

EPSILON, MOMENTUM = 1e-3, 0.99  # Keras's


class BatchNorm:
    """Of images (N, H, W, C); γ = 1 and β = 0 as at the start of a training."""

    def __init__(self, channels):
        self.mean, self.variance = np.zeros(channels), np.ones(channels)  # the moving averages

    def __call__(self, x, training):
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
            self.mean = MOMENTUM * self.mean + (1 - MOMENTUM) * mean
            self.variance = MOMENTUM * self.variance + (1 - MOMENTUM) * variance
        return (x - mean) / np.sqrt(variance + EPSILON)


digits = data.load("mnist5k")
scaled = tricks.scale_images(digits.x_train)
ours, theirs = BatchNorm(1), BatchNormalization()
for start in (0, 64, 128):
    batch = scaled[start : start + 64]
    np.testing.assert_allclose(
        ours(batch, True), theirs(batch, training=True), rtol=1e-3, atol=1e-3
    )
np.testing.assert_allclose(ours.mean, theirs.moving_mean, atol=1e-5)
np.testing.assert_allclose(ours.variance, theirs.moving_variance, atol=1e-5)
np.testing.assert_allclose(ours(batch, False), theirs(batch, training=False), rtol=1e-3, atol=1e-3)
print(
    f"as the package's layer, in training and at inference; after three batches the moving mean is {ours.mean[0]:.3f}, "
    f"that of the pixels {scaled.mean():.3f}"
)

# %% [markdown]
# The moving averages take hundreds of steps to arrive; the package lets them start as one batch's
# (`tricks.start_statistics`).
#
# ## What one image learns of the others
#
# **And in a batch of 4?** The same digit among 100 different choices of others: by how much does its own output change? *Predict:
# which of training and inference depends on the others, and how does it go with the size of the batch?*

# %%
# shown in the README
import keras

from gan_common.plotting import figures

sizes = (2, 4, 8, 16, 32, 64)
draws = np.random.default_rng(1)


def varies(norm, size):
    """The standard deviation of an image's output over many batches with other neighbors, mean over pixels."""
    outputs = [
        norm(np.concatenate([scaled[:1], scaled[draws.integers(1, 4000, size - 1)]]))[0]
        for _ in range(lesson.pick(100, 20))
    ]
    return float(np.mean(np.std(outputs, axis=0)))


instance = keras.layers.GroupNormalization(groups=-1)
norms = {
    "batch norm, training": lambda x: BatchNorm(1)(x, True),
    "batch norm, inference": lambda x: ours(x, False),
    "instance norm": lambda x: instance(x).numpy(),
}
depends = {name: [varies(norm, size) for size in sizes] for name, norm in norms.items()}
figures.lines(
    {"": {name: (sizes, values) for name, values in depends.items()}},
    f"How one image's output varies with its neighbors: {depends['batch norm, training'][1]:.2f} in batches of 4, "
    f"{depends['batch norm, training'][-1]:.2f} in batches of 64; at inference, and by instance norm, not at all",
    "images in the batch",
    "standard deviation of the output",
)

# %% [markdown]
# **What was seen?**

# %%
lesson.seen(
    "In training an image's output depends on its neighbors, the more so the fewer they are: batch statistics of 4 images are "
    "noise. At inference, and by instance norm, which takes each image's own mean and variance, it does not.",
    depends["batch norm, training"][1] > 3 * depends["batch norm, training"][-1]
    and max(depends["batch norm, inference"] + depends["instance norm"]) < 1e-5,
)

# %% [markdown]
# ## Virtual batch norm
#
# **Can one have batch statistics without the dependence?** Take those of a reference batch R, chosen once, and of the image x
# itself (Salimans et al. 2016, section 3.5):
#
# $$\mathrm{VBN}(x) = \frac{x - \mu_{R \cup \{x\}}}{\sqrt{\sigma^2_{R \cup \{x\}} + \epsilon}}$$

# %%


def virtual(reference, x):
    """Reference (R, H, W, C), images (N, H, W, C) → each image by the statistics of R and itself."""
    outputs = []
    for image in x:
        union = np.concatenate([reference, image[None]])
        mean, variance = union.mean(axis=(0, 1, 2)), union.var(axis=(0, 1, 2))
        outputs.append((image - mean) / np.sqrt(variance + EPSILON))
    return np.array(outputs)


reference, batch = scaled[:16], scaled[16:24]
layer = tricks.VirtualBatchNormalization(reference_size=16)  # the first 16 rows of a call are R
by_package = layer(np.concatenate([reference, batch]))[16:]
np.testing.assert_allclose(virtual(reference, batch), by_package, rtol=1e-3, atol=1e-3)
alone = virtual(reference, batch[:1])
np.testing.assert_array_equal(alone, virtual(reference, batch)[:1])
print("as tricks.VirtualBatchNormalization; an image alone comes out as it does among others")

# %% [markdown]
# Inside a network R must be followed to every depth, so it goes through the network with each batch
# (`tricks.with_reference`): that is what it costs.
#
# ## Real and generated apart
#
# **What if both share a batch?** "Generated" images here are the real ones, a little darker. Batch norm moves either kind to mean 0
# in batches of its own. *Predict: and in a mixed batch?*

# %%
kinds = scaled[:32], scaled[32:64] - 0.2
apart = [float(BatchNorm(1)(kind, True).mean()) for kind in kinds]
mixed = BatchNorm(1)(np.concatenate(kinds), True)
together = [float(half.mean()) for half in np.split(mixed, 2)]
figures.bars(
    {
        "in batches of their own": [round(abs(apart[0] - apart[1]), 3)],
        "in one mixed batch": [abs(together[0] - together[1])],
    },
    f"Means of real and generated after batch norm: {abs(together[0] - together[1]):.2f} apart in a mixed batch, "
    f"{abs(apart[0] - apart[1]):.2f} in batches of their own",
    "difference of the means",
)

# %% [markdown]
# **So who is judged by what?** In a mixed batch the mean of all images is a threshold between the kinds, handed to D for free. G's own
# step, though, shows D generated images only: there they have mean 0 again, and the threshold is elsewhere.

# %%
from gan_common.plotting.diagrams import Arrow, Box, diagram

diagram(
    {
        "x": Box("data x", "data", 0, 0),
        "g": Box("generator G", "network", 0, 1),
        "d1": Box("D, normalized\nby x", "network", 1.7, 0),
        "d2": Box("D, normalized\nby G(z)", "network", 1.7, 1),
        "loss": Box("loss of D", "loss", 3.2, 0),
        "g_loss": Box("loss of G", "loss", 3.2, 1),
    },
    [
        Arrow("x", "d1", "64 real"),
        Arrow("g", "d2", "64 generated"),
        Arrow("d1", "loss"),
        Arrow("d2", "loss"),
        Arrow("d2", "g_loss"),
    ],
    "Batches of one kind: D judges G(z) alike in its own step and in G's",
)

# %% [markdown]
# **As code?** D's step on two batches, as the package takes it, and on a mixed one.

# %%
from gan_common import losses
from keras_dcgan import config, models


def step_apart(gan, real, fake):
    """D's loss on an all-real and an all-generated batch, its gradients, and both logits."""
    with tf.GradientTape() as tape:
        of_real = gan.discriminator(real, training=True)
        of_fake = gan.discriminator(fake, training=True)
        loss = losses.discriminator_loss("non_saturating", of_real, of_fake)
    return loss, tape.gradient(loss, gan.discriminator.trainable_variables), [of_real, of_fake]


def step_mixed(gan, real, fake):
    """The same on one batch of both kinds."""
    with tf.GradientTape() as tape:
        logits = gan.discriminator(tf.concat([real, fake], axis=0), training=True)
        of_real, of_fake = tf.split(logits, 2)
        loss = losses.discriminator_loss("non_saturating", of_real, of_fake)
    return loss, tape.gradient(loss, gan.discriminator.trainable_variables), [of_real, of_fake]


def built(flags):
    """The package's GAN as it is before its first step."""
    chosen = config.resolve({"width": 8, "steps": 1, "precision": "float32", **flags})
    return models.build(chosen, digits.image_shape, digits.num_classes, digits.x_train[:64])


gan = built({})
seeds = dict.fromkeys(("flips", "lines", "real", "fake"), tf.constant([1, 1], tf.int64))
labels = tf.constant(digits.y_train[:64])
fake = gan.draw_fakes(labels, [1, 2])
loss, gradients, _ = step_apart(gan, scaled[:64], fake)
by_package = gan.discriminator_step(scaled[:64], fake, labels, seeds)
np.testing.assert_allclose(loss, by_package[0], rtol=1e-5)
for mine, theirs in zip(gradients, by_package[1], strict=True):
    np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)
loss_mixed = float(step_mixed(gan, scaled[:64], fake)[0])
print(f"D's first loss: {loss:.3f} apart, as the package's step; {loss_mixed:.3f} mixed")

# %% [markdown]
# ## The disease: no batch norm
#
# **What does it do, then, that one cannot do without?** Weights start at N(0, 0.02²), so each layer shrinks what it is given. *Predict:
# how much of the latent is left at the end of G, without anything that sets the scale again?*

# %%
latents = tricks.sample_latent(64, 100, seed=1)
left = {}
for name, new in (("batch norm", gan), ("no batch norm", built({"break_": "no_bn"}))):
    after = [layer.output for layer in new.generator.layers if layer.name.startswith("re_lu")]
    after.append(new.generator.output)
    values = keras.Model(new.generator.input, after)(latents, training=True)
    left[name] = [float(np.mean(np.std(value, axis=0))) for value in values]
places = [f"ReLU {k + 1}" for k in range(len(after) - 1)] + ["the images"]
figures.columns(
    {"": {name: np.log10(values) for name, values in left.items()}},
    places,
    f"How far 64 images of an untrained G differ: by {left['batch norm'][-1]:.3f} with batch norm, "
    f"by {left['no batch norm'][-1]:.3f} without",
    "in G, from the latent to the images",
    "log10 of the deviation over latents",
)

# %% [markdown]
# **What becomes of the digits?** The same 500 steps of the same networks, with and without; and, stored, three seeds of 1,488
# steps each (`python -m benchmarks.experiments.ablation`).

# %%
from gan_common import sampling
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from keras_dcgan import train

scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn, kept = {}, {}


def run(variant, seed):
    name, flags = variant
    gan, history = train.trial(digits, lesson.pick(500, 2), seed=seed, width=8, **flags)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(name, pictures[:14])
    kept.setdefault(name, gan)
    return scores(pictures) | {"steps/s": history.steps_per_second}


def mix(gan):
    gan.discriminator_step = lambda real, fake, labels, seeds: step_mixed(
        gan, real, tf.stop_gradient(fake)
    )


variants = {
    name: (name, flags)
    for name, flags in {
        "batch norm": {},
        "mixed batches": {"change": mix},
        "virtual batch norm": {"tricks": ("virtual_batch_norm",)},
        "instance norm": {"tricks": ("instance_norm",)},
    }.items()
}
without = run(("no batch norm", {"break_": "no_bn"}), 1)
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3, 4), (1,)))
result

# %% [markdown]
# **How do they look?** Images of the first seed.

# %%
figures.pictures(drawn, "Digits by normalization, seed 1, after the same number of steps")

# %% [markdown]
# **What is batch norm worth?**

# %%
from notebooks import stored

rows = stored.results("ablation")["rows"]
longer = compare.Comparison(
    {
        name: [{"FID": run["fid"], "class KL": run["class_kl"]} for run in rows[row]["mnist5k"]]
        for name, row in {"batch norm": "plain", "no batch norm": "no batch norm"}.items()
    }
)
longer.verdict("FID", "lower")
longer.verdict("class KL", "lower")
here = result.values("FID")["batch norm"][0]
print(f"live, seed 1 after 500 steps: FID {here:.3g} → {without['FID']:.3g}")
lesson.seen(
    "Without it 500 steps make no digits at all, and three times as many make poor ones: of all rows of the stored table, it is "
    "the worst. Images that hardly differ give D one thing to judge, and G a gradient that is as small as they are.",
    max(rows, key=lambda row: rows[row].get("mnist5k_mean", {}).get("fid", 0)) == "no batch norm"
    and longer.effects("FID", "lower")["no batch norm"] == "harmed"
    and without["FID"] > 10 * here,
)

# %% [markdown]
# ## Mixed batches, and the other norms
#
# **And the others, in numbers?** Each against batch norm on batches of one kind. (Those four runs are runs of 2.4.2 and
# 2.4.4, too.)

# %%
result.verdict("FID", "lower")
result.verdict("class KL", "lower")

# %% [markdown]
# **Why are mixed batches ruin?** The trained D of seed 1 is asked of generated images twice: among real ones, as it was trained, and
# in a batch of their own, as G's step asks it.

# %%
mixed_gan = kept["mixed batches"]
fake = mixed_gan.draw_fakes(labels, [5, 5])
among = mixed_gan.discriminator(tf.concat([scaled[:64], fake], 0), training=True)[64:]
by_itself = mixed_gan.discriminator(fake, training=True)
asked = {
    name: float(tf.reduce_mean(tf.sigmoid(logits)))
    for name, logits in {"among real images": among, "in a batch of their own": by_itself}.items()
}
told = ", ".join(f"{verdict:.3f} {where}" for where, verdict in asked.items())
print(f"D's mean verdict on the same generated images: {told}")
lesson.seen(
    "Among real images D finds every generated one out, by the difference of the means. In a batch of their own they have no such "
    "difference, and the same D takes them for real: G is told that noise is good, and learns nothing. That ruins all four seeds. "
    "Virtual batch norm, which is slower, and instance norm differ from batch norm by nothing that is visible with four seeds: this "
    "patient is healthy.",
    asked["among real images"] < 0.05
    and asked["in a batch of their own"] > 0.5
    and result.effects("FID", "lower")
    == {"mixed batches": "harmed", "virtual batch norm": "unclear", "instance norm": "unclear"}
    and min(result.values("FID")["mixed batches"]) > 50 * max(result.values("FID")["batch norm"]),
)

# %% [markdown]
# ## Correlated batches, and a cure
#
# **Does a trained G depend on its neighbors, too?** In training G draws each image with the statistics of its batch. The same latent among
# 20 different choices of others, by the two generators of seed 1. *Predict: for which of the two do they matter,
# and can one see it?*

# %%
latent = tricks.sample_latent(1, 100, seed=3)
rows_of, spreads = {}, {}
for name in ("batch norm", "virtual batch norm"):
    spreads[name] = []
    with kept[name].averaged():  # and back to what they were, moving averages included
        for size in sizes:
            images = []
            for k in range(lesson.pick(20, 10 if size == 4 else 2)):
                others = tricks.sample_latent(size - 1, 100, seed=100 + k)
                drawn_by = kept[name].generator(tf.concat([latent, others], 0), training=True)
                images.append(drawn_by[0].numpy())
            spreads[name].append(float(np.mean(np.std(images, axis=0))))
            if size == 4:
                rows_of[f"{name}, in batches of 4"] = np.array(images[:10])
            if size == 64 and name == "batch norm":
                rows_of[f"{name}, in batches of 64"] = np.array(images[:10])
figures.pictures(rows_of, "One latent in ten different batches of a training step")

# %% [markdown]
# **By how much?**

# %%
figures.lines(
    {"": {name: (sizes, values) for name, values in spreads.items()}},
    f"How one generated image varies with its neighbors: {spreads['batch norm'][1]:.3f} in batches of 4, "
    f"{spreads['batch norm'][-1]:.3f} in batches of 64; {spreads['virtual batch norm'][1]:.0e} by virtual batch norm",
    "images in the batch",
    "standard deviation of a pixel in [−1, 1]",
)

# %% [markdown]
# **Does it matter?**

# %%
lesson.seen(
    "An image of G does depend on its neighbors, and the more the fewer they are; by virtual batch norm it does not. But here it is by "
    "less than a hundredth of the range even in batches of 4, which no eye sees. The paper's warning is of a G that depends on them highly; this one "
    "does not, and that is why virtual batch norm has nothing to cure in it.",
    0.05 > spreads["batch norm"][1] > 2 * spreads["batch norm"][-1]
    and max(spreads["virtual batch norm"]) < 1e-4,
)

# %% [markdown]
# **Where does virtual batch norm cure?** On the ring, where G's plain networks have no normalization at all and follow one place
# about; stored, ten seeds each.

# %%
ring = compare.Comparison(
    {
        name: [
            {"modes": run["modes"], "good share": run["high_quality"]} for run in rows[row]["ring"]
        ]
        for name, row in {"plain": "plain", "virtual batch norm": "virtual_batch_norm"}.items()
    }
)
ring.verdict("modes", "higher")
ring.verdict("good share", "higher")
lesson.seen(
    "It finds modes that plain G does not, with eight of ten seeds; the samples are far from sharp, and with three seeds one mode is all. Normalized layers keep "
    "latents apart from each other, so that G cannot as easily send all of them to one place.",
    ring.effects("modes", "higher")["virtual batch norm"] == "helped"
    and np.mean(ring.values("good share")["virtual batch norm"]) < 0.3
    and sum(v == 1 for v in ring.values("modes")["virtual batch norm"]) == 3,
)

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | inception score on CIFAR-10, virtual and plain batch norm | 8.09 and 7.54 | not tried | its model had labels and all its other tricks |
# | where it is used | in G only, "too expensive" for D | in G only | |
# | digits | not told | the verdicts above | |
# | all-real and all-generated batches | advice of [ganhacks](https://github.com/soumith/ganhacks), no number | the verdicts above | |

# %% [markdown]
# ## Exercises
#
# 1. Draw one image alone, at inference: does it differ from what it is among others?
#
# <details><summary>Solution</summary>
#
# ```python
# among = kept["batch norm"].pictures(latents[:8], np.zeros(8, int))
# alone = kept["batch norm"].pictures(latents[:1], np.zeros(1, int))
# assert np.abs(among[0].astype(int) - alone[0]).max() <= 1
# ```
#
# No: `pictures` draws with the moving averages. (A gray level of difference is rounding.)
#
# </details>
#
# 2. Write instance norm as three lines of NumPy, and hold it against `instance`.
#
# <details><summary>Solution</summary>
#
# ```python
# mean = batch.mean(axis=(1, 2), keepdims=True)
# variance = batch.var(axis=(1, 2), keepdims=True)
# by_hand = (batch - mean) / np.sqrt(variance + instance.epsilon)
# np.testing.assert_allclose(by_hand, instance(batch), rtol=1e-3, atol=1e-3)
# ```
#
# </details>
#
# 3. Take D's norm away and bound its weights instead: `python -m keras_dcgan.train --tricks spectral_norm --epochs 20`, and the
#    same with `weight_norm`. The stored table (`results/README.md`) says what to expect of 1,488 steps.
