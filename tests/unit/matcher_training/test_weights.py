import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from matcher_training.make import make_metric
from matcher_training.towers import MetricKind
from matcher_training.weights import load_weights, save_weights
from needledrop.errors import BundleError


class Planted:
    """Unpickling one of these makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.trace), "w"))


@pytest.mark.parametrize("kind", [MetricKind.VA_METRIC, MetricKind.VA_METRIC2])
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


def test_compact_weights_are_a_quarter_of_the_size_and_off_by_half_a_step_at_most(tmp_path: Path) -> None:
    saved, loaded = make_metric(MetricKind.VA_METRIC2), make_metric(MetricKind.VA_METRIC2)
    save_weights(saved, tmp_path / "whole.safetensors")
    save_weights(saved, tmp_path / "compact.safetensors", compact=True)
    load_weights(loaded, tmp_path / "compact.safetensors")

    assert (tmp_path / "compact.safetensors").stat().st_size < 0.3 * (tmp_path / "whole.safetensors").stat().st_size
    for name, tensor in saved.state_dict().items():
        step = tensor.abs().amax(dim=-1, keepdim=True) / 127
        assert bool(((loaded.state_dict()[name] - tensor).abs() <= step / 2 + 1e-7).all())


def test_a_compact_matrix_whose_steps_are_missing_or_misshapen_is_refused(tmp_path: Path) -> None:
    metric, path = make_metric(MetricKind.VA_METRIC2), tmp_path / "metric.safetensors"
    save_weights(metric, path, compact=True)
    whole = load_file(path)
    narrow = whole["vfc.weight"][:, 1:].contiguous()
    for change in ({"vfc.weight.step": whole["vfc.weight.step"][1:]}, {"vfc.weight": narrow}):
        save_file(whole | change, path)
        with pytest.raises(BundleError, match="vfc"):
            load_weights(metric, path)
