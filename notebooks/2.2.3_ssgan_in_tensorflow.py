# %% [markdown]
# # 2.2.3 A semi-supervised GAN in TensorFlow
#
# After this notebook you will be able to
#
# - make one network the discriminator and the classifier, with K+1 outputs or with K;
# - write down both parts of its loss, and compute them by hand;
# - say what a GAN and pictures without labels save, by the error against the same classifier trained without them.
#
# It takes about 5 minutes on two cores. The paper is [Improved GAN](https://arxiv.org/abs/1606.03498), section 5; the
# repository that the chapter uses is [gitlimlab/SSGAN-Tensorflow](https://github.com/gitlimlab/SSGAN-Tensorflow), whose
# classifier sees every label: [docs/](../docs/the-two-repositories.md) says how that and the rest was mended.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## K+1 outputs
#
# D names one of K classes, or says "generated", the class K+1: a softmax over K+1 logits. Subtracting the same number from
# all logits changes no softmax, so the last logit may be fixed at 0, and the network needs K outputs only
# (`losses.append_fake_logit`).
#
# **What do three answers of such a D mean?** One sure of class 2, one of nothing, one that sees a forgery.

# %%
import numpy as np
import tensorflow as tf

from gan_common import data
from gan_common.lessons import compare
from gan_common.plotting import figures
from ssgan_tf import losses, train

digits = data.load("mnist5k")

k_logits = tf.constant([[0.0, 1.0, 6.0], [0.0, 0.0, 0.0], [-5.0, -4.0, -6.0]])
logits = losses.append_fake_logit(k_logits)  # (3, K+1)
probabilities = tf.nn.softmax(logits).numpy()
shifted = tf.nn.softmax(logits + 7.0).numpy()
print(
    f"the largest change when 7 is added to all logits: {np.abs(shifted - probabilities).max():.0e}"
)
figures.columns(
    {f"answer {i + 1}: real with {1 - p[-1]:.3f}": {"p": p} for i, p in enumerate(probabilities)},
    [0, 1, 2, "generated"],
    "Three answers of a D for K = 3 classes",
    "class",
    "probability",
)

# %% [markdown]
# ## Two losses, on paper and in code
#
# With labels, the cross-entropy among the real classes; without, the game of real against generated, in which
# 1 − p(K+1 | x) is D's "real" (Salimans et al. 2016, section 5):
#
# $$L_{supervised} = -E \log p(y \mid x, y \le K) \qquad
# L_{unsupervised} = -E_{x} \log(1 - p(K{+}1 \mid x)) - E_{z} \log p(K{+}1 \mid G(z))$$
#
# **Do paper and code agree?** Answers 1 and 2 are for real pictures of the classes 2 and 0, answer 3 for a generated one.

# %%
labels = np.array([2, 0])
real, fake = probabilities[:2], probabilities[2:]
among_real = real[:, :3] / real[:, :3].sum(axis=1, keepdims=True)
on_paper = {
    "supervised": -np.mean(np.log(among_real[[0, 1], labels])),
    "unsupervised": -np.mean(np.log(1 - real[:, 3])) - np.mean(np.log(fake[:, 3])),
}
in_code = {
    "supervised": losses.supervised_loss(logits[:2], labels),
    "unsupervised": losses.unsupervised_loss(logits[:2], logits[2:]),
}
for name, by_hand in on_paper.items():
    print(f"{name:<13} on paper {by_hand:.6f}   in code {float(in_code[name]):.6f}")

# %% [markdown]
# **What does each pull at?** The gradients by the logits: the supervised loss never touches "generated"; the unsupervised
# one shares its pull among the classes as D already does, so it makes a sure D surer.

# %%
with tf.GradientTape(persistent=True) as tape:
    tape.watch(logits)
    supervised = losses.supervised_loss(logits[:2], labels)
    unsupervised = losses.unsupervised_loss(logits[:2], logits[2:])
pulls = {
    "supervised": -tape.gradient(supervised, logits).numpy(),
    "unsupervised": -tape.gradient(unsupervised, logits).numpy(),
}
figures.columns(
    {name: {f"answer {i + 1}": pull[i] for i in range(3)} for name, pull in pulls.items()},
    [0, 1, 2, "generated"],
    "Where each loss pushes the logits; the supervised one pushes 'generated' by "
    f"{np.abs(pulls['supervised'][:, 3]).max():.0f}",
    "logit",
    "push",
)

# %% [markdown]
# ## The step, whole
#
# *The idea in one sentence: the network that tells real from generated learns what images look like from all of them, and
# the few labels only have to name what it has found.*
#
# **What does it look like in TensorFlow?** A D with features and K logits, a G, and one step with both losses. G does not
# try to be called real: it matches the mean features of real images (2.4.1), which serves the classifier better.

# %%
import keras
from keras import layers

WIDTH = lesson.pick(16, 8)


def make_classifier():
    x = images = keras.Input((28, 28, 1))
    for filters in (WIDTH, 2 * WIDTH, 4 * WIDTH):
        x = layers.Conv2D(filters, 3, 2, "same")(x)
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(x))
    features = layers.Flatten()(x)
    return keras.Model(images, [features, layers.Dense(10)(features)], name="D")  # K = 10 logits


def make_generator():
    x = latents = keras.Input((64,))
    x = layers.Reshape((7, 7, 2 * WIDTH))(layers.Dense(7 * 7 * 2 * WIDTH)(x))
    for filters in (WIDTH, WIDTH):
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2DTranspose(filters, 4, 2, "same")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(latents, layers.Conv2D(1, 3, padding="same", activation="tanh")(x), name="G")


def ssgan_step(D, G, of_d, of_g):
    """A step that trains this pair."""

    @tf.function
    def step(x, y, u, z):
        """Labelled images x with classes y, images u without, latents z."""
        with tf.GradientTape(persistent=True) as tape:
            g = G(z, training=True)
            # Each batch by itself: batch norm must not let D compare real with generated.
            _, of_labelled = D(x, training=True)
            f_real, of_real = D(u, training=True)
            f_generated, of_generated = D(g, training=True)

            supervised = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(y, of_labelled)
            )
            # "Generated" has the logit 0, so log p(real) / p(generated) = log Σ exp of the K logits.
            real = tf.reduce_logsumexp(of_real, axis=1)
            generated = tf.reduce_logsumexp(of_generated, axis=1)
            unsupervised = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(
                tf.nn.softplus(generated)
            )
            d_loss = supervised + unsupervised
            g_loss = tf.reduce_mean(
                (tf.reduce_mean(f_real, 0) - tf.reduce_mean(f_generated, 0)) ** 2
            )
        of_d.apply(tape.gradient(d_loss, D.trainable_variables), D.trainable_variables)
        of_g.apply(tape.gradient(g_loss, G.trainable_variables), G.trainable_variables)
        return supervised, unsupervised, g_loss, of_labelled, of_real, of_generated

    return step


# %% [markdown]
# **Are these the package's losses?** A step on the first images; then `ssgan_tf.losses` from the same logits.

# %%
from gan_common import tricks


def fresh_pair(seed):
    keras.utils.set_random_seed(seed)
    D, G = make_classifier(), make_generator()
    of_d, of_g = (keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in range(2))
    of_d.build(D.trainable_variables)
    of_g.build(G.trainable_variables)
    return D, G, ssgan_step(D, G, of_d, of_g)


D, G, step = fresh_pair(1)
x, u = (tricks.scale_images(digits.x_train[rows]) for rows in (slice(0, 16), slice(16, 48)))
y = digits.y_train[:16]
supervised, unsupervised, g_loss, *k_logits = step(
    x, y, u, tf.random.stateless_normal((32, 64), [1, 0])
)
of_labelled, of_real, of_generated = (losses.append_fake_logit(each) for each in k_logits)
np.testing.assert_allclose(supervised, losses.supervised_loss(of_labelled, y), rtol=1e-5)
np.testing.assert_allclose(unsupervised, losses.unsupervised_loss(of_real, of_generated), rtol=1e-5)
print(f"supervised {supervised:.4f}, unsupervised {unsupervised:.4f}: as in the package")

# %% [markdown]
# **Does the game help that classifier?** The same network, 100 labels, steps and seed: once with labels alone, once with the
# game. *Predict: by how much does the error on validation images fall?*

# %%
from gan_common.data import label_split

labelled, rest = label_split(digits.y_train, 100, seed=1)
validation, pool = rest[:1000], rest[1000:]
steps = lesson.pick(1500, 3)


def train_by_hand(with_game, seed=1):
    D, G, step = fresh_pair(seed)
    alone = keras.optimizers.Adam(1e-3, beta_1=0.5)
    alone.build(D.trainable_variables)

    @tf.function
    def labels_alone(x, y):
        with tf.GradientTape() as tape:
            _, logits = D(x, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        alone.apply(tape.gradient(loss, D.trainable_variables), D.trainable_variables)

    draw = np.random.default_rng(seed)
    for number in range(steps):
        rows = draw.choice(labelled, 16)
        x, y = tricks.scale_images(digits.x_train[rows]), digits.y_train[rows]
        if with_game:
            u = tricks.scale_images(digits.x_train[draw.choice(pool, 32)])
            step(x, y, u, tf.random.stateless_normal((32, 64), [seed, number]))
        else:
            labels_alone(x, y)
    _, logits = D(tricks.scale_images(digits.x_train[validation]), training=False)
    return float(np.mean(np.argmax(logits, axis=1) != digits.y_train[validation])), G


by_hand = {"labels alone": train_by_hand(False)[0]}
by_hand["labels and game"], G = train_by_hand(True)
print("validation error:  " + "   ".join(f"{name} {error:.1%}" for name, error in by_hand.items()))
figures.pictures(
    G(tf.random.stateless_normal((16, 64), [9, 9]), training=True).numpy(),
    "What G draws by then: images that match the features of digits, not yet digits",
    columns=16,
)

# %% [markdown]
# **What was seen?**

# %%
lesson.seen(
    "With the same 100 labels the classifier is wrong far less often if it plays the game as well. To tell real digits from "
    "generated ones D has to find what strokes are made of, in thousands of images that nobody named; the labels then have "
    "only the classes to tell apart.",
    by_hand["labels and game"] < 0.8 * by_hand["labels alone"],
)

# %% [markdown]
# ## The package's training, with few labels
#
# **Which pictures does it see?** The labelled ones, the same number of each class; all the others without any label; and
# some for validation, to look at the error while it trains. For the first 30% of the steps D learns from labels alone
# (`labels_first`): such a step takes a fraction of the time, and pictures without labels help once D knows the classes a
# little.

# %%
steps = lesson.pick(800, 4)
shared = {
    "width": lesson.pick(16, 8),
    "weight_average": lesson.pick(0.99, 0.5),
    "batch_size": lesson.pick(32, 8),
    "labelled_batch": lesson.pick(16, 10),
}
game = {"labels_first": 0.3}


def progress(history):
    step, pictures = list(history.samples.items())[-1]
    return figures.pictures(
        pictures[:24], f"Step {step}: the supervised loss is {history.last('supervised_loss'):.3f}, D is "
        f"right on {history.last('d_fake_accuracy'):.0%} of the generated", columns=8,
    )  # fmt: skip


gan, history, parts = train.trial(
    digits, steps, labels="100", seed=1, sample_every=steps // 4,
    on_sample=lesson.Live(progress), **shared, **game,
)  # fmt: skip
print(
    f"{len(parts.x_labelled)} labelled, {len(parts.x_unlabelled)} without, {len(parts.x_validation)} for validation"
)

# %% [markdown]
# **How do the two parts of the loss go?** From when the game begins their sum is minimized; before, the unsupervised
# part and G's loss are not computed, and drawn as 0.

# %%
window = max(1, steps // 50)
figures.lines(
    {
        "D's loss": {
            "supervised": history.curve("supervised_loss", window),
            "unsupervised": history.curve("unsupervised_loss", window),
        },
        "G's loss: feature matching": {"G": history.curve("g_loss", window)},
    },
    f"After {steps} steps the supervised loss is {history.last('supervised_loss'):.3f}, "
    f"the unsupervised one {history.last('unsupervised_loss'):.3f}",
    "step",
    ("nats", "distance of features"),
)

# %% [markdown]
# **And what does the generator draw?** It was made to match features, not to please: its pictures need not be beautiful
# for the classifier to learn from them (Dai et al. 2017, 1705.09783).

# %%
figures.pictures(
    {f"step {step}": pictures[:14] for step, pictures in history.samples.items()},
    f"G over {steps} steps of semi-supervised training",
)

# %% [markdown]
# ## Labels dropped, step by step
#
# **What do the pictures without labels save?** The same classifier, labels, augmentation, steps and seeds, without them and
# without G: the baseline. The SSGAN has two things more: the game, and that what D with its averaged weights says of a
# picture, D has to say of another view of it (Sohn et al. 2020, 2001.07685; exercise 2 takes this away). The fewer the
# labels, the more the error hangs on which ones they are, so 50 get three seeds, and 100 the training above. It is the
# error of validation images, of the training split;
# the test split stays closed until the table in the README.

# %%
seeds = lesson.pick({"100": (1,), "50": (1, 2, 3)}, {"50": (1,)})


def error(variant, seed):
    number, flags = variant
    if (number, flags, seed) == ("100", game, 1):
        net, part = gan, parts  # trained above
    else:
        net, _, part = train.trial(digits, steps, labels=number, seed=seed, **shared, **flags)
    return {"error": net.error(part.x_validation, part.y_validation)}


results = {}
for number in seeds:
    print(f"{number} labels")
    variants = {"baseline": (number, {"baseline": True}), "SSGAN": (number, game)}
    results[number] = compare.compare(variants, error, seeds[number])

# %% [markdown]
# **Error against labels: where does it help?** Means over the seeds.

# %%
# shown in the README
means = {
    name: [100 * np.mean(result.values("error")[name]) for result in results.values()]
    for name in ("baseline", "SSGAN")
}
gaps = np.array(means["baseline"]) - np.array(means["SSGAN"])
best = int(np.argmax(gaps))
figures.columns(
    {"": means},
    list(seeds),
    f"The SSGAN takes off most, {gaps[best]:.1f} points, at {list(seeds)[best]} labels",
    "number of labels",
    "error, %",
)

# %% [markdown]
# **What does the game give by itself?** The package's SSGAN has two things that use images without labels: the game, and
# consistency. A longer experiment switched each on and off (MNIST, 100 labels, 4,000 steps, three draws of the labels,
# test error; `python -m benchmarks.experiments.ssgan --only mnist100_parts`):

# %%
from notebooks import stored

each = {
    name: found["each"]
    for name, found in stored.results("ssgan_mnist100_parts")["test_error_percent"].items()
}
without, consistent = each["labels, consistency"], each["SSGAN"]
saved = np.subtract(without, consistent)  # by the game, beside consistency, for each draw of labels
figures.bars(
    each, "Test error by what D learns from, three draws of the 100 labels", "test error, %"
)

# %% [markdown]
# **So is it the game?**

# %%
lesson.seen(
    "Alone the game takes more than half of the error away, and consistency alone takes more. Beside consistency the "
    "game adds 0.2 points on average, and in one draw of three nothing: with three draws that is not visible. On MNIST "
    "the second look at an image is worth more than the second player.",
    np.mean(each["labels, GAN"]) < 0.5 * np.mean(each["labels alone"])
    and np.mean(without) < np.mean(each["labels, GAN"])
    and 0.1 < np.mean(saved) < 0.4
    and min(saved) < 0,
)

# %% [markdown]
# ## Exercises
#
# 1. Let G play the ordinary game instead of matching features: `train.trial(digits, 500, labels="100",
#    generator_loss="non_saturating")`. What happens to the pictures, and to the error?
# 2. Take away the other help that unlabelled pictures give, agreement on two views: `consistency_weight=0.0`. How much of
#    the gap is left?
# 3. Do it in earnest: `make train-ssgan`, and the same with `ARGS=--baseline`.
