"""Tests of files with a dynamic size at sizes other than the working size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from edgeseg_export.verify.other_sizes import list_other_sizes

RunConvert = Callable[..., Result]

NETWORKS = """
import torch
import torch.nn.functional as F
from torch import nn

class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.last = nn.Conv2d(16, 1, 1)

    def size(self, x):
        return x.shape[2:]

    def forward(self, x):
        x = self.first(x)
        small = F.max_pool2d(x, 2)
        large = F.interpolate(small, size=self.size(x), mode="bilinear", align_corners=False)
        return self.last(x + large)

class Baked(Pyramid):
    def size(self, x):
        return int(x.shape[2]), int(x.shape[3])

class Fixed(Pyramid):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 16, 64, 64))

    def forward(self, x):
        return self.last(self.first(x) + self.position)

class Silent(Pyramid):
    # Computes any size in the file, but with the scale of the working size.
    def forward(self, x):
        return super().forward(x) * (int(x.shape[2]) / 64)
"""


def convert_dynamic(folder: Path, run_convert: RunConvert, name: str) -> Result:
    network_file = folder / "networks.py"
    network_file.write_text(NETWORKS)
    (folder / "config.toml").write_text("size = 64\n")
    namespace: dict[str, Callable[[], nn.Module]] = {}
    exec(NETWORKS, namespace)  # the text above
    torch.manual_seed(0)
    torch.save(namespace[name]().state_dict(), folder / "net.pt")
    arch = f"{network_file}:{name}"
    arguments = ("--arch", arch, "--preprocessing", folder / "config.toml", "--dynamic")
    return run_convert(
        folder / "net.pt", *arguments, "--no-simplify", "--precision", "fp32", "--json"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Pyramid", {"size 128x128": True, "size 64x128": True}),
        ("Baked", {"size 128x128": False}),
        ("Silent", {"size 128x128": False, "size 64x128": True}),
        ("Fixed", {"other sizes": False}),
    ],
)
def test_convert_checks_dynamic_file_at_other_sizes(
    tmp_path: Path, run_convert: RunConvert, name: str, expected: dict[str, bool]
) -> None:
    result = convert_dynamic(tmp_path, run_convert, name)
    (file,) = json.loads(result.stdout)["files"]
    passed = {check["name"]: check["passed"] for check in file["checks"] if "size" in check["name"]}
    assert passed == expected
    assert result.exit_code == (0 if all(expected.values()) else 4)
    assert (tmp_path / "net.fp32.onnx").exists() == all(expected.values())


@given(st.integers(32, 4096))
def test_list_other_sizes_contains_no_working_size(size: int) -> None:
    sizes = list(list_other_sizes(size))
    assert (size, size) not in sizes
    assert len(set(sizes)) == len(sizes) >= 3
    assert min(min(sizes)) >= 16
