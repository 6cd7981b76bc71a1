"""Making a metric of any kind from its description."""

from matcher_training.towers.joined import JoinedMetric
from matcher_training.towers.reference import Metric, MetricKind, make_reference
from matcher_training.towers.shapes import MetricShape
from needledrop.errors import BundleError, ErrorCode


def make_metric(
    kind: MetricKind,
    video_dim: int = 1024,
    audio_dim: int = 128,
    shape: MetricShape | None = None,
    hops_s: tuple[float, float] = (1.0, 0.96),
) -> Metric:
    """An untrained metric. `shape` and `hops_s` (seconds between rows, of video, of audio) are for `needledrop` only.

    `BundleError` where a metric of that kind comes without its shape.
    """
    if kind is not MetricKind.NEEDLEDROP:
        return make_reference(kind, video_dim, audio_dim)
    if shape is None:
        raise BundleError(ErrorCode.BUNDLE_INVALID, "the metric's configuration: towers: Field required")
    return JoinedMetric(shape, (video_dim, audio_dim), hops_s)
