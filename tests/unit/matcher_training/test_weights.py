import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from matcher_training.towers import MetricKind, make_metric
from matcher_training.weights import load_weights, save_weights
from needledrop.errors import BundleError


class Planted:
    """Unpickling one of these makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.trace), "w"))


@pytest.mark.parametrize("kind", list(MetricKind))
def test_saved_weights_load_into_another_metric(tmp_path: Path, kind: MetricKind) -> None:
    saved, loaded = make_metric(kind), make_metric(kind)
    save_weights(saved, tmp_path / "metric.safetensors")

    load_weights(loaded, tmp_path / "metric.safetensors")

    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


@pytest.mark.parametrize("writer", [pickle.dump, torch.save])
def test_a_pickle_in_disguise_is_refused_and_never_run(tmp_path: Path, writer: object) -> None:
    trace, path = tmp_path / "trace", tmp_path / "metric.safetensors"
    with path.open("wb") as file:
        writer({"fc.weight": Planted(trace)}, file)  # type: ignore[operator]

    with pytest.raises(BundleError):
        load_weights(make_metric(MetricKind.VA_METRIC2), path)

    assert not trace.exists()


def test_missing_extra_misshapen_and_infinite_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "metric.safetensors"
    good = {name: tensor.clone() for name, tensor in make_metric(MetricKind.VA_METRIC2).state_dict().items()}
    bad = [
        {name: tensor for name, tensor in good.items() if name != "fc.bias"},
        good | {"more": torch.zeros(1)},
        good | {"fc.weight": good["fc.weight"].T.contiguous()},
        good | {"fc.bias": torch.full((96,), torch.inf)},
    ]
    save_file(good, path)
    load_weights(make_metric(MetricKind.VA_METRIC2), path)

    for tensors in bad:
        save_file(tensors, path)
        with pytest.raises(BundleError):
            load_weights(make_metric(MetricKind.VA_METRIC2), path)
