"""Listening on a port until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette

from edgeseg.errors import SystemSetupError, UsageError
from edgeseg.system.regular_files import open_regular_file
from edgeseg.system.signals import StopRequest

_MAX_CONNECTIONS = 256
_SHUTDOWN_S = 60  # time to finish the requests in progress


class Address(NamedTuple):
    """Address to listen on.

    Attributes:
        host: name or address of this machine.
        port: TCP port; 0 selects a free port.
    """

    host: str
    port: int


class Certificate(NamedTuple):
    """Certificate for HTTPS.

    Attributes:
        certificate: PEM file with the certificate chain.
        key: PEM file with the private key; None if it is in the same file.
    """

    certificate: Path
    key: Path | None


class _StoppableServer(uvicorn.Server):
    """Server that finishes the current requests and ends after a stop request."""

    def __init__(self, config: uvicorn.Config, stop: StopRequest) -> None:
        super().__init__(config)
        self._stop = stop

    async def on_tick(self, counter: int) -> bool:
        """Return whether the server must stop. This method is called ten times a second."""
        return await super().on_tick(counter) or self._stop.asked

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not handle signals. `stop_by_signals` handles them with documented exit codes."""
        yield


def open_socket(address: Address) -> socket.socket:
    """Bind a socket.

    Raises:
        SystemSetupError: The port is in use, the name is invalid, or the address does not belong
            to this machine.
    """
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, target = found[0]
        return socket.create_server((str(target[0]), address.port), family=family)
    except (OSError, UnicodeError) as error:
        raise SystemSetupError(
            f"{address.host} port {address.port}: cannot listen ({_describe(error)}). "
            "Choose another --host or --port."
        ) from error


def _describe(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):  # an empty label, or a label of more than 63 characters
        return "invalid name"
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno or 0)  # `create_server` appends the address to `strerror`


def serve_application(
    application: Starlette,
    listener: socket.socket,
    stop: StopRequest,
    certificate: Certificate | None = None,
    announce: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a stop is requested. Current requests are finished.

    Args:
        application: ASGI application.
        listener: bound socket. It is closed at the end.
        stop: stop request.
        certificate: certificate for HTTPS; None for HTTP.
        announce: callback that is called before the first request is accepted.

    Raises:
        UsageError: The certificate or its key is invalid.
    """
    # This package logs each invalid form.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        application,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        ssl_certfile=None if certificate is None else certificate.certificate,
        ssl_keyfile=None if certificate is None else certificate.key,
    )
    try:
        for file in _certificate_files(certificate):
            open_regular_file(file).close()  # OpenSSL would wait for a pipe
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise _invalid_certificate(certificate, error) from error
    announce()
    _StoppableServer(config, stop).run([listener])


def _invalid_certificate(certificate: Certificate | None, error: OSError) -> UsageError:
    names = ", ".join(map(str, _certificate_files(certificate)))
    reason = error.strerror or str(error)
    return UsageError(
        f"{names}: not a certificate with its private key in PEM format ({reason}). "
        "Check --certfile and --keyfile."
    )


def _certificate_files(certificate: Certificate | None) -> list[Path]:
    if certificate is None:
        return []
    files = [certificate.certificate, certificate.key]
    return [file for file in files if file is not None]
