# %% [markdown]
# # 2.2.2 DCGAN in Keras
#
# After this notebook you will be able to
#
# - write DCGAN in Keras: both networks, the train step and the loop, and say which weights each line moves;
# - name its five rules, and show what each is for;
# - read a training while it runs, and judge what the generator draws.
#
# It takes about 3 minutes on two cores. The paper is [Radford et al. 2015](https://arxiv.org/abs/1511.06434); the
# repository that the chapter uses is [jacobgil/keras-dcgan](https://github.com/jacobgil/keras-dcgan), whose defects
# [docs/](../docs/the-two-repositories.md) lists: it is no DCGAN, for one.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## Both networks
#
# *The idea in one sentence: a GAN of convolutions trains if five rules are kept.* They are (section 3 of the paper):
#
# 1. strided convolutions in place of pooling in D, fractionally-strided ones in place of upsampling in G;
# 2. batch norm in both, but not at G's end nor at D's beginning;
# 3. no fully-connected layers between: D ends in an average over the image;
# 4. in G ReLU, and tanh at its end;
# 5. in D LeakyReLU.
#
# **What does that look like in Keras?** All of it, for images of 28×28:

# %%
import keras
import numpy as np
import tensorflow as tf
from keras import layers

WIDTH = lesson.pick(16, 8)  # channels of D's first layer; the paper has 128


def small():
    return keras.initializers.RandomNormal(stddev=0.02)


def make_generator():
    return keras.Sequential(
        [
            keras.Input((100,)),
            layers.Dense(7 * 7 * 4 * WIDTH, use_bias=False, kernel_initializer=small()),
            layers.Reshape((7, 7, 4 * WIDTH)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(
                2 * WIDTH, 4, 2, "same", use_bias=False, kernel_initializer=small()
            ),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 4, 2, "same", kernel_initializer=small()),
            layers.Activation("tanh"),
        ],
        name="G",
    )


def make_discriminator():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(WIDTH, 4, 2, "same", kernel_initializer=small()),
            layers.LeakyReLU(0.2),
            layers.Conv2D(2 * WIDTH, 4, 2, "same", use_bias=False, kernel_initializer=small()),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Conv2D(4 * WIDTH, 4, 2, "same", use_bias=False, kernel_initializer=small()),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, kernel_initializer=small()),  # a logit: no sigmoid
        ],
        name="D",
    )


keras.utils.set_random_seed(1)
G, D = make_generator(), make_discriminator()
print(f"G has {G.count_params():,} weights, D {D.count_params():,}")

# %% [markdown]
# **What goes through them?** A generator turns the pyramid of a classifier upside down.

# %%
from gan_common.plotting import diagrams, figures


def tensors(net, input_name):
    found = [(input_name, net.inputs[0].shape[1:])]
    for layer in net.layers:
        if isinstance(layer, (layers.Dense, layers.Conv2D, layers.Conv2DTranspose)):
            stride = f"\nstride {layer.strides[0]}" if hasattr(layer, "strides") else ""
            found.append((type(layer).__name__ + stride, layer.output.shape[1:]))
        elif isinstance(layer, (layers.Reshape, layers.GlobalAveragePooling2D)):
            found.append(
                (
                    type(layer).__name__.replace("GlobalAveragePooling2D", "average"),
                    layer.output.shape[1:],
                )
            )
    return found


diagrams.layers(
    {"generator G": tensors(G, "latent"), "discriminator D": tensors(D, "image")},
    "DCGAN's two networks: sizes change by strides alone",
)

# %% [markdown]
# **Is it the package's DCGAN?** `keras_dcgan` builds the same networks for any size, and computes the convolutions in a
# form that is faster. From one seed both must draw the same images and give the same logits.

# %%
from gan_common import data, sampling, tricks
from keras_dcgan import config, models, train

digits = data.load("mnist5k")
settings = config.resolve({"preset": "dcgan", "width": WIDTH, "precision": "float32", "seed": 1})
gan = models.build(settings, digits.image_shape, digits.num_classes)
z = gan.draw_latents(64, 0)
real = tricks.scale_images(digits.x_train[:64])  # uint8 → [−1, 1]
for training in (True, False):
    np.testing.assert_allclose(
        G(z, training=training), gan.generator(z, training=training), atol=1e-4
    )
    np.testing.assert_allclose(
        D(real, training=training), gan.discriminator(real, training=training), atol=1e-4
    )
print("the same images and the same logits, in training and in inference")

# %% [markdown]
# ## The train step
#
# Algorithm 1 of Goodfellow et al. 2014, with one step of D for each of G. Three things go wrong in most of the code that is
# around; here they are right, and each stands in one line:
#
# - **D never sees a mixed batch.** One call for all real, one for all generated: batch norm would let D compare the two
#   within a batch.
# - **Nothing is frozen.** No `trainable = False`: each optimizer is given its own network's variables.
# - **Both players judge the same generated images**, by the statistics of their batch (`training=True`).

# %%
of_g = keras.optimizers.Adam(2e-3, beta_1=0.5)
of_d = keras.optimizers.Adam(2e-3, beta_1=0.5)
of_g.build(G.trainable_variables)
of_d.build(D.trainable_variables)


@tf.function
def train_step(real, z):
    with tf.GradientTape() as tape_g:
        fake = G(z, training=True)  # (N, 28, 28, 1) in [−1, 1]

    with tf.GradientTape() as tape_d:  # fake is a constant here: its tape is the other one
        on_real, on_fake = D(real, training=True), D(tf.stop_gradient(fake), training=True)
        d_loss = tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_fake))
    of_d.apply(tape_d.gradient(d_loss, D.trainable_variables), D.trainable_variables)

    with tf.GradientTape() as tape:  # D has just learnt; what does it say now?
        tape.watch(fake)
        g_loss = tf.reduce_mean(tf.nn.softplus(-D(fake, training=True)))
    to_images = tape.gradient(g_loss, fake)  # where D would like them lighter or darker
    through_g = tape_g.gradient(fake, G.trainable_variables, output_gradients=to_images)
    of_g.apply(through_g, G.trainable_variables)
    return d_loss, g_loss


# %% [markdown]
# **Does `fit` run the same?** `GAN.train_step` is what Keras calls for each batch. Three steps, the same batches and latents:

# %%
for number in range(3):
    rows = slice(64 * number, 64 * number + 64)
    seed = tf.random.fold_in(tf.stack([tf.constant(1, tf.int64), number]), 0)
    mine = train_step(tricks.scale_images(digits.x_train[rows]), gan.draw_latents(64, seed))
    theirs = gan.train_step((tf.constant(digits.x_train[rows]), tf.constant(digits.y_train[rows])))
    np.testing.assert_allclose(mine, [theirs["d_loss"], theirs["g_loss"]], rtol=2e-2)
    print(
        f"step {number}: D's loss {mine[0]:.4f} and {theirs['d_loss']:.4f}, G's {mine[1]:.4f} and {theirs['g_loss']:.4f}"
    )

# %% [markdown]
# **And the loop?** Shuffle, scale, step. Two hundred steps of the code above, nothing from the package:

# %%
keras.utils.set_random_seed(1)
batches = (
    tf.data.Dataset.from_tensor_slices(digits.x_train).shuffle(4000, seed=1).repeat().batch(64)
)
for number, images in enumerate(batches.take(lesson.pick(200, 3))):
    latents = tf.random.stateless_normal((64, 100), [1, number])
    d_loss, g_loss = train_step(tf.cast(images, tf.float32) / 127.5 - 1, latents)
    if number % 50 == 0:
        print(f"step {number:3}  D {d_loss:.2f}  G {g_loss:.2f}", flush=True)
mine = G(tf.random.stateless_normal((24, 100), [2, 0]), training=True).numpy()
figures.pictures(mine, f"What these cells have learnt in {lesson.pick(200, 3)} steps", columns=12)

# %% [markdown]
# ## What each rule is for
#
# **Rule 2: why batch norm?** With weights from N(0, 0.02²) the signal dies from layer to layer. Batch norm gives each
# channel mean 0 and deviation 1 over the batch. In a fresh network its moving statistics are 0 and 1, so in inference mode
# it does nothing: the same net with and without.

# %%
fresh = make_discriminator()
normed = [layer for layer in fresh.layers if isinstance(layer, layers.BatchNormalization)]
signal = keras.Model(fresh.inputs[0], [layer.output for layer in normed])
spread = {
    name: [float(np.std(found)) for found in signal(real, training=training)]
    for name, training in (("with batch norm", True), ("without", False))
}
for number, pair in enumerate(zip(*spread.values(), strict=True), 2):
    print(f"convolution {number}: deviation {pair[0]:.2f} with batch norm, {pair[1]:.4f} without")
lesson.seen(
    "Without batch norm a few thousandths of the signal are left after three small convolutions, and of the gradient on its "
    "way back as little; with it the signal stays. It does not come out at 1, as the formula has it: Keras adds "
    "epsilon = 0.001 to the variance before it divides, and the first convolution leaves a variance smaller than that.",
    spread["with batch norm"][-1] > 0.5 and spread["without"][-1] < 0.02,
)

# %% [markdown]
# **Rule 3: how much sits in dense layers?** The chapter's repository keeps one, of 1024 units.


# %%
def dense_share(net):
    dense = sum(layer.count_params() for layer in net.layers if isinstance(layer, layers.Dense))
    return dense / net.count_params()


old = models.build(
    config.resolve({"preset": "reference", "precision": "float32"}), digits.image_shape, 10
)
print(f"DCGAN's D: {D.count_params():,} weights, {dense_share(D):.1%} of them dense")
print(
    f"keras-dcgan's D: {old.discriminator.count_params():,} weights, {dense_share(old.discriminator):.0%} dense"
)

# %% [markdown]
# **Rule 4: why tanh at G's end?** Images are scaled to [−1, 1], and most of a digit's pixels are at an end of that range.
# tanh reaches both ends and nothing beyond: G cannot be found out by a pixel that no image has.

# %%
at_ends = float(np.mean(np.abs(real) > 0.95))
linear = keras.Model(G.inputs[0], G.layers[-2].output)(z, training=True).numpy()
beyond = float(np.mean(np.abs(linear) > 1))
print(f"{at_ends:.0%} of the real pixels are within 0.05 of an end")
print(f"without tanh {beyond:.0%} of this generator's pixels would lie beyond them")
lesson.seen(
    "Most pixels are paper or ink. With tanh G says so by a large number, of whatever size; without it G would have to "
    "hit the ends exactly, and D would tell by the overshoot.",
    at_ends > 0.8 and beyond > 0.5,
)

# %% [markdown]
# **Rule 5: why LeakyReLU in D?** G learns from D's slope at its images. Where a ReLU is off that slope is 0, and nothing
# comes through. *Predict: how much of the slope at a generated image is left if the leak is taken away?*


# %%
def slope(leak):
    """The mean size of D's gradient at generated images, with another leak in the same D."""
    judge = keras.models.clone_model(
        D,
        clone_function=lambda layer: (
            layers.LeakyReLU(leak)
            if isinstance(layer, layers.LeakyReLU)
            else layer.__class__.from_config(layer.get_config())
        ),
    )
    judge.set_weights(D.get_weights())
    images = G(z, training=True)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = judge(images, training=True)
    found = tape.gradient(logits, images).numpy().reshape(64, -1)
    return found, float(np.mean(np.abs(found) == 0))


with_leak, none_with = slope(0.2)
without_leak, none_without = slope(0.0)
print(
    f"pixels to which D's slope says nothing: {none_with:.1%} with the leak, {none_without:.1%} with ReLU"
)
size = [float(np.median(np.linalg.norm(found, axis=1))) for found in (with_leak, without_leak)]
print(
    f"size of the slope at an image, median: {size[0]:.3f} with the leak, {size[1]:.3f} with ReLU"
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
    digits, steps, preset="dcgan", width=WIDTH, seed=1,
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
# **What do healthy curves look like?**

# %%
window = max(1, steps // 60)
d_end = history.last("d_loss")
figures.lines(
    {
        "losses": {"D": history.curve("d_loss", window), "G": history.curve("g_loss", window)},
        "D is right on": {
            "real": history.curve("d_real_accuracy", window),
            "generated": history.curve("d_fake_accuracy", window),
        },
    },
    f"At the end D's loss is {d_end:.2f}; a D that knows nothing has {2 * np.log(2):.2f}",
    "step",
    ("loss", "share of the batch"),
)

# %% [markdown]
# **What is there to see in them?**

# %%
lesson.seen(
    "Neither loss goes to 0, and neither tells how good the images are: each player's success is the other's loss. "
    "Healthy is a D that is right more often than not and yet wrong now and then. One that is always right has nothing left "
    "to teach; section 2.3.1 is about that.",
    0.1 < d_end < 2 * np.log(2),
)

# %% [markdown]
# ## Samples of a longer training
#
# This generator was trained for 40 epochs, twice as wide (`make checkpoints`). Averaged weights draw smoother
# strokes than the last ones: `tricks.WeightAverage` keeps the mean over the last thousand steps or so.

# %%
from gan_common.metrics import features
from notebooks import checkpoints

trained = checkpoints.load("dcgan")
figures.pictures(
    sampling.draw(trained, 60, 1)[0], "60 digits as they come, none chosen", columns=15
)

# %% [markdown]
# **Can D pick the good ones?** The chapter's repository has `--nice`: draw twenty times as many and keep the 5% that D finds
# most real. A classifier that has seen real digits alone says how sure it is of each.
#
# *Predict before you run: does D know best?*

# %%
judge = features.classifier(digits, lesson.pick(None, 60))
count = lesson.pick(50, 16)
sets = {
    "as they come": sampling.draw(trained, count, 1)[0],
    "chosen by D": sampling.nice(trained, count, 1)[0],
}
read = {name: features.extract(judge, images)[1] for name, images in sets.items()}
sure = {name: float(np.mean(found.max(axis=1) >= 0.9)) for name, found in read.items()}
shares = {
    name: np.bincount(found.argmax(axis=1), minlength=10) / count for name, found in read.items()
}
for name in sets:
    print(
        f"{name}: at least 90% sure of {sure[name]:.0%}; most frequent digit {shares[name].max():.0%}, least {shares[name].min():.0%}"
    )
figures.pictures(
    {name: images[:16] for name, images in sets.items()},
    f"A classifier is at least 90% sure of {sure['as they come']:.0%} as they come, of "
    f"{sure['chosen by D']:.0%} of D's choice",
)

# %% [markdown]
# **Does D know best?**

# %%
lesson.seen(
    "No. What D finds most real is read no more surely, and has more of some digits and less of others. D has learnt "
    "in which ways *this* generator's images differ from real ones, not what a good digit is; where it has no objection, that "
    "is no praise.",
    sure["chosen by D"] < sure["as they come"] + 0.05
    and shares["chosen by D"].max() > shares["as they come"].max(),
)

# %% [markdown]
# **What do directions in latent space mean?** The sliders move along the directions that change the image most
# (`sampling.directions`), from a latent that you choose. Without a front end: steps along each of the first four.

# %%
latents = trained.draw_latents(20, 7).numpy()
found = [
    sampling.directions(trained.generator, latent)[1] for latent in latents[: lesson.pick(8, 1)]
]


def walk(latent, direction, amounts):
    places = latents[latent] + np.outer(amounts, found[latent][direction - 1]).astype(np.float32)
    return trained.pictures(places, np.zeros(len(places), int))


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
        "From −4 to +4 along the four directions that move this image most, in nine steps",
    ),
)

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | width of D | 128 | 16 | two cores, minutes |
# | learning rate | 0.0002 | 0.002 | ten times theirs reached a lower FID in every comparison of two and a half minutes |
# | batch | 128 | 64 | more steps in the same time |
# | β₁ of Adam | 0.5 | 0.5 | |
# | initial weights | N(0, 0.02²) | N(0, 0.02²) | |
# | leak | 0.2 | 0.2 | |

# %% [markdown]
# ## Exercises
#
# 1. Break rule 1: put `UpSampling2D` and a plain convolution in place of one `Conv2DTranspose`. Does the shape still fit, and
#    how many weights does it save or cost?
#
# <details><summary>Solution</summary>
#
# ```python
# other = keras.Sequential(
#     [keras.Input((7, 7, 4 * WIDTH)), layers.UpSampling2D(), layers.Conv2D(2 * WIDTH, 4, padding="same", use_bias=False)]
# )
# theirs = next(layer for layer in G.layers if isinstance(layer, layers.Conv2DTranspose))
# assert other.output_shape[1:] == theirs.output.shape[1:]
# assert other.count_params() == theirs.count_params()
# ```
#
# The shape is the same and so are the weights; but its convolution works on four times as many pixels.
#
# </details>
#
# 2. Show that D's half of the step leaves G alone.
#
# <details><summary>Solution</summary>
#
# ```python
# from gan_common import losses
#
# before = [w.numpy() for w in G.trainable_variables]
# with tf.GradientTape() as tape:
#     on_real, on_fake = D(real, training=True), D(G(z, training=True), training=True)
#     loss = losses.discriminator_loss("non_saturating", on_real, on_fake)
# of_d.apply(tape.gradient(loss, D.trainable_variables), D.trainable_variables)
# assert all(np.array_equal(a, b) for a, b in zip(before, G.trainable_variables, strict=True))
# ```
#
# </details>
#
# 3. Do it for real, with a run's folder: `python -m keras_dcgan.train --epochs 20`, then `python -m keras_dcgan.generate
#    --run_dir RUN --interpolate`.
