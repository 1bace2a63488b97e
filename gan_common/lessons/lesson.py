"""What every notebook needs to be one: its two forms, a figure that changes as it runs, and sliders."""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import gan_common.quiet  # noqa: F401
from gan_common.plotting.figures import Figure

# TensorFlow takes many small networks, each with a graph of its own, for one that is traced over and over.
logging.getLogger("tensorflow").addFilter(lambda told: "retracing" not in told.getMessage())

QUICK = os.environ.get("GAN_QUICK", "") not in ("", "0")
STRICT = os.environ.get("GAN_STRICT", "") not in ("", "0")  # set by notebooks/execute.py
DIFFERS = (
    "Processors round differently, and a training goes another way then: look at the spread of the seeds "
    "before you believe either of us."
)


def pick(normal: Any, quick: Any) -> Any:
    """What the normal form of the notebook takes, or its quick form (environment: GAN_QUICK=1)."""
    return quick if QUICK else normal


def begin() -> None:
    """Say in which form the notebook runs, as its first output; fix Keras's random numbers."""
    import keras

    keras.utils.set_random_seed(1)
    print(
        "quick form: trainings are cut to seconds, to see that all of it runs; "
        "the numbers below mean nothing"
        if QUICK
        else "normal form; set GAN_QUICK=1 before opening for a run in seconds"
    )


def seen(text: str, holds: bool) -> None:
    """Two sentences on what was seen and why, written by one who looked; shown under the cell.

    Trainings differ from processor to processor: where a reader's own numbers are others, that is said with
    the sentences.  `make notebooks-run` ends there instead, so that what is committed always holds.

    Args:
        text: Markdown.
        holds: whether the numbers of this run are as the text says.

    Raises:
        AssertionError: they are not, and the notebook is being executed for its outputs.  The quick form's
            numbers mean nothing, so there nothing is asked.
    """
    from IPython.display import Markdown, display

    if QUICK:
        return
    if holds:
        display(Markdown(f"> **Seen.** {text}"))
    elif STRICT:
        raise AssertionError(f"the numbers do not say it: {text}")
    else:
        display(
            Markdown(
                f"> **Seen where this was written, and not in your numbers.** {text} {DIFFERS}"
            )
        )


class Live:
    """A figure that is drawn anew while a training runs.

    Args:
        draw: history → figure.
    """

    def __init__(self, draw: Callable[..., Figure]) -> None:
        self.draw, self._handle = draw, None

    def __call__(self, history: Any) -> None:
        from IPython.display import display

        figure = self.draw(history)
        if self._handle is None:
            self._handle = display(figure, display_id=True)
        else:
            self._handle.update(figure)


def explore(
    draw: Callable[..., Figure],
    sliders: Mapping[str, tuple[float, float, float]],
    start: Mapping[str, float],
    static: Figure,
) -> dict:
    """Sliders above a figure that follows them; where there is no front end for them, a static figure.

    Args:
        draw: values by name → figure.
        sliders: name → (smallest, largest, step); integers make an integer slider.
        start: name → value at first.
        static: shown in place of it on a page that cannot run it, on a code-hosting site for example.
    """
    import ipywidgets
    from IPython.display import display

    controls = {}
    for name, (low, high, step) in sliders.items():
        whole = all(isinstance(number, int) for number in (low, high, step))
        slider = (ipywidgets.IntSlider if whole else ipywidgets.FloatSlider)(
            value=start[name],
            min=low,
            max=high,
            step=step,
            description=name.replace("_", " "),
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "420px"},
        )
        controls[name] = slider
    # As large as it is, and no wider than the page.
    layout = {"max_width": "100%", "align_self": "flex-start"}
    picture = ipywidgets.Image(format="png", layout=layout)

    def redraw(_change: Any = None) -> None:
        picture.value = draw(**{name: control.value for name, control in controls.items()}).png

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    box = ipywidgets.VBox([*controls.values(), picture])
    bundle = box._repr_mimebundle_()
    # A page shows the richest form that it can: the widget where a kernel runs, else the image.
    display({**bundle, "image/png": static.png, "text/plain": static.title}, raw=True)
    return controls
