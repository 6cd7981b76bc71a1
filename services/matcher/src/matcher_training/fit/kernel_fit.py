"""Fitting a kernel member to pairs, in closed form."""

from collections.abc import Callable

import torch
from torch import Tensor

from matcher_training.data import Pairs
from matcher_training.fit.batches import Side, crops, longest_s, parts
from matcher_training.fit.recipes import KernelRecipe
from matcher_training.fit.standardisation import standardise
from matcher_training.towers.kernel import KernelTower, KernelTowers, draw_frequencies, fit_directions

CHUNK = 256


def fit_kernel(recipe: KernelRecipe, train: Pairs, seed: int, alive: Callable[[], None] = lambda: None) -> KernelTowers:
    """Towers with canonical directions between the two sides of `train`, whole sequences.

    A row's typical length is one after centring and scaling, whatever its number of columns, so that `spread` means
    the same for any features. `alive` is called between the steps, some seconds each.
    """
    towers = KernelTowers(recipe.shape, (train.video.dim, train.audio.dim))
    standardise((towers.video, towers.audio), train)
    generator = torch.Generator().manual_seed(seed)
    for tower, dim, spread in zip(
        (towers.video, towers.audio), (train.video.dim, train.audio.dim), recipe.spread, strict=True
    ):
        tower.scale.mul_(dim**0.5)
        draw_frequencies(tower, spread, generator)
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    with torch.inference_mode():
        for which in parts(train, CHUNK):
            part = train.take(which)
            batch = crops(part, longest_s(part), None)
            found[0].append(_features(towers.video, batch.video))
            found[1].append(_features(towers.audio, batch.audio))
        alive()
        fit_directions(towers, torch.cat(found[0]), torch.cat(found[1]), recipe.ridge, alive)
    return towers.eval()


def _features(tower: KernelTower, side: Side) -> Tensor:
    return tower.features(side.rows, side.mask)
