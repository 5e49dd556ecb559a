"""Tests of the search for a network's weights in a checkpoint."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgeseg.errors import EdgesegError, ModelError
from edgeseg_export.safetensors import read_safetensors
from edgeseg_export.state_dict import load_weights

FILE = Path("net.pth")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.last = nn.Conv2d(4, 1, 1)


class Wrapper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = Net()


def make_weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return Net().state_dict()


def add_prefix(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: weight for name, weight in make_weights().items()}


def replace_part(before: str, after: str) -> dict[str, Tensor]:
    return {name.replace(before, after): weight for name, weight in make_weights().items()}


def split_parts(removed: bool) -> dict[str, dict[str, Tensor]]:
    """Split the weights into two parts, as if encoder and decoder were saved separately."""
    parts: dict[str, dict[str, Tensor]] = {"down": {}, "last": {}}
    for name, weight in make_weights().items():
        part = name.partition(".")[0]
        parts[part][name.removeprefix(f"{part}." if removed else "")] = weight
    return parts


@pytest.mark.parametrize(
    "checkpoint",
    [
        make_weights(),
        {"epoch": 3, "params_ema": make_weights()},
        {"model": {"state_dict": make_weights()}},
        {"state_dict": {**add_prefix("model."), "criterion.pos_weight": torch.tensor(3.0)}},
        {"state_dict": {**add_prefix("model."), "val_dice.total": torch.tensor(0.0)}},
        {**make_weights(), "mask_values": [0, 1]},
        split_parts(removed=False),
        {"epoch": 3, "networks": split_parts(removed=False)},
        split_parts(removed=True),
        {**make_weights(), "total_ops": torch.zeros(1), "down.total_params": torch.zeros(1)},
        {**add_prefix("module."), "n_averaged": torch.tensor(4)},
        replace_part("down.", "down._orig_mod."),
        replace_part("down.", "down.module."),
    ],
)
@pytest.mark.parametrize("network", [Net(), Wrapper()])
def test_weights_are_found_under_any_key_and_prefix(
    network: nn.Module, checkpoint: dict[str, object]
) -> None:
    load_weights(network, checkpoint, FILE, "net")
    weights = network.state_dict()
    for name, weight in make_weights().items():
        assert torch.equal(weights[f"net.{name}" if isinstance(network, Wrapper) else name], weight)


def test_load_weights_reports_ignored_entries() -> None:
    checkpoint = {**add_prefix("model."), "criterion.pos_weight": torch.tensor(3.0)}
    assert "criterion.pos_weight" in load_weights(Net(), checkpoint, FILE, "net")
    assert load_weights(Net(), make_weights(), FILE, "net") == ""


def test_weights_option_selects_one_of_several_fits() -> None:
    average = {name: weight + 1 for name, weight in add_prefix("ema_model.").items()}
    checkpoint = {"state_dict": {**add_prefix("model."), **average}}
    with pytest.raises(EdgesegError, match="--weights state_dict/ema_model"):
        load_weights(Net(), checkpoint, FILE, "net")
    network = Net()
    load_weights(network, checkpoint, FILE, "net", "state_dict/ema_model")
    with pytest.raises(EdgesegError, match="state_dict/ema_model"):
        load_weights(network, checkpoint, FILE, "net", "ema")
    assert torch.equal(network.last.weight, average["ema_model.last.weight"])


def test_weights_that_network_lacks_are_rejected_unless_ignored() -> None:
    checkpoint = {**make_weights(), "aux.weight": torch.zeros(3)}
    with pytest.raises(EdgesegError, match=r"--ignore-keys 'aux\*'"):
        load_weights(Net(), checkpoint, FILE, "net")
    load_weights(Net(), checkpoint, FILE, "net", ignored=("aux*",))
    checkpoint["head.bias"] = torch.zeros(3)
    with pytest.raises(EdgesegError, match=r"--ignore-keys 'aux\*' --ignore-keys 'head\*'"):
        load_weights(Net(), checkpoint, FILE, "net")


def test_checkpoint_without_weights_lists_its_keys() -> None:
    with pytest.raises(EdgesegError, match="epoch, optimizer"):
        load_weights(Net(), {"epoch": 3, "optimizer": {}}, FILE, "net")


def test_safetensors_file_is_read(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    data = torch.tensor([1.0, 2.0]).numpy().tobytes()
    file = tmp_path / "net.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + data)
    (weight,) = read_safetensors(file).values()
    assert isinstance(weight, Tensor)
    assert weight.tolist() == [1, 2]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(EdgesegError, match=r"net\.safetensors"):
        read_safetensors(file)


def test_safetensors_file_with_huge_dimension_is_rejected(tmp_path: Path) -> None:
    header = f'{{"a":{{"dtype":"F32","shape":[{2**70},0],"data_offsets":[0,0]}}}}'.encode()
    file = tmp_path / "net.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match=r"net\.safetensors"):
        read_safetensors(file)
