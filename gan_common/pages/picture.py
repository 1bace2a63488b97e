"""A field to draw in, or to drop a picture on, and what becomes of what comes from it."""

import secrets
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import app
from nicegui.element import Element
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse

from gan_common.data.decode import read_picture
from gan_common.data.found import prepare
from gan_common.errors import UserError
from gan_common.pages.frame import from_data_url

MOST_BYTES = 200_000_000  # of a file that is dropped
INK = 0.08  # of the range of grays: what differs more from the background is ink
BOX = 20 / 28  # of the image's side: what ink is scaled to, as LeCun et al. 1998 did for MNIST


class Field(Element, component="picture.js"):
    """Draw, choose a file, or drop one; each field takes files at an address of its own.

    Args:
        shape: (height, width, channels) that pictures are brought to.
        fit: what becomes of a picture that is not square, see `read_picture`.
        took: called with uint8 (H, W, C), and whether it was drawn.
        refused: called with a sentence.
        draws: whether there is a field to draw in.
        dark: whether one draws in white on black.
        ask: what stands above the button that chooses a file.
    """

    def __init__(
        self,
        shape: Sequence[int],
        fit: str,
        took: Callable[[np.ndarray, bool], Awaitable[None]],
        refused: Callable[[str], None],
        *,
        draws: bool = True,
        dark: bool = True,
        ask: str = "or choose a picture, or drop one here",
    ) -> None:
        super().__init__()
        self._shape, self._fit, self._dark = shape, fit, dark
        self._took, self._refused = took, refused
        self._arrived: np.ndarray | None = None
        path = f"/dropped/{secrets.token_urlsafe(16)}"
        self.props.update(
            {"label": "A field to draw in", "ask": ask, "url": path, "draws": draws, "dark": dark}
        )
        app.add_api_route(path, self._receive, methods=["POST"], include_in_schema=False)
        self._path = path
        self.client.on_delete(self._forget)
        self.on("drawn", self._drawn)
        self.on("dropped", self._dropped)

    def clear_drawing(self) -> None:
        """Make the field empty."""
        self.run_method("clear")

    def _forget(self) -> None:
        """The tab is gone, and the address with it."""
        app.router.routes[:] = [
            route for route in app.router.routes if getattr(route, "path", None) != self._path
        ]

    async def _receive(self, request: Request) -> JSONResponse:
        try:
            with tempfile.NamedTemporaryFile(prefix="dropped-") as file:
                size = 0
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise UserError(
                            f"larger than {MOST_BYTES // 10**6} MB; give a smaller file"
                        )
                    file.write(chunk)
                file.flush()
                self._arrived = prepare(
                    read_picture(file.name, self._shape[0], self._fit), self._shape[2]
                )
        except UserError as error:
            return JSONResponse({"trouble": str(error)})
        return JSONResponse({})

    async def _drawn(self, event: Any) -> None:
        try:
            drawing = from_data_url(event.args)
        except UserError as error:
            self._refused(str(error))
            return
        image = np.asarray(
            drawing.resize((self._shape[1], self._shape[0]), Image.Resampling.LANCZOS)
        )
        centered = center(np.asarray(drawing), self._shape[0], self._dark)
        image = image if centered is None else centered
        await self._took(np.repeat(image[..., None], self._shape[2], axis=2), True)

    async def _dropped(self, event: Any) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        name = Path(str(said.get("name", ""))).name[:80]
        if said.get("trouble"):
            self._refused(f"{name!r}: {said['trouble']}")
        elif self._arrived is not None:
            image, self._arrived = self._arrived, None
            await self._took(image, False)


def center(drawing: np.ndarray, size: int, dark: bool) -> np.ndarray | None:
    """A drawing as MNIST's digits are: ink in a box of 20/28 of the side, its center of mass in the middle.

    Args:
        drawing: uint8 gray (H, W).
        size: side of the result.
        dark: whether its background is black; else it is white.

    Returns:
        uint8 (size, size), or None of an empty drawing.
    """
    ink = drawing if dark else 255 - drawing
    rows, columns = (np.flatnonzero((ink > 255 * INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX * size / max(cut.shape)
    width, height = (max(1, round(scale * side)) for side in cut.shape[::-1])
    small = np.asarray(Image.fromarray(cut).resize((width, height), Image.Resampling.LANCZOS))
    weights = small.astype(float) + 1e-9
    middle = [
        np.average(np.arange(side) + 0.5, weights=weights.sum(axis=1 - axis))
        for axis, side in enumerate(small.shape)
    ]
    top, left = (
        int(np.clip(round(size / 2 - at), 0, size - side))
        for at, side in zip(middle, small.shape, strict=True)
    )
    image = np.zeros((size, size), np.uint8)
    image[top : top + height, left : left + width] = small
    return image if dark else 255 - image
