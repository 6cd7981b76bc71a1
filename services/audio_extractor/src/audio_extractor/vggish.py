"""VGGish in plain TensorFlow, restored from the official checkpoint.

Layers: `vggish_slim.py` of tensorflow/models, research/audioset/vggish.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from audio_extractor.log_mel import MEL_BANDS, PATCH_FRAMES
from audio_extractor.runtime import Runtime
from needledrop.errors import BundleError, ErrorCode

EMBEDDING = 128

BLOCKS = (("conv1",), ("conv2",), ("conv3/conv3_1", "conv3/conv3_2"), ("conv4/conv4_1", "conv4/conv4_2"))
DENSE = ("fc1/fc1_1", "fc1/fc1_2", "fc2")
KERNELS: dict[str, tuple[int, ...]] = {
    "conv1": (3, 3, 1, 64),
    "conv2": (3, 3, 64, 128),
    "conv3/conv3_1": (3, 3, 128, 256),
    "conv3/conv3_2": (3, 3, 256, 256),
    "conv4/conv4_1": (3, 3, 256, 512),
    "conv4/conv4_2": (3, 3, 512, 512),
    "fc1/fc1_1": (12288, 4096),
    "fc1/fc1_2": (4096, 4096),
    "fc2": (4096, EMBEDDING),
}
SHAPES: dict[str, tuple[int, ...]] = {
    f"vggish/{layer}/{part}": shape
    for layer, kernel in KERNELS.items()
    for part, shape in (("weights", kernel), ("biases", kernel[-1:]))
}


class Vggish:
    """The network on its device. Implements `audio_extractor.extractor.Backbone`."""

    def __init__(self, runtime: Runtime, weights: dict[str, Any], final_relu: bool) -> None:
        self._tf = tf = runtime.tf
        self._device = runtime.device
        self._weights = weights
        self._final_relu = final_relu
        signature = [tf.TensorSpec([None, PATCH_FRAMES, MEL_BANDS], tf.float32)]
        self._forward = tf.function(self._layers, input_signature=signature, autograph=False)

    @classmethod
    def restore(cls, checkpoint: Path, runtime: Runtime, final_relu: bool = True) -> Self:
        """Read a checkpoint: the prefix of a V2 one (`.index`, `.data-…`), or a V1 one's single file, as published.

        `BundleError` where a variable is absent, of another shape or type, or not finite. Nothing is unpickled.
        `final_relu=False` takes the embedding before its activation (`fc2/BiasAdd`), as YouTube-8M does.
        """
        tf = runtime.tf
        try:
            _check_variables(tf.train.load_checkpoint(str(checkpoint)))
            with tf.device(runtime.device):
                weights = {name: tf.identity(_read(tf, checkpoint, name)) for name in SHAPES}
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"{checkpoint.name} is not a TensorFlow checkpoint") from error
        return cls(runtime, weights, final_relu)

    def embed(self, patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Embeddings, float32 [n, 128], of log-mel patches [n, 96, 64].

        A patch's numbers depend on its batch by rounding only, 10⁻⁵ of the largest: without AVX-512, TensorFlow's
        matrix products sum in an order that depends on the number of rows.
        """
        with self._tf.device(self._device):
            embeddings: npt.NDArray[np.float32] = self._forward(self._tf.constant(patches)).numpy()
        return embeddings

    def _layers(self, patches: Any) -> Any:
        tf = self._tf
        net = patches[..., None]
        for block in BLOCKS:
            for layer in block:
                net = tf.nn.relu(self._biased(layer, tf.nn.conv2d(net, self._kernel(layer), strides=1, padding="SAME")))
            net = tf.nn.max_pool2d(net, ksize=2, strides=2, padding="SAME")
        net = tf.reshape(net, [-1, KERNELS[DENSE[0]][0]])
        for layer in DENSE:
            net = self._biased(layer, tf.matmul(net, self._kernel(layer)))
            if layer != DENSE[-1] or self._final_relu:
                net = tf.nn.relu(net)
        return net

    def _kernel(self, layer: str) -> Any:
        return self._weights[f"vggish/{layer}/weights"]

    def _biased(self, layer: str, net: Any) -> Any:
        return self._tf.nn.bias_add(net, self._weights[f"vggish/{layer}/biases"])


def write_checkpoint(prefix: Path, weights: dict[str, npt.NDArray[np.float32]], runtime: Runtime) -> tuple[str, str]:
    """Write a V2 checkpoint; returns the names of its two files, index first. The same arrays give the same bytes."""
    tf = runtime.tf
    names = sorted(weights)
    with tf.device("/CPU:0"):
        tf.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.constant(weights[name]) for name in names],
        )
    return f"{prefix.name}.index", f"{prefix.name}.data-00000-of-00001"


def _check_variables(reader: Any) -> None:
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    for name, shape in SHAPES.items():
        if name not in shapes:
            raise BundleError(ErrorCode.BUNDLE_INVALID, f"the VGGish checkpoint lacks {name}")
        if types[name] != "float32" or tuple(shapes[name]) != shape:
            found = f"{types[name].name} {list(shapes[name])}"
            raise BundleError(
                ErrorCode.BUNDLE_INVALID, f"the checkpoint's {name} is {found}, not float32 {list(shape)}"
            )


def _read(tf: Any, checkpoint: Path, name: str) -> Any:
    """The variable as a tensor in main memory. The reader's own `get_tensor` would hold each twice."""
    with tf.device("/CPU:0"):
        (tensor,) = tf.raw_ops.RestoreV2(
            prefix=str(checkpoint), tensor_names=[name], shape_and_slices=[""], dtypes=[tf.float32]
        )
    if not np.isfinite(tensor.numpy()).all():
        raise BundleError(ErrorCode.BUNDLE_INVALID, f"{name} in the checkpoint holds values that are not finite")
    return tensor
