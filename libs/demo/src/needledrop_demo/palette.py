"""Colours of a scene: lightness ramps in OKLab, which keep perceived lightness apart from hue."""

import numpy as np
import numpy.typing as npt

from needledrop_demo.scene import Scene

LEVELS = 256

# OKLab to linear sRGB: Björn Ottosson, "A perceptual color space for image processing", 2020.
TO_LMS = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
)
TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def palette(scene: Scene) -> npt.NDArray[np.uint8]:
    """uint8 [512, 3] RGB: 256 levels of the ground's colour from black to white, then 256 of the shapes' accent."""
    ground_hue = 45 - 145 * scene.register
    accent_hue = 175 - 55 * scene.harmony
    chroma = 0.16 - 0.10 * scene.texture
    return np.concatenate([_ramp(ground_hue, chroma), _ramp(accent_hue, chroma)])


def lightness(scene: Scene) -> float:
    """The picture's mean OKLab lightness."""
    return 0.36 + 0.38 * scene.brightness


def _ramp(hue_degrees: float, chroma: float) -> npt.NDArray[np.uint8]:
    light = np.linspace(0, 1, LEVELS)
    # Towards black and white a screen shows no saturated colour.
    reach = chroma * np.minimum(1, 4 * light) * np.minimum(1, 4 * (1 - light))
    angle = np.radians(hue_degrees)
    return srgb(np.stack([light, reach * np.cos(angle), reach * np.sin(angle)], axis=1))


def srgb(oklab: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """uint8 [N, 3] for OKLab [N, 3]; what a screen can't show is cut off."""
    linear = np.clip((oklab @ TO_LMS.T) ** 3 @ TO_RGB.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours: npt.NDArray[np.uint8] = np.round(255 * encoded).astype(np.uint8)
    return colours
