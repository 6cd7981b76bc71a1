from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from needledrop_demo.palette import LEVELS, palette, srgb
from tests.unit.demo.scenes import MIDDLE


@pytest.mark.parametrize(
    ("oklab", "colour"),
    [
        ((0.62796, 0.22486, 0.12585), (255, 0, 0)),
        ((0.86644, -0.23389, 0.17950), (0, 255, 0)),
        ((0.45201, -0.03246, -0.31153), (0, 0, 255)),
        ((1.0, 0.0, 0.0), (255, 255, 255)),
    ],
)
def test_oklab_of_the_primaries_is_the_published_one(
    oklab: tuple[float, float, float], colour: tuple[int, int, int]
) -> None:
    assert np.abs(srgb(np.array([oklab])).astype(int) - colour).max() <= 1


@pytest.mark.parametrize("register", [0.0, 0.5, 1.0])
def test_both_ramps_run_from_black_to_white_and_never_get_darker(register: float) -> None:
    colours = palette(replace(MIDDLE, register=register))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    for ramp in (colours[:LEVELS], colours[LEVELS:]):
        assert ramp[0].tolist() == [0, 0, 0]
        assert ramp[-1].tolist() == [255, 255, 255]
        lab = np.asarray(ImageCms.applyTransform(Image.fromarray(ramp[None]), to_lab))
        assert (np.diff(lab[0, :, 0].astype(int)) >= -2).all()
