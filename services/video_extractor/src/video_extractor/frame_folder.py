"""A folder of numbered images in place of a video, one frame a second, as in the reference's dataset."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from needledrop.errors import ErrorCode, MediaError
from needledrop.messages import MediaInfo

SUFFIXES = {".jpg", ".jpeg", ".png"}
MAX_PIXELS = 8192 * 8192


class FrameFolder:
    """The images of a folder whose names end in a number (`000.jpg`, `frame_001.png`), in the order of the numbers."""

    def __init__(self, folder: Path, size: int) -> None:
        """`MediaError(no_video)` where the folder holds no such image; the images are read on iteration."""
        numbered = [(number, path) for path in folder.iterdir() if (number := _number(path)) is not None]
        if not numbered:
            raise MediaError(ErrorCode.NO_VIDEO, "the folder holds no numbered images (000.jpg, 001.jpg, …)")
        self._paths = [path for _, path in sorted(numbered)]
        self._size = size
        first = _read(self._paths[0])
        self.info = MediaInfo(duration_s=float(len(self._paths)), width=first.width, height=first.height)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """uint8 RGB [size, size, 3] each, resized as video frames are."""
        for path in self._paths:
            yield np.asarray(_read(path).resize((self._size, self._size), Image.Resampling.BILINEAR))


def _number(path: Path) -> int | None:
    digits = re.search(r"[0-9]+$", path.stem)
    return int(digits.group()) if digits and path.suffix.lower() in SUFFIXES and path.is_file() else None


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise MediaError(ErrorCode.MEDIA_TOO_LARGE, f"{path.name} has {image.width} × {image.height} pixels")
            return _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise MediaError(ErrorCode.MEDIA_TOO_LARGE, f"{path.name} has too many pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        code = ErrorCode.MEDIA_EMPTY if path.stat().st_size == 0 else ErrorCode.MEDIA_UNREADABLE
        raise MediaError(code, f"{path.name} is not a readable JPEG or PNG image") from error


def _rgb(image: Image.Image) -> Image.Image:
    """Grey of 16 bits is brought to 8 first: Pillow would make white of everything above 255."""
    if image.mode.startswith("I"):
        grey = (np.asarray(image, dtype=np.int64) + 128) // 257
        image = Image.fromarray(grey.astype(np.uint8))
    return image.convert("RGB")
