"""Fitting our metric: kernel members in closed form, teachers, residual members, and the banks against hubs.

Each stage leaves its weights in the work folder; a run that was cut off goes on after the last one that is whole.
"""

import math
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from matcher_training.data import Pairs
from matcher_training.fit.batches import Batch
from matcher_training.fit.held_out_rank import embed_pairs, held_out_rank
from matcher_training.fit.kernel_fit import fit_kernel
from matcher_training.fit.label_fit import fit_labels, label_shape, make_label_towers
from matcher_training.fit.precision import reduced_precision
from matcher_training.fit.progress import Epoch, Report
from matcher_training.fit.recipes import JoinedRecipe, KernelRecipe, LabelRecipe, ResidualRecipe
from matcher_training.fit.residual_fit import ResidualFit, Scores
from matcher_training.fit.run import FittedMetric, TrainingRun
from matcher_training.towers.joined import JoinedMetric, reduction
from matcher_training.towers.kernel import KernelTowers
from matcher_training.towers.label import LabelTowers
from matcher_training.towers.residual import ResidualTowers
from matcher_training.towers.shapes import HubShape, MemberShape, MetricShape

REDUCED_ON = 8192


class JoinedFit:
    """`hops_s`: seconds between rows, of video, of audio. `work`: where stages are kept until the metric is whole."""

    def __init__(
        self,
        recipe: JoinedRecipe,
        train: Pairs,
        held_out: Pairs,
        hops_s: tuple[float, float],
        seed: int,
        work: Path,
        report: Report,
    ) -> None:
        self._recipe = recipe
        self._train = train
        self._held_out = held_out
        self._hops_s = hops_s
        self._seed = seed
        self._work = work
        self._report = report
        work.mkdir(parents=True, exist_ok=True)

    def run(self) -> tuple[JoinedMetric, MetricShape]:
        """The fitted metric, in eval mode, and its shape."""
        recipe = self._recipe
        kernels = [self._kernel(number, each) for number, each in enumerate(recipe.kernels)]
        teachers = [self._residual("teacher", number, each) for number, each in enumerate(recipe.teachers)]
        teaching = self._labels("teaching labels", recipe.teaching_labels) if recipe.teaching_labels else None
        teacher = joined_scores(teachers, teaching) if teachers else None
        labels = self._labels("labels", recipe.labels) if recipe.labels else None
        residuals = [self._residual("member", number, each, teacher)[0] for number, each in enumerate(recipe.residuals)]
        members: tuple[MemberShape, ...] = (
            *(each.shape for each in recipe.kernels),
            *([label_shape(recipe.labels, self._train)] if recipe.labels else []),
            *(each.shape for each in recipe.residuals),
        )
        metric = self._metric(MetricShape(members=members))
        for place, towers in zip(metric.members, (*kernels, *([labels[0]] if labels else []), *residuals), strict=True):
            place.load_state_dict(towers.state_dict())
        if recipe.reduced and recipe.reduced < metric.dim:
            metric = self._reduced(metric, MetricShape(members=members, reduced=recipe.reduced))
        if recipe.hubs is None:
            return metric, metric.shape
        size = min(recipe.hubs.bank, len(self._train))
        return self._against_hubs(metric, recipe.hubs.model_copy(update={"bank": size}))

    def _metric(self, shape: MetricShape) -> JoinedMetric:
        return JoinedMetric(shape, (self._train.video.dim, self._train.audio.dim), self._hops_s).eval()

    def _reduced(self, plain: JoinedMetric, shape: MetricShape) -> JoinedMetric:
        assert shape.reduced is not None
        metric = self._metric(shape)
        metric.members.load_state_dict(plain.members.state_dict())
        video, audio = embed_pairs(PlainTowers(plain), self._some(REDUCED_ON))
        assert metric.projection is not None
        metric.projection.copy_(reduction(video, audio, shape.reduced))
        return metric

    def _against_hubs(self, plain: JoinedMetric, hubs: HubShape) -> tuple[JoinedMetric, MetricShape]:
        shape = plain.shape.model_copy(update={"hubs": hubs})
        metric = self._metric(shape)
        metric.load_state_dict(plain.state_dict(), strict=False)
        video, audio = embed_pairs(PlainTowers(plain), self._some(hubs.bank))
        assert metric.hubs is not None
        metric.hubs.video_bank.copy_(video)
        metric.hubs.audio_bank.copy_(audio)
        return metric, shape

    def _some(self, count: int) -> Pairs:
        """So many training pairs at most, drawn by the seed."""
        rng = np.random.default_rng([self._seed, len(self._train)])
        return self._train.take(np.sort(rng.permutation(len(self._train))[:count]))

    def _kernel(self, number: int, recipe: KernelRecipe) -> KernelTowers:
        towers = KernelTowers(recipe.shape, (self._train.video.dim, self._train.audio.dim))
        path = self._work / f"kernel-{number}.safetensors"
        if not _restore(towers, path):
            towers = fit_kernel(recipe, self._train, self._seed + number)
            _keep(towers, path)
        rank = held_out_rank(towers, self._held_out)
        self._report(f"kernel member {number + 1} of {len(self._recipe.kernels)}", Epoch(1, 1, math.nan, rank))
        return towers.eval()

    def _labels(self, stage: str, recipe: LabelRecipe) -> tuple[LabelTowers, float]:
        path = self._work / f"{stage.replace(' ', '-')}.safetensors"
        towers = make_label_towers(recipe, self._train, self._hops_s, self._seed)
        if not _restore(towers, path):

            def told(epoch: int, loss: float) -> None:
                self._report(stage, Epoch(epoch, recipe.epochs, loss, math.nan))

            towers = fit_labels(recipe, self._train, self._hops_s, self._seed, told)
            _keep(towers, path)
        return towers.eval(), recipe.weight

    def _residual(
        self, role: str, number: int, recipe: ResidualRecipe, teacher: Scores | None = None
    ) -> tuple[ResidualTowers, float]:
        fit = ResidualFit(
            recipe,
            self._train,
            self._held_out,
            self._hops_s,
            self._seed + number + (1000 if teacher else 0),
            self._work / f"{role}-{number}.checkpoint",
            teacher,
            self._recipe.hard_share,
        )
        count = len(self._recipe.residuals if role == "member" else self._recipe.teachers)
        towers = fit.run(lambda epoch: self._report(f"{role} {number + 1} of {count}", epoch))
        return towers, fit.scale


def fit_joined(recipe: JoinedRecipe, run: TrainingRun) -> FittedMetric:
    """Train our metric; its shape is that of the recipe, for the labels and the number of pairs there are."""
    return JoinedFit(recipe, run.train, run.held_out, run.hops_s, run.seed, run.work, run.report).run()


class PlainTowers:
    """A joined metric's towers before the hub correction, as `ranks.Towers`."""

    def __init__(self, metric: JoinedMetric) -> None:
        self.video = metric.plain_video
        self.audio = metric.plain_audio


def joined_scores(
    teachers: list[tuple[ResidualTowers, float]], labels: tuple[LabelTowers, float] | None = None
) -> Scores:
    """The weighted mean of the teachers' similarities of a batch, at the nets' mean inverse temperature, [N, N].

    `teachers`: nets, each of weight 1, and their inverse temperatures; `labels`: label towers and their weight.
    """
    scale = sum(each for _, each in teachers) / len(teachers)
    weighted: list[tuple[ResidualTowers | LabelTowers, float]] = [(towers, 1.0) for towers, _ in teachers]
    if labels:
        weighted.append(labels)
    whole = sum(weight for _, weight in weighted)

    def scores(batch: Batch) -> Tensor:
        total: Tensor = torch.zeros(())
        for towers, weight in weighted:
            with reduced_precision():
                video = towers.video(batch.video.rows, batch.video.mask)
                audio = towers.audio(batch.audio.rows, batch.audio.mask)
            total = total + weight / whole * (video @ audio.T)
        return scale * total

    return scores


def _keep(module: nn.Module, path: Path) -> None:
    staged = path.with_suffix(".part")
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, staged)
    staged.replace(path)


def _restore(module: nn.Module, path: Path) -> bool:
    """Whether the path held this module's weights; they are loaded then."""
    try:
        module.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError):
        return False
    return True
