# %% [markdown]
# # 2.2.3 A semi-supervised GAN in TensorFlow
#
# After this notebook you will be able to
#
# - make one network the discriminator and the classifier, with K+1 outputs or with K;
# - write down both parts of its loss, and compute them by hand;
# - say what a GAN and pictures without labels save, by the error against the same classifier trained without them.
#
# It takes about 5 minutes on two cores.

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
# ## Training, with few labels
#
# **Which pictures does it see?** The labelled ones, the same number of each class; all the others without any label; and
# some held out, to look at the error while it trains. For the first 30% of the steps D learns from labels alone
# (`labels_first`): such a step takes a fraction of the time, and pictures without labels help once D knows the classes a
# little.

# %%
steps = lesson.pick(1000, 4)
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
    f"{len(parts.x_labelled)} labelled, {len(parts.x_unlabelled)} without, {len(parts.x_validation)} held out"
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
# error of held-out training pictures;
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
# **What do the numbers say?** The verdict is computed: a t-test asks whether the seeds by themselves would
# make such a gap.

# %%
for number, result in results.items():
    print(f"{number} labels: ", end="")
    result.verdict("error", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Let G play the ordinary game instead of matching features: `train.trial(digits, 500, labels="100",
#    generator_loss="non_saturating")`. What happens to the pictures, and to the error?
# 2. Take away the other help that unlabelled pictures give, agreement on two views: `consistency_weight=0.0`. How much of
#    the gap is left?
# 3. Do it in earnest: `make train-ssgan`, and the same with `ARGS=--baseline`.
