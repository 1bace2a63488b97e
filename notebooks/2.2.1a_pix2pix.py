# %% [markdown]
# # 2.2.1a pix2pix: from a drawing to a picture
#
# After this notebook you will be able to
#
# - write down a U-Net, a discriminator of patches, and the step that trains them on pairs;
# - say what the distance does in G's loss, what the game does, and what each makes without the other;
# - say when a game is not needed at all.
#
# It takes about 2 minutes on one core. The paper is [Isola et al. 2017](https://arxiv.org/abs/1611.07004), its code
# [phillipi/pix2pix](https://github.com/phillipi/pix2pix); the whole system is
# [gan_applications/pix2pix.py](../gan_applications/pix2pix.py). All emoji are OpenMoji's, CC BY-SA 4.0.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: a network that turns one image into another is held near the truth by a distance, and is kept from painting
# the middle of all possible truths by a D that looks at input and output together.*
#
# $$L_D = -\tfrac12 E \log D(x, y) - \tfrac12 E \log(1 - D(x, G(x))) \qquad
# L_G = -E \log D(x, G(x)) + \lambda\, E\,\lVert y - G(x) \rVert_1, \quad \lambda = 100$$
#
# **Who gives what to whom?**

# %%
from gan_common.plotting.diagrams import Arrow, Box, diagram

diagram(
    {
        "x": Box("drawing x", "data", 0, 1),
        "G": Box("U-Net G", "network", 1, 1),
        "made": Box("G(x)", "data", 2, 1),
        "y": Box("truth y", "data", 2, 2),
        "D": Box("D of patches", "network", 3, 0.3),
        "game": Box("the game", "loss", 4, 0.3),
        "l1": Box("λ · distance", "loss", 3.2, 2),
    },
    [
        Arrow("x", "G"),
        Arrow("x", "D", "beside", bend=0.12),
        Arrow("G", "made"),
        Arrow("made", "D"),
        Arrow("y", "D", bend=-0.1),
        Arrow("y", "l1"),
        Arrow("D", "game"),
        Arrow("made", "l1"),
        Arrow("game", "made", "gradient", gradient=True, bend=0.3),
        Arrow("l1", "made", gradient=True, bend=-0.45),
    ],
    "pix2pix: D judges (x, y) and (x, G(x)); G also pays for its distance from y",
)

# %% [markdown]
# ## The pairs
#
# **What goes in, and what should come out?** The black strokes of an emoji, and the emoji. Every tenth emoji is held out, with all of
# its variants.

# %%
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_applications import fidelity, pairs, pix2pix, running
from gan_common.plotting import figures

SIZE, WIDTH = lesson.pick((64, 12), (32, 4))
config = pix2pix.Config(image_size=SIZE, width=WIDTH)
given = pairs.load(config)
shown = np.linspace(0, len(given.x_test) - 1, 11).astype(int)[1:]
print(f"{len(given.x_train):,} pairs to train on, {len(given.x_test)} held out")
figures.pictures(
    {"x": given.test_inputs[shown], "y": given.x_test[shown]},
    "Held-out pairs: the strokes do not say the colors (OpenMoji, CC BY-SA 4.0)",
)

# %% [markdown]
# ## Both networks
#
# G goes down to 2×2 pixels, to see the whole, and up again; on the way up each floor meets what it saw on the way down, so that
# no stroke has to be remembered. D has no last dense layer: each of its logits sees a patch of 34×34 pixels.
#
# **What do they look like in Keras?**

# %%


def unet(size, channels, width):
    inputs = x = keras.Input((size, size, channels))
    filters = [width * min(2**floor, 8) for floor in range(size.bit_length() - 2)]
    seen = []
    for floor, count in enumerate(filters):  # down: 64 → 32 → 16 → 8 → 4 → 2
        x = layers.Conv2D(count, 4, 2, "same")(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(x) if floor else x)
        seen.append(x)
    for floor in reversed(range(len(filters) - 1)):  # up: 2 → 4 → 8 → 16 → 32
        x = layers.Conv2D(filters[floor], 3, padding="same")(layers.UpSampling2D()(x))
        x = layers.BatchNormalization()(x)
        if floor >= len(filters) - 3:
            x = layers.Dropout(0.5)(x)  # the paper's noise
        x = layers.ReLU()(layers.Concatenate()([x, seen[floor]]))
    x = layers.Conv2D(width, 3, padding="same")(layers.UpSampling2D()(x))  # 64
    x = layers.ReLU()(layers.Concatenate()([x, inputs]))
    return keras.Model(inputs, layers.Conv2D(3, 3, padding="same", activation="tanh")(x), name="G")


def patch_discriminator(size, channels, width):
    inputs = x = keras.Input((size, size, channels))
    for filters, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 4, stride, "same")(x))
    return keras.Model(inputs, layers.Conv2D(1, 4, padding="same")(x), name="D")  # logits


G, D = unet(SIZE, 1, WIDTH), patch_discriminator(SIZE, 1 + 3, WIDTH)
print(f"G has {G.count_params():,} weights, D {D.count_params():,}")
print(f"D's answer to a pair of {SIZE}×{SIZE}: logits {D.output_shape[1:]}")

# %% [markdown]
# ## The step, whole
#
# **What happens in one step?**

# %%
of_g, of_d = keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5)


def pix2pix_step(x, y, l1_weight=100.0):
    """One step on drawings x (N, H, W, 1) and their truth y (N, H, W, 3), in [−1, 1]."""
    with tf.GradientTape(persistent=True) as tape:
        made = G(x, training=True)
        real = D(tf.concat([x, y], axis=-1), training=True)
        fake = D(tf.concat([x, made], axis=-1), training=True)
        # −log σ(l) is softplus(−l), −log(1 − σ(l)) is softplus(l)
        d_game = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
        d_loss = d_game / 2  # so that D learns more slowly than G
        g_game = tf.reduce_mean(tf.nn.softplus(-fake))
        l1 = tf.reduce_mean(tf.abs(y - made))
        g_loss = g_game + l1_weight * l1
    d_gradients = tape.gradient(d_loss, D.trainable_variables)
    g_gradients = tape.gradient(g_loss, G.trainable_variables)
    of_d.apply(d_gradients, D.trainable_variables)
    of_g.apply(g_gradients, G.trainable_variables)
    norms = tf.linalg.global_norm(d_gradients), tf.linalg.global_norm(g_gradients)
    return {"d_loss": d_game, "g_loss": g_game, "l1": l1,
            "d_gradient_norm": norms[0], "g_gradient_norm": norms[1]}  # fmt: skip


# %% [markdown]
# **Is that the package's step?** Both get the same weights and the same batch.

# %%
from gan_common import tricks

system = running.built(config, given.image_shape, given.class_names, pix2pix.Pix2Pix)
for mine, theirs in ((G, system.generator), (D, system.discriminator)):
    for variable, value in zip(mine.variables, theirs.variables, strict=True):
        variable.assign(value)
x, y = (tf.constant(tricks.scale_images(of[:8])) for of in (given.inputs, given.x_train))
by_hand = pix2pix_step(x, y)
packaged = system.learn(x, y, tf.constant([1, 0], tf.int64), tf.constant(0, tf.int64))
for name, value in by_hand.items():
    np.testing.assert_allclose(value, packaged[name], rtol=2e-3)
    print(f"{name:<16}{float(value):9.4f}   as in the package")

# %% [markdown]
# ## Two diseases and a cure
#
# **What does each part of the loss make alone?** Three generators, the same steps: the distance alone, the game alone (λ = 0), both.
# *Predict: which has the smallest distance to the truth? Which looks most like emoji?*

# %%
steps = lesson.pick(500, 2)
progress = {}


def look(done):
    progress[done] = system.translate(given.test_inputs[shown[:6]])


system = running.built(config, given.image_shape, given.class_names, pix2pix.Pix2Pix)
running.trial(system, given, steps, look, every=max(1, steps // 4))
game_config = pix2pix.Config(image_size=SIZE, width=WIDTH, l1_weight=0.0)
game_alone = running.built(game_config, given.image_shape, given.class_names, pix2pix.Pix2Pix)
running.trial(game_alone, given, steps)
figures.pictures(
    {f"step {done}": images for done, images in progress.items()},
    f"Held-out drawings over {steps} steps of pix2pix (OpenMoji, CC BY-SA 4.0)",
    columns=6,
)

# %% [markdown]
# **How do the three look, beside what needs no learning?**

# %%
# shown in the README
made = {
    "distance alone": system.translate(given.test_inputs, alone=True),
    "game alone": game_alone.translate(given.test_inputs),
    "both": system.translate(given.test_inputs),
}
trivial = {
    "mean color": pix2pix.mean_color(given),
    "nearest pair": given.x_train[pix2pix.nearest(given.test_inputs, given.inputs)],
}
figures.pictures(
    {
        "drawing": given.test_inputs[shown].repeat(3, axis=-1),
        **{name: images[shown] for name, images in (trivial | made).items()},
        "truth": given.x_test[shown],
    },
    f"Held-out drawings colored after {steps} steps (OpenMoji, CC BY-SA 4.0)",
)

# %% [markdown]
# **And in numbers?** The distance flatters what paints the middle; features of a classifier do not; how colorful an image is, is the
# mean difference between its strongest and its weakest channel, as a share of the truth's.

# %%
from IPython.display import Markdown, display


def colorful(images):
    return float(np.ptp(images.astype(np.float32), axis=-1).mean())


told = {
    name: {
        "L1": fidelity.l1(images, given.x_test),
        "features": fidelity.feature_distance(images, given.x_test),
        "color": colorful(images) / colorful(given.x_test),
    }
    for name, images in (trivial | made).items()
}
rows = [f"| {name} | {v['L1']:.3f} | {v['features']:.3f} | {v['color']:.0%} |"
        for name, v in told.items()]  # fmt: skip
display(
    Markdown(
        "\n".join(
            ["| | L1 | feature distance | color of the truth's |", "|---|---|---|---|", *rows]
        )
    )
)

# %% [markdown]
# **What was seen?**

# %%
game, distance, both = (told[name] for name in ("game alone", "distance alone", "both"))
lesson.seen(
    "The distance teaches fast: inside the lines, at a third of the mean color's distance. But nearly all is ochre, flag, diamond and "
    "triangles: the middle of the colors that emoji have, which is what L1 answers where strokes do not tell. The game alone "
    "finds strokes and blobs that are no emoji: in so few steps D has not learned enough to teach, and nothing else "
    "speaks of the truth. That both together are better than the distance alone is not visible after this training, with one seed; "
    "a D needs longer, and the long result below is there for that.",
    both["L1"] < 0.5 * told["mean color"]["L1"]
    and game["features"] > 2 * both["features"]
    and abs(both["features"] - distance["features"]) < 0.02
    and both["features"] < told["nearest pair"]["features"],
)

# %% [markdown]
# ## The long result
#
# **And after half an hour, on seeds that were not chosen?**

# %%
from notebooks import stored

stored.show_application("pix2pix", "pix2pix:hole", "pix2pix:skin")

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | images | 256×256, facades, maps, edges of shoes | 64×64 emoji | half an hour on one core |
# | upsampling | transposed convolutions | nearest, then a convolution | the transposed ones left a checkerboard in flat colors |
# | D's batch norm | yes | none | a drawing is flat but for a few strokes: divided by so small a deviation, they gave logits of tens |
# | λ | 100 | 100 | |
# | learning rate of G | 0.0002 | 0.001 | the paper trains far longer |
# | measure | people asked; a segmentation network's score: per-pixel accuracy of Cityscapes labels → photo .42 with L1, .57 with the game, .66 with both | distance, features | no network for people's judgment |

# %% [markdown]
# ## Exercises
#
# 1. A balloon is red in three pictures of five, blue in two. Which gray-or-color is cheapest for the L1 distance, and which for the
#    squared one?
#
# <details><summary>Solution</summary>
#
# ```python
# red, blue = np.array([230.0, 40, 40]), np.array([40.0, 60, 230])
# seen = np.array([red, red, red, blue, blue])
# share = np.linspace(0, 1, 101)[:, None]
# candidates = share * red + (1 - share) * blue
# apart = np.abs(candidates[:, None] - seen)
# assert np.argmin(apart.mean(axis=(1, 2))) == 100  # all red: the median
# assert abs(np.argmin((apart**2).mean(axis=(1, 2))) - 60) <= 1  # 60% red: the mean, a purple
# ```
#
# The median is the commonest color where one has the majority: every balloon becomes red. The mean is a color that no balloon has.
# Where ten colors are possible the median, channel by channel, is a color of none of them either.
#
# </details>
#
# 2. The healthy patient. Light skin → dark skin has one right answer. Train `dataset="openmoji:skin"` at 32 pixels for 150 steps: does
#    the game help?
#
# <details><summary>Solution</summary>
#
# ```python
# skin = pix2pix.Config(dataset="openmoji:skin", image_size=32, width=8)
# hands = pairs.load(skin)
# painter = running.built(skin, hands.image_shape, hands.class_names, pix2pix.Pix2Pix)
# running.trial(painter, hands, lesson.pick(150, 2))
# apart = [
#     fidelity.feature_distance(painter.translate(hands.test_inputs, alone), hands.x_test)
#     for alone in (True, False)
# ]
# print(f"feature distance: L1 alone {apart[0]:.3f}, with the game {apart[1]:.3f}")
# assert lesson.QUICK or apart[0] < 1.2 * apart[1]
# ```
#
# Not visibly: where the input decides the output, the median is the truth, and the distance alone finds it, however long one trains.
#
# </details>
