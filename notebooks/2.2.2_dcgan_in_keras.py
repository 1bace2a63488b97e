# %% [markdown]
# # 2.2.2 DCGAN in Keras
#
# After this notebook you will be able to
#
# - name the five rules that make a GAN of convolutions trainable, and show what each is for;
# - write the train step yourself, and say which weights each line moves;
# - read a training while it runs, and pick the best of what the generator draws.
#
# It takes about 2 minutes on two cores.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The five rules (Radford et al. 2015, section 3)
#
# **Rule 1: where do the sizes change?** Only by strided convolutions in D and fractionally-strided ones in G, which learn
# how; never by pooling or by plain upsampling.

# %%
import keras
import numpy as np
import tensorflow as tf

from gan_common import data, losses, sampling, tricks
from gan_common.plotting import figures
from keras_dcgan import config, models, train

digits = data.load("mnist5k")
settings = config.resolve({"preset": "dcgan", "width": lesson.pick(16, 8), "precision": "float32"})
gan = models.build(settings, digits.image_shape, digits.num_classes)
G, D = gan.generator, gan.discriminator
old = models.build(
    config.resolve({"preset": "reference", "precision": "float32"}), digits.image_shape, 10
)

for net in (G, D, old.discriminator):
    print(("reference " if net is old.discriminator else "") + net.name)
    for layer in net.layers[1:]:
        before, after = layer.input, layer.output
        if before is not after and before.shape[1:3] != after.shape[1:3] and len(after.shape) == 4:
            sizes = " → ".join("×".join(map(str, t.shape[1:])) for t in (before, after))
            print(f"  {type(layer).__name__:<18} {sizes}")

# %% [markdown]
# **Rule 2: what is batch norm for?** With weights from N(0, 0.02²) the signal dies from layer to layer. Batch norm gives
# each layer's units mean 0 and variance 1 over the batch. In a fresh D its moving statistics are 0 and 1, so in inference
# mode it does nothing: the same net with and without.

# %%
batch = tricks.scale_images(digits.x_train[:64])
convolutions = [layer for layer in D.layers if "conv" in layer.name]
followers = [D.layers[D.layers.index(layer) + 1] for layer in convolutions]
signal = keras.Model(D.input, [layer.output for layer in followers])
depth = np.arange(1, len(followers) + 1)
spread = {
    name: [float(np.std(layer)) for layer in signal(batch, training=with_norm)]
    for name, with_norm in (("with batch norm", True), ("without", False))
}
figures.lines(
    {"": {name: (depth, values) for name, values in spread.items()}},
    f"After {len(depth)} convolutions the signal is {spread['without'][-1]:.4f} without batch norm, "
    f"{spread['with batch norm'][-1]:.2f} with it",
    "convolution of D",
    "standard deviation of its units",
)

# %% [markdown]
# **Rule 3: how much sits in dense layers?** None of DCGAN's are deep: D ends in average pooling and one logit.


# %%
def dense_share(net):
    dense = sum(
        layer.count_params() for layer in net.layers if isinstance(layer, keras.layers.Dense)
    )
    return dense / net.count_params()


shares = {"dcgan D": [dense_share(D)], "reference D": [dense_share(old.discriminator)]}
print(f"{D.count_params():,} weights against {old.discriminator.count_params():,}")
figures.bars(
    shares,
    f"Dense layers hold {shares['reference D'][0]:.0%} of reference's weights",
    "share of all weights",
)

# %% [markdown]
# **Rule 4: why tanh at G's end, and ReLU before it?** Pictures are scaled to [−1, 1], and most of a digit's pixels are at
# an end of that range. tanh reaches both ends and nothing beyond.

# %%
fresh = gan(gan.draw_latents(64, 0), training=True).numpy()
edges = np.linspace(-1.2, 1.2, 49)
middle = (edges[1:] + edges[:-1]) / 2
counts = {
    "real pixels": np.histogram(batch, edges)[0] / batch.size,
    "an untrained G": np.histogram(fresh, edges)[0] / fresh.size,
}
at_ends = float(np.mean(np.abs(batch) > 0.95))
figures.lines(
    {"": {name: (middle, shares) for name, shares in counts.items()}},
    f"{at_ends:.0%} of the real pixels are at an end of tanh's range",
    "pixel",
    "share",
)

# %% [markdown]
# **Rule 5: why LeakyReLU in D?** G learns from D's slope at its pictures. Where a ReLU is off, that slope is 0 and nothing
# comes through; the leak lets a fifth through everywhere. How many of D's units are off, for these pictures?

# %%
leaks = [layer for layer in D.layers if isinstance(layer, keras.layers.LeakyReLU)]
before_leak = keras.Model(D.input, [layer.input for layer in leaks])(fresh, training=True)
off = {f"layer {i}": [float(np.mean(x < 0))] for i, x in enumerate(before_leak, 1)}
figures.bars(
    off,
    f"A ReLU would stop the gradient at {np.mean([v[0] for v in off.values()]):.0%} of D's units; the leak at none",
    "share of units that are off",
)

# %% [markdown]
# ## The train step, line by line
#
# `GAN.train_step` is algorithm 1 of Goodfellow et al. 2014. Here it is by hand.
#
# **Which pictures does the detective see?** One batch that is all real, one that is all generated, never mixed; and both
# players see the same generated ones.

# %%
real, labels = tricks.scale_images(digits.x_train[:64]), digits.y_train[:64]
with tf.GradientTape() as generator_tape:
    fake = gan.draw_fakes(labels, seed=1)  # (64, 28, 28, 1), by the batch's own statistics
print(
    f"real {real.min():.0f} to {real.max():.0f}, generated {np.min(fake):.2f} to {np.max(fake):.2f}"
)

# %% [markdown]
# **What does D's half of the step change?** D's weights only: its tape starts after the pictures are made.

# %%
before = [w.numpy() for w in G.trainable_variables]
with tf.GradientTape() as tape:
    real_logits, fake_logits = gan.judge(real, labels, True), gan.judge(fake, labels, True)
    d_loss = losses.discriminator_loss("non_saturating", real_logits, fake_logits)
gradients = tape.gradient(d_loss, D.trainable_variables)
gan.discriminator_optimizer.apply(gradients, D.trainable_variables)
again = losses.discriminator_loss(
    "non_saturating", gan.judge(real, labels, True), gan.judge(fake, labels, True)
)
untouched = all(np.array_equal(a, b) for a, b in zip(before, G.trainable_variables, strict=True))
print(f"D's loss on this batch {d_loss:.3f} → {again:.3f}; G's weights untouched: {untouched}")

# %% [markdown]
# **And G's half?** The gradient goes from G's loss back through D to the pictures, then through G to its weights. D's
# weights are not in the list that the optimizer is given: no freezing, no `trainable = False`.

# %%
with tf.GradientTape() as tape:
    tape.watch(fake)
    g_loss = losses.generator_loss("non_saturating", gan.judge(fake, labels, True))
to_pictures = tape.gradient(g_loss, fake)
gradients = generator_tape.gradient(fake, G.trainable_variables, output_gradients=to_pictures)
gan.generator_optimizer.apply(gradients, G.trainable_variables)
moved = losses.generator_loss("non_saturating", gan.judge(gan.draw_fakes(labels, 1), labels, True))
print(f"G's loss {g_loss:.3f} → {moved:.3f}, on the same latents")
arrows = to_pictures.numpy()[:10]
arrows = -arrows / np.abs(arrows).max()
figures.pictures(
    {"generated": fake.numpy()[:10], "lighter, darker": arrows},
    "What G is told about its pictures: where D would like them lighter, and where darker",
)

# %% [markdown]
# ## Training, live
#
# **Is it learning?** `trial` is `fit` with its numbers kept in memory. The figure below is drawn anew while it runs.


# %%
def progress(history):
    step, pictures = list(history.samples.items())[-1]
    return figures.pictures(
        pictures[:32], f"Step {step}: D right on {history.last('d_real_accuracy'):.0%} real, "
        f"{history.last('d_fake_accuracy'):.0%} generated", columns=8,
    )  # fmt: skip


steps = lesson.pick(1200, 6)
gan, history = train.trial(
    digits, steps, preset="dcgan", width=lesson.pick(16, 8), seed=1,
    sample_every=steps // 6, on_sample=lesson.Live(progress),
)  # fmt: skip

# %% [markdown]
# **How did the same 16 latents change?** A row for each look at them.

# %%
# shown in the README
figures.pictures(
    {f"step {step}": pictures[:16] for step, pictures in history.samples.items()},
    f"The same 16 latents over {history.total_steps} steps",
)

# %% [markdown]
# **What do healthy curves look like?** Neither loss goes to 0: each player's success is the other's loss.

# %%
window = max(1, steps // 60)
figures.lines(
    {
        "losses": {"D": history.curve("d_loss", window), "G": history.curve("g_loss", window)},
        "D is right on": {
            "real": history.curve("d_real_accuracy", window),
            "generated": history.curve("d_fake_accuracy", window),
        },
    },
    f"At the end D's loss is {history.last('d_loss'):.2f}; a D that knows nothing has {2 * np.log(2):.2f}",
    "step",
    ("loss", "share"),
)

# %% [markdown]
# ## Samples
#
# **Can D pick the good ones?** `generate --nice` draws twenty times as many and keeps the 5% that D finds most real. A
# classifier says how sure it is of each picture.

# %%
from gan_common.metrics import features

judge = features.classifier(digits, lesson.pick(None, 60))
count = lesson.pick(48, 16)
sets = {"as they come": sampling.draw(gan, count, 1)[0], "nice": sampling.nice(gan, count, 1)[0]}
sure = {name: features.extract(judge, x)[1].max(axis=1) >= 0.9 for name, x in sets.items()}
kinds = {name: len(set(features.extract(judge, x)[1].argmax(axis=1))) for name, x in sets.items()}
print("; ".join(f"{name}: {kinds[name]} kinds of digits" for name in sets))
figures.pictures(
    {f"{name}\n{np.mean(sure[name]):.0%} sure": x[:16] for name, x in sets.items()},
    f"A classifier is at least 90% sure of {np.mean(sure['as they come']):.0%} as they come, "
    f"of {np.mean(sure['nice']):.0%} of the nice ones",
)

# %% [markdown]
# **What do directions in latent space mean?** The sliders move along the directions that change the picture most
# (`sampling.directions`), from a latent that you choose. Without a front end: five steps along each of the first four.

# %%
z = gan.draw_latents(20, 7).numpy()
found = [sampling.directions(gan.generator, latent)[1] for latent in z[: lesson.pick(8, 1)]]


def walk(latent, direction, amounts):
    places = z[latent] + np.outer(amounts, found[latent][direction - 1]).astype(np.float32)
    return gan.pictures(places, np.zeros(len(places), int))


def along(latent, direction, amount):
    return figures.pictures(
        walk(latent, direction, [0, amount]),
        f"Latent {latent}: {amount:+.1f} along direction {direction}",
        2,
        labels=["there", "moved"],
    )


amounts = np.linspace(-4, 4, 9)
sliders = lesson.explore(
    along,
    {"latent": (0, len(found) - 1, 1), "direction": (1, 10, 1), "amount": (-5.0, 5.0, 0.5)},
    {"latent": 0, "direction": 1, "amount": 2.0},
    static=figures.pictures(
        {f"direction {d}": walk(0, d, amounts) for d in (1, 2, 3, 4)},
        "From −4 to +4 along the four directions that move this picture most",
    ),
)

# %% [markdown]
# ## Exercises
#
# 1. Train the networks that break four of the five rules: `train.trial(digits, 600, preset="reference")`. Compare the grids.
# 2. Ask D for its worst: sort `gan.scores(pictures, labels)` the other way round. What do these pictures have in common?
# 3. Do it for real, with a run's folder: `python -m keras_dcgan.train --epochs 20`, then `python -m keras_dcgan.generate
#    --run_dir RUN --nice`, and `--interpolate`.
