"""`edgeseg serve` as a process: start, requests, stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from edgeseg.cli import cli
from edgeseg.commands.serve import TOKEN_VARIABLE
from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.photo import decode_mask, read_mask
from edgeseg.synthetic import generate_photo

Serving = Callable[..., AbstractContextManager[Any]]


def has_ipv6() -> bool:
    """Return whether a socket can listen on the IPv6 loopback address."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_serve_finishes_request_before_it_stops(
    tiny_model: Path, serving: Serving, number: signal.Signals, code: int
) -> None:
    photograph = encode_png(generate_photo(1, 1200).photo)
    with serving("--model", str(tiny_model)) as server, httpx.Client(base_url=server.url) as client:

        def body() -> Iterator[bytes]:
            yield photograph[:1000]
            server.process.send_signal(number)
            yield photograph[1000:]

        response = client.post("/segment", content=body())
        assert response.status_code == 200
        assert response.json()[0]["status"] == "ok"
        assert server.process.wait(60) == code


@pytest.mark.slow
def test_serve_returns_mask_of_run(tiny_model: Path, serving: Serving, tmp_path: Path) -> None:
    eye = tmp_path / "eye.png"
    eye.write_bytes(encode_png(generate_photo(2, 300).photo))
    arguments = ["run", str(eye), "--model", str(tiny_model), "-o", str(tmp_path)]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    with serving("--model", str(tiny_model)) as server:
        response = httpx.post(
            f"{server.url}segment", content=eye.read_bytes(), headers={"Accept": "image/png"}
        )
    assert np.array_equal(decode_mask(response.content), read_mask(tmp_path / "eye_vessels.png"))


@pytest.mark.slow
def test_serve_on_all_addresses_requires_token(tiny_model: Path, serving: Serving) -> None:
    token = "+/%41&=#0123456789abcdef"
    arguments = ("--model", str(tiny_model), "--host", "0.0.0.0", "--allow-host", "[FE80:0::1]")
    with serving(*arguments, **{TOKEN_VARIABLE: token}) as server:
        assert server.process.stderr is not None
        assert "warning" in server.process.stderr.readline()
        address = urlsplit(server.url)
        assert address.hostname == "fe80::1"
        assert parse_qs(address.fragment) == {"token": [token]}
        local = f"http://127.0.0.1:{address.port}/model"
        assert httpx.get(local).status_code == 401
        headers = {"Host": address.netloc, "Authorization": f"Bearer {token}"}
        assert httpx.get(local, headers=headers).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "expected"), [("LocalHost", "localhost"), ("[0:0:0:0:0:0:0:1]", "::1")]
)
def test_serve_prints_normalized_host(
    tiny_model: Path, serving: Serving, host: str, expected: str
) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("IPv6 is disabled")
    with serving("--model", str(tiny_model), "--host", host) as server:
        assert urlsplit(server.url).netloc.rpartition(":")[0].strip("[]") == expected
        assert httpx.get(f"{server.url}model").status_code == 200


@pytest.mark.slow
def test_serve_on_all_addresses_without_names_prints_hint(
    tiny_model: Path, serving: Serving
) -> None:
    with serving("--model", str(tiny_model), "--host", "0.0.0.0") as server:
        assert server.process.stderr is not None
        lines = [server.process.stderr.readline() for _ in range(2)]
    assert "--allow-host" in lines[1]


def test_serve_with_pipe_as_certificate_exits(tiny_model: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem")
    command = ["serve", "--model", str(tiny_model), "--port", "0", "--certfile"]
    result = CliRunner().invoke(cli, [*command, str(tmp_path / "pipe.pem")])
    assert result.exit_code == 2
    assert "pipe.pem" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--keyfile", "key.pem"], 2),
        (["--certfile", "missing.pem", "--port", "0"], 2),
        (["--host", "192.0.2.1"], 7),
        (["--host", "a..b"], 7),
        (["--host", "127.0.0.1:8443", "--model", "missing.onnx"], 2),
        (["--host", f"{64 * 'a'}.example"], 7),
        (["--allow-host", "a.example:8443", "--model", "missing.onnx"], 2),
        (["--allow-host", "https://a.example", "--model", "missing.onnx"], 2),
        (["--threshold", "nan"], 2),
        (["--save", "/dev/null/folder", "--port", "0"], 7),
        (["--save", "/proc", "--port", "0"], 7),  # a folder in which no file can be created
        (["--model", "missing.onnx", "--port", "0"], 6),
    ],
)
def test_serve_with_invalid_option_exits(tiny_model: Path, arguments: list[str], code: int) -> None:
    command = ["serve", "--model", str(tiny_model), *arguments]
    result = CliRunner().invoke(cli, command, env={TOKEN_VARIABLE: "0123456789abcdef"})
    assert result.exit_code == code, result.output
    assert len(result.stderr.splitlines()) <= 4


@pytest.mark.parametrize("token", ["short", " 0123456789abcdef", "0123456789abcd\u00e9f"])
def test_serve_rejects_token_that_no_header_can_contain(token: str) -> None:
    command = ["serve", "--host", "0.0.0.0", "--port", "0", "--model", "missing.onnx"]
    assert CliRunner().invoke(cli, command, env={TOKEN_VARIABLE: token}).exit_code == 2


def test_serve_without_extra_reports_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    for name in list(sys.modules):
        if name.startswith(("starlette.", "edgeseg.server", "edgeseg.commands.serve")):
            monkeypatch.delitem(sys.modules, name)
    result = CliRunner().invoke(cli, ["serve"])
    assert result.exit_code == 7
    assert "'web'" in result.stderr or "[web]" in result.stderr
