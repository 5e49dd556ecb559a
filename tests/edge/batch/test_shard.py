"""Locks of shards: one process per shard, and replacement of a lock after its process has ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from edgeseg.batch.job import STATE_FOLDER
from edgeseg.batch.shard import STALE_S, LockHolder, Shard, hold_shard
from edgeseg.errors import SystemSetupError


def write_lock(output: Path, shard: Shard, host: str, pid: int, age_s: float = 0) -> Path:
    folder = output / STATE_FOLDER / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{shard.index}-of-{shard.count}.json"
    started = psutil.Process(pid).create_time() if psutil.pid_exists(pid) else 0.0
    path.write_bytes(msgspec.json.encode(LockHolder(str(shard), host, pid, started)))
    old = time.time() - age_s
    os.utime(path, (old, old))
    return path


def test_second_holder_is_rejected_with_host_and_process(tmp_path: Path) -> None:
    with hold_shard(tmp_path, Shard(1, 3)):
        with pytest.raises(SystemSetupError) as caught, hold_shard(tmp_path, Shard(1, 3)):
            pass
        assert str(os.getpid()) in str(caught.value) and socket.gethostname() in str(caught.value)
        assert caught.value.exit_code == 7
        with hold_shard(tmp_path, Shard(2, 3)):
            pass
        with pytest.raises(SystemSetupError), hold_shard(tmp_path, Shard(1, 1)):
            pass
    with hold_shard(tmp_path, Shard(1, 1)):
        pass


def test_lock_of_process_that_ended_is_replaced(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    write_lock(tmp_path, Shard(1, 2), socket.gethostname(), ended.pid)
    write_lock(tmp_path, Shard(1, 3), socket.gethostname(), ended.pid)
    with hold_shard(tmp_path, Shard(1, 2)):
        pass


def test_locks_that_are_pipes_do_not_block(tmp_path: Path) -> None:
    lock = write_lock(tmp_path, Shard(), "elsewhere", 1)
    lock.unlink()
    os.mkfifo(lock)
    with hold_shard(tmp_path, Shard()):
        pass
    access = lock.with_name("access")
    access.unlink()
    os.mkfifo(access)
    with pytest.raises(SystemSetupError, match="locks"), hold_shard(tmp_path, Shard()):
        pass


def test_lock_of_another_host_is_replaced_only_without_heartbeat(tmp_path: Path) -> None:
    write_lock(tmp_path, Shard(1, 2), "elsewhere", os.getpid())
    with pytest.raises(SystemSetupError) as caught, hold_shard(tmp_path, Shard(1, 2)):
        pass
    assert "elsewhere" in str(caught.value)
    write_lock(tmp_path, Shard(1, 2), "elsewhere", os.getpid(), STALE_S + 5)
    with hold_shard(tmp_path, Shard(1, 2)):
        pass


def test_damaged_lock_is_replaced(tmp_path: Path) -> None:
    write_lock(tmp_path, Shard(), "elsewhere", 1).write_bytes(b"{")
    with hold_shard(tmp_path, Shard()):
        pass


def test_lock_is_renewed_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeseg.batch.shard.HEARTBEAT_S", 0.01)
    path = tmp_path / STATE_FOLDER / "locks" / "1-of-1.json"
    with hold_shard(tmp_path, Shard()):
        os.utime(path, (0, 0))
        while path.stat().st_mtime == 0:
            time.sleep(0.01)
    assert not path.exists()
