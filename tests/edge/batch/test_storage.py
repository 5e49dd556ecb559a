"""Photographs and results in remote storage: unreliable HTTP servers, and S3."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from edgeseg.batch.parts import read_entries
from edgeseg.errors import PhotoError, UsageError

pytest.importorskip("fsspec", reason="needs the extra 'cluster'")
pytest.importorskip("aiohttp", reason="needs the extra 'cluster'")

from edgeseg.batch import storage, storage_systems

BATCH = [sys.executable, "-m", "edgeseg", "batch"]


class UnreliableStore(BaseHTTPRequestHandler):
    """Server of `files`. Some names always fail, and some requests fail once."""

    files: ClassVar[dict[str, bytes]] = {}
    targets: ClassVar[dict[str, str]] = {}
    requests: ClassVar[Counter[str]] = Counter()
    lock = threading.Lock()

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        with self.lock:
            self.requests[name] += 1
            total = self.requests.total()
        if name not in self.files:
            self.send_error(404)
            return
        if "down" in name or (total % 10 == 0 and "manifest" not in name):
            self.send_error(503)
            return
        if "denied" in name:
            self.send_error(403)
            return
        if "redirect" in name:
            self.send_response(302)
            self.send_header("Location", self.targets[name])
            self.end_headers()
            return
        if "reset" in name and self.requests[name] == 1:
            reset = struct.pack("ii", 1, 0)  # close without waiting
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            self.close_connection = True
            return
        if "slow" in name:
            time.sleep(1.5)
        data = self.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        is_cut = "truncated" in name or ("once" in name and self.requests[name] == 1)
        with suppress(ConnectionError):  # the client has given up
            self.wfile.write(data[: len(data) // 2] if is_cut else data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of a server that serves `UnreliableStore.files`."""
    UnreliableStore.files = {}
    UnreliableStore.requests = Counter()
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.01)
    server = ThreadingHTTPServer(("127.0.0.1", 0), UnreliableStore)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_read_file_repeats_failed_and_truncated_requests(store: str) -> None:
    UnreliableStore.files = {f"once{number}": bytes(range(200)) for number in range(10)}
    for name, data in UnreliableStore.files.items():
        assert storage.read_file(f"{store}/{name}") == data


def test_read_file_repeats_reset_connections_and_follows_redirects(store: str) -> None:
    UnreliableStore.files = {"reset": b"1" * 100, "redirect": b""}
    UnreliableStore.targets = {"redirect": f"{store}/reset".replace("127.0.0.1", "localhost")}
    assert storage.read_file(f"{store}/redirect") == b"1" * 100


def test_redirect_to_a_host_without_encryption_is_not_followed(store: str) -> None:
    UnreliableStore.files = {"redirect": b""}
    UnreliableStore.targets = {"redirect": "http://192.0.2.1/photograph.png"}
    with pytest.raises(storage.StorageError) as caught:
        storage.read_file(f"{store}/redirect")
    assert "not encrypted" in str(caught.value)
    assert UnreliableStore.requests["redirect"] == 1


@pytest.mark.parametrize("name", ["down", "truncated", "denied", "missing"])
def test_photograph_that_cannot_be_read_fails_with_its_url(store: str, name: str) -> None:
    UnreliableStore.files = {"down": b"1" * 100, "truncated": b"1" * 100, "denied": b"1"}
    with pytest.raises(PhotoError) as caught:
        storage.read_remote_photograph(f"{store}/{name}")
    assert caught.value.code == "unreadable"
    assert f"{store}/{name}" in str(caught.value)
    attempts = 1 if name in ("denied", "missing") else storage.ATTEMPTS
    assert UnreliableStore.requests[name] in (attempts, attempts + 1)  # every tenth request fails


def test_photograph_that_is_too_large_is_rejected(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeseg.imaging import photo

    monkeypatch.setattr(photo, "MAX_FILE_BYTES", 1 << 20)
    UnreliableStore.files = {"large": bytes(3 << 20)}
    with pytest.raises(PhotoError) as caught:
        storage.read_remote_photograph(f"{store}/large")
    assert caught.value.code == "too_large"


def test_slow_store_is_reported_as_error(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_systems, "READ_S", 0.2)
    monkeypatch.setattr(storage, "ATTEMPTS", 2)
    UnreliableStore.files = {"slow": b"1"}
    with pytest.raises(PhotoError) as caught:
        storage.read_remote_photograph(f"{store}/slow")
    assert caught.value.code == "unreadable"


def test_output_over_http_is_rejected() -> None:
    from edgeseg.batch.remote_output import RemoteOutput

    with pytest.raises(UsageError):
        RemoteOutput("https://host.example/out")


def test_local_paths_import_neither_fsspec_nor_distributed() -> None:
    program = (
        "import edgeseg.batch.run_job, edgeseg.batch.worker, edgeseg.commands.batch, sys;"
        "sys.exit(bool({'fsspec', 'distributed', 'aiohttp', 'dask'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def run_batch(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BATCH, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_unreliable_store_fails_only_unreadable_photographs(
    store: str, tmp_path: Path, photographs: list[bytes]
) -> None:
    names = [f"eye{number}.png" for number in range(12)] + ["once.png", "down.png", "truncated.png"]
    UnreliableStore.files = {
        f"in/{name}": photographs[number % 3] for number, name in enumerate(names)
    }
    (tmp_path / "in").mkdir()
    for name in names:
        is_readable = name not in ("down.png", "truncated.png")
        data = UnreliableStore.files[f"in/{name}"]
        (tmp_path / "in" / name).write_bytes(data if is_readable else data[:50])
    manifest = "path\n" + "".join(f"in/{name}\n" for name in names)
    (tmp_path / "manifest.csv").write_text(manifest)
    UnreliableStore.files["manifest.csv"] = manifest.encode()
    common = ["--workers", "2", "--threads", "1"]
    local = run_batch(tmp_path / "manifest.csv", "-o", tmp_path / "local", *common)
    remote = run_batch(f"{store}/manifest.csv", "-o", tmp_path / "remote", *common)
    assert (local.returncode, remote.returncode) == (3, 3), remote.stderr
    failed = {
        entry.records[0].source.rpartition("/")[2]: entry.records[0].reasons
        for entry in read_entries(tmp_path / "remote")
        if entry.records[0].status == "failed"
    }
    assert failed == {"down.png": ("unreadable",), "truncated.png": ("unreadable",)}
    masks = sorted((tmp_path / "local").rglob("*_vessels.png"))
    assert len(masks) == 13
    for mask in masks:
        other = tmp_path / "remote" / mask.relative_to(tmp_path / "local")
        assert pixels(other) == pixels(mask)


def pixels(file: Path) -> bytes:
    """Return the pixels of a mask file, without the metadata, which contains a file name."""
    from edgeseg.imaging.photo import read_mask

    return read_mask(file).tobytes()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an empty bucket of a local S3 server."""
    pytest.importorskip("moto.server", reason="needs the extra 'dev'")
    pytest.importorskip("s3fs", reason="needs the extra 'cluster'")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import fsspec
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    name = f"cohort-{os.urandom(4).hex()}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.slow
def test_create_file_keeps_an_existing_file(bucket: str) -> None:
    assert storage.create_file(f"{bucket}/job.json", b"first")
    assert not storage.create_file(f"{bucket}/job.json", b"second")
    assert storage.read_file(f"{bucket}/job.json") == b"first"
    storage.write_file(f"{bucket}/job.json", b"third")
    assert storage.read_file(f"{bucket}/job.json") == b"third"
    assert storage.list_files(f"{bucket}/nothing") == []


@pytest.mark.slow
@pytest.mark.parametrize("executor", [["--workers", "2"], ["--dask", "local:2"]])
def test_job_in_s3_gives_the_results_of_a_local_job(
    bucket: str, tmp_path: Path, photographs: list[bytes], executor: list[str]
) -> None:
    (tmp_path / "in" / "b").mkdir(parents=True)
    for number in range(6):
        name = f"b/eye{number}.png" if number % 2 else f"eye{number}.png"
        (tmp_path / "in" / name).write_bytes(photographs[number % 3])
        storage.write_file(f"{bucket}/in/{name}", photographs[number % 3])
    local = run_batch(tmp_path / "in", "-o", tmp_path / "out", "--workers", "2", "--threads", "1")
    assert local.returncode == 0, local.stderr
    arguments = [f"{bucket}/in", "-o", f"{bucket}/out", "--threads", "1", *executor]
    remote = run_batch(*arguments)
    assert remote.returncode == 0, remote.stderr
    assert "the-secret" not in remote.stderr + remote.stdout
    assert "the-key" not in remote.stderr + remote.stdout
    for mask in (tmp_path / "out").rglob("*_vessels.png"):
        copy = tmp_path / "copy.png"
        name = mask.relative_to(tmp_path / "out").as_posix()
        copy.write_bytes(storage.read_file(f"{bucket}/out/{name}"))
        assert pixels(copy) == pixels(mask)
    table = storage.read_file(f"{bucket}/out/results.csv").decode()
    assert (
        table.replace(f"{bucket}/in", str(tmp_path / "in"))
        == (tmp_path / "out" / "results.csv").read_text()
    )
    parts = [name for name in storage.list_files(f"{bucket}/out") if "/parts/" in name]
    assert len(parts) == 6
    import fsspec

    fsspec.filesystem("s3").rm(parts[2].removeprefix("s3://"))
    assert run_batch(*arguments).returncode == 2
    resumed = run_batch("-o", f"{bucket}/out", "--resume", *executor)
    assert resumed.returncode == 0, resumed.stderr
    assert storage.read_file(f"{bucket}/out/results.csv").decode() == table


def test_store_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.01)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    for action in (storage.list_files, storage.match_files, storage.read_file):
        with pytest.raises(storage.StorageError) as caught:
            action(f"sftp://user@127.0.0.1:{port}/in")
        assert caught.value.exit_code == 7
