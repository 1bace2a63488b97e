# %% [markdown]
# # 2.4.7 Sparse gradients, and how to change the size
#
# After this notebook you will be able to
#
# - say how much of a gradient max pooling and ReLU throw away, in a layer and in a whole network;
# - foretell from kernel and stride whether a convolution leaves a checkerboard, and measure it in images;
# - write pixel shuffle in two lines, in the order of channels of TensorFlow and in that of PyTorch.
#
# It takes about 5 minutes on two cores. The papers are [Shi et al. 2016](https://arxiv.org/abs/1609.05158) for pixel shuffle and
# [Odena et al. 2016](https://distill.pub/2016/deconv-checkerboard/) for the checkerboard; the advice is entry 5 of
# [ganhacks](https://github.com/soumith/ganhacks).

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## Down: what comes back through D
#
# *In one sentence: G learns from D's gradient at its pixels, so a layer of D that sends back zeros leaves parts of an image
# without a teacher.*
#
# With g the gradient above a layer, below it there is
#
# $$\text{ReLU: } g\,[x > 0] \qquad \text{LeakyReLU: } g\,[x > 0] + 0.2\,g\,[x \le 0] \qquad
# \text{max pooling: } g\,[x = \max] \qquad \text{average pooling: } \tfrac{1}{4}\,g$$
#
# **As code?** The way back by hand, against what TensorFlow's tape gives of Keras's layers.

# %%
import keras
import numpy as np
import tensorflow as tf
from keras import layers


def relu_back(x, above, leak=0.0):
    """What is on passes its gradient, what is off passes `leak` of it."""
    return np.where(x > 0, above, leak * above)


def pool_back(x, above, largest):
    """x (N, 2h, 2w, C), above (N, h, w, C): of each 2×2 pixels the largest gets all, or all get a quarter."""
    n, h, w, c = above.shape
    blocks = x.reshape(n, h, 2, w, 2, c)
    share = blocks == blocks.max(axis=(2, 4), keepdims=True) if largest else 0.25
    return (share * above[:, :, None, :, None] * np.ones_like(blocks)).reshape(x.shape)


rng = np.random.default_rng(1)
x = rng.normal(size=(16, 28, 28, 4)).astype(np.float32)
by_hand = {
    "ReLU": (layers.ReLU(), relu_back),
    "LeakyReLU": (layers.LeakyReLU(0.2), lambda x, above: relu_back(x, above, 0.2)),
    "max pooling": (layers.MaxPooling2D(2), lambda x, above: pool_back(x, above, True)),
    "average pooling": (layers.AveragePooling2D(2), lambda x, above: pool_back(x, above, False)),
    "strided convolution": (layers.Conv2D(4, 4, 2, "same"), None),
}
reached = {}
for name, (layer, back) in by_hand.items():
    with tf.GradientTape() as tape:
        tape.watch(seen_by := tf.constant(x))
        out = layer(seen_by)
    above = rng.normal(size=out.shape).astype(np.float32)
    below = tape.gradient(out, seen_by, output_gradients=tf.constant(above)).numpy()
    if back:
        np.testing.assert_allclose(back(x, above), below, rtol=1e-5)
    reached[name] = [100 * float(np.mean(below != 0))]
print("by hand as by the tape")

# %% [markdown]
# **How many pixels get any gradient?** *Predict it for each of the five, before you look.*

# %%
from gan_common.plotting import figures

figures.bars(
    reached,
    f"Through one layer: max pooling reaches {reached['max pooling'][0]:.0f}% of the pixels, ReLU "
    f"{reached['ReLU'][0]:.0f}%",
    "pixels whose gradient is not 0, %",
)

# %% [markdown]
# **And through a whole D?** *Predict: three layers of convolution, max pooling and ReLU. If each lets a quarter of a half
# through, what is left at the image?* Here is DCGAN's discriminator with its choices as arguments.

# %%
from gan_common import data, tricks
from gan_common.kernels.convolutions import Conv2D, Conv2DTranspose  # Keras's, faster
from gan_common.kernels.normalization import BatchNormalization
from keras_dcgan import config, models

WIDTH = 8
POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}


def small():
    return keras.initializers.RandomNormal(stddev=0.02)


def make_discriminator(pooling=None, leak=0.2, kernel=4):
    """(N, 28, 28, 1) → (N, 1): three halvings, by strides or by pooling."""
    body = [keras.Input((28, 28, 1))]
    for number in range(3):  # 28 → 14 → 7 → 4
        filters, first = WIDTH * 2**number, number == 0
        stride = 1 if pooling else 2
        body.append(
            Conv2D(filters, kernel, stride, "same", use_bias=first, kernel_initializer=small())
        )
        body += [POOLING[pooling](2, padding="same")] if pooling else []
        body += [] if first else [BatchNormalization()]
        body.append(layers.LeakyReLU(leak) if leak else layers.ReLU())
    body += [layers.GlobalAveragePooling2D(), layers.Dense(1, kernel_initializer=small())]
    return keras.Sequential(body, name="discriminator")


digits = data.load("mnist5k")
settings = config.resolve({"preset": "dcgan", "width": WIDTH, "precision": "float32", "seed": 1})
packaged = models.build(settings, digits.image_shape, 10)
real = tricks.scale_images(digits.x_test[:64])
mine = make_discriminator()
mine.set_weights(packaged.discriminator.get_weights())
np.testing.assert_allclose(
    mine(real, training=True), packaged.discriminator(real, training=True), atol=1e-5
)
print("without arguments it is the package's")


def size_of_gradient(discriminator, images):
    """(N, 28, 28): how large D's gradient at each pixel is."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        verdict = tf.reduce_sum(discriminator(images, training=True))
    return np.abs(tape.gradient(verdict, images).numpy())[..., 0]


ways = {
    "strides, LeakyReLU": {},
    "average pooling, LeakyReLU": {"pooling": "average"},
    "max pooling, LeakyReLU": {"pooling": "max"},
    "max pooling, ReLU": {"pooling": "max", "leak": 0.0},
}
found = {}
for name, way in ways.items():
    keras.utils.set_random_seed(1)
    found[name] = size_of_gradient(make_discriminator(**way), real)
    print(f"{name:<27} pixels without any gradient: {np.mean(found[name] == 0):.2%}")
figures.pictures(
    {
        "real": real[:10],
        **{
            name: np.stack([2 * g / g.max() - 1 for g in size[:10]])[..., None]
            for name, size in found.items()
        },
    },
    "D's gradient at each pixel of ten digits (white: largest)",
)

# %% [markdown]
# **So which pixels are without a teacher?**

# %%
silent = {name: float(np.mean(size == 0)) for name, size in found.items()}
lesson.seen(
    "None, at the start. A layer's zeros are filled in below it: kernels overlap, each pixel is read by many units, and some of them "
    "are on. So the argument about sparse gradients is right for a layer and says little of a network. What differs to the eye "
    "is that average pooling hands down a smoother gradient. Whether a D of max pooling and ReLU is worse has to be tried: see "
    '"On digits".',
    max(silent.values()) < 0.001,
)

# %% [markdown]
# ## Up: transposed convolution, and pixel shuffle
#
# **What is a transposed convolution?** Each pixel of the small image stamps the kernel, times its value, on the large one, r
# pixels apart; where stamps overlap they are added. *Pixel shuffle* needs no stamps: a convolution on the small image makes r²
# times the channels, and they are laid out as pixels. With C channels in the end, in the order of this package, which
# is TensorFlow's `depth_to_space`:
#
# $$\mathrm{PS}(T)_{x,y,c} = T_{\lfloor x/r \rfloor,\ \lfloor y/r \rfloor,\ C\,(r\,(x \bmod r) + (y \bmod r)) + c}$$
#
# **PyTorch orders the channels differently**: there it is channel c·r² + r·(x mod r) + (y mod r). With one channel in the end both are
# the same; with three, weights carried from one to the other give wrong colors.


# %%
def stamp(small, kernel, stride):
    """(h, w, A), kernel (k, k, C, A) → all stamps (stride·(h − 1) + k, …, C), before any crop."""
    h, w, _ = small.shape
    k = len(kernel)
    large = np.zeros((stride * (h - 1) + k, stride * (w - 1) + k, kernel.shape[2]))
    for i in range(h):
        for j in range(w):
            at = np.s_[stride * i : stride * i + k, stride * j : stride * j + k]
            large[at] += kernel @ small[i, j]
    return large


def pixel_shuffle(x, r, order="tensorflow"):
    """(N, h, w, r²·C) → (N, r·h, r·w, C)."""
    n, h, w, channels = x.shape
    c = channels // r**2
    if order == "tensorflow":  # (row in the block, column in it, color)
        x = x.reshape(n, h, w, r, r, c).transpose(0, 1, 3, 2, 4, 5)
    else:  # PyTorch: (color, row in the block, column in it)
        x = x.reshape(n, h, w, c, r, r).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(n, h * r, w * r, c)


small_image = rng.normal(size=(1, 5, 6, 3)).astype(np.float32)
layer = layers.Conv2DTranspose(2, 3, 2, "valid", kernel_initializer="glorot_uniform")
theirs = layer(small_image).numpy()[0]
np.testing.assert_allclose(stamp(small_image[0], layer.kernel.numpy(), 2), theirs, atol=1e-5)
features = rng.normal(size=(2, 4, 4, 12)).astype(np.float32)
np.testing.assert_array_equal(pixel_shuffle(features, 2), tricks.PixelShuffle(2)(features))
order = np.arange(12).reshape(3, 4).T.ravel()  # of PyTorch's channels, for this package
np.testing.assert_array_equal(
    pixel_shuffle(features, 2, "pytorch"), tricks.PixelShuffle(2)(features[..., order])
)
print(f"the same as Keras's and the package's; PyTorch's channels in our order: {order.tolist()}")

# %% [markdown]
# **What do the two orders look like?** Twelve channels, made from a color picture by taking it apart in the package's order,
# put together in either.

# %%
emoji = data.load("openmoji").x_test[:6]  # pictures: OpenMoji, CC BY-SA 4.0
apart = emoji.reshape(6, 16, 2, 16, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(6, 16, 16, 12)
np.testing.assert_array_equal(pixel_shuffle(apart, 2), emoji)
figures.pictures(
    {
        "TensorFlow's order": pixel_shuffle(apart, 2),
        "PyTorch's order": pixel_shuffle(apart, 2, "pytorch"),
    },
    "Laid out in the right order, and in the other (OpenMoji, CC BY-SA 4.0)",
)

# %% [markdown]
# ## The disease: a checkerboard
#
# **Where does it come from?** Count the stamps that reach a pixel: in each direction one every r pixels, each k wide. *Predict
# from k and r when all pixels get the same number.*


# %%
def stamps(kernel, stride):
    """How many stamps reach the pixels of each phase, in one direction."""
    return [len(range(phase, kernel, stride)) for phase in range(stride)]


def unevenness(x):
    """(h, w): deviation over root mean square, away from the border."""
    inside = x[6:-6, 6:-6]
    return float(inside.std() / np.sqrt((inside**2).mean()))


even = np.ones((10, 10, 1))
laid = {}
for kernel in (2, 3, 4, 5, 6):
    counts = stamps(kernel, 2)
    laid[f"kernel {kernel}: {counts}"] = stamp(even, np.ones((kernel, kernel, 1, 1)), 2)[..., 0]
    by_count = np.outer(counts, counts)
    np.testing.assert_allclose(
        unevenness(laid[f"kernel {kernel}: {counts}"][: 2 * 10, : 2 * 10]),
        by_count.std() / np.sqrt((by_count**2).mean()),
        atol=1e-9,
    )
figures.pictures(
    np.stack([1.6 * x[4:20, 4:20] / x.max() - 1 for x in laid.values()])[..., None],
    "An even image, enlarged with stride 2 and a kernel of ones",
    columns=5,
    labels=[f"{name} stamps" for name in laid],
)

# %% [markdown]
# **And on the way back through D?** The gradient of a strided convolution is a transposed one. Its mean size in the four
# phases of a pixel block, in D's that are new.

# %%
spread = {}
for kernel in (3, 4, 5):
    sizes = []
    for number in range(lesson.pick(8, 2)):
        keras.utils.set_random_seed(number)
        sizes.append(size_of_gradient(make_discriminator(kernel=kernel), real))
    mean = np.mean(sizes, axis=(0, 1))[4:24, 4:24]
    phases = mean.reshape(10, 2, 10, 2).mean(axis=(0, 2))
    spread[kernel] = float(phases.max() / phases.min())
    print(
        f"kernel {kernel}: the gradient of one phase is {spread[kernel]:.2f} times that of another"
    )

# %% [markdown]
# **Which rule is that?**

# %%
lesson.seen(
    "It is even where the stride divides the kernel, 2, 4 and 6, and a checkerboard where it does not: with 3 some pixels get one "
    "stamp, others two or four. So it is with the gradient that D hands down: with a kernel of 3 a quarter of the pixels hear less than "
    "others, whatever there is in the image.",
    spread[3] > 1.4 > 1.2 > spread[4]
    and all((len(set(stamps(k, 2))) == 1) == (k % 2 == 0) for k in (2, 3, 4, 5, 6)),
)

# %% [markdown]
# **Is a kernel of 4 safe, then?** With ones it is. With random weights, as in a G that is new? An even color goes in, two
# layers enlarge it; each panel is another draw. `UpsampleConv2D` repeats pixels and convolves, in one.

# %%
# shown in the README
WAYS = {
    "transposed, kernel 3": lambda f, **kw: [Conv2DTranspose(f, 3, 2, "same", **kw)],
    "transposed, kernel 4": lambda f, **kw: [Conv2DTranspose(f, 4, 2, "same", **kw)],
    "pixel shuffle": lambda f, **kw: [
        Conv2D(4 * f, 3, padding="same", **kw),
        tricks.PixelShuffle(2),
    ],
    "repeat, convolve": lambda f, **kw: [tricks.UpsampleConv2D(f, 3, scale=2, **kw)],
}
flat = tf.ones((1, 8, 8, 16))
textures, uneven = {}, {}
for name, way in WAYS.items():
    outs = []
    for number in range(lesson.pick(40, 8)):
        keras.utils.set_random_seed(number)
        up = keras.Sequential([*way(16), layers.ReLU(), *way(3)])
        outs.append(up(flat).numpy()[0])
    uneven[name] = [unevenness(out[..., c]) for out in outs for c in range(3)]
    textures[name] = np.stack(
        [np.clip(out[6:-6, 6:-6] / np.abs(out[6:-6, 6:-6]).max(), -1, 1) for out in outs[:8]]
    )
figures.pictures(textures, "An even color, enlarged twice by layers with random weights", columns=8)

# %% [markdown]
# **And in numbers?**

# %%
for name, found in uneven.items():
    print(f"{name:<21} unevenness {np.mean(found):.2f} on average, {np.max(found):.2f} at most")
lesson.seen(
    "A kernel of 4 may be even, and is not by itself: each of the four phases of a block has weights of its own, and nothing "
    "makes them equal. The same holds for pixel shuffle. Only repeating and convolving makes an even image of an even one, "
    "whatever its weights.",
    np.max(uneven["repeat, convolve"]) < 1e-3 < np.mean(uneven["transposed, kernel 4"]),
)

# %% [markdown]
# ## On digits
#
# **Does training mend it, and does any of this matter?** One network is changed at a time, the other stays DCGAN's. *Predict:
# which change costs most?* The share of an image's power in the finest pattern there is, one that changes from pixel to
# pixel, is the measure of a checkerboard; real digits have some of it, too.

# %%
from gan_common import sampling
from gan_common.kernels import choice
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from gan_common.runs.history import History
from keras_dcgan import train


def make_generator(way="transposed, kernel 4"):
    """(N, 100) → (N, 28, 28, 1): DCGAN's, enlarged in any of the ways."""
    return keras.Sequential(
        [
            keras.Input((100,)),
            layers.Dense(7 * 7 * 4 * WIDTH, use_bias=False, kernel_initializer=small()),
            layers.Reshape((7, 7, 4 * WIDTH)),
            BatchNormalization(),
            layers.ReLU(),
            *WAYS[way](2 * WIDTH, use_bias=False, kernel_initializer=small()),
            BatchNormalization(),
            layers.ReLU(),
            *WAYS[way](1, kernel_initializer=small()),
            layers.Activation("tanh"),
        ],
        name="generator",
    )


def checkerboard(images):
    """uint8 (N, 28, 28, 1): the share of power at a period of two pixels, in either direction."""
    power = np.abs(np.fft.fft2(images[..., 0] / 127.5 - 1)) ** 2
    power[:, 0, 0] = 0  # the mean is no pattern
    finest = power[:, 14].sum(1) + power[:, :, 14].sum(1) - power[:, 14, 14]
    return float(np.mean(finest / power.sum((1, 2))))


scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(networks, seed):
    way_of_g, way_of_d = networks
    steps = lesson.pick(250, 3)
    settings = config.resolve(
        {"preset": "dcgan", "width": WIDTH, "precision": "float32", "seed": seed, "steps": steps}
    )
    keras.utils.set_random_seed(seed)
    gan = models.GAN(
        make_generator(way_of_g), make_discriminator(**ways[way_of_d]), settings, (28, 28, 1), 10
    )
    gan.compile(jit_compile=False)
    gan.initialize_from(digits.x_train[:64])
    choice.choose(gan.networks, 64, say=lambda line: None)
    history = History(steps)
    train.fit(gan, digits, settings, history)
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn.setdefault(networks, pictures[:14])
    silent = np.mean(size_of_gradient(gan.discriminator, tricks.scale_images(pictures[:64])) == 0)
    found = scores(pictures) | {
        "checkerboard, %": 100 * checkerboard(pictures),
        "no gradient, %": 100 * float(silent),
        "D is right": (history.last("d_real_accuracy") + history.last("d_fake_accuracy")) / 2,
    }
    return found


DCGAN = ("transposed, kernel 4", "strides, LeakyReLU")
variants = {"DCGAN": DCGAN} | {f"G: {way}": (way, DCGAN[1]) for way in WAYS if way != DCGAN[0]}
variants |= {f"D: {way}": (DCGAN[0], way) for way in ways if way != DCGAN[1]}
if lesson.QUICK:
    variants = {name: variants[name] for name in ("DCGAN", "D: max pooling, ReLU")}
result = compare.compare(variants, run, seeds=lesson.pick((1, 2, 3), (1,)))
result

# %% [markdown]
# **How do they look?** The first seed of each.

# %%
figures.pictures(
    {name: drawn[networks] for name, networks in variants.items()},
    "Digits by DCGAN with one choice changed, the same steps",
)

# %% [markdown]
# **And the checkerboard?** Beside what real digits have.

# %%
of_real = 100 * checkerboard(digits.x_test)
result.figure(
    "checkerboard, %",
    "How much of an image is checkerboard",
    "power at a period of two pixels, %",
    of_real,
)

# %% [markdown]
# **In numbers?** All are compared with the same DCGAN runs.

# %%
result.verdict("FID", "lower")
fid, silent = result.values("FID"), result.values("no gradient, %")
told = result.effects("FID", "lower")
lesson.seen(
    "A kernel of 3 in G more than doubles the FID. Its checkerboard is not visible in these digits, whose paper is black: tanh "
    "is at its end there, whatever the stamps. Max pooling alone does no visible harm. With ReLU beside it each seed ends far worse, "
    "some pixels get no gradient at all by then, and D is right nine times of ten: there the sparse gradient is, and only there. "
    "How much of it is ReLU's alone was not tried. Average pooling and repeating are not told from DCGAN with three seeds.",
    told.pop("G: transposed, kernel 3", "") == "harmed"
    and set(told.values()) == {"unclear"}
    and min(fid["D: max pooling, ReLU"]) > max(fid["DCGAN"])
    and min(silent["D: max pooling, ReLU"]) > 1
    and max(silent["D: max pooling, LeakyReLU"] + silent["DCGAN"]) == 0,
)

# %% [markdown]
# **And after a longer training?** From the table of tricks: 1,488 steps, three seeds (`results/ablation.json`, by
# `python -m benchmarks.experiments.ablation --steps 1500`).

# %%
from notebooks import stored

rows = stored.results("ablation")["rows"]
long = compare.Comparison(
    {
        name: [{"FID": run["fid"]} for run in rows[name]["mnist5k"]]
        for name in ("plain", "pixel_shuffle")
    }
)
long.verdict("FID", "lower")
lesson.seen(
    "On digits, which lack nothing, pixel shuffle is not the better way to enlarge: each of the three seeds ends with a higher FID. "
    "What it is for is speed in super-resolution, where it was invented: all convolutions are done on the small image.",
    long.difference("FID", "pixel_shuffle").low > 1,
)

# %% [markdown]
# ## Paper box
#
# | | paper | here | why |
# |---|---|---|---|
# | max pooling | ganhacks 5: "the stability of the GAN game suffers if you have sparse gradients", no number | no harm visible with LeakyReLU, FID 20 → 47 to 522 with ReLU | D's kernels overlap, so the zeros of one kind of layer are filled in below it, not those of two |
# | max pooling in a classifier | Jordan 2024 keeps it | CIFAR-10, 4,000 labels: 27.8% of validation images wrong with it, 31.8% with average pooling, one seed | in a semi-supervised GAN D's first task is to classify |
# | checkerboard | Odena et al.: kernels divisible by the stride help, resizing and convolving is better | even only by repeating; in digits FID 20 → 52 with a kernel of 3 | random weights make a checkerboard with any kernel; their images are in color, ours mostly black |
# | pixel shuffle | Shi et al.: a higher PSNR than SRCNN, in real time | FID 1.19 → 2.69 on digits | another task: theirs is to enlarge a given image |

# %% [markdown]
# ## Exercises
#
# 1. How many of the pixels of a batch does a strided convolution with a kernel of 1 hand a gradient to? And which rule is that?
#
# <details><summary>Solution</summary>
#
# ```python
# shares = {}
# for kernel in (1, 2, 3):
#     with tf.GradientTape() as tape:
#         tape.watch(image := tf.constant(x))
#         out = layers.Conv2D(4, kernel, 2, "same")(image)
#     shares[kernel] = float(np.mean(tape.gradient(out, image).numpy() != 0))
# print(shares)
# assert shares == {1: 0.25, 2: 1.0, 3: 1.0}
# ```
#
# A quarter, as with max pooling: a kernel smaller than its stride skips pixels. From 2 on all are read.
#
# </details>
#
# 2. Give pixel shuffle a start without a checkerboard: let the r² channels of a color begin with the same weights
#    ([Aitken et al. 2017](https://arxiv.org/abs/1707.02937)).
#
# <details><summary>Solution</summary>
#
# ```python
# convolution = Conv2D(12, 3, padding="same")
# up = keras.Sequential([keras.Input((8, 8, 16)), convolution, tricks.PixelShuffle(2)])
# before = unevenness(up(flat).numpy()[0, ..., 0])
# weights, bias = convolution.get_weights()
# convolution.set_weights([np.tile(weights[..., :3], 4), bias])  # color is the inner index
# after = unevenness(up(flat).numpy()[0, ..., 0])
# print(f"{before:.2f} → {after:.4f}")
# assert after < 1e-4 < before
# ```
#
# </details>
#
# 3. Try a D with kernels of 3 on a real run: `python -m keras_dcgan.train --discriminator_kernel 3 --epochs 20`, and with 4.
