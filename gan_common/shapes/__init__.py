"""Drawn worlds whose counts, views and parts are known, and the ruler that reads them back from pixels."""

from gan_common.shapes.worlds import (
    ANGLES,
    BOX_HEIGHT,
    CLASS_NAMES,
    COUNTS,
    FAMILIES,
    FAULTS,
    FIGURE,
    FIGURE_RISE,
    MISPLACED,
    PARTS,
    SHIRTS,
    box_coverage,
    capsule_distance,
    coverage,
    dataset,
    draw_box,
    draw_count,
    draw_figure,
    face_brightness,
)  # fmt: skip

__all__ = [
    "ANGLES", "BOX_HEIGHT", "CLASS_NAMES", "COUNTS", "FAMILIES", "FAULTS", "FIGURE", "FIGURE_RISE",
    "MISPLACED", "PARTS", "SHIRTS", "box_coverage", "capsule_distance", "coverage", "dataset",
    "draw_box", "draw_count", "draw_figure", "face_brightness",
]  # fmt: skip
