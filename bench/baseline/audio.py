"""A wav on disk, read whole and resampled with resampy; its examples through VGGish in a TensorFlow 1 session."""

import os
import tempfile
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import resampy

from audio_extractor.log_mel import FFT, HOP, LOG_OFFSET, PATCH_FRAMES, SAMPLE_RATE, WINDOW, mel_matrix
from audio_extractor.vggish import BLOCKS, DENSE, KERNELS, SHAPES
from needledrop.bundle import Bundle
from needledrop.features import Codes, Modality, quantise

Floats = npt.NDArray[np.floating[Any]]


class BaselineAudio:
    """A session with the checkpoint's weights, and the PCA. `batch`: examples a call; None: all of a file's."""

    def __init__(self, bundle: Bundle, batch: int | None) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf  # noqa: PLC0415

        self._batch = batch
        index = next(ref.path for ref in bundle.audio.files if ref.path.endswith(".index"))
        with tf.Graph().as_default():
            self._input = tf.compat.v1.placeholder(tf.float32, [None, PATCH_FRAMES, 64])
            variables = {
                name: tf.compat.v1.get_variable(name.replace("/", "_"), shape) for name, shape in SHAPES.items()
            }
            self._output = _network(tf, self._input, variables)
            saver = tf.compat.v1.train.Saver(variables)
            self._session = tf.compat.v1.Session()
            saver.restore(self._session, str((bundle.root / index).with_suffix("")))
        with np.load(bundle.pca(Modality.AUDIO)) as file:
            self._vectors, self._means = file["pca_eigen_vectors"], file["pca_means"].reshape(-1, 1)

    def extract(self, path: Path) -> Codes:
        """uint8 [T, 128]."""
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "sound.wav"
            write_wav(path, wav)
            examples = _examples(*_read_wav(wav))
        size = self._batch or len(examples)
        embeddings = np.concatenate(
            [
                self._session.run(self._output, {self._input: examples[start : start + size]})
                for start in range(0, len(examples), size)
            ]
        )
        return quantise((self._vectors @ (embeddings.T - self._means)).T)


def write_wav(path: Path, wav: Path) -> None:
    """16 bits, the file's own rate and channels, as `ffmpeg -i PATH WAV` makes it."""
    with av.open(str(path)) as source, av.open(str(wav), "w") as target:
        stream = source.streams.audio[0]
        written = target.add_stream("pcm_s16le", rate=stream.rate, layout=stream.layout.name)
        resampler = av.AudioResampler("s16", stream.layout.name, stream.rate)
        for frame in source.decode(stream):
            for piece in resampler.resample(frame):
                target.mux(written.encode(piece))
        target.mux(written.encode(None))


def _read_wav(path: Path) -> tuple[Floats, int]:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return (samples / 32768.0).mean(axis=1), file.getframerate()


def _examples(samples: Floats, rate: int) -> npt.NDArray[np.float32]:
    """float32 [n, 96, 64]."""
    if rate != SAMPLE_RATE:
        samples = resampy.resample(samples, rate, SAMPLE_RATE)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    log_mel = np.log(np.abs(np.fft.rfft(frames * window, FFT)) @ mel_matrix() + LOG_OFFSET)
    count = len(log_mel) // PATCH_FRAMES
    return log_mel[: count * PATCH_FRAMES].reshape(count, PATCH_FRAMES, -1).astype(np.float32)


def _network(tf: Any, net: Any, variables: dict[str, Any]) -> Any:
    net = net[..., None]
    for block in BLOCKS:
        for layer in block:
            convolved = tf.nn.conv2d(net, variables[f"vggish/{layer}/weights"], strides=1, padding="SAME")
            net = tf.nn.relu(tf.nn.bias_add(convolved, variables[f"vggish/{layer}/biases"]))
        net = tf.nn.max_pool2d(net, ksize=2, strides=2, padding="SAME")
    net = tf.reshape(net, [-1, KERNELS[DENSE[0]][0]])
    for layer in DENSE:
        product = tf.matmul(net, variables[f"vggish/{layer}/weights"])
        net = tf.nn.relu(tf.nn.bias_add(product, variables[f"vggish/{layer}/biases"]))
    return net
