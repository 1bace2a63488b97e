# %% [markdown]
# # 2.3.1 Start-up, and bad initialization
#
# After this notebook you will be able to
#
# - make a training fail in five ways, and tell them apart by numbers;
# - read what the doctor says while a training goes on, and why it says so;
# - rescue a training by pausing D until G has caught up, and measure whether that worked.
#
# It takes up to 5 minutes on two cores, by their speed.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## Made
#
# D's loss near 0 means failure: its verdict is so sure that its slope at G's pictures, all that G learns from, is nearly 0.
# With the minimax loss, G's gradient by the logit f of a generated picture is
#
# $$\frac{\partial}{\partial f} \log(1 - \sigma(f)) = -\sigma(f) \to 0 \quad \text{where D is sure, } f \to -\infty$$
#
# and with the non-saturating one it is −(1 − σ(f)), which does not vanish; but D's own slope still may.
#
# **How strong is G's signal, by how sure D is?**

# %%
# shown in the README
import numpy as np
import tensorflow as tf
from IPython.display import display

from gan_common import data, losses, sampling
from gan_common.lessons import compare
from gan_common.metrics.scores import PictureScores
from gan_common.plotting import figures
from keras_dcgan import train

logits = tf.constant(np.linspace(-8, 4, 121), tf.float32)
signal = {}
for kind in ("minimax", "non_saturating"):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.generator_loss(kind, logits)
    signal[kind] = (logits.numpy(), 121 * np.abs(tape.gradient(loss, logits).numpy()))
at = int(np.argmin(np.abs(logits + 4)))
figures.lines(
    {"": signal},
    f"At a logit of −4 the saturating loss leaves {signal['minimax'][1][at]:.3f} of the signal, the other "
    f"{signal['non_saturating'][1][at]:.2f}",
    "D's logit of a generated picture (left: sure that it is generated)",
    "size of G's gradient",
)

# %% [markdown]
# **What does the doctor say of five trainings that must fail, and of one that should not?** `--break` makes the failures,
# `bad_init` and `strong_d` with the minimax loss. `on_failure="stop"` ends a training as soon as the doctor has something to
# say, and 200 steps have to be enough. Its thresholds have names and reasons in `gan_common/doctor/diagnosis.py`.

# %%
digits = data.load("mnist5k")
ways = lesson.pick(
    (None, "bad_init", "strong_d", "no_bn", "high_lr", "collapse"), (None, "bad_init")
)
shared = {"width": lesson.pick(32, 8), "precision": "float32"}
histories = {}
for way in ways:
    print(f"--- {way or 'healthy'}")
    gan, histories[way] = train.trial(
        digits, lesson.pick(200, 3), break_=way, on_failure="stop", say=print, seed=1, **shared
    )

# %% [markdown]
# ## Diagnosed
#
# **Does each failure get its right name?** Computed from what the doctor found.

# %%
right = 0
for way, history in histories.items():
    found = [finding for finding in history.treatment.findings if finding.began]
    named = found[0].name if found else None
    right += named == way
    said = ", ".join(f"{finding.name} at step {finding.step}" for finding in found) or "nothing"
    print(f"{way or 'healthy':<10} {said}")
print(f"{right} of {len(histories)} named rightly at first")

# %% [markdown]
# **What does it look like in the curves, beside a healthy training?**

# %%
for way in [w for w in (None, "strong_d") if w in histories]:
    history = histories[way]
    figure = figures.lines(
        {
            "losses": {"D": history.curve("d_loss"), "G": history.curve("g_loss")},
            "D is right on": {
                "real": history.curve("d_real_accuracy"),
                "generated": history.curve("d_fake_accuracy"),
            },
        },
        f"{way or 'healthy'}: D's loss is {history.last('d_loss'):.3f} at the end; guessing costs 1.39",
        "step",
        ("loss", "share"),
    )
    display(figure)

# %% [markdown]
# **And in the pictures?** The same 12 latents of each.

# %%
figures.pictures(
    {
        f"{way or 'healthy'}, {h.step}": list(h.samples.values())[-1][:12]
        for way, h in histories.items()
    },
    "What each draws at its last step",
)

# %% [markdown]
# ## Measured, and cured
#
# The chapter's advice: stop one network, or lower its rate, until the other has caught up. `--on_failure pause` stops D
# while it is ahead; `lower_lr`, which is not tried here, gives it a tenth of its rate. A treatment needs its time:
# the trainings have 450 steps now, with twice the rates of `--break strong_d` for D and four times for G, so that pausing has
# time to help. With these rates it lowered the FID with each of the seeds 1, 2 and 3, and with two of them digits can be told.
#
# **Does pausing rescue a training whose D is too strong?** FID without and with it, the same seed and steps; and the share
# of the steps for which D was held back. The last weights draw (`weight_average=0`), as in `make doctor`: their average lags
# behind a training that recovers late.

# %%
scores = PictureScores(digits, lesson.pick(None, 60), lesson.pick(1000, 100))
drawn = {}


def run(action, seed):
    gan, history = train.trial(
        digits, lesson.pick(450, 2), break_="strong_d", on_failure=action, seed=seed,
        discriminator_lr=4e-3, generator_lr=2e-4, weight_average=0, say=lambda _: None, **shared,
    )  # fmt: skip
    pictures, _ = sampling.draw(gan, scores.count, seed)
    drawn[action] = pictures[:12]
    held = np.mean([row["d_rate"] < row["g_rate"] for row in history.rows])
    return scores(pictures) | {"D held back": float(held)}


result = compare.compare({"warn": "warn", "pause": "pause"}, run, seeds=(1,))

# %% [markdown]
# **In one figure?** `warn` only speaks: it is the training without a cure.

# %%
figures.bars(
    result.values("FID"),
    "FID of trainings whose D is too strong, left alone and treated",
    "FID, lower is better",
    scores.floor["FID"],
)

# %% [markdown]
# **And to the eye?**

# %%
figures.pictures(
    drawn, "What the same trainings draw, left alone and with D paused while it is ahead"
)

# %% [markdown]
# **The verdict?** One seed decides nothing. `make doctor` trains `bad_init` and `strong_d` with three seeds each, and tries
# `lower_lr` too: there pausing lowered the FID with every seed (`results/doctor.json`, and the README).

# %%
result.verdict("FID", "lower")

# %% [markdown]
# ## Exercises
#
# 1. Which of the other failures does pausing D help? `train.trial(digits, 300, break_="high_lr", on_failure="lower_lr",
#    say=print)`.
# 2. How does it look on a real run? `python -m keras_dcgan.train --break strong_d --on_failure pause --epochs 5`; the bands
#    are in its curves.png.
# 3. Is the doctor too nervous? Double `gan_common.doctor.diagnosis.WON_LOSS` and let it watch a healthy training.
