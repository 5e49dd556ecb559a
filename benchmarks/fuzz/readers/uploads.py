"""HTTP uploads: body, form and headers of the request."""

import asyncio
import re
import tempfile
from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgeseg.preprocessing.config import preprocessing_preset
from fuzz.reader import NotReadError, Reader
from fuzz.sample_images import FILES
from fuzz.sample_models import make_model_file

if TYPE_CHECKING:
    from starlette.applications import Starlette

_SIZE = 64
_BOUNDARY = b"edgeseg-fuzz"
_NAME = re.compile(rb"[a-z0-9-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_HEAD = b"""\
POST /segment?threshold=0.4&measures=true&um_per_px=7.5&eye=left
host: 127.0.0.1:8000
content-type: image/jpeg
accept: application/json;q=0.9, image/png;q=0.1
origin: http://127.0.0.1:8000
"""
_FORM_HEAD = b"""\
POST /segment
host: 127.0.0.1:8000
content-type: multipart/form-data; boundary=edgeseg-fuzz
"""
_IGNORED = ("time", "timings_ms")


@cache
def _application() -> "Starlette":
    from edgeseg.segmenter import Segmenter  # noqa: PLC0415
    from edgeseg.server.application import create_application  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tiny.fp32.onnx")
        file.write_bytes(make_model_file(preprocessing_preset("edge", _SIZE)))
        return create_application(Segmenter(file, runtime="onnxruntime", threads=1))


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _parse_head(head: bytes) -> dict[str, Any]:
    """Return the ASGI scope of a request.

    Raises:
        NotReadError: An HTTP server would reject this header.
    """
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    headers: list[tuple[bytes, bytes]] = []
    for line in filter(None, lines):
        name, _, value = line.partition(b":")
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise NotReadError("invalid header")
        headers.append((name, value.strip()))
    return {
        "type": "http",
        "method": method.decode("latin-1"),
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }


async def _send(head: bytes, body: bytes) -> tuple[int, bytes]:
    """Return the status and the body of the response."""
    parts = [{"type": "http.request", "body": body, "more_body": False}]
    status, content = 0, b""

    async def receive() -> MutableMapping[str, Any]:
        if parts:
            return dict(parts.pop())
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, content
        status = message.get("status", status)
        content += message.get("body", b"")

    await _application()(_parse_head(head), receive, send)
    return status, content


def _request(head: bytes, body: bytes) -> object:
    status, content = _event_loop().run_until_complete(_send(head, body))
    if 300 <= status < 500:
        raise NotReadError(f"status {status}")
    if status != 200:
        raise RuntimeError(f"status {status}: {content[:500]!r}")
    if not content.startswith(b"["):
        return content
    records = msgspec.json.decode(content, type=list[dict[str, object]])
    return [{key: record[key] for key in record if key not in _IGNORED} for record in records]


def _read_body(data: bytes, _folder: Path) -> object:
    return _request(_HEAD, data)


def _read_form(data: bytes, _folder: Path) -> object:
    return _request(_FORM_HEAD, data)


def _read_head(data: bytes, _folder: Path) -> object:
    return _request(data, FILES["JPEG"]())


def _body(name: str) -> Reader:
    return Reader(name, FILES["JPEG"](), _read_body)


def _form(name: str) -> Reader:
    head = b'Content-Disposition: form-data; name="file"; filename="eye.jpg"\r\n'
    start = b"--" + _BOUNDARY + b"\r\n" + head + b"Content-Type: image/jpeg\r\n\r\n"
    data = start + FILES["JPEG"]() + b"\r\n--" + _BOUNDARY + b"--\r\n"
    return Reader(name, data, _read_form, text=True)


def _head(name: str) -> Reader:
    return Reader(name, _HEAD, _read_head, text=True)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "HTTP, photograph": _body,
    "HTTP, form": _form,
    "HTTP, head of the request": _head,
}
