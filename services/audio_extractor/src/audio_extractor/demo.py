"""The audio side of the demo bundle: seeded VGGish, a PCA fitted on generated music, and that music's features."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_extractor.extractor import BATCH, PREPROCESSINGS
from audio_extractor.log_mel import SAMPLE_RATE
from audio_extractor.patches import patch_batches
from audio_extractor.pca import Pca
from audio_extractor.runtime import start_tensorflow
from audio_extractor.stand_in import stand_in_weights
from audio_extractor.vggish import EMBEDDING, Vggish, write_checkpoint
from needledrop.bundle import MANIFEST, FileRef, SidePart
from needledrop.features import Modality, quantise
from needledrop.settings import CoreSettings
from needledrop_demo import render_music, training_pairs

PAIR_SECONDS = 10.0
# Keeps small directions at up to a third of unit variance; larger loses factors, smaller lets noise clip.
VARIANCE_FLOOR = 3e-3
PREPROCESSING = "seed"
CHECKPOINT = "vggish_model.ckpt"
PCA_FILE = "vggish_pca_params.npz"


def make_audio_side(out: Path, pairs: int, seed: int, settings: CoreSettings) -> None:
    """Write checkpoint, PCA, `audio.json` (a SidePart) and `training/audio.npz` to `out`; a whole bundle is left alone.

    The training file holds `codes` uint8 [sum of T, 128], `offsets` int64 [pairs + 1], `pair` int64 [pairs], `hop_s`.
    """
    if (out / MANIFEST).exists():
        print(f"{out} holds a bundle already")
        return
    (out / "training").mkdir(parents=True, exist_ok=True)
    runtime = start_tensorflow(settings)
    files = write_checkpoint(out / CHECKPOINT, stand_in_weights(seed), runtime)
    print(f"{CHECKPOINT}: VGGish, untrained, from seed {seed}", flush=True)
    backbone = Vggish.restore(out / CHECKPOINT, runtime, PREPROCESSINGS[PREPROCESSING].final_relu)
    sequences = list(_training_embeddings(backbone, pairs, seed))
    embeddings = np.concatenate(sequences)
    pca = Pca.fit(embeddings, VARIANCE_FLOOR)
    pca.save(out / PCA_FILE)
    print(f"{PCA_FILE}: fitted on {len(embeddings)} patches of {pairs} generated pieces", flush=True)
    side = _side(out, files)
    np.savez(
        out / "training" / f"{Modality.AUDIO}.npz",
        codes=quantise(pca.apply(embeddings)),
        offsets=np.cumsum([0, *map(len, sequences)], dtype=np.int64),
        pair=np.arange(pairs, dtype=np.int64),
        hop_s=np.float64(side.hop_s),
    )
    (out / f"{Modality.AUDIO}.json").write_text(side.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _training_embeddings(backbone: Vggish, pairs: int, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    """float32 [T, 128] of each pair's music."""
    hop = PREPROCESSINGS[PREPROCESSING].hop
    for scene in training_pairs(pairs, seed):
        music = render_music(scene, PAIR_SECONDS, SAMPLE_RATE)
        yield np.concatenate([backbone.embed(patches) for patches in patch_batches([music], hop, BATCH)])


def _side(out: Path, files: tuple[str, ...]) -> SidePart:
    return SidePart(
        backbone="vggish",
        files=tuple(FileRef.of(out, name) for name in files),
        pca=FileRef.of(out, PCA_FILE),
        preprocessing=PREPROCESSING,
        hop_s=PREPROCESSINGS[PREPROCESSING].hop / SAMPLE_RATE,
        dim=EMBEDDING,
    )
