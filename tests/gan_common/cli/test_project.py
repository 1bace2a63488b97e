"""What --project reads."""

import numpy as np
import pytest
from PIL import Image

from gan_common.cli.project import read_target


@pytest.mark.parametrize(("fit", "corner"), [("crop", 200), ("stretch", 0)])
def test_a_projected_image_is_prepared_as_the_run_was(tmp_path, fit, corner):
    image = np.zeros((8, 24, 3), np.uint8)
    image[:, 8:16] = 200  # the centered square
    Image.fromarray(image).save(tmp_path / "a.png")
    for channels in (1, 3):
        found = read_target(str(tmp_path / "a.png"), (8, 8, channels), fit)
        assert found.shape == (8, 8, channels)
        assert abs(int(found[0, 0, 0]) - corner) < 10  # what the filter blurs
