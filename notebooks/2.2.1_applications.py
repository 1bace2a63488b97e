# %% [markdown]
# # 2.2.1 Applications
#
# After this notebook you will be able to
#
# - say of each application of the chapter what enters its networks, what leaves them, and which loss trains them;
# - see that there are two kinds: those that learn from pairs, and those that have none;
# - run a small version of most of them, and measure what the game adds to a plain distance.
#
# It takes about 3 minutes on two cores.
#
# | application | enters G | leaves G | the loss, beside the game | here |
# |---|---|---|---|---|
# | editing with a conditional GAN (pix2pix, 1611.07004) | a picture with a hole, a sketch, a map | the whole picture | distance to the true one, λ E‖y − G(x)‖₁ | run below |
# | super-resolution (SRGAN, 1609.04802) | a coarse picture | a fine one | distance, of pixels or of a classifier's features | run below |
# | next video frames (1511.05440) | the last frames | the next one | distance, and of the pictures' slopes | run below |
# | CycleGAN (1703.10593) | a picture of one kind | one of the other kind | there and back again, λ E‖F(G(x)) − x‖₁ | run below |
# | DiscoGAN (1703.05192) | as CycleGAN | as CycleGAN | there and back again; each way a GAN of its own | the same code as CycleGAN |
# | text to image (1605.05396) | noise, and a code of a sentence | a picture that the sentence describes | D also sees real pictures with the wrong sentence | a word for a sentence: `--preset cgan` below |
# | StackGAN (1612.03242) | noise and sentence, then a coarse picture | a coarse picture, then a fine one | two games, one after the other | the last two chained |

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## With pairs: editing, super-resolution, next frame
#
# One train step does all three, `translation.pairs`: G turns a picture x into another, D judges the pair (x, G(x)):
#
# $$L_G = E\,\lVert y - G(x) \rVert_1 + \lambda \cdot \left(-E \log D(x, G(x))\right)$$
#
# **What enters, and what should leave?** Digits of 7×7 big pixels; digits with a hole; two frames of a flying digit.

# %%
import numpy as np
from IPython.display import display

from gan_common import data, tricks
from gan_common.lessons import translation
from gan_common.plotting import figures

digits = data.load("mnist5k")
train, test = (tricks.scale_images(part) for part in (digits.x_train, digits.x_test))


def holed(x):
    x = x.copy()
    x[:, 9:19, 9:19] = 0.0  # gray: a digit has no gray areas
    return x


def clips(x):
    frames = translation.moving(x, 3, seed=1)
    return frames[..., :2], frames[..., 2:]  # two frames in, the next one out


tasks = {
    "super-resolution": (translation.coarsen(train), train, translation.coarsen(test), test),
    "editing": (holed(train), train, holed(test), test),
    "next frame": (*clips(train), *clips(test)),
}
rows = {}
for task, (_, _, x, y) in tasks.items():
    rows[f"{task}: in"], rows["out" + " " * len(rows)] = x[:12, ..., -1:], y[:12]
figures.pictures(rows, "What enters each task, and what should leave it: 12 of 4,000 pairs")

# %% [markdown]
# **What does the game add to a plain distance?** Each is trained with λ = 0 and with λ = 0.05. Where several answers are
# possible, the smallest distance is a blur between them; D tells a blur at once. Sharpness is the mean difference of
# neighboring pixels, beside that of the true answers.

# %%
tasks = dict(list(tasks.items())[: lesson.pick(3, 1)])
networks, made, table = {}, {}, {}
for task, (x, y, x_test, y_test) in tasks.items():
    for name, weight in (("distance alone", 0.0), ("with the game", 0.05)):
        networks[task, name], _ = translation.pairs(x, y, lesson.pick(400, 4), weight, seed=1)
        out = np.concatenate([networks[task, name](part).numpy() for part in np.split(x_test, 10)])
        made[task, name] = out
        table[task, name] = {
            "distance": float(np.abs(out - y_test).mean()),
            "sharpness": translation.sharpness(out) / translation.sharpness(y_test),
        }
        numbers = "  ".join(f"{key} {value:.3f}" for key, value in table[task, name].items())
        print(f"{task}, {name}: {numbers}", flush=True)

# %% [markdown]
# **How does that look?** Test digits, which neither network has seen.

# %%
for task, (_, _, x_test, y_test) in tasks.items():
    sharp = table[task, "with the game"]["sharpness"] / table[task, "distance alone"]["sharpness"]
    last = figures.pictures(
        {
            "in": x_test[:12, ..., -1:],
            "distance alone": made[task, "distance alone"][:12],
            "with the game": made[task, "with the game"][:12],
            "true": y_test[:12],
        },
        f"{task.capitalize()}: with the game {sharp:.2f} times as sharp as without",
    )
    display(last)

# %% [markdown]
# **So, does it pay?** What the numbers say of each task: the game may cost distance and buy sharpness.

# %%
for task in tasks:
    plain, game = table[task, "distance alone"], table[task, "with the game"]
    nearer = abs(1 - game["sharpness"]) < abs(1 - plain["sharpness"])
    print(
        f"{task}: distance {plain['distance']:.3f} → {game['distance']:.3f}, sharpness "
        f"{plain['sharpness']:.2f} → {game['sharpness']:.2f} of the truth: "
        + ("nearer to the truth's" if nearer else "no nearer to the truth's")
    )
if lesson.QUICK:
    print("(quick form: trainings this short decide nothing)")

# %% [markdown]
# ## Without pairs: CycleGAN and DiscoGAN
#
# Two heaps of pictures, and no picture of one belongs to a picture of the other: here half of the digits as they are, and
# the other half as negatives, shrunk in contrast. G goes one way, F back; there and back again must end where it began:
#
# $$L = L_{GAN}(G) + L_{GAN}(F) + \lambda \left( E\,\lVert F(G(a)) - a \rVert_1 + E\,\lVert G(F(b)) - b \rVert_1 \right)$$
#
# **Does it find out which belongs to which?** It is never told; we know, and measure.


# %%
# shown in the README
def other_kind(x):
    return -0.7 * x


first, second = train[:2000], other_kind(train[2000:])
there, back, history = translation.cycle(first, second, lesson.pick(300, 3), seed=1)
out = there(test[:200]).numpy()
error = float(np.abs(out - other_kind(test[:200])).mean())
shuffled = float(np.abs(out - other_kind(test[200:400])).mean())
print(
    f"there and back again: {history[0]['there_and_back']:.2f} → {history[-1]['there_and_back']:.2f}"
)
figures.pictures(
    {
        "a": test[:12],
        "G(a)": out[:12],
        "the true one": other_kind(test[:12]),
        "F(G(a))": back(out[:12]).numpy(),
    },
    f"Without a single pair: {error:.2f} from the true counterpart, {shuffled:.2f} from another picture's",
)

# %% [markdown]
# ## From words: text to image, and StackGAN
#
# A conditional GAN that is told a class is told a sentence of one word. StackGAN draws coarsely first, then refines: the
# conditional GAN's picture, made coarse, through the super-resolution network above.
#
# **Can it draw what the words say?**

# %%
from keras_dcgan import train as training

words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
gan, _ = training.trial(
    digits, lesson.pick(600, 3), preset="cgan", width=lesson.pick(12, 4), seed=1
)
sentence = ["three", "one", "four", "one", "five", "nine", "two", "six", "five", "three"]
asked = [words.index(word) for word in sentence]
drawn = gan.pictures(gan.draw_latents(len(asked), 2).numpy(), np.array(asked))
refine = networks["super-resolution", "with the game"]
coarse = translation.coarsen(tricks.scale_images(drawn))
figures.pictures(
    {
        "stage 1, coarse": coarse,
        "stage 2, fine": refine(coarse).numpy(),
        "the generator's own": tricks.scale_images(drawn),
    },
    f"“{' '.join(sentence)}”, drawn in two stages",
)

# %% [markdown]
# **How often is it right?** A classifier reads 20 pictures of each word.

# %%
from gan_common.metrics import features

judge = features.classifier(digits, lesson.pick(None, 60))
asked = np.repeat(np.arange(10), 20)
named = features.extract(judge, gan.pictures(gan.draw_latents(200, 3).numpy(), asked))[1].argmax(1)
right = [float(np.mean(named[asked == i] == i)) for i in range(10)]
figures.columns(
    {"": {"share": right}},
    words,
    f"{np.mean(right):.0%} of the pictures show the word",
    "word asked for",
    "share of 20 pictures",
)

# %% [markdown]
# ## Exercises
#
# 1. Where does too much of the game harm? `translation.pairs(x, y, 400, adversarial=1.0)` for the editing task.
# 2. Take the way back out of CycleGAN: `translation.cycle(first, second, 300, weight=0.0)`. What does G draw then?
# 3. Edit by class instead: the same latents with another label, `gan.pictures(latents, labels)`. What stays, what changes?
