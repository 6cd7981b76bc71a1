from pathlib import Path

import numpy as np
import pytest
import torch
from tests import made_up

from matcher_training.fit.kinds import KINDS
from matcher_training.fit.run import TrainingRun
from needledrop.metric_kind import MetricKind


def test_every_kind_that_is_declared_can_be_made_and_trained() -> None:
    assert list(KINDS) == list(MetricKind)


@pytest.mark.parametrize("kind", MetricKind)
def test_what_is_trained_loads_into_what_is_made(tmp_path: Path, kind: MetricKind) -> None:
    pairs = made_up.pairs(20, video_dim=8, audio_dim=6)
    entry = KINDS[kind]
    run = TrainingRun(pairs, pairs.take(np.arange(0)), 0, tmp_path, lambda stage, epoch: None)
    trained, shape = entry.fit(entry.choose(pairs), run)
    made = entry.make((8, 6), (1.0, 0.96), shape)
    made.load_state_dict(trained.state_dict())
    rows = torch.randn(3, 4, 8)
    assert torch.equal(made.eval().video(rows), trained.video(rows))
