# %% [markdown]
# # 2.2.1 Applications
#
# After this notebook you will be able to
#
# - say of each system of the chapter what enters its networks, what leaves them, and what D gets to see;
# - read its loss: which part is the game, which part holds the output to its input, and which of both λ weights;
# - choose one for a task of your own.
#
# It takes about 30 seconds and trains nothing. pix2pix (2.2.1a), DiscoGAN (2.2.1d) and SRGAN (2.2.1e) have notebooks of their own, with
# their code, a training, and what goes wrong when a part of the loss is switched off; the others are read in their files. All emoji are
# OpenMoji's, CC BY-SA 4.0.

# %% [markdown]
# **In which form does it run?**

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## Four tasks
#
# A GAN that draws from noise alone cannot be asked for anything. All applications give G something to go by, and D something to hold its
# answer against.
#
# **What goes in, and what should come out?** A drawing and its emoji; a small emoji and the large one; a sentence and its image; frames of a
# video and those that follow.

# %%
# shown in the README
import numpy as np

from gan_applications import moving_digits, pairs, pix2pix, srgan
from gan_common import data
from gan_common.plotting import figures
from gan_common.shapes import scenes

emoji = pairs.load(pix2pix.Config())
rows = np.linspace(0, len(emoji.x_test) - 1, 12).astype(int)[2:10]
large = emoji.x_test[rows]
world = [scene for scene in scenes.everything() if scene.count == 2 or scene.arms or scene.view]
said = [world[i] for i in np.linspace(0, len(world) - 1, 8).astype(int)]
drawn = scenes.draw(said, np.random.default_rng(2), 64)
digits = data.load("mnist5k").x_test
clip = np.max([moving_digits.draw(digits, 1, np.random.default_rng(k)) for k in (3, 5)], axis=0)[0]
frames = np.moveaxis(clip, -1, 0)[::3, :, :, None].repeat(3, axis=-1)
seen = np.where(np.arange(7)[:, None, None, None] < 4, frames, np.uint8(128))
figures.pictures(
    {
        "translation: in": emoji.test_inputs[rows].repeat(3, axis=-1),
        "out": large,
        "super-resolution: in": srgan.shrunk(large).repeat(4, axis=1).repeat(4, axis=2),
        "out ": large,
        "text to image: out (1 to 8)": drawn,
        "video: in": seen,
        "out  ": frames,
    },
    "Four tasks: what enters, what should leave (OpenMoji, CC BY-SA 4.0)",
    columns=8,
)

# %% [markdown]
# **And which sentences were those?**

# %%
for number, scene in enumerate(said, 1):
    print(number, scenes.sentence(scene))

# %% [markdown]
# ## Image translation
#
# *An image becomes another of the same thing: a drawing a picture, light skin dark skin, a horse a zebra.* With pairs (pix2pix) D sees both
# sides; without (CycleGAN, DiscoGAN) a second generator must find the way back.
#
# **What is the difference?**

# %%
from gan_common.plotting.diagrams import Arrow, Box, diagram

diagram(
    {
        "x": Box("x", "data", 0, 0.3),
        "G": Box("G", "network", 1, 0.3),
        "made": Box("G(x)", "data", 2, 0.3),
        "D": Box("D of pairs", "network", 3, 0.3),
        "y": Box("its truth y", "data", 3, 1.2),
        "l1": Box("λ · distance", "loss", 2, 1.2),
        "a": Box("a", "data", 0, 2.2),
        "G2": Box("G", "network", 1, 2.2),
        "b": Box("G(a)", "data", 2, 2.2),
        "D2": Box("D of kind b", "network", 3, 2.2),
        "F": Box("F", "network", 2, 3.1),
        "back": Box("F(G(a))", "data", 1, 3.1),
        "cycle": Box("λ · cycle", "loss", 0, 3.1),
        "any": Box("any b", "data", 3, 3.1),
    },
    [
        *(
            Arrow(*e)
            for e in (("x", "G"), ("G", "made"), ("made", "D"), ("y", "D"), ("made", "l1"))
        ),
        Arrow("y", "l1"),
        Arrow("x", "D", "beside", bend=0.16),
        *(Arrow(*e) for e in (("a", "G2"), ("G2", "b"), ("b", "D2"), ("any", "D2"), ("b", "F"))),
        *(Arrow(*e) for e in (("F", "back"), ("back", "cycle"), ("a", "cycle"))),
    ],
    "With pairs (above) the truth holds G; without (below) the way back does",
)

# %% [markdown]
# ## Super-resolution
#
# *A small image becomes a large one.* It is translation with pairs that cost nothing: shrink an image, and you have one. What is compared are
# a classifier's features, since squared differences of pixels are least for a blur.
#
# **How?**

# %%
diagram(
    {
        "y": Box("large y", "data", 0, 0.3),
        "x": Box("small x", "data", 1, 0.3),
        "G": Box("G", "network", 2, 0.3),
        "made": Box("G(x)", "data", 3, 0.3),
        "D": Box("D", "network", 4, 0.3),
        "phi": Box("classifier φ", "network", 3, 1.3),
        "loss": Box("content", "loss", 4, 1.3),
        "game": Box("λ · game", "loss", 5, 0.3),
    },
    [
        Arrow("y", "x", "shrunk"),
        *(Arrow(*e) for e in (("x", "G"), ("G", "made"), ("made", "D"), ("D", "game"))),
        *(Arrow(*e) for e in (("made", "phi"), ("phi", "loss"), ("y", "phi"))),
    ],
    "SRGAN: here λ weights the game, and not the distance",
)

# %% [markdown]
# ## Text to image
#
# *A sentence becomes an image that shows it.* G hears a code of the sentence, D judges image and sentence together, and also sees real images
# beside wrong sentences. StackGAN does it twice, small and then large.
#
# **How?**

# %%
diagram(
    {
        "t": Box("sentence", "data", 0, 1),
        "phi": Box("encoder φ", "network", 1, 1),
        "z": Box("noise z", "noise", 1, 0.1),
        "G": Box("G", "network", 2, 0.1),
        "small": Box("image", "data", 3, 0.1),
        "D": Box("D", "network", 3, 1),
        "wrong": Box("real, wrong text", "data", 3, 1.9),
        "G2": Box("G of stage II", "network", 4, 0.1),
        "again": Box("φ again", "network", 4, 1),
        "large": Box("large image", "data", 5, 0.1),
        "D2": Box("D of large", "network", 5, 1),
    },
    [
        *(Arrow(*e) for e in (("t", "phi"), ("phi", "G"), ("z", "G"), ("G", "small"))),
        *(Arrow(*e) for e in (("small", "D"), ("small", "G2"), ("G2", "large"), ("large", "D2"))),
        *(Arrow(*e) for e in (("wrong", "D"), ("again", "G2"), ("again", "D2"))),
        Arrow("phi", "D", "beside"),
    ],
    "Text to image: up to D the first GAN that did it, with stage II StackGAN",
)

# %% [markdown]
# ## Video
#
# *Noise becomes a video, or frames become the next ones.* VGAN draws what moves and what stays apart and lays one over the other by a mask;
# for next frames D sees the past beside the future.
#
# **How?**

# %%
diagram(
    {
        "z": Box("noise z", "noise", 0, 0.7),
        "f": Box("foreground f", "network", 1, 0.1),
        "b": Box("ground b", "network", 1, 1.3),
        "m": Box("mask m", "data", 2, 0.1),
        "video": Box("m f + (1 − m) b", "data", 2, 0.7 + 0.3),
        "D": Box("D of videos", "network", 3.2, 1.0),
        "past": Box("ten frames", "data", 0, 2.2),
        "G": Box("G, three sizes", "network", 1, 2.2),
        "next": Box("the next ten", "data", 2, 2.2),
        "D2": Box("D of clips", "network", 3.2, 2.2),
    },
    [
        *(Arrow(*e) for e in (("z", "f"), ("z", "b"), ("f", "m"), ("f", "video"), ("b", "video"))),
        *(Arrow(*e) for e in (("m", "video"), ("video", "D"), ("past", "G"), ("G", "next"))),
        Arrow("next", "D2"),
        Arrow("past", "D2", "beside", bend=-0.14),
    ],
    "VGAN (above) invents a video; next frames (below) goes on with one",
)

# %% [markdown]
# ## The losses, and where λ stands
#
# Every L_G is a game plus something that holds the output to what went in. Papers put λ before the one or the other, so their values cannot be
# compared as they stand. *Predict: in which system does the game count least, beside the rest?*
#
# **What do the trainings use?** The weights are read from the systems' own defaults.

# %%
from IPython.display import Markdown, display

from gan_applications import (
    cyclegan,
    discogan,
    next_frames,
    stackgan,
    text_to_image,
    video,
)

# system → (its configuration, what holds, the field with the other part's weight, the game's weight)
LOSSES = {
    "pix2pix": (pix2pix, "distance ‖y − G(x)‖₁", "l1_weight", "game_weight"),
    "CycleGAN": (cyclegan, "cycle ‖F(G(a)) − a‖₁, both ways; identity", "cycle_weight", None),
    "DiscoGAN": (discogan, "reconstruction ‖G(G(a)) − a‖², both ways", "weight", None),
    "SRGAN": (srgan, "content: features and pixels", None, "game_weight"),
    "text to image": (text_to_image, "nothing: D asks whether the sentence fits", None, None),
    "StackGAN": (stackgan, "the same; divergence of the code", "kl_weight", None),
    "VGAN": (video, "nothing; the mask's mean, kept small", "mask_weight", None),
    "next frames": (next_frames, "distance, gradient difference", "distance_weight", "game_weight"),
}
GAMES = {"non_saturating": "−log D", "least_squares": "(D − 1)²"}
CLASSES = {pix2pix: pix2pix.Pix2Pix, cyclegan: cyclegan.CycleGAN, discogan: discogan.DiscoGAN,
           srgan: srgan.SRGAN, text_to_image: text_to_image.TextToImage, stackgan: stackgan.StackGAN,
           video: video.VGAN, next_frames: next_frames.NextFrames}  # fmt: skip
lines, game_share = ["| | the game | weight | beside it | weight |", "|---" * 5 + "|"], {}
for name, (module, held_by, rest, game) in LOSSES.items():
    config = module.Config()
    of_rest, of_game = (getattr(config, field) if field else 1.0 for field in (rest, game))
    game_share[name] = of_game / of_rest
    kind = GAMES[CLASSES[module].loss]
    lines.append(f"| {name} | {kind} | {of_game:g} | {held_by} | {of_rest:g} |")
display(Markdown("\n".join(lines)))

# %% [markdown]
# **So who counts how much?**

# %%
held = ("pix2pix", "CycleGAN", "DiscoGAN", "SRGAN", "next frames")
print({name: f"game : rest = {game_share[name]:g} : 1" for name in held})
lesson.seen(
    "pix2pix writes λ = 100 before the distance and SRGAN λ = 0.01 before the game: the same balance, said in two ways. In the systems that "
    "translate, the game is the small part everywhere. It has only to choose among answers that the rest leaves open. In text to "
    "image and in VGAN nothing else says what to draw, and the game is all.",
    abs(game_share["pix2pix"] - game_share["SRGAN"]) < 1e-9
    and all(game_share[name] <= 0.1 for name in held),
)

# %% [markdown]
# ## Which system when?
#
# **As code?** Four questions.

# %%


def which(pairs, goes_in, one_to_one=True):
    """A system for a task.

    Args:
        pairs: whether each input has its answer in the training data.
        goes_in: "image", "small image", "sentence", "frames" or "noise".
        one_to_one: whether input and output have the same outline; else shape and place may change.
    """
    if goes_in == "small image":
        return "SRGAN"
    if goes_in == "sentence":
        return "StackGAN" if pairs else "none: a sentence without its image teaches nothing"
    if goes_in in ("frames", "noise"):
        return "next frames" if goes_in == "frames" else "VGAN"
    if pairs:
        return "pix2pix"
    return "CycleGAN" if one_to_one else "DiscoGAN"


assert which(True, "image") == "pix2pix"
assert which(False, "image", one_to_one=False) == "DiscoGAN"

# %% [markdown]
# | task | system | here |
# |---|---|---|
# | a drawing → a picture, a hole filled, with pairs | pix2pix | [2.2.1a](2.2.1a_pix2pix.ipynb) |
# | one kind ↔ another, without pairs | CycleGAN | [its file](../gan_applications/cyclegan.py) |
# | a sentence → a small, then a large image | StackGAN | [its file](../gan_applications/stackgan.py) |
# | one kind ↔ another, where shape and place change | DiscoGAN | [2.2.1d](2.2.1d_discogan.ipynb) |
# | small → four times as large | SRGAN | [2.2.1e](2.2.1e_srgan.ipynb) |
# | a sentence → an image | text to image | [its file](../gan_applications/text_to_image.py) |
# | noise → a video; frames → the next ones | VGAN, next frames | [video](../gan_applications/video.py), [next_frames](../gan_applications/next_frames.py) |
#
# The table of what each reaches in half an hour is [results/](../results/README.md)'s; how to run them on your own images says
# [applications](../docs/applications.md).

# %% [markdown]
# ## Exercises
#
# 1. Is λ = 100 before the distance the same as 1/100 before the game? Ask Adam.
#
# <details><summary>Solution</summary>
#
# ```python
# import keras
#
# ends = []
# for scale in (1.0, 100.0):
#     weight, optimizer = keras.Variable([1.0, -2.0]), keras.optimizers.Adam(0.1)
#     for _ in range(5):
#         optimizer.apply([scale * np.array([0.3, -0.7], np.float32)], [weight])
#     ends.append(weight.numpy())
# np.testing.assert_allclose(ends[0], ends[1], atol=1e-3)
# ```
#
# Yes: Adam divides a gradient by its own usual size, so a loss multiplied by 100 makes the same steps. (For SGD it would be a rate 100 times
# as high.)
#
# </details>
#
# 2. You have 500 photographs of summer, 500 others of winter. And then: 500 maps, each with its aerial photograph; portraits, to become
#    caricatures with large noses. Which system for each?
#
# <details><summary>Solution</summary>
#
# ```python
# assert which(False, "image") == "CycleGAN"
# assert which(True, "image") == "pix2pix"
# assert which(False, "image", one_to_one=False) == "DiscoGAN"
# ```
#
# Caricatures change outlines: CycleGAN's generator, which keeps every pixel near its place, is wrong for them.
#
# </details>
