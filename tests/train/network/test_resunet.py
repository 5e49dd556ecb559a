"""Architectures: the published network and the compact networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeseg.errors import ModelError
from edgeseg.preprocessing.config import preprocessing_preset
from edgeseg_train.network.resunet import (
    ARCHITECTURES,
    Architecture,
    ResUNet,
    architecture_by_name,
    build_network,
    count_gmac,
    count_parameters,
    normalise_photo,
)

COMPACT = [name for name in ARCHITECTURES if name != "resunet-deeper"]


def shapes_only(name: str) -> ResUNet:
    """Return a network on the `meta` device, without memory for weights."""
    with torch.device("meta"):
        return build_network(architecture_by_name(name))


def published_names() -> set[str]:
    """Return the keys of the published state dict, from its description."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = {
        "input_layer.0.weight",
        *(f"input_layer.1.{part}" for part in norm),
        "output.weight",
        "output.bias",
    }
    blocks = {
        f"{kind}{level}_{k}"
        for kind in ("encoder", "decoder")
        for level in (1, 2, 3, 4)
        for k in (1, 2)
    }
    changing = (
        {f"encoder{level}_1" for level in (2, 3, 4)}
        | {f"decoder{level}_1" for level in (1, 2, 3, 4)}
        | {"bridge1"}
    )
    for block in blocks | {"bridge1", "bridge2"}:
        names |= {f"{block}.conv1.weight", f"{block}.conv2.weight"}
        names |= {f"{block}.{bn}.{part}" for bn in ("bn1", "bn2") for part in norm}
        if block in changing:
            names |= {
                f"{block}.shortcut.0.weight",
                *(f"{block}.shortcut.1.{part}" for part in norm),
            }
    return names | {
        f"upconv{level}.{part}" for level in (1, 2, 3, 4) for part in ("weight", "bias")
    }


def test_resunet_deeper_has_published_weights() -> None:
    network = shapes_only("resunet-deeper")
    weights = network.state_dict()
    assert set(weights) == published_names()
    assert weights["input_layer.0.weight"].shape == (64, 3, 7, 7)
    assert weights["bridge1.conv1.weight"].shape == (1024, 512, 3, 3)
    assert weights["upconv4.weight"].shape == (1024, 512, 2, 2)
    assert weights["decoder4_1.conv1.weight"].shape == (512, 1024, 3, 3)
    assert weights["output.weight"].shape == (1, 64, 1, 1)
    assert network.dropout.p == 0.2
    assert isinstance(network.dropout, nn.Dropout2d)


def test_resunet_deeper_has_published_complexity() -> None:
    network = shapes_only("resunet-deeper")
    assert count_parameters(network) == pytest.approx(63.9e6, rel=1e-3)
    assert count_gmac(network, 512) == pytest.approx(389, rel=1e-3)


def test_resunet_forward_pass_matches_description() -> None:
    """Compare a small network with an implementation of the published description."""
    torch.manual_seed(0)
    network = build_network(
        Architecture("sibling", (4, 8, 12, 16), 20, 2, 1, "transposed", 0.2, 32)
    ).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
            assert module.running_mean is not None
            module.running_mean.normal_(0, 0.2)
    photo = torch.randn(2, 3, 48, 32)
    with torch.inference_mode():
        assert torch.allclose(network(photo), as_described(network.state_dict(), photo), atol=1e-4)


def as_described(weights: Mapping[str, Tensor], photo: Tensor) -> Tensor:
    """Compute the forward pass according to the published description."""

    def norm(name: str, x: Tensor) -> Tensor:
        mean, var, scale, shift = (
            weights[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, scale, shift)

    def block(name: str, x: Tensor) -> Tensor:
        y = norm(
            f"{name}.bn1", functional.conv2d(x, weights[f"{name}.conv1.weight"], padding=1)
        ).relu()
        y = norm(f"{name}.bn2", functional.conv2d(y, weights[f"{name}.conv2.weight"], padding=1))
        if f"{name}.shortcut.0.weight" in weights:
            x = norm(
                f"{name}.shortcut.1", functional.conv2d(x, weights[f"{name}.shortcut.0.weight"])
            )
        return (y + x).relu()

    x = norm(
        "input_layer.1", functional.conv2d(photo, weights["input_layer.0.weight"], padding=3)
    ).relu()
    skips = []
    for level in (1, 2, 3, 4):
        x = block(f"encoder{level}_2", block(f"encoder{level}_1", x))
        skips.append(x)
        x = functional.max_pool2d(x, 2)
    x = block("bridge2", block("bridge1", x))
    for level in (4, 3, 2, 1):
        x = functional.conv_transpose2d(
            x, weights[f"upconv{level}.weight"], weights[f"upconv{level}.bias"], stride=2
        )
        x = block(
            f"decoder{level}_2", block(f"decoder{level}_1", torch.cat([x, skips[level - 1]], dim=1))
        )
    return functional.conv2d(x, weights["output.weight"], weights["output.bias"])


@pytest.mark.parametrize(
    ("name", "millions", "giga"),
    [
        ("tiny", 0.11, 0.58),
        ("compact", 1.01, 3.71),
        ("lean", 0.98, 3.66),
        ("compact-fine", 0.75, 5.61),
        ("compact-wide", 1.71, 7.55),
    ],
)
def test_compact_architecture_has_at_most_a_fiftieth_of_the_gmacs(
    name: str, millions: float, giga: float
) -> None:
    network = shapes_only(name)
    architecture = architecture_by_name(name)
    assert count_parameters(network) / 1e6 == pytest.approx(millions, rel=0.02)
    assert count_gmac(network, architecture.size) == pytest.approx(giga, rel=0.01)
    assert count_gmac(network, architecture.size) <= 389 / 50


def test_compact_architectures_are_all_tested() -> None:
    assert COMPACT == ["tiny", "compact", "lean", "compact-fine", "compact-wide"]


@pytest.mark.parametrize("name", COMPACT)
def test_compact_architecture_returns_one_logit_per_pixel(name: str) -> None:
    architecture = architecture_by_name(name)
    network = build_network(architecture).eval()
    height, width = 2 * architecture.multiple, 3 * architecture.multiple
    with torch.inference_mode():
        logits = network(torch.rand(2, 3, height, width))
    assert logits.shape == (2, 1, height, width)
    assert logits.isfinite().all()
    assert logits.std() > 0


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_network_rejects_size_that_is_not_a_multiple(name: str) -> None:
    network = shapes_only(name).eval()
    architecture = architecture_by_name(name)
    assert architecture.size % architecture.multiple == 0
    side = architecture.multiple
    with torch.inference_mode():
        logits = network(torch.zeros(1, 3, side, side, device="meta"))
        assert logits.shape == (1, 1, side, side)
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 3, side + side // 2, side, device="meta"))


@pytest.mark.parametrize("name", COMPACT)
def test_backward_gives_every_weight_a_gradient(name: str) -> None:
    architecture = architecture_by_name(name)
    network = build_network(architecture).train()
    side = 2 * architecture.multiple
    network(torch.rand(2, 3, side, side)).square().mean().backward()
    for weight, parameter in network.named_parameters():
        assert parameter.grad is not None, weight
        assert parameter.grad.any(), weight


def test_pixel_shuffle_matches_transposed_convolution() -> None:
    """The upsampling of the compact networks can represent the published upsampling."""
    transposed = nn.ConvTranspose2d(6, 4, 2, stride=2)
    shuffle = nn.Sequential(nn.Conv2d(6, 16, 1), nn.PixelShuffle(2))
    convolution = shuffle[0]
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    assert transposed.bias is not None
    with torch.no_grad():
        convolution.weight.copy_(transposed.weight.permute(1, 2, 3, 0).reshape(16, 6, 1, 1))
        convolution.bias.copy_(transposed.bias.repeat_interleave(4))
        x = torch.randn(1, 6, 5, 7)
        assert torch.allclose(shuffle(x), transposed(x), atol=1e-5)


def test_architecture_by_name_with_unknown_name_lists_names() -> None:
    with pytest.raises(ModelError, match="compact"):
        architecture_by_name("resnet")


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": ()},
        {"widths": (8,) * 9},
        {"widths": (10**9,)},
        {"widths": (8, 0)},
        {"widths": (8, 8.5)},
        {"bridge": -1},
        {"blocks": 10**9},
        {"blocks": 0},
        {"stem": 3},
        {"up": "nearest"},
        {"dropout": 1.5},
        {"dropout": float("nan")},
        {"size": 0},
    ],
)
def test_architecture_with_invalid_value_is_rejected(changes: dict[str, object]) -> None:
    plain: dict[str, object] = {"name": "x", "widths": (8, 16), "bridge": 16}
    with pytest.raises(msgspec.ValidationError, match=next(iter(changes))):
        msgspec.convert(plain | changes, Architecture)


def test_normalise_photo_subtracts_mean_and_divides_by_std() -> None:
    config = replace(preprocessing_preset("reference"), mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    normalised = normalise_photo(torch.ones(2, 3, 4, 5), config)
    assert normalised[0, :, 0, 0].tolist() == [1.0, 3.0, 0.5]


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.Conv2d(3, 16, 3, padding=1), 32 * 32 * 16 * 3 * 9),
        (nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), 16 * 16 * 16 * 3 * 9),
        (nn.ConvTranspose2d(3, 8, 2, stride=2), 32 * 32 * 3 * 8 * 4),
        (nn.MaxPool2d(2), 0),
    ],
)
def test_count_gmac_of_single_layer_matches_manual_calculation(layer: nn.Module, macs: int) -> None:
    assert count_gmac(layer, 32) * 1e9 == pytest.approx(macs)


def test_count_gmac_does_not_change_the_network() -> None:
    network = build_network(architecture_by_name("tiny")).train()
    before = {key: weight.clone() for key, weight in network.state_dict().items()}
    count_gmac(network, 64)
    assert network.training
    assert all(torch.equal(weight, before[key]) for key, weight in network.state_dict().items())
