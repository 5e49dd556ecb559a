"""Photographs and results on an SFTP server that closes connections."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest

pytest.importorskip("fsspec", reason="needs the extra 'cluster'")
pytest.importorskip("paramiko", reason="needs the extra 'cluster'")

import paramiko
from click.testing import CliRunner

from edgeseg.batch import storage
from edgeseg.batch.storage_systems import close_systems
from edgeseg.commands.batch import batch
from edgeseg.commands.batch_job import merge_shards
from edgeseg.errors import SystemSetupError, UsageError

FolderFiller: TypeAlias = Callable[[Path, int], Path]


class AcceptKey(paramiko.ServerInterface):  # type: ignore[misc]
    """Server policy that accepts one public key for every user."""

    def __init__(self, key: paramiko.PKey) -> None:
        self._key = key

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> object:
        is_known = key.asbytes() == self._key.asbytes()
        return paramiko.AUTH_SUCCESSFUL if is_known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> object:
        return paramiko.OPEN_SUCCEEDED


class LocalFiles(paramiko.SFTPServerInterface):  # type: ignore[misc]
    """Files of this machine. Every `drop_every`-th opened file closes the connection."""

    drop_every = 0
    opened = 0

    def __init__(self, server: AcceptKey, transport: paramiko.Transport) -> None:
        self._transport = transport

    def list_folder(self, path: str) -> object:
        try:
            return [
                paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name)
                for entry in os.scandir(path)
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path: str) -> object:
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def lstat(self, path: str) -> object:
        return self.stat(path)

    def open(self, path: str, flags: int, attr: object) -> object:
        LocalFiles.opened += 1
        if self.drop_every and self.opened % self.drop_every == 0:
            self._transport.close()
            return paramiko.SFTP_FAILURE
        try:
            file = os.fdopen(os.open(path, flags, 0o600), "wb" if flags & os.O_WRONLY else "rb")
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = file
        handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))
        return handle

    def mkdir(self, path: str, attr: object) -> object:
        Path(path).mkdir(exist_ok=True)
        return paramiko.SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> object:
        Path(oldpath).replace(newpath)
        return paramiko.SFTP_OK


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an SFTP server's root folder. The keys are in ~/.ssh of a temporary home folder."""
    LocalFiles.opened = LocalFiles.drop_every = 0
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    host_key, user_key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    user_key.write_private_key_file(str(ssh / "id_ecdsa"))
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    known = f"[127.0.0.1]:{address.rpartition(':')[2]} ecdsa-sha2-nistp256 {host_key.get_base64()}"
    (ssh / "known_hosts").write_text(known + "\n")
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                connection, _ = listener.accept()
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(host_key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, LocalFiles, transport)
                with suppress(paramiko.SSHException, EOFError):  # the client rejects the host
                    transport.start_server(server=AcceptKey(user_key))

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"sftp://user@{address}"
    close_systems(f"sftp://user@{address}")
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for transport in transports:
        transport.close()


def test_files_are_written_and_read_when_the_server_closes_connections(
    sftp: str, tmp_path: Path
) -> None:
    LocalFiles.drop_every = 3
    folder = f"{sftp}{tmp_path}/out"
    assert storage.list_files(folder) == []
    assert storage.create_file(f"{folder}/job.json", b"first")
    assert not storage.create_file(f"{folder}/job.json", b"second")
    for number in range(6):
        storage.write_file(f"{folder}/sub/{number}", bytes([number]))
    for number in range(6):
        assert storage.read_file(f"{folder}/sub/{number}") == bytes([number])
    assert len(storage.list_files(folder)) == 7
    assert len(storage.match_files(f"{folder}/s*/[0-3]")) == 4
    assert storage.list_files(f"{folder}/job.json") == [f"{folder}/job.json"]
    assert LocalFiles.opened > 13


def test_server_with_an_unknown_key_is_rejected(sftp: str, tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "known_hosts").unlink()
    with pytest.raises(storage.StorageError) as caught:
        storage.list_files(f"{sftp}{tmp_path}")
    assert "known_hosts" in str(caught.value)


def test_merge_shards_without_a_job_names_the_remote_folder(sftp: str, tmp_path: Path) -> None:
    with pytest.raises(SystemSetupError) as caught:
        merge_shards(f"{sftp}{tmp_path}/empty", None, None)
    assert str(caught.value).startswith(f"{sftp}{tmp_path}/empty: ")


def test_batch_resume_without_a_job_names_the_remote_folder(sftp: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(batch, ["-o", f"{sftp}{tmp_path}/empty", "--resume"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(f"{sftp}{tmp_path}/empty: ")


@pytest.mark.slow
def test_inputs_and_outputs_on_sftp_are_those_of_a_local_job(
    sftp: str, tmp_path: Path, fill: FolderFiller
) -> None:
    folder = fill(tmp_path / "in", 6)
    LocalFiles.drop_every = 10

    def run(source: str, output: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edgeseg", "batch", source, "-o", output]
        command += ["--workers", "2", "--threads", "1"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    local = run(str(folder), str(tmp_path / "local"))
    remote = run(f"{sftp}{folder}", f"{sftp}{tmp_path}/remote")
    assert (local.returncode, remote.returncode) == (0, 0), remote.stderr
    table = (tmp_path / "remote" / "results.csv").read_text()
    expected = (tmp_path / "local" / "results.csv").read_text()
    assert table.replace(f"{sftp}{folder}", str(folder)) == expected
    assert len(list((tmp_path / "remote").glob("*_vessels.png"))) == 6
