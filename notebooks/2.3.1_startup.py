# %% [markdown]
# # 2.3.1 Start-up, and bad initialization
#
# After this notebook you will be able to
#
# - name the three factors of G's gradient, and make a start fail by each of them;
# - say under which loss a sure D leaves G without a gradient, and measure it;
# - read what the doctor says while a training goes on, and why it says so;
# - rescue a training by pausing D, by a lower rate, and by another loss, and say which is a cure and which first aid.
#
# It takes about 3 minutes on two cores. The measurement of the gradient is that of [Arjovsky and Bottou
# 2017](https://arxiv.org/abs/1701.04862); the other loss is in section 3 of [GAN](https://arxiv.org/abs/1406.2661).

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## What G learns from
#
# *The idea in one sentence: all that G is told comes through three factors, and if any of them is 0 at the start, so is the
# product.* With f the logit that D gives the image x = G(z):
#
# $$\frac{\partial L}{\partial \theta} = \frac{\partial L}{\partial f} \cdot \frac{\partial f}{\partial x} \cdot \frac{\partial x}{\partial \theta}
# \qquad \text{the loss} \cdot \text{D's slope} \cdot \text{G's own derivative}$$

# %%
from gan_common.plotting.diagrams import Arrow, Box, diagram

diagram(
    {
        "z": Box("latent z", "noise", 0, 0),
        "G": Box("generator G", "network", 1.1, 0),
        "x": Box("image x", "data", 2.2, 0),
        "D": Box("discriminator D", "network", 3.3, 0),
        "loss": Box("G's loss L", "loss", 4.4, 0),
    },
    [
        Arrow("z", "G"),
        Arrow("G", "x"),
        Arrow("x", "D"),
        Arrow("D", "loss", "logit f"),
        Arrow("loss", "D", "a sure D, saturating loss", gradient=True, bend=-0.55),
        Arrow("D", "x", "no batch norm", gradient=True, bend=-0.55),
        Arrow("x", "G", "pixels at ±1: bad start", gradient=True, bend=-0.55),
    ],
    "Three places at which G's gradient can be lost before anything is learnt",
)

# %% [markdown]
# ## The first factor: the loss
#
# The game of the paper gives G the loss log(1 − D), which *saturates*; the same paper recommends −log D in its place, here the
# default. By the logit f, with σ the sigmoid:
#
# $$\frac{\partial}{\partial f} \log(1 - \sigma(f)) = -\sigma(f) \qquad\qquad \frac{\partial}{\partial f}\left(-\log \sigma(f)\right) = -(1 - \sigma(f))$$
#
# *Predict: at a logit of −4 D gives an image a probability of 1.8%. How much of the slope is left in either loss?*

# %%
# shown in the README
import keras
import numpy as np
import tensorflow as tf

from gan_common import losses
from gan_common.plotting import figures


def saturating(f):
    """E log(1 − σ(f))."""
    return -tf.reduce_mean(tf.nn.softplus(f))


def non_saturating(f):
    """−E log σ(f)."""
    return tf.reduce_mean(tf.nn.softplus(-f))


KINDS = {"minimax": saturating, "non_saturating": non_saturating}
f = tf.constant(np.linspace(-8, 4, 121), tf.float32)
slopes = {}
for kind, loss in KINDS.items():
    np.testing.assert_allclose(loss(f), losses.generator_loss(kind, f), rtol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(f)
        value = loss(f)
    slopes[kind] = 121 * np.abs(tape.gradient(value, f).numpy())
names = {"minimax": "log(1 − D), saturating", "non_saturating": "−log D, the default"}
at = int(np.argmin(np.abs(f + 4)))
figures.lines(
    {"": {names[kind]: (f.numpy(), slope) for kind, slope in slopes.items()}},
    f"At a logit of −4 the saturating loss keeps {slopes['minimax'][at]:.3f} of its slope, the other "
    f"{slopes['non_saturating'][at]:.2f}",
    "D's logit f of a generated image (left: sure that it is generated)",
    "size of the slope by f",
)

# %% [markdown]
# **And in a network?** Train D alone, against a G that stands still, and measure after each step what G *would* be told by
# either loss. The networks are DCGAN's, which 2.2.2 writes out. *Predict: which curve falls?*

# %%
from gan_common import data, tricks
from keras_dcgan import config, models, train

digits = data.load("mnist5k")
WIDTH = lesson.pick(16, 4)


def build(seed=1, **flags):
    given = {"width": WIDTH, "precision": "float32", "weight_average": 0, "seed": seed, **flags}
    return models.build(config.resolve(given), digits.image_shape, digits.num_classes)


G, D = build().networks
of_d = keras.optimizers.Adam(2e-3, beta_1=0.5)
of_d.build(D.trainable_variables)


@tf.function
def teach_d(real, z):
    """A step of D alone: its loss before the step."""
    fake = G(z, training=True)
    with tf.GradientTape() as tape:
        on_real, on_fake = D(real, training=True), D(fake, training=True)
        loss = tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_fake))
    of_d.apply(tape.gradient(loss, D.trainable_variables), D.trainable_variables)
    return loss


@tf.function
def told_to_g(z):
    """The size of G's gradient by each loss; nothing learns."""
    with tf.GradientTape(persistent=True) as tape:
        logits = D(G(z, training=True), training=True)
        found = [loss(logits) for loss in KINDS.values()]
    return [tf.linalg.global_norm(tape.gradient(loss, G.trainable_variables)) for loss in found]


d_losses, sizes, taken = [], [], []
for number in range(lesson.pick(400, 6)):
    rows = np.arange(64 * number, 64 * number + 64) % len(digits.x_train)
    latents = tf.random.stateless_normal((64, 100), [1, number])
    if number % 5 == 0:
        taken.append(number)
        sizes.append([float(size) for size in told_to_g(latents)])
    d_losses.append(float(teach_d(tricks.scale_images(digits.x_train[rows]), latents)))
sizes = np.array(sizes)  # (looks, losses)
early, late = (np.exp(np.log(part).mean(axis=0)) for part in (sizes[:10], sizes[-10:]))
figures.lines(
    {
        "D's loss": {"_": (np.arange(len(d_losses)), d_losses)},
        "size of G's gradient": {names[kind]: (taken, sizes[:, i]) for i, kind in enumerate(KINDS)},
    },
    f"D alone: by the end the default loss tells G {late[1] / late[0]:.0f} times as much as the saturating one",
    "steps of D alone",
    decades=("size of G's gradient", "D's loss"),
)

# %% [markdown]
# **So is a D whose loss is near 0 a failure?**

# %%
print(
    f"saturating loss: {early[0]:.2g} at first, {late[0]:.2g} at the end (geometric means of ten looks)"
)
print(f"default loss: {early[1]:.2g} at first, {late[1]:.2g} at the end")
lesson.seen(
    "Under the saturating loss, yes: while D gets surer, what it tells G dies away. Under the default one, no: the surer D is, the "
    "louder it speaks. Where D guesses, at the start, both tell the same. So *a loss of D near 0 means failure* is a "
    "sentence about one of two losses.",
    late[0] < early[0] / 5 and late[1] > early[1] and late[1] > 50 * late[0],
)

# %% [markdown]
# ## Three bad starts, written out
#
# `--break` of the commands makes a training fail on purpose. Here is what it breaks; each start is then compared with the
# command's own: the same weights must draw the same images and give the same logits.


# %%
def bad_start(seed=1):
    """First weights from N(0, 0.5²) in place of N(0, 0.02²), and the saturating loss."""
    gan = build(seed, loss="minimax")
    for network in gan.networks:
        for weight in network.trainable_variables:
            if weight.path.endswith("kernel"):
                weight.assign(25 * weight)
    return gan


def strong_d(seed=1):
    """D learns forty times as fast as G, and the saturating loss."""
    return build(seed, loss="minimax", discriminator_lr=2e-3, generator_lr=5e-5)


def without_batch_norm(seed=1):
    """The networks of 2.2.2 less their batch norms; first weights and loss as ever."""
    keras.utils.set_random_seed(seed)

    def small():
        return keras.initializers.RandomNormal(stddev=0.02)

    def up(filters, use_bias=False):
        return keras.layers.Conv2DTranspose(
            filters, 4, 2, "same", use_bias=use_bias, kernel_initializer=small()
        )

    def down(filters):
        return keras.layers.Conv2D(filters, 4, 2, "same", kernel_initializer=small())

    generator = keras.Sequential(
        [
            keras.Input((100,)),
            keras.layers.Dense(7 * 7 * 4 * WIDTH, use_bias=False, kernel_initializer=small()),
            keras.layers.Reshape((7, 7, 4 * WIDTH)),
            keras.layers.ReLU(),
            up(2 * WIDTH),
            keras.layers.ReLU(),
            up(1, use_bias=True),
            keras.layers.Activation("tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(
                layer
                for filters in (WIDTH, 2 * WIDTH, 4 * WIDTH)
                for layer in (down(filters), keras.layers.LeakyReLU(0.2))
            ),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, kernel_initializer=small()),
        ]
    )
    like = build(seed)
    return models.GAN(generator, discriminator, like.config, digits.image_shape, 10)


STARTS = {
    "healthy": (build, None),
    "bad start": (bad_start, "bad_init"),
    "no batch norm": (without_batch_norm, "no_bn"),
    "D too strong": (strong_d, "strong_d"),
}
real = tricks.scale_images(digits.x_train[:64])
for make, way in STARTS.values():
    mine, theirs = make(), build(**({"break_": way} if way else {}))
    z = mine.draw_latents(64, 0)
    for a, b in ((mine(z, training=True), theirs(z, training=True)),
                 (mine.judge(real, None, True), theirs.judge(real, None, True))):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert [mine.config.loss, mine.config.generator_lr, mine.config.discriminator_lr] == [
        theirs.config.loss, theirs.config.generator_lr, theirs.config.discriminator_lr
    ]  # fmt: skip
print("the starts of --break bad_init, no_bn and strong_d, to the last weight")

# %% [markdown]
# **Can a start be told before the first step?** Four numbers of networks that have learnt nothing: the first factor (what the loss
# passes on, beside ½ of a D that guesses), the second (how far a step in the image moves D's logit), and two of the third: the share of
# pixels at an end of tanh, and how different two images are, beside two real ones.

# %%
from IPython.display import Markdown, display

from gan_common import doctor


def factors(gan):
    images = gan.look()  # 64, in [−1, 1], as the first step would make them
    with tf.GradientTape() as tape:
        shown = tf.constant(images)
        tape.watch(shown)
        logits = gan.judge(shown, None, training=True)
    slope = np.linalg.norm(tape.gradient(logits, shown).numpy().reshape(64, -1), axis=1)
    sure = tf.sigmoid(logits).numpy()
    passed = sure if gan.config.loss == "minimax" else 1 - sure
    flat = images.reshape(64, -1)
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    return {
        "loss": passed.mean(),
        "D's slope": np.median(slope),
        "pixels at ±1": np.mean(np.abs(flat) > 1 - 0.5 / 127.5),
        "two images": apart.sum() / (64 * 63) / doctor.look_at_data(digits.x_train, 1).distance,
    }


def table(rows):
    columns = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, found in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{value:.2g}" for value in found.values()) + " |")
    display(Markdown("\n".join(lines)))


at_start = {name: factors(make()) for name, (make, _) in STARTS.items()}
seen_by_doctor = doctor.look_at(bad_start().look())
np.testing.assert_allclose(at_start["bad start"]["pixels at ±1"], seen_by_doctor.clipped, atol=1e-6)
table(at_start)
lesson.seen(
    "Two of the three can. After large first weights a third of the pixels sit at the ends of tanh, where its slope is 0. "
    "Without batch norm the signal dies on its way: D's slope is hundreds of times smaller, and all latents give nearly the same "
    "image. A D that is too strong starts like a healthy one, and only training shows it.",
    at_start["bad start"]["pixels at ±1"] > 0.25
    and at_start["no batch norm"]["D's slope"] < at_start["healthy"]["D's slope"] / 100
    and at_start["no batch norm"]["two images"] < 0.05
    and np.allclose(
        *(list(at_start[name].values()) for name in ("D too strong", "healthy")), rtol=0.02
    ),
)

# %% [markdown]
# ## What becomes of them
#
# **What does the doctor say?** It hears the numbers of every step and looks at 64 images now and then; the thresholds stand, with their
# reasons, in `gan_common/doctor/diagnosis.py`. All four train to the end: `warn` says what is wrong and does nothing.

# %%
from gan_common import sampling
from gan_common.metrics.scores import PictureScores

scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
steps = lesson.pick(450, 3)
SHARED = {"width": WIDTH, "weight_average": 0, "say": lambda _: None}


def fid(gan):
    return scores(sampling.draw(gan, scores.count, 1)[0])["FID"]


untrained = build()
untrained.initialize_from(digits.x_train[:64])
ends, histories = {"untrained": fid(untrained)}, {}
for name in lesson.pick(list(STARTS), ["healthy", "no batch norm"]):
    way = STARTS[name][1]
    gan, histories[name] = train.trial(
        digits, steps, break_=way, seed=1, sample_every=max(1, steps // 3), **SHARED
    )
    ends[name] = fid(gan)
    print(f"{name}, FID {ends[name]:.3g}")
    for finding in histories[name].treatment.findings:
        print(f"    {finding}")

# %% [markdown]
# **What do they draw?** The same 14 latents, at the end.

# %%
figures.pictures(
    {
        f"{name}, FID {ends[name]:.3g}": list(history.samples.values())[-1][:14]
        for name, history in histories.items()
    },
    f"Four starts after {steps} steps; an untrained G has FID {ends['untrained']:.0f}",
)

# %% [markdown]
# **And in longer trainings?** 1,054 steps with three seeds each (`make doctor`), without batch norm 1,488 (the ablation), beside
# healthy ones of the same kind. *Failed* is told from *impaired*: the one draws no digits, the other worse ones.

# %%
from notebooks.stored import results

stored = results("doctor")
ablated = results("ablation")["rows"]
longer = {
    "healthy": [run["fid"] for run in stored["healthy"].values()],
    "bad start": stored["treated"]["bad_init"]["warn"]["fids"],
    "no batch norm": [run["fid"] for run in ablated["no batch norm"]["mnist5k"]],
    "D too strong": stored["treated"]["strong_d"]["warn"]["fids"],
}
base = float(np.exp(np.mean(np.log(longer["healthy"]))))
lines = ["| start | FID of each seed | times the healthy FID |", "|---|---|---|"]
times = {name: float(np.exp(np.mean(np.log(values)))) / base for name, values in longer.items()}
for name, values in longer.items():
    lines.append(f"| {name} | {', '.join(f'{v:.3g}' for v in values)} | {times[name]:.2g} |")
display(Markdown("\n".join(lines)))
lesson.seen(
    "Two of the three starts are impaired and one fails. Weights too large, or no batch norm: after a thousand steps there are digits, "
    "with ten times the FID of a healthy run. Only where D is too strong under the saturating loss is nothing learnt: the FID "
    "stays near that of noise, with every seed.",
    5 < times["bad start"] < 30
    and 5 < times["no batch norm"] < 30
    and min(longer["D too strong"]) > 300 * base,
)

# %% [markdown]
# ## The cure
#
# The chapter's advice for a D that wins: *stop one network, or lower its rate, until the other has caught up.* As a rule for every
# step: D is *ahead* when over the last five steps its loss is below half of what guessing costs and it is right on 95% of real and
# of generated images; it is held back from then on, until G has *caught up*: D is right on at most 80% of generated images. The doctor
# lets this begin only once it has found D too strong.

# %%
GUESSING = 2 * np.log(2)  # D's loss when every logit is 0


def holds_back(rows, sick):
    """Of each step: whether D is held back after it.

    Args:
        rows: the numbers of each step.
        sick: of each step, whether the doctor has found D too strong by then.
    """
    told, held, since = [], False, 0
    for i, ill in enumerate(sick):
        recent = rows[max(0, i - 4) : i + 1]
        mean = {name: np.mean([row[name] for row in recent]) for name in rows[0]}
        if held:
            held = mean["d_fake_accuracy"] > 0.8 and i - since < 500
        elif ill and len(recent) == 5:
            right = min(mean["d_real_accuracy"], mean["d_fake_accuracy"])
            held, since = mean["d_loss"] < 0.5 * GUESSING and right >= 0.95, i
        told.append(bool(held))
    return told


# twenty times G's rate for D; both are larger than in `strong_d`, so that the rescue has time
SICK = {"loss": "minimax", "discriminator_lr": 4e-3, "generator_lr": 2e-4}
drawn = {}


def treated(name, **flags):
    gan, history = train.trial(digits, steps, seed=1, **{**SICK, **flags}, **SHARED)
    ends[name] = fid(gan)
    drawn[f"{name}, FID {ends[name]:.3g}"] = list(history.samples.values())[-1][:14]
    return history


paused = treated("D paused", on_failure="pause")


def ill_at(history, name="strong_d"):
    """Of each step, whether a finding holds."""
    changes = {f.step: f.began for f in history.treatment.findings if f.name == name}
    told, now = [], False
    for row in history.rows:
        now = changes.get(row["step"], now)
        told.append(now)
    return told


held = [row["d_rate"] == 0 for row in paused.rows]
assert holds_back(paused.rows, ill_at(paused)) == held
print(f"the same {sum(held)} of {len(held)} steps as the training held D back in")

# %% [markdown]
# **What does that look like?** The band is where D is held back.

# %%
from gan_common.doctor import treatment

figures.lines(
    {
        "losses": {"D": paused.curve("d_loss"), "G": paused.curve("g_loss")},
        "D is right on": {
            "real": paused.curve("d_real_accuracy", 5),
            "generated": paused.curve("d_fake_accuracy", 5),
        },
    },
    f"D is held back in {np.mean(held):.0%} of the steps, until it takes generated images for real again",
    "step",
    ("loss", "share of the batch"),
    bands=treatment.bands([], paused.rows, paused.step),
)

# %% [markdown]
# **Does it rescue the training?** Beside it the same training left alone; with the other half of the advice, D's rate lowered, here to
# G's from the start; and with the other loss. *Predict: which of them draws digits?*

# %%
treated("left alone")
treated("D at G's rate", discriminator_lr=SICK["generator_lr"])
treated("default loss", loss="non_saturating")
order = sorted(drawn, key=lambda name: -float(name.split()[-1]))
figures.pictures(
    {name: drawn[name] for name in order},
    f"A D that learns twenty times as fast as G, after {steps} steps, seed 1",
)

# %% [markdown]
# **Is that luck?** One seed decides nothing. Three seeds each, in 1,054 steps (`make doctor`; D there has forty times G's rate, and
# `lower_lr` gives it a tenth of that while it is ahead). FIDs are compared as ratios, paired by seed.

# %%
from gan_common.lessons import compare

TREATED = {"strong_d": "D too strong", "bad_init": "bad start"}
better, pairs = 0, 0
for way, title in TREATED.items():
    print(title)
    cells = stored["treated"][way]
    result = compare.Comparison(
        {policy: [{"FID": value} for value in cell["fids"]] for policy, cell in cells.items()}
    )
    result.verdict("FID", "lower")
    better += sum(b < a for a, b in zip(cells["warn"]["fids"], cells["pause"]["fids"], strict=True))
    pairs += len(cells["warn"]["fids"])
print(f"paused, better in {better} of {pairs} trainings")

# %% [markdown]
# **So what is the cure?**

# %%
lesson.seen(
    "Take away the cause. At G's rate the same D under the same loss teaches digits, and with the other loss even the fast D does, "
    "badly. Pausing is first aid: better in all six stored trainings, though with three seeds each the intervals are too wide to "
    "call it; and what it rescues still has a FID thirty times that of a healthy run, or more.",
    better == pairs == 6
    and ends["D at G's rate"] < 30
    and ends["default loss"] < ends["left alone"] / 10
    and min(stored["treated"]["strong_d"]["pause"]["fids"]) > 30 * base,
)

# %% [markdown]
# ## The healthy patient
#
# **What does pausing do to a training that is well?** It waits for a finding. So: what did the doctor find in five healthy trainings
# of 1,054 steps, and what becomes of a healthy one here with `pause`?

# %%
alarms = sum(len(run["alarms"]) for run in stored["healthy"].values())
print(f"findings in {len(stored['healthy'])} healthy trainings: {alarms}")
_, watched = train.trial(digits, steps, seed=1, on_failure="pause", **SHARED)
held_back = sum(row["d_rate"] < 1 for row in watched.rows)
print(f"steps in which D was held back: {held_back} of {len(watched.rows)}")
lesson.seen(
    "Nothing: it never acts, so it changes nothing. That is how it differs from balancing the two losses by a rule of "
    "one's own, which acts on every training and of which section 2.4.9 says what comes.",
    alarms == held_back == 0,
)

# %% [markdown]
# ## Paper box
#
# | | paper | here |
# |---|---|---|
# | G's gradient under the saturating loss, D trained alone | down by five orders of magnitude after 4,000 steps of D ([Arjovsky and Bottou 2017](https://arxiv.org/abs/1701.04862), figure 2: a DCGAN that had been trained before) | the figure above: an untrained DCGAN, 400 steps of D |
# | … under the other loss | grows, and its variance with it (their figure 3) | the figure above |
# | first weights | N(0, 0.02²) ([Radford et al. 2015](https://arxiv.org/abs/1511.06434)) | the same; the bad start has 0.5 for 0.02 |

# %% [markdown]
# ## Exercises
#
# 1. Where do both losses tell G the same? And what does the least-squares loss, ½(f − 1)², tell where D is sure?
#
# <details><summary>Solution</summary>
#
# ```python
# f = tf.constant([-8.0, 0.0])
# with tf.GradientTape(persistent=True) as tape:
#     tape.watch(f)
#     told = {kind: 2 * losses.generator_loss(kind, f) for kind in ("minimax", "non_saturating", "least_squares")}
# slope = {kind: np.abs(tape.gradient(loss, f).numpy()) for kind, loss in told.items()}
# print(slope)
# assert np.isclose(slope["minimax"][1], 0.5) and np.isclose(slope["non_saturating"][1], 0.5)
# assert np.isclose(slope["least_squares"][0], 9)
# ```
#
# At f = 0, where D guesses, both have ½. The least-squares loss does not saturate: at f = −8 its slope is 9.
#
# </details>
#
# 2. Start without batch norm, but with weights as large as the layers need (He et al. 2015). Do two images differ then?
#
# <details><summary>Solution</summary>
#
# ```python
# gan = without_batch_norm()
# for weight in gan.generator.trainable_variables:
#     if weight.path.endswith("kernel"):
#         shape = weight.shape
#         inputs = shape[0] if len(shape) == 2 else shape[0] * shape[1] // 4 * shape[3]
#         weight.assign(weight * np.sqrt(2 / inputs) / 0.02)
# print(factors(gan))
# assert factors(gan)["two images"] > 5 * at_start["no batch norm"]["two images"]
# ```
#
# They do: the latent gets through. Batch norm does at every step what this does once.
#
# </details>
#
# 3. On a real run: `python -m keras_dcgan.train --break strong_d --on_failure pause --epochs 5`; the bands are in its curves.png.
#    What does [my training fails](../docs/my-training-fails.md) advise?
