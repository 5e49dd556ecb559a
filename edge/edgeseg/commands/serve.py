"""`edgeseg serve`: local web page and HTTP API."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from edgeseg.commands.options import model_options, threshold_option
from edgeseg.console import print_line
from edgeseg.errors import UsageError
from edgeseg.server.application import create_application
from edgeseg.server.listening import Address, Certificate, open_socket, serve_application
from edgeseg.server.middleware import LOOPBACK_NAMES
from edgeseg.system.allocator import return_freed_memory
from edgeseg.system.hosts import is_loopback
from edgeseg.system.signals import stop_by_signals
from edgeseg.system.standard_streams import divert_stdout

if TYPE_CHECKING:
    from edgeseg.models.catalog import PrecisionChoice
    from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice

TOKEN_VARIABLE = "EDGESEG_TOKEN"  # noqa: S105 - a name

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104


def _normalize_host(name: str) -> str:
    """Return a name in lower case, or an IPv6 address in its short form without brackets."""
    name = name.lower().strip("[]")
    if ":" not in name:
        return name
    try:
        return str(ipaddress.IPv6Address(name))
    except ValueError as error:
        raise click.BadParameter(
            f"{name!r} is not a name or an address. Omit the scheme and the port."
        ) from error


@click.command()
@click.option(
    "--host",
    type=_normalize_host,
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on. 0 selects a free port.",
)
@model_options
@threshold_option
@click.option(
    "--allow-host",
    "allowed_hosts",
    type=_normalize_host,
    multiple=True,
    metavar="NAME",
    help="Additional name or address of this machine that clients may use in the URL. Repeatable.",
)
@click.option(
    "--certfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificate for HTTPS (PEM).",
)
@click.option(
    "--keyfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private key of the certificate (PEM).",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for masks and overlays. Without --save, nothing is stored.",
)
def serve(
    host: str,
    port: int,
    model: str,
    precision: PrecisionChoice,
    runtime: RuntimeChoice,
    provider: ProviderChoice | None,
    threads: int | None,
    threshold: float | None,
    allowed_hosts: tuple[str, ...],
    certfile: Path | None,
    keyfile: Path | None,
    save: Path | None,
) -> None:
    """Serve a local web page and an HTTP API.

    By default, only this machine can connect. With another --host, requests require a token, which
    is printed at the start or set by EDGESEG_TOKEN. After SIGTERM, the server finishes the requests
    in progress and ends.
    """
    from edgeseg.run.workers import count_workers, single_threaded_opencv
    from edgeseg.segmenter import Segmenter

    if keyfile is not None and certfile is None:
        raise UsageError("--keyfile requires --certfile. Add --certfile or omit --keyfile.")
    certificate = None if certfile is None else Certificate(certfile, keyfile)
    token = None if is_loopback(host) else _read_token()
    if save is not None:
        _prepare_folder(save)
    return_freed_memory()
    with stop_by_signals() as stop:
        listener = open_socket(Address(host, port))
        with divert_stdout():
            segmenter = Segmenter(model, precision, runtime, threads, threshold, provider)
        hosts = _allowed_hosts(host, allowed_hosts)
        workers = count_workers()
        application = create_application(
            segmenter, hosts=hosts, token=token, save=save, workers=workers
        )
        names = _url_names(host, allowed_hosts)
        urls = _urls(names, listener.getsockname()[1], certificate is not None)

        def announce() -> None:
            _announce(urls, token, certificate is not None)
            if host in _WILDCARDS and not allowed_hosts:
                print_line(
                    "edgeseg: requests from other machines are rejected. To accept them, add "
                    "--allow-host NAME, where NAME is this machine's name or address in the URLs.",
                    err=True,
                )

        with single_threaded_opencv():
            serve_application(application, listener, stop, certificate, announce)
    if stop.signal == signal.SIGINT:
        sys.exit(130)


def _prepare_folder(folder: Path) -> None:
    from edgeseg.system.files import check_folder_writable, make_folder, remove_stale_temporaries

    make_folder(folder)
    check_folder_writable(folder)
    remove_stale_temporaries(folder)


def _read_token() -> str:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if token and not re.fullmatch("[!-~]{16,}", token):
        raise UsageError(
            f"{TOKEN_VARIABLE}: must have at least 16 printable ASCII characters and no spaces. "
            "Create a token with `openssl rand -hex 16`."
        )
    return token or secrets.token_urlsafe(24)


def _allowed_hosts(host: str, allowed: tuple[str, ...]) -> frozenset[str]:
    own = () if host in _WILDCARDS else (host,)
    return LOOPBACK_NAMES.union(allowed, own)


def _url_names(host: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the host names for the printed URLs."""
    if host in _WILDCARDS:
        return allowed or ("localhost",)
    return (host, *allowed)


def _urls(names: tuple[str, ...], port: int, is_https: bool) -> list[str]:
    scheme = "https" if is_https else "http"
    urls = []
    for name in names:
        host = f"[{name}]" if ":" in name else name
        urls.append(f"{scheme}://{host}:{port}/")
    return urls


def _announce(urls: list[str], token: str | None, is_https: bool) -> None:
    fragment = "" if token is None else f"#token={quote(token, safe='')}"
    for url in urls:
        print_line(f"edgeseg: serving {url}{fragment}", err=True)
    if token is None:
        return
    if not is_https:
        print_line(
            "edgeseg: warning: without --certfile, photographs and the token are sent unencrypted",
            err=True,
        )
