"""`open_data`: the argument of `--data`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.datasets import LICENCES, READERS, open_data
from edgeseg.errors import SystemSetupError, UsageError


@pytest.mark.parametrize(
    "spec", ["drive", "drive:", "retina:x", ":x", "", "synthetic", "synthetic:", "DRIVE:x"]
)
def test_open_data_invalid_spec_lists_valid_names(spec: str) -> None:
    with pytest.raises(UsageError) as error:
        open_data(spec, "test")
    for name in [*READERS, "synthetic"]:
        assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_open_data_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError, match="nowhere"):
        open_data(f"drive:{tmp_path / 'nowhere'}", "test")


def test_open_data_expands_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SystemSetupError, match="Expected layout") as error:
        open_data("drive:~", "test")
    assert str(error.value).startswith(str(tmp_path))


def test_every_data_set_has_a_licence() -> None:
    assert set(LICENCES) == {*READERS, "synthetic"}
