"""JPEGs of one frame a second on disk, Pillow to load and resize them, torchvision's network in fp32, batches of 32."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from torchvision.models import inception_v3

from needledrop.bundle import Bundle
from needledrop.features import Codes, Modality, quantise

BATCH = 32
SIZE = 299


class BaselineVideo:
    """A loaded network and PCA."""

    def __init__(self, bundle: Bundle, random_first: bool = False) -> None:
        self.network = baseline_network(bundle.root / bundle.video.files[0].path, random_first)
        with np.load(bundle.pca(Modality.VIDEO)) as file:
            self._pca = {name: file[name].astype(np.float64) for name in file.files}

    def extract(self, path: Path) -> Codes:
        """uint8 [T, 1024]."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_jpegs(path, folder)
            return quantise(np.concatenate([self._whitened(batch) for batch in _batches(folder)]))

    def _whitened(self, batch: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            rows = self.network(batch).numpy()
        result: np.ndarray = (
            (rows - self._pca["mean"]) @ self._pca["components"].T / np.sqrt(self._pca["explained_variance"])
        )
        return result


def baseline_network(weights: Path, random_first: bool = False) -> torch.nn.Module:
    """torchvision's, as it comes: fp32, default layout, float32 [N, 3, 299, 299] of 0…1 to [N, 2048].

    `random_first`: draw random weights before the file's are read over them, which is torchvision's default.
    """
    network: torch.nn.Module = inception_v3(weights=None, init_weights=random_first, transform_input=True)
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.fc = torch.nn.Identity()
    return network.eval()


def decoder_name() -> str:
    """Which program writes the JPEGs."""
    return "ffmpeg" if shutil.which("ffmpeg") else "PyAV's FFmpeg in place of the ffmpeg command"


def write_jpegs(path: Path, folder: Path) -> None:
    """`0001.jpg`, … of the frames' own size, one a second."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg:
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-i", str(path), "-r", "1", "-f", "image2"]
        subprocess.run([*command, str(folder / "%04d.jpg")], check=True)
        return
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        second = 0
        encoder = None
        for frame in container.decode(stream):
            if frame.time is None or frame.time < second:
                continue
            second += 1
            if encoder is None:
                encoder = av.CodecContext.create("mjpeg", "w")
                encoder.width, encoder.height = frame.width, frame.height
                encoder.pix_fmt, encoder.time_base, encoder.qmin, encoder.qmax = "yuvj420p", Fraction(1), 2, 5
            for packet in encoder.encode(frame.reformat(format="yuvj420p")):
                (folder / f"{second:04}.jpg").write_bytes(bytes(packet))


def _batches(folder: Path) -> Iterator[torch.Tensor]:
    paths = sorted(folder.glob("*.jpg"))
    for start in range(0, len(paths), BATCH):
        yield torch.stack([_loaded(path) for path in paths[start : start + BATCH]])


def _loaded(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        resized = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1).contiguous().float() / 255
