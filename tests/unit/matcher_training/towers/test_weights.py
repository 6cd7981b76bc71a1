import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from matcher_training.towers.reference import make_reference
from matcher_training.towers.weights import load_weights, pack, save_weights, to_steps, unpack
from needledrop.errors import BundleError
from needledrop.metric_kind import MetricKind


class Planted:
    """Unpickling one of these makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.trace), "w"))


@pytest.mark.parametrize("kind", [MetricKind.VA_METRIC, MetricKind.VA_METRIC2])
def test_saved_weights_load_into_another_metric(tmp_path: Path, kind: MetricKind) -> None:
    saved, loaded = make_reference(kind), make_reference(kind)
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
        load_weights(make_reference(MetricKind.VA_METRIC2), path)

    assert not trace.exists()


def test_missing_extra_misshapen_and_infinite_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "metric.safetensors"
    good = {name: tensor.clone() for name, tensor in make_reference(MetricKind.VA_METRIC2).state_dict().items()}
    bad = [
        {name: tensor for name, tensor in good.items() if name != "fc.bias"},
        good | {"more": torch.zeros(1)},
        good | {"fc.weight": good["fc.weight"].T.contiguous()},
        good | {"fc.bias": torch.full((96,), torch.inf)},
    ]
    save_file(good, path)
    load_weights(make_reference(MetricKind.VA_METRIC2), path)

    for tensors in bad:
        save_file(tensors, path)
        with pytest.raises(BundleError):
            load_weights(make_reference(MetricKind.VA_METRIC2), path)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8])
def test_stored_in_few_bits_a_matrix_takes_its_share_and_is_off_by_half_a_step_but_for_its_largest(
    tmp_path: Path, bits: int
) -> None:
    saved, loaded = make_reference(MetricKind.VA_METRIC2), make_reference(MetricKind.VA_METRIC2)
    torch.nn.init.normal_(saved.get_parameter("vfc.weight"))
    save_weights(saved, tmp_path / "whole.safetensors")
    save_weights(saved, tmp_path / "compact.safetensors", bits)
    load_weights(loaded, tmp_path / "compact.safetensors")

    whole, compact = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "compact"))
    assert compact < (bits / 32 + 0.03) * whole
    stored = load_file(tmp_path / "compact.safetensors")
    for name, tensor in saved.state_dict().items():
        off = (loaded.state_dict()[name] - tensor).abs()
        step = stored.get(name + ".step", torch.zeros(()))
        inside = tensor.abs() <= (2 ** (bits - 1) - 0.5) * step if tensor.ndim == 2 else torch.ones_like(off).bool()
        assert bool((off <= step / 2 + 1e-6)[inside].all())
        assert float(inside.float().mean()) > {2: 0.6, 3: 0.8}.get(bits, 0.95)


@pytest.mark.parametrize(("bits", "most"), [(2, 0.6), (3, 0.25), (4, 0.12), (5, 0.065), (6, 0.04), (8, 0.012)])
def test_what_rounding_to_few_bits_costs_a_normal_matrix_is_near_the_least_possible(bits: int, most: float) -> None:
    matrix = torch.randn(64, 1024, generator=torch.Generator().manual_seed(0))
    numbers, step = to_steps(matrix, bits)
    assert float((numbers * step - matrix).square().mean().sqrt()) < most


@pytest.mark.parametrize("columns", [1, 13, 128])
@pytest.mark.parametrize("bits", [2, 3, 5, 7])
def test_packed_numbers_are_unpacked_as_they_were(bits: int, columns: int) -> None:
    most = 2 ** (bits - 1) - 1
    numbers = torch.randint(-most, most + 1, (9, columns), dtype=torch.int8)
    packed = pack(numbers, bits)
    assert packed.shape == (9, bits * -(-columns // 8))
    assert torch.equal(unpack(packed, columns), numbers)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_compact_matrix_whose_steps_are_missing_or_misshapen_is_refused(tmp_path: Path, bits: int) -> None:
    metric, path = make_reference(MetricKind.VA_METRIC2), tmp_path / "metric.safetensors"
    save_weights(metric, path, bits)
    whole = load_file(path)
    narrow = whole["vfc.weight"][:, 1:].contiguous()
    for change in ({"vfc.weight.step": whole["vfc.weight.step"][1:]}, {"vfc.weight": narrow}):
        save_file(whole | change, path)
        with pytest.raises(BundleError, match="vfc"):
            load_weights(metric, path)
