"""Temporary folder of a command."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from edgeseg.errors import SystemSetupError
from edgeseg.system.scratch_folder import scratch_folder


def test_scratch_folder_is_deleted_after_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, scratch_folder() as folder:
        assert folder.parent == tmp_path
        (folder / "file").touch()
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) == handler


def test_scratch_folder_on_full_disk_raises_setup_error() -> None:
    with pytest.raises(SystemSetupError, match="TMPDIR"), scratch_folder():
        raise OSError(errno.ENOSPC, "No space left on device")
