import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torchvision.models import inception_v3

from needledrop.errors import BundleError
from video_extractor.weights import StateDict, read_state_dict

KERNEL = "Conv2d_1a_3x3.conv.weight"


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def light_state() -> StateDict:
    """Official names and shapes, each tensor one number seen everywhere: a small file."""
    with torch.device("meta"):
        network = inception_v3(weights=None, init_weights=False)
    wanted = network.state_dict()
    return {key: torch.zeros((), dtype=value.dtype).expand(value.shape) for key, value in wanted.items()}


def saved(path: Path, state: object) -> Path:
    torch.save(state, path / "weights.pth")
    return path / "weights.pth"


def test_a_torch_file_and_a_safetensors_file_give_the_same_weights(weights: StateDict, tmp_path: Path) -> None:
    safetensors.torch.save_file(weights, tmp_path / "weights.safetensors")
    from_torch = read_state_dict(saved(tmp_path, weights))
    from_safetensors = read_state_dict(tmp_path / "weights.safetensors")
    assert from_torch.keys() == from_safetensors.keys() == weights.keys()
    assert all(torch.equal(from_torch[key], weights[key]) for key in weights)
    assert all(torch.equal(from_safetensors[key], weights[key]) for key in weights)


def test_a_file_older_than_the_batch_counters_is_read(tmp_path: Path) -> None:
    state = {key: value for key, value in light_state().items() if not key.endswith("num_batches_tracked")}
    assert read_state_dict(saved(tmp_path, state)).keys() == light_state().keys()


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    state = light_state() | {KERNEL: torch.full((32, 3, 3, 3), 0.5, dtype=torch.float16)}
    read = read_state_dict(saved(tmp_path, state))[KERNEL]
    assert read.dtype == torch.float32
    assert (read == 0.5).all()


def test_weights_that_are_missing_or_unknown_are_named(tmp_path: Path) -> None:
    state = light_state()
    state["Conv2d_1a_3x3.conv.kernel"] = state.pop(KERNEL)
    with pytest.raises(BundleError, match=r"lacks Conv2d_1a_3x3\.conv\.weight; .* Conv2d_1a_3x3\.conv\.kernel"):
        read_state_dict(saved(tmp_path, state))


def test_a_weight_of_another_shape_is_named(tmp_path: Path) -> None:
    state = light_state() | {"fc.weight": torch.zeros(1008, 2048)}
    with pytest.raises(BundleError, match=r"fc\.weight of shape \[1008, 2048\], not \[1000, 2048\]"):
        read_state_dict(saved(tmp_path, state))


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / "weights.pth"
    for write in (lambda: torch.save({KERNEL: Trap(mark)}, path), lambda: path.write_bytes(pickle.dumps(Trap(mark)))):
        write()
        with pytest.raises(BundleError, match=r"weights\.pth"):
            read_state_dict(path)
        assert not mark.exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"PK\3\4 and no more", None])
def test_a_file_that_holds_no_weights_is_a_bundle_error(tmp_path: Path, name: str, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(BundleError, match=name):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize("state", [[torch.zeros(1)], {"epoch": 3}, torch.zeros(2)])
def test_a_torch_file_that_is_no_state_dict_is_a_bundle_error(tmp_path: Path, state: object) -> None:
    with pytest.raises(BundleError, match="not a state dict"):
        read_state_dict(saved(tmp_path, state))
