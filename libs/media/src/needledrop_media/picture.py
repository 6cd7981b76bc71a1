"""From a decoded frame to a small upright RGB picture."""

import numpy as np
from av.buffer import Buffer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from needledrop_media.geometry import Orientation

# From AVColorSpace (ITU-T H.273, MatrixCoefficients) to the matrices that libswscale knows.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
HDR = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}
SD_WIDTH, SD_HEIGHT = 1024, 576


class Painter:
    """Makes pictures of one size. Reused over a film: the colour tables are made once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._reformatter = VideoReformatter()

    def paint(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """The whole frame as uint8 [size, size, 3], RGB, upright; antialiased bilinear (Pillow's), aspect not kept.

        High dynamic range is mapped to BT.709. Errors of libswscale come as `av.error.FFmpegError`.
        """
        picture = Image.fromarray(self._rgb(frame)).resize((self._size, self._size), Image.Resampling.BILINEAR)
        return orientation(frame).apply(np.asarray(picture))

    def _rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """uint8 [h, w, 3], as decoded."""
        hdr = frame.color_trc in HDR
        rgb = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=None if frame.format.is_rgb else matrix(frame),
            dst_colorspace=Colorspace.ITU709 if hdr else None,
            dst_color_trc=ColorTrc.BT709 if hdr else None,
            dst_color_primaries=ColorPrimaries.BT709 if hdr else None,
            threads=1,
        )
        return np.asarray(rgb.to_ndarray(), np.uint8)


def orientation(frame: VideoFrame) -> Orientation:
    """How the frame is to be turned; the container's matrix comes with every frame."""
    found = frame.side_data.get("DISPLAYMATRIX")
    return Orientation.from_matrix(bytes(found)) if isinstance(found, Buffer) else Orientation()


def matrix(frame: VideoFrame) -> Colorspace:
    """The YUV matrix: what the frame says, and where it says nothing what players take, by the frame's size."""
    guess = Colorspace.ITU709 if frame.width > SD_WIDTH or frame.height > SD_HEIGHT else Colorspace.ITU601
    return MATRICES.get(frame.colorspace, guess)
