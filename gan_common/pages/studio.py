"""A generator that all tabs share, and what of it takes a while to find out, once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_common import sampling
from gan_common.pages import frame, latents

GRID = 24  # pictures that a tab shows at once


class Studio:
    """A generator that all tabs share, with what takes a while to find out of it, once.

    Args:
        gan: a `projection.Invertible`.
        class_names: by label.
        fit: of the run, what becomes of a picture that is not square.
        load: () → the data set that it was trained on; a UserError says why there is none.
        links: name → path of the pages of the run.
        worker: that the networks work in.

    Attributes:
        sliders: how many directions there are to move in: `latents.DIRECTIONS`, or all of a smaller latent.
    """

    def __init__(
        self,
        gan: Any,
        class_names: Sequence[str],
        fit: str,
        load: Callable[[], Any],
        links: dict[str, str],
        worker: frame.Worker,
    ) -> None:
        self.gan, self.class_names, self.fit, self.links = gan, class_names, fit, links
        self.worker = worker
        self._load = load
        self._training: latents.TrainingImages | None = None
        self._directions: np.ndarray | None = None
        for count in (GRID, 1):  # traced before they are asked for
            _, drawn_from = sampling.draw(gan, count, 0)
        self.sliders = min(latents.DIRECTIONS, drawn_from.shape[1])

    def directions(self) -> np.ndarray:
        """See `latents.principal_directions`."""
        if self._directions is None:
            self._directions = latents.principal_directions(self.gan)
        return self._directions

    def nearest(self, image: np.ndarray) -> latents.Nearest:
        """The training images nearest to uint8 (H, W, C).

        Raises:
            UserError: they are not at hand.
        """
        if self._training is None:
            self._training = latents.TrainingImages(self._load())
        return self._training.nearest(image)
