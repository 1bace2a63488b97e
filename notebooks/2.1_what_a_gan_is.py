# %% [markdown]
# # 2.1 What a GAN is
#
# After this notebook you will be able to
#
# - say what the forger and the detective of a GAN each optimize, and what the best detective answers;
# - say why a GAN is trained without a likelihood, and what its generator knows of the data;
# - draw a digit of your choice, walk through latent space, and do arithmetic in it;
# - check whether a generator copies its training pictures.
#
# It takes about 3 minutes on two cores. Sections 2.1.1 to 2.1.3 of the chapter.

# %% [markdown]
# **In which form does it run?** Every notebook has a normal form and a quick one.

# %%
from gan_common.lessons import lesson

lesson.begin()

# %% [markdown]
# ## 2.1.1 and 2.1.2 The forger and the detective
#
# A generator G turns noise z into samples G(z); a discriminator D says of a sample how probable it is that it is
# real. D maximizes, and G minimizes, the value of the game (Goodfellow et al. 2014, equation 1):
#
# $$V(D, G) = E_{x \sim p}\,\log D(x) + E_{z}\,\log(1 - D(G(z)))$$
#
# On a line everything can be drawn. The data have a density p of two bumps, the forger's samples a density q.
#
# **What does a detective learn, against a forger who stands still?** Theory says: D*(x) = p(x) / (p(x) + q(x)).

# %%
import numpy as np
from scipy.integrate import trapezoid

from gan_common.lessons import game
from gan_common.plotting import figures

x = game.GRID
p, q = game.DATA.density(x), game.FORGERY.density(x)
best = game.optimal_discriminator(p, q)
detective = game.best_response(game.DATA, game.FORGERY, steps=lesson.pick(1500, 100))
learnt = game.judgement(detective)
off = trapezoid(np.abs(learnt - best) * (p + q) / 2, x)

figures.lines(
    {
        "densities": {"data, p": (x, p), "forgery, q": (x, q)},
        "how real D finds x": {"p / (p + q)": (x, best), "D, trained": (x, learnt)},
    },
    f"The trained detective is {off:.3f} away from p / (p + q), on average over the samples",
    "x",
    ("density", "D(x)"),
)

# %% [markdown]
# **What is the game worth to this detective?** Put D* into V and what comes out is a distance between p and q,
# the Jensen–Shannon divergence: V(D*, G) = 2 JS(p, q) − log 4. It is smallest, −log 4, when the forgery is perfect.

# %%
worth, js = game.value(p, q, learnt, x), game.jensen_shannon(p, q, x)
print(f"V of the trained detective   {worth:.3f}")
print(
    f"2 JS(p, q) - log 4           {2 * js - np.log(4):.3f}   with JS = {js:.3f} nats of at most 0.693"
)
print(f"V against a perfect forger   {-np.log(4):.3f}")

# %% [markdown]
# **And when both learn, in turns?** The forger never sees p. All it gets is the detective's slope at its own samples. Here
# the detective takes five steps for each of the forger's, so that it is nearly the best there is.

# %%
# shown in the README
states, generator, discriminator = game.play(lesson.pick(1500, 60), seed=1, discriminator_steps=5)
chosen = [states[i] for i in (0, 1, 3, 7)]
figures.lines(
    {
        f"after {s.step} steps, JS = {game.jensen_shannon(p, s.q, x):.3f}": {
            "data, p": (x, p),
            "forgery, q": (x, s.q),
            "D(x)": (x, s.d),
        }
        for s in chosen
    },
    "The forger goes where the detective says 'real': JS from "
    f"{game.jensen_shannon(p, states[0].q, x):.3f} to {game.jensen_shannon(p, states[-1].q, x):.3f}",
    "x",
)

# %% [markdown]
# **Is the end of the game where theory puts it?** JS should fall to 0, D to ½, and V to −log 4.

# %%
steps = [s.step for s in states]
values = [game.value(p, s.q, s.d, x) for s in states]
divergences = [game.jensen_shannon(p, s.q, x) for s in states]
last = states[-1]
where = (p + last.q) > 0.02
print(f"JS(p, q)  {divergences[0]:.3f} at first, {divergences[-1]:.3f} at the end")
print(f"V         {values[-1]:.3f} at the end, -log 4 = {-np.log(4):.3f}")
print(f"D(x)      {last.d[where].min():.2f} to {last.d[where].max():.2f} where there are samples")
figures.lines(
    {
        "value of the game": {"V": (steps, values)},
        "distance of forgery and data": {"JS": (steps, divergences)},
    },
    f"The game's value ends at {values[-1]:.2f}; at equilibrium it is {-np.log(4):.2f}",
    "step",
    ("nats", "nats"),
)

# %% [markdown]
# **How much better must the detective be?** D may take k steps for each of the forger's. Move the slider. On a page that
# cannot run it, the picture shows all of k = 1, 2, 5.

# %%
from functools import cache


@cache
def after(k, seed=1):
    return game.play(lesson.pick(1500, 60), seed, discriminator_steps=k, moments=2)[0][-1]


def shown(k, seed):
    s = after(k, seed)
    title = f"k = {k}, seed {seed}: JS = {game.jensen_shannon(p, s.q, x):.3f} after {s.step} steps"
    return figures.lines(
        {"": {"data, p": (x, p), "forgery, q": (x, s.q), "D(x)": (x, s.d)}}, title, "x"
    )


sliders = lesson.explore(
    shown,
    {"k": (1, 5, 1), "seed": (1, 5, 1)},
    {"k": 1, "seed": 1},
    static=figures.lines(
        {
            f"k = {k}, JS = {game.jensen_shannon(p, after(k).q, x):.3f}": {
                "data, p": (x, p),
                "forgery, q": (x, after(k).q),
                "D(x)": (x, after(k).d),
            }
            for k in (1, 2, 5)
        },
        "The game after the same number of the forger's steps, for k steps of the detective each",
        "x",
        columns=3,
    ),
)

# %% [markdown]
# ## 2.1.3 The same game for pictures: GAN, conditional GAN, DCGAN
#
# Three papers, one train step; only the networks differ. They are trained on 4,000 real digits.
#
# | preset | networks | paper |
# |---|---|---|
# | `gan` | dense | Goodfellow et al. 2014, arXiv 1406.2661 |
# | `dcgan` | convolutional, by five rules (see 2.2.2) | Radford et al. 2015, 1511.06434 |
# | `cgan` | those of `dcgan`, both told the class | Mirza and Osindero 2014, 1411.1784 |
#
# **What does each draw after the same number of steps?**

# %%
from gan_common import data
from keras_dcgan import train

digits = data.load("mnist5k")
budget = {"gan": lesson.pick(600, 3), "dcgan": lesson.pick(900, 4), "cgan": lesson.pick(900, 4)}
gans = {}
for preset, count in budget.items():
    gans[preset], history = train.trial(
        digits, count, preset=preset, width=lesson.pick(16, 4), seed=1
    )
    print(f"{preset}: {count} steps, {history.steps_per_second:.0f} a second", flush=True)

# %% [markdown]
# **How do they look beside real digits?**

# %%
from gan_common import sampling

grids = {"real": digits.x_train[:16]}
grids |= {name: sampling.draw(gan, 16, seed=3)[0] for name, gan in gans.items()}
figures.pictures(
    grids,
    f"Real digits, and three generators after {budget['gan']} (gan) and {budget['dcgan']} steps of 64",
)

# %% [markdown]
# **Can I choose the digit?** The conditional GAN was told the class of every picture, so it can be asked for one. The
# slider picks the digit and the seed of the latents.

# %%
cgan = gans["cgan"]


def pick_digit(digit, seed):
    drawn, _ = sampling.draw(cgan, 24, seed, digit)
    return figures.pictures(
        drawn, f"The conditional GAN, asked for {digit} (seed {seed})", columns=8
    )


rows = {str(digit): sampling.draw(cgan, 12, 0, digit)[0] for digit in range(10)}
sliders = lesson.explore(
    pick_digit,
    {"digit": (0, 9, 1), "seed": (0, 20, 1)},
    {"digit": 7, "seed": 0},
    static=figures.pictures(rows, "The conditional GAN, asked for each digit; one latent a column"),
)

# %% [markdown]
# **Does it draw what it was asked for?** A classifier, trained on the real training pictures, judges.

# %%
from gan_common.metrics import features

judge = features.classifier(digits, lesson.pick(None, 60))
asked = np.repeat(np.arange(10), 50)
drawn = cgan.pictures(cgan.draw_latents(500, 1).numpy(), asked)
named = features.extract(judge, drawn)[1].argmax(axis=1)
right = [float(np.mean(named[asked == digit] == digit)) for digit in range(10)]
figures.columns(
    {"": {"share": right}},
    range(10),
    f"{np.mean(right):.0%} of the pictures show the digit that was asked for",
    "digit asked for",
    "share of 50 pictures",
)

# %% [markdown]
# ## Why not maximum likelihood?
#
# A likelihood needs the density q(x) of a picture. G has no such thing: it maps 100 numbers to 784 pixels, so its
# pictures lie on a surface of at most 100 dimensions, and almost every real picture has density 0. Its log-likelihood
# is −∞, however good the pictures are. D needs no density, only samples.
#
# **How many directions in picture space can this generator go in?** The rank of its derivative at a latent tells.

# %%
dcgan = gans["dcgan"]
latent = dcgan.draw_latents(1, 0).numpy()[0]
strength, _ = sampling.directions(dcgan.generator, latent)
rank = int(np.sum(strength > 1e-5 * strength[0]))
half = int(np.searchsorted(np.cumsum(strength**2) / np.sum(strength**2), 0.5)) + 1
figures.lines(
    {"": {"how far a unit step in latent space moves the picture": (np.arange(1, 101), strength)}},
    f"The generator moves in {rank} of 784 directions; half of that is in the first {half}",
    "direction, strongest first",
    "singular value",
)

# %% [markdown]
# ## Latent space
#
# **What lies between two pictures?** On the great circle between two latents (`tricks.slerp`) every point is as probable
# as the ends. If the generator had learnt single pictures by heart, it would jump.

# %%
walked, _ = sampling.interpolate(dcgan, seed=2)
figures.pictures(
    walked[: 5 * sampling.FRAMES], "Five walks from one latent to another", sampling.FRAMES
)

# %% [markdown]
# **Where am I on the way?** The slider takes you along one walk, and lets you choose it.

# %%
from gan_common import tricks


def on_the_way(walk, t):
    ends = dcgan.draw_latents(40, 5).numpy()
    place = np.asarray(tricks.slerp(ends[walk], ends[20 + walk], np.float32(t)))
    ways = np.stack([ends[walk], place, ends[20 + walk]])
    drawn = dcgan.pictures(ways, np.zeros(3, int))
    return figures.pictures(
        drawn, f"Walk {walk}, at t = {t:.2f}", 3, labels=["t = 0", f"{t:.2f}", "t = 1"]
    )


sliders = lesson.explore(
    on_the_way,
    {"walk": (0, 19, 1), "t": (0.0, 1.0, 0.05)},
    {"walk": 0, "t": 0.5},
    static=figures.pictures(walked[: sampling.FRAMES], "One walk: t from 0 to 1", sampling.FRAMES),
)

# %% [markdown]
# **Can one calculate with latents?** Radford et al. (section 6.3) take the mean latent of three pictures of a kind, and
# add and subtract such means. Here the classifier finds three pictures of each of three digits; like `generate
# --arithmetic`, the sum is written in their numbers in the grid.

# %%
grid, latents = sampling.draw(dcgan, 64, seed=1)
classes = features.extract(judge, grid)[1].argmax(axis=1)
threes = [np.flatnonzero(classes == kind)[:3].tolist() for kind in range(10)]
kinds = [kind for kind in range(10) if len(threes[kind]) == 3][:3] or [classes[0]]
a, b, c = [threes[kind] or [0, 1, 2] for kind in (kinds * 3)[:3]]
kinds = [classes[term[0]] for term in (a, b, c)]
text = " - ".join(",".join(map(str, term)) for term in (a, b)) + " + " + ",".join(map(str, c))
terms = sampling.parse_arithmetic(text, 64)
drawn, _ = sampling.arithmetic(dcgan, terms, 64, seed=1)
width = len(drawn) // 4
names = [
    f"some {kinds[0]}, their mean",
    f"− some {kinds[1]}",
    f"+ some {kinds[2]}",
    "= result, with noise",
]
figures.pictures(
    {name: drawn[i * width : (i + 1) * width] for i, name in enumerate(names)},
    f'Latent arithmetic "{text}": the last of each row is drawn from the mean of the others',
)

# %% [markdown]
# ## Does it copy?
#
# **Which training pictures are nearest to generated ones?** The measure to compare with is how far *held-out real*
# pictures are from the training pictures: they cannot be copies. A generator that copies would be much nearer.

# %%
from gan_common import metrics


def flat(images):
    return tricks.scale_images(images).reshape(len(images), -1)


fakes, _ = sampling.draw(dcgan, 200, seed=4)
rows, distances = metrics.nearest(flat(fakes), flat(digits.x_train))
_, of_real = metrics.nearest(flat(digits.x_test[:200]), flat(digits.x_train))
ratio = np.median(distances) / np.median(of_real)
print(
    f"median distance to the nearest training picture: generated {np.median(distances):.1f}, ",
    end="",
)
print(f"held-out real {np.median(of_real):.1f}, a copy 0")
figures.pictures(
    {
        "generated": fakes[:12],
        "nearest in training": digits.x_train[rows[:12]],
    },
    f"Generated digits are {ratio:.2f} times as far from the training pictures as new real ones are",
)

# %% [markdown]
# ## Exercises
#
# 1. Give the forger the saturating loss: `game.play(1500, loss="minimax", discriminator_steps=5)`. Where does JS end, and
#    how fast does it fall at first? (Section 2.3.2 says why.)
# 2. Give the data a third bump: `game.Mixture((-3, 0, 3), (.4, .4, .4), (.3, .4, .3))`, as `data=` of `game.play`. Does
#    the forger find all three, for every seed?
# 3. Draw the seven you like from a longer training: `python -m keras_dcgan.train --preset cgan --epochs 50`, then
#    `python -m keras_dcgan.generate --run_dir RUN --label 7 --nice`.
