"""Stories of one click: settings in which what the chapter tells happens within seconds.

How surely: `benchmarks.speed.play` plays each over six seeds.
"""

import dataclasses

from gan_common.play.settings import Setting


@dataclasses.dataclass(frozen=True)
class Story:
    """A setting and what to look for.

    Attributes:
        title: of its button.
        tells: what happens, and why.
        setting: what is played.
        beside: a choice of `settings.besides`, played beside it; None plays the setting alone.
    """

    title: str
    tells: str
    setting: Setting
    beside: str | None = None


_FAST_D = {"discriminator_lr": 1e-2, "generator_lr": 3e-4}
STORIES: dict[str, Story] = {
    "collapse": Story(
        "Collapse",
        "D's rate is thirty times G's.  G finds one place that D believes, puts all its samples there, and "
        "from there sees no other mode: one of eight is captured, however good its samples are.",
        Setting(values=_FAST_D),
    ),
    "cure": Story(
        "Cure",
        "Left the collapse again, right the same seed with R1, a penalty on D's slope at real samples.  D's "
        "surface becomes a gentle hill instead of a cliff, arrows point to all modes, and G goes to them.",
        Setting(values=_FAST_D | {"r1": 0.03}),
        "r1",
    ),
    "strong": Story(
        "D too strong",
        "The minimax loss, and a D that learns three hundred times as fast as G.  Once D is sure, log(1 − D) "
        "is flat where G is: the arrows vanish and G stands still.  Right the non-saturating loss, whose "
        "arrows stay.",
        Setting(values={"loss": "minimax", "discriminator_lr": 1e-2, "generator_lr": 3e-5}),
        "loss non_saturating",
    ),
    "circling": Story(
        "Circling",
        "G's rate is three times D's.  G runs to the mode that D doubts least, D learns to doubt it, G runs "
        "on: hardly a mode is held at any time, most have been visited.  Right, with packing, D sees two "
        "samples at a time and so that they are alike: G spreads over all modes.",
        Setting(values={"generator_lr": 3e-3, "discriminator_lr": 1e-3}),
        "packing",
    ),
}
