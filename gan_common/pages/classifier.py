"""The page of a classifier: draw or drop a picture; its classes as bars; label one that it gets wrong."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from nicegui import ui

from gan_common.errors import UserError, one_line
from gan_common.metrics.neighbors import nearest_few
from gan_common.pages import frame, labelled
from gan_common.pages.frame import button, heading, picture, show
from gan_common.pages.picture import Field

MOST_BARS = 20  # classes that are shown, the most probable ones
SHOWN = 6  # nearest labelled pictures
DRAWN = 16  # generated pictures that tell whether these data are light on dark


class Classifier(Protocol):
    """What tells classes, see `ssgan_tf.predict.Classifier`."""

    image_shape: tuple[int, ...]
    class_names: list[str]
    fit: str

    def probabilities(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 (N, H, W, C) → (N, K), and of "generated" (N,)."""

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) → features (N, F)."""


class Answer(NamedTuple):
    """Of one image: probabilities (K,), and of "generated", or None."""

    classes: np.ndarray
    generated: float | None


class Desk:
    """A classifier that all tabs share.

    Args:
        classifier: of the run.
        load: () → the data set that it was trained on; a UserError says why there is none.
        seen: (data set) → rows of its training images whose labels were seen.
        folder: that labelled pictures are saved in.
        links: name → path of the pages of the run.
        gan: that draws, or None.
        worker: that the networks work in.
    """

    def __init__(
        self,
        classifier: Classifier,
        load: Callable[[], Any],
        seen: Callable[[Any], Any] | None,
        folder: Path,
        links: dict[str, str],
        gan: Any,
        worker: frame.Worker,
    ) -> None:
        self.classifier, self.folder, self.links, self.worker = classifier, folder, links, worker
        self._load, self._seen = load, seen
        self._known: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self.dark = True
        if gan is not None:
            latents = gan.draw_latents(DRAWN, 0).numpy()
            images = gan.pictures(latents, np.arange(DRAWN) % gan.num_classes)
            self.dark = bool(images.mean() < 128)
        self.answer(np.zeros(classifier.image_shape, np.uint8))  # traced before it is asked

    def answer(self, image: np.ndarray) -> Answer:
        """What the classifier says of uint8 (H, W, C)."""
        classes, generated = self.classifier.probabilities(image[None])
        return Answer(classes[0], None if generated is None else float(generated[0]))

    def nearest(self, image: np.ndarray) -> list[tuple[np.ndarray, str]]:
        """The labelled training images nearest in the classifier's features, with their classes.

        Raises:
            UserError: they are not at hand.
        """
        if self._known is None:
            dataset = self._load()
            rows = np.asarray(self._seen(dataset)) if self._seen else np.arange(0)
            images = np.asarray(dataset.x_train[rows])
            self._known = images, dataset.y_train[rows], self.classifier.features(images)
        images, labels, features = self._known
        if not len(images):
            raise UserError("no labelled picture is known")
        found, _ = nearest_few(
            self.classifier.features(image[None]), features, min(SHOWN, len(images))
        )
        names = self.classifier.class_names
        return [(images[row], names[labels[row]]) for row in found[0]]


class ClassifierPage:
    """What one tab shows and asks for."""

    def __init__(self, desk: Desk, here: str) -> None:
        self.desk = desk
        self.image: np.ndarray | None = None
        with frame.frame("The classifier", desk.links, here):
            self.trouble = frame.Trouble()
            with ui.element("div").style(
                "display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); "
                "gap: 1.5rem; width: 100%"
            ):
                with ui.element("section").props("aria-label='The picture'").classes("min-w-0"):
                    self._build_field()
                with ui.element("section").props("aria-label='Its classes'").classes("min-w-0"):
                    heading("What is it?")
                    self.verdict = ui.label("Draw something.").props("role=status")
                    self.bars = ui.element("dl").classes("text-sm w-full")
                with ui.element("section").props("aria-label='A label'").classes("min-w-0"):
                    self._build_label()
            with ui.element("section").props("aria-label='Nearest'").classes("w-full"):
                heading("The nearest labelled pictures")
                self.near_told = ui.label().classes("hint")
                with ui.element("div").classes("flex flex-wrap gap-3"):
                    self._near = []
                    for _ in range(SHOWN):
                        with ui.element("div").classes("text-center text-sm") as cell:
                            self._near.append((cell, picture("", "84px"), ui.label()))
                        cell.set_visibility(False)

    def _build_field(self) -> None:
        heading("Draw a picture")
        self.field = Field(
            self.desk.classifier.image_shape,
            self.desk.classifier.fit,
            self._take,
            self.trouble.say,
            dark=self.desk.dark,
        )
        with ui.element("div").classes("flex gap-2 items-end my-2"):
            button("Clear", self._clear)
            self.small = picture("what the classifier sees: nothing yet", "84px")
            ui.label("what the classifier sees").classes("hint")

    def _build_label(self) -> None:
        heading("Is it wrong?")
        ui.label(f"Its right class saves it in {self.desk.folder}, for the next training.").classes(
            "hint"
        ).style("overflow-wrap: anywhere")
        with ui.element("div").classes("flex flex-wrap gap-2 my-2"):
            for label, name in enumerate(self.desk.classifier.class_names):
                button(name, self.trouble.guarded(self._label(label)), aria_label=f"It is {name}")
        self.saved = (
            ui.label().props("role=status").classes("text-sm").style("overflow-wrap: anywhere")
        )

    def _clear(self) -> None:
        self.field.clear_drawing()
        self.image = None
        show(self.small, None, "what the classifier sees: nothing yet")
        self.verdict.set_text("Draw something.")
        self.bars.clear()
        for cell, _, _ in self._near:
            cell.set_visibility(False)

    async def _take(self, image: np.ndarray, _: bool) -> None:
        await self.trouble.guarded(self._classify)(image)

    async def _classify(self, image: np.ndarray) -> None:
        self.image = image
        show(self.small, image, "what the classifier sees")
        answer = await self.desk.worker(self.desk.answer, image)
        names = self.desk.classifier.class_names
        order = np.argsort(-answer.classes, kind="stable")[:MOST_BARS]
        best = int(order[0])
        self.verdict.set_text(f"{names[best]}, {answer.classes[best]:.1%} sure")
        shown = order if len(names) > MOST_BARS else np.arange(len(names))
        self._draw_bars([(names[k], float(answer.classes[k])) for k in shown], answer.generated)
        await self._show_nearest(image)

    def _draw_bars(self, told: Sequence[tuple[str, float]], generated: float | None) -> None:
        rows = list(told)
        if generated is not None:
            rows += [("real", 1 - generated), ("generated", generated)]
        self.bars.clear()
        with self.bars:
            for name, share in rows:
                with ui.element("div").style(
                    "display: grid; grid-template-columns: 6rem 1fr 4rem; gap: 0.5rem; align-items: center"
                ):
                    with ui.element("dt").style("overflow-wrap: anywhere"):
                        ui.label(name)
                    with ui.element("dd").props(f'data-told="{name}"').classes("contents"):
                        color = "#6d28d9" if name in ("real", "generated") else "#1d4ed8"
                        with ui.element("div").style("background: #e3e3df; height: 0.9rem"):
                            ui.element("div").style(
                                f"background: {color}; height: 100%; width: {share:.1%}"
                            )
                        ui.label(f"{share:.1%}").classes("text-right tabular-nums")

    async def _show_nearest(self, image: np.ndarray) -> None:
        try:
            found = await self.desk.worker(self.desk.nearest, image)
        except UserError as error:
            self.near_told.set_text(f"The labelled pictures are not at hand: {one_line(error)}")
            return
        self.near_told.set_text("by the classifier's own features, nearest first")
        for (cell, element, label), (near, name) in zip(self._near, found, strict=False):
            cell.set_visibility(True)
            show(element, near, f"a labelled picture of class {name}")
            label.set_text(name)

    def _label(self, label: int) -> Callable:
        async def save() -> None:
            if self.image is None:
                raise UserError("there is no picture yet: draw or drop one")
            name = self.desk.classifier.class_names[label]
            path = await self.desk.worker(labelled.save, self.desk.folder, self.image, name)
            self.saved.set_text(
                f"saved as {path}; train on it by --dataset folder:{self.desk.folder}"
            )

        return save
