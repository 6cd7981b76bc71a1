"""The video side of the demo bundle: seeded Inception v3, a PCA fitted on generated pictures, and their features."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from needledrop.bundle import MANIFEST, FileRef, SidePart
from needledrop.features import Modality
from needledrop.settings import CoreSettings
from needledrop_demo import Scene, render_frames, training_pairs
from video_extractor.extractor import BATCH, HOP_S, read_ahead
from video_extractor.inception import Frames, Inception, Pool, choose_device
from video_extractor.pca_fit import fit_few
from video_extractor.preprocessing import FRAME_SIZE, Preprocessing
from video_extractor.stand_in import stand_in_weights

FRAMES_PER_PAIR = 2
DIM = 1024
# Measured on scenes not fitted on: more components or a lower floor add noise, a higher one loses the fine factors.
LEADING = 64
VARIANCE_FLOOR = 0.1
WEIGHTS_FILE = "inception_v3.pth"
PCA_FILE = "video_pca.npz"


def make_video_side(out: Path, pairs: int, seed: int, settings: CoreSettings) -> None:
    """Write weights, PCA, `video.json` (a SidePart) and `training/video.npz` to `out`; does nothing for a whole bundle.

    The training file holds `codes` uint8 [3 · pairs, 1024], `offsets` int64 [pairs + 1], `pair` int64 [pairs], `hop_s`.
    """
    if (out / MANIFEST).exists():
        print(f"{out} holds a bundle already")
        return
    (out / "training").mkdir(parents=True, exist_ok=True)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    state = stand_in_weights(seed)
    torch.save(state, out / WEIGHTS_FILE)
    print(f"{WEIGHTS_FILE}: Inception v3, untrained, from seed {seed}", flush=True)
    backbone = Inception(state, Preprocessing.SEED, choose_device(settings.device))
    frames = (frame for scene in training_pairs(pairs, seed) for frame in scene_frames(scene))
    pool: Pool = np.concatenate([backbone.pool(batch) for batch in read_ahead(frames, BATCH)])
    pca = fit_few(pool, DIM, LEADING, VARIANCE_FLOOR, seed)
    pca.save(out / PCA_FILE)
    print(f"{PCA_FILE}: fitted on {len(pool)} frames of {pairs} generated scenes", flush=True)
    np.savez(
        out / "training" / f"{Modality.VIDEO}.npz",
        codes=pca.codes(pool),
        offsets=np.arange(pairs + 1, dtype=np.int64) * FRAMES_PER_PAIR,
        pair=np.arange(pairs, dtype=np.int64),
        hop_s=np.float64(HOP_S),
    )
    side = SidePart(
        backbone=Preprocessing.SEED.network,
        files=(FileRef.of(out, WEIGHTS_FILE),),
        pca=FileRef.of(out, PCA_FILE),
        preprocessing=Preprocessing.SEED,
        hop_s=HOP_S,
        dim=DIM,
    )
    (out / f"{Modality.VIDEO}.json").write_text(side.model_dump_json(indent=2) + "\n", encoding="utf-8")


def scene_frames(scene: Scene, count: int = FRAMES_PER_PAIR) -> Iterator[Frames]:
    """uint8 [299, 299, 3] each: a scene's first `count` seconds, as a decoder would give them."""
    for frame in render_frames(scene, [index * HOP_S for index in range(count)]):
        yield np.asarray(Image.fromarray(frame).resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BILINEAR))
