# %% [markdown]
# # 2.2.1e SRGAN: four times as large
#
# After this notebook you will be able to
#
# - say why the smallest squared error is a blur, and compute it for a single stroke;
# - write down an enlarging network with sub-pixel convolutions, the perceptual loss, and the step;
# - read a table in which PSNR says one thing and features say the other.
#
# It takes about 1 minute on one core. The paper is [Ledig et al. 2017](https://arxiv.org/abs/1609.04802), a well-known code
# [tensorlayer/SRGAN](https://github.com/tensorlayer/SRGAN); the whole system is
# [gan_applications/srgan.py](../gan_applications/srgan.py). All emoji are OpenMoji's, CC BY-SA 4.0.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## The idea
#
# *In one sentence: many sharp images shrink to the same small one, and squared error prefers their blurred mean; so compare what a
# pretrained network sees instead of pixels, and let a D refuse what looks enlarged.*
#
# $$L_G = \underbrace{\textstyle\sum_l \lVert \phi_l(y) - \phi_l(G(x)) \rVert^2 \,/\, \lVert \phi_l(y) \rVert^2
# + \lVert y - G(x) \rVert_1}_{\text{content}} \;+\; \lambda\,(-E \log D(G(x))), \quad \lambda = 0.01$$
#
# **Who gives what to whom?**

# %%
from gan_common.plotting.diagrams import Arrow, Box, diagram

diagram(
    {
        "x": Box("small x", "data", 0, 1),
        "G": Box("enlarger G", "network", 1, 1),
        "made": Box("large G(x)", "data", 2, 1),
        "y": Box("truth y", "data", 2, 2.2),
        "D": Box("D", "network", 3, 0.5),
        "game": Box("λ · the game", "loss", 4, 0.5),
        "phi": Box("classifier φ", "network", 3, 1.5),
        "content": Box("content", "loss", 4, 1.5),
    },
    [
        Arrow("x", "G"),
        Arrow("G", "made"),
        Arrow("made", "phi"),
        Arrow("y", "phi"),
        Arrow("made", "D"),
        Arrow("y", "D"),
        Arrow("phi", "content"),
        Arrow("D", "game"),
        Arrow("game", "made", "gradient", gradient=True, bend=-0.45),
        Arrow("content", "made", "gradient", gradient=True, bend=0.5),
    ],
    "SRGAN: φ is trained beforehand and stays as it is; D learns along",
)

# %% [markdown]
# ## Why squared error blurs
#
# A stroke one pixel wide lies somewhere in a square of 4×4 pixels. The small image has one pixel for that square: a quarter of black,
# wherever the stroke is. *Predict: which answer has the least squared error, a stroke in one of the four places, or gray?*
#
# **What costs least?**

# %%
import numpy as np

strokes = np.ones((4, 4, 4))
for place, image in enumerate(strokes):
    image[:, place] = 0.0  # the four images that all shrink to 0.75
gray = np.full((4, 4), 0.75)
cost_of_gray = float(np.mean((strokes - gray) ** 2))
cost_of_guess = float(np.mean((strokes - strokes[1]) ** 2))
print(f"expected squared error: gray {cost_of_gray:.4f}, a sharp stroke {cost_of_guess:.4f}")
lesson.seen(
    "Gray is twice as cheap as any stroke, although no image of the data has gray there. A network that learns by squared error "
    "answers with the mean of all that is possible: it is not too weak to be sharp, it is paid for being blurred.",
    cost_of_guess > 1.9 * cost_of_gray,
)

# %% [markdown]
# ## The network
#
# Residual blocks at the small size, where they are cheap; then twice a convolution to four times as many channels, whose values are laid
# out as 2×2 pixels (`PixelShuffle`, 2.4.7). It adds to bicubic enlarging what that lacks.
#
# **What does it look like in Keras?**

# %%
import keras
import tensorflow as tf
from keras import layers

from gan_common import tricks

LARGE, WIDTH, BLOCKS = lesson.pick((64, 12, 2), (32, 4, 1))


def enlarger(size, width, blocks):
    def convolved(x, filters, kernel=3):
        return layers.Conv2D(filters, kernel, padding="same")(x)

    def bent(x):
        return layers.PReLU(shared_axes=[1, 2])(x)

    inputs = keras.Input((size, size, 3))
    first = x = bent(convolved(inputs, width, 5))
    for _ in range(blocks):
        x = layers.Add()([x, convolved(bent(convolved(x, width)), width)])
    x = layers.Add()([first, convolved(x, width)])
    for filters in (width, width // 2):  # 16 → 32 → 64
        x = bent(tricks.PixelShuffle(2)(convolved(x, 4 * filters)))
    large = layers.UpSampling2D(4, interpolation="bicubic")(inputs)
    return keras.Model(inputs, layers.Add()([large, convolved(x, 3)]), name="G")


G = enlarger(LARGE // 4, WIDTH, BLOCKS)
print(f"{G.input_shape[1:]} → {G.output_shape[1:]}, {G.count_params():,} weights")

# %% [markdown]
# ## The step, whole
#
# φ is a small classifier of CIFAR-10 that the package ships; the paper has VGG19. What is measured below are another network's features,
# so that no measure is what was trained for.
#
# **What happens in one step?**

# %%
from gan_applications import fidelity, running, srgan

D = srgan.discriminator(LARGE, WIDTH // 2)  # six convolutions and two dense layers: a logit
phi = fidelity.maps("cifar10")  # an image → the outputs of its layers
of_g, of_d = (keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2))


def srgan_step(x, y, game_weight=0.01):
    """One step on small images x (N, h, h, 3) and their truth y (N, 4h, 4h, 3), in [−1, 1]."""
    with tf.GradientTape(persistent=True) as tape:
        made = G(x, training=True)
        real, fake = D(y, training=True), D(made, training=True)
        d_loss = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
        g_game = tf.reduce_mean(tf.nn.softplus(-fake))
        layers_of = zip(phi((made + 1) * 127.5), phi((y + 1) * 127.5), strict=True)
        shares = [tf.reduce_mean((a - b) ** 2) / tf.reduce_mean(b**2) for a, b in layers_of]
        content = tf.add_n(shares) / len(shares) + tf.reduce_mean(tf.abs(y - made))
        g_loss = content + game_weight * g_game
    d_gradients = tape.gradient(d_loss, D.trainable_variables)
    g_gradients = tape.gradient(g_loss, G.trainable_variables)
    of_d.apply(d_gradients, D.trainable_variables)
    of_g.apply(g_gradients, G.trainable_variables)
    norms = tf.linalg.global_norm(d_gradients), tf.linalg.global_norm(g_gradients)
    return {"d_loss": d_loss, "g_loss": g_game, "content": content,
            "d_gradient_norm": norms[0], "g_gradient_norm": norms[1]}  # fmt: skip


# %% [markdown]
# **Is that the package's step?** Both get the same weights and the same batch.

# %%
from gan_common import data

config = srgan.Config(image_size=LARGE, width=WIDTH, blocks=BLOCKS, batch_size=8, mse_share=0.6)
given = data.load("openmoji", image_size=LARGE)
system = running.built(config, given.image_shape, given.class_names, srgan.SRGAN)
for mine, theirs in ((G, system.players["generator"].networks[0]), (D, system.discriminator)):
    for variable, value in zip(mine.variables, theirs.variables, strict=True):
        variable.assign(value)
truth = given.x_train[:8]
x, y = (tf.constant(tricks.scale_images(of)) for of in (srgan.shrunk(truth), truth))
by_hand = srgan_step(x, y)
packaged = system.learn(x, y, tf.constant([1, 0], tf.int64), tf.constant(0, tf.int64))
for name, value in by_hand.items():
    np.testing.assert_allclose(value, packaged[name], rtol=2e-3)
    print(f"{name:<16}{float(value):9.4f}   as in the package")

# %% [markdown]
# ## The disease, and the cure
#
# **What does squared error make, and what does the game add?** First the network learns by squared error (the paper's SRResNet); a copy
# of it goes on with content and game. *Predict: which of the two has the higher PSNR? Which looks sharper?*

# %%
steps = lesson.pick(450, 4)
system = running.built(config, given.image_shape, given.class_names, srgan.SRGAN)
history = running.trial(system, given, steps)
truth = given.x_test[: lesson.pick(200, 20)]
small = srgan.shrunk(truth)
made = {**system.baselines(small), "SRGAN": system.enlarge(small)}
print(f"{round(0.6 * steps)} steps by squared error, then {round(0.4 * steps)} of the game")

# %% [markdown]
# **How does that look?** Held-out emoji, as large as a page has room.

# %%
# shown in the README
from gan_common.plotting import figures

shown = np.linspace(0, len(truth) - 1, 8).astype(int)[1:]
figures.pictures(
    {
        "small, 16 pixels": made["nearest"][shown],
        **{name: made[name][shown] for name in ("bicubic", "MSE net", "SRGAN")},
        "truth": truth[shown],
    },
    f"Four times as large, after {steps} steps (OpenMoji, CC BY-SA 4.0)",
    columns=7,
)

# %% [markdown]
# **And close up?** The middle of four of them.

# %%
close = slice(LARGE // 4, 3 * LARGE // 4)
figures.pictures(
    {
        **{name: images[shown[:5], close, close] for name, images in made.items()},
        "truth": truth[shown[:5], close, close],
    },
    "The middle quarter, pixel by pixel (OpenMoji, CC BY-SA 4.0)",
    columns=5,
)

# %% [markdown]
# **And in numbers?** Two that count pixels, one that does not. Sharpness is the mean difference of neighboring pixels, as a share of the
# truth's.

# %%
from IPython.display import Markdown, display


def sharp(images):
    images = images.astype(np.float32)
    return float(np.abs(np.diff(images, axis=1)).mean() + np.abs(np.diff(images, axis=2)).mean())


told = {
    name: {
        "PSNR": fidelity.psnr(images, truth),
        "SSIM": fidelity.ssim(images, truth),
        "features": fidelity.feature_distance(images, truth),
        "sharpness": sharp(images) / sharp(truth),
    }
    for name, images in made.items()
}
rows = [f"| {name} | {v['PSNR']:.2f} | {v['SSIM']:.3f} | {v['features']:.3f} | {v['sharpness']:.0%} |"
        for name, v in told.items()]  # fmt: skip
display(
    Markdown(
        "\n".join(
            [
                "| | PSNR, dB | SSIM | feature distance | sharpness of the truth's |",
                "|---" * 5 + "|",
                *rows,
            ]
        )
    )
)

# %% [markdown]
# **What was seen?**

# %%
net, game = told["MSE net"], told["SRGAN"]
lesson.seen(
    "The network that learned by squared error is well above bicubic enlarging in PSNR, and soft. The copy that went on with content and "
    "game is sharper and nearer to the truth in the features of a network that neither was trained by. The price that the paper "
    "pays in PSNR, 2.7 dB, is not to be seen after so few steps: the MSE net was still learning when the copy was made, and "
    "the copy learned on.",
    net["PSNR"] > told["bicubic"]["PSNR"] + 1
    and abs(game["PSNR"] - net["PSNR"]) < 0.5
    and game["sharpness"] > net["sharpness"] + 0.05
    and game["features"] < 0.95 * net["features"] < net["features"] < told["bicubic"]["features"],
)

# %% [markdown]
# ## The long result
#
# **And after half an hour, on seeds that were not chosen?**

# %%
from notebooks import stored

stored.show_application("srgan", "srgan:cifar10")

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | images | photographs, ×4 | emoji 16 → 64 pixels | nothing to download; half an hour on one core |
# | φ | VGG19, one layer | a classifier of CIFAR-10, all layers as shares | a hundred times as cheap |
# | beside the features | nothing | absolute differences of pixels, as ESRGAN has ([Wang et al. 2018](https://arxiv.org/abs/1809.00219)) | a ground a shade too gray is hardly seen in features |
# | batch norm in G | yes | no, after [Lim et al. 2017](https://arxiv.org/abs/1707.02921) | it cost accuracy there |
# | Set5, PSNR | bicubic 28.4, SRResNet 32.1, SRGAN 29.4 dB | the table above | other images: compare the order, not the numbers |

# %% [markdown]
# ## Exercises
#
# 1. Shrink what the networks made. How far is each from the small image that it was given? What does that say about invention?
#
# <details><summary>Solution</summary>
#
# ```python
# back = {name: fidelity.psnr(srgan.shrunk(images), small) for name, images in made.items()}
# print({name: round(value, 1) for name, value in back.items()})
# assert lesson.QUICK or min(back["MSE net"], back["SRGAN"]) > told["SRGAN"]["PSNR"]
# ```
#
# Both agree with the small image far better than with the truth: what they add is invented within what the small one leaves open.
#
# </details>
#
# 2. The healthy patient: how much of the MSE net's error lies where the truth is flat?
#
# <details><summary>Solution</summary>
#
# ```python
# change = np.abs(np.gradient(truth.astype(np.float32), axis=(1, 2))).sum(axis=(0, -1))
# flat = change < 8  # gray levels to the neighbors, over all channels
# error = np.abs(made["MSE net"].astype(np.float32) - truth).mean(axis=-1)
# print(f"{flat.mean():.0%} of the pixels, {error[flat].sum() / error.sum():.0%} of the error")
# assert lesson.QUICK or error[flat].mean() < 0.5 * error[~flat].mean()
# ```
#
# Little: where only one answer is possible, squared error finds it, and a game has nothing to add.
#
# </details>
