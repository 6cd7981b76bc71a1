"""The reference's recipe as its script runs it: two `.npy` files a pair, a Dataset, a DataLoader, a loop."""

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from matcher_training.data import Pairs
from matcher_training.fit.recipes import ReferenceRecipe
from matcher_training.towers.metric import Metric

Item = tuple[np.ndarray, np.ndarray]


class Files(Dataset[Item]):
    """The pairs of a folder, read when they are wanted."""

    def __init__(self, folder: Path) -> None:
        self._folders = sorted(path for path in folder.iterdir() if path.is_dir())

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, index: int) -> Item:
        folder = self._folders[index]
        video, audio = (np.load(folder / name).astype("float32") for name in ("vfeat.npy", "afeat.npy"))
        return video * (4 / 255) + (4 / 512 - 2), audio * (4 / 255) + (4 / 512 - 2)


def write_files(pairs: Pairs, folder: Path) -> None:
    """`NUMBER/vfeat.npy` and `NUMBER/afeat.npy`, uint8 [T, D]."""
    for number in range(len(pairs)):
        target = folder / f"{number:06}"
        target.mkdir(parents=True)
        np.save(target / "vfeat.npy", pairs.video[int(pairs.video_index[number])])
        np.save(target / "afeat.npy", pairs.audio[int(pairs.audio_index[number])])


class BaselineTraining:
    """A metric in training, an epoch a call."""

    def __init__(self, folder: Path, metric: Metric, recipe: ReferenceRecipe, workers: int) -> None:
        self._metric = metric
        self._margin = recipe.margin
        self._loader = DataLoader(Files(folder), batch_size=recipe.batch, shuffle=True, num_workers=workers)
        self._optimiser = torch.optim.SGD(
            metric.parameters(), recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )

    def epoch(self) -> None:
        self._metric.train()
        for video, audio in self._loader:
            order = torch.randperm(len(video))
            different = torch.cat([torch.zeros(len(video)), (order != torch.arange(len(video))).float()])
            clips = self._metric.video(torch.cat([video, video]))
            sounds = self._metric.audio(torch.cat([audio, audio[order]]))
            distance = torch.nn.functional.pairwise_distance(clips, sounds)
            near = (1 - different) * distance**2
            loss = torch.mean(near + different * torch.clamp(self._margin - distance, min=0) ** 2)
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
