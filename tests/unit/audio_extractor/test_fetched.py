"""A bundle of files that were fetched over a breaking connection, in the extractor that uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from audio_extractor.extractor import load
from audio_extractor.patches import patch_batches
from audio_extractor.runtime import Runtime
from audio_extractor.stand_in import stand_in_weights
from audio_extractor.vggish import Vggish
from needledrop.settings import CoreSettings
from needledrop_models.catalog import PublicFile, Space
from needledrop_models.download import OnBytes, Patience
from needledrop_models.fetch import fetch
from needledrop_models.store import FileStore
from tests.audio_reference import SEED, assert_codes_match
from tests.unit.audio_extractor.signals import signals
from tests.unit.models.made_up import digest, numbers, public_files
from tests.unit.models.server import Answer, serving

NAME = "vggish_model.ckpt"


@contextmanager
def quiet(_: PublicFile) -> Iterator[OnBytes]:
    yield lambda *_: None


def test_youtube_8ms_codes_are_projection_times_embedding_minus_mean(
    tmp_path: Path, runtime: Runtime, checkpoint: Path
) -> None:
    path, out = tmp_path / NAME, tmp_path / "yt8m"
    weights = stand_in_weights(SEED)
    runtime.tf.raw_ops.Save(filename=str(path), tensor_names=list(weights), data=list(weights.values()))
    del weights
    files = {**public_files(), NAME: path.read_bytes()}
    path.unlink()
    with serving(files) as server:
        server.plan = [Answer(cut=200_000_000), Answer(cut=70_000)]
        store = FileStore(out / ".downloads", server.url, Patience(sleep=lambda _: None))
        hashes = {name: digest(data) for name, data in files.items()}
        done = fetch([Space.YT8M], out, store, quiet, lambda _: None, hashes=hashes)
    assert done.failures == []
    signal = signals()["chord_16k_mono_5s5"]
    extractor = load(done.bundles[Space.YT8M], CoreSettings(device="cpu"))
    found = extractor.extract(signal.write(tmp_path / "chord.wav"), lambda _: None).features
    for large in out.rglob(NAME):
        large.unlink()
    (patches,) = patch_batches([signal.samples()], 16000, 32)
    embeddings = Vggish.restore(checkpoint, runtime, final_relu=False).embed(patches)
    mean, projection = numbers(128, 1, 5), numbers(128, 128, 6)
    whitened = np.stack([projection.astype(float) @ (row[:, None] - mean) for row in embeddings])[:, :, 0]
    wanted = np.floor((np.clip(whitened, -2, 2) + 2) * 255 / 4).astype(np.uint8)
    assert len(found) == 5
    assert ((wanted > 0) & (wanted < 255)).mean() > 0.2
    assert_codes_match(found, wanted)
