"""Training label towers: multi-label classification of mixtures, by either side alone."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from matcher_training.data import Labels, Pairs
from matcher_training.fit.batches import Batch, crops, draw_mixture, longest_s, mixup, parts
from matcher_training.fit.held_out_rank import CHUNK
from matcher_training.fit.precision import reduced_precision
from matcher_training.fit.recipes import LabelRecipe
from matcher_training.fit.standardisation import standardise
from matcher_training.towers.label import LabelTower, LabelTowers
from matcher_training.towers.shapes import LabelShape

CLIP_NORM = 5.0
LONGEST_S = 300.0
"""Of a pair in a batch, at a random moment; YouTube-8M's pairs are no longer."""


def common_labels(labels: Labels, least: int) -> npt.NDArray[np.int64]:
    """The labels that `least` pairs or more have, ascending."""
    names, counts = np.unique(labels.ids, return_counts=True)
    return names[counts >= least].astype(np.int64)


def label_shape(recipe: LabelRecipe, train: Pairs) -> LabelShape:
    """Towers for the common labels of `train`, which has labels."""
    assert train.labels is not None
    video, audio = recipe.towers
    count = len(common_labels(train.labels, recipe.least))
    return LabelShape(dim=count, video=video, audio=audio, weight=recipe.weight)


def make_label_towers(recipe: LabelRecipe, train: Pairs, hops_s: tuple[float, float], seed: int) -> LabelTowers:
    """Untrained ones."""
    dims = train.video.dim, train.audio.dim
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LabelTowers(label_shape(recipe, train), dims, hops_s, recipe.input_dropout, recipe.dropout)


def fit_labels(
    recipe: LabelRecipe,
    train: Pairs,
    hops_s: tuple[float, float],
    seed: int,
    progress: Callable[[int, float], None] = lambda epoch, loss: None,
) -> LabelTowers:
    """Towers in eval mode; `progress` is called with each epoch's number, from 1, and its mean loss."""
    assert train.labels is not None
    towers = make_label_towers(recipe, train, hops_s, seed)
    standardise((towers.video.tower, towers.audio.tower), train)
    targets = _multi_hot(train.labels, common_labels(train.labels, recipe.least))
    _begin_with_priors(towers, targets)
    size = min(recipe.batch, len(train))
    steps = len(train) // size
    optimiser = torch.optim.AdamW(towers.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=steps * recipe.epochs + 1, pct_start=recipe.warm_up
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(recipe.epochs):
            towers.train()
            rng = np.random.default_rng([seed, epoch])
            order = rng.permutation(len(train))
            losses = []
            for step in range(steps):
                chosen = order[step * size : (step + 1) * size]
                mixture = draw_mixture(size, 2, recipe.mixup, rng)
                pairs = train.take(chosen)
                batch = mixup(crops(pairs, min(longest_s(pairs), LONGEST_S), rng), mixture)
                wanted = (mixture.shares[..., None] * targets[chosen][mixture.members]).sum(dim=1)
                loss = _loss(towers, batch, wanted)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(towers.parameters(), CLIP_NORM)
                optimiser.step()
                schedule.step()
                losses.append(loss.item())
            progress(epoch + 1, float(np.mean(losses)))
    _centre(towers.eval(), train)
    return towers


def _multi_hot(labels: Labels, names: npt.NDArray[np.int64]) -> Tensor:
    """float32 [N, len(names)]: 1 where the pair has the label."""
    targets = torch.zeros(len(labels), len(names))
    pairs = np.repeat(np.arange(len(labels)), np.diff(labels.offsets))
    known = np.isin(labels.ids, names)
    targets[pairs[known], np.searchsorted(names, labels.ids[known])] = 1
    return targets


def _begin_with_priors(towers: LabelTowers, targets: Tensor) -> None:
    """Before it has learnt anything, each side gives every label its share."""
    prior = targets.mean(dim=0)
    with torch.no_grad():
        for side in (towers.video, towers.audio):
            side.prior.copy_(prior)
            side.tower.last.weight.mul_(0.1)
            side.tower.last.bias.copy_(torch.logit(prior, eps=1e-6))


def _loss(towers: LabelTowers, batch: Batch, wanted: Tensor) -> Tensor:
    """Binary cross-entropy, summed over the labels and both sides, the mean of the pairs."""
    total = torch.zeros(())
    for tower, side in ((towers.video, batch.video), (towers.audio, batch.audio)):
        with reduced_precision():
            logits = tower.logits(side.rows, side.mask)
        total = total + nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
    return total / len(batch)


def _centre(towers: LabelTowers, train: Pairs) -> None:
    """Set each side's mean to that of the training pairs."""
    totals = [torch.zeros_like(towers.video.mean), torch.zeros_like(towers.audio.mean)]
    with torch.inference_mode():
        for which in parts(train, CHUNK):
            part = train.take(which)
            batch = crops(part, longest_s(part), None)
            sides: tuple[tuple[LabelTower, Tensor, Tensor | None], ...] = (
                (towers.video, batch.video.rows, batch.video.mask),
                (towers.audio, batch.audio.rows, batch.audio.mask),
            )
            for total, (tower, rows, mask) in zip(totals, sides, strict=True):
                total.add_(tower.surety(rows, mask).sum(dim=0))
    towers.video.mean.copy_(totals[0] / len(train))
    towers.audio.mean.copy_(totals[1] / len(train))
