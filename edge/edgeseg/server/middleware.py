"""Checks of requests, security headers of responses, and handling of unexpected exceptions."""

from collections.abc import MutableMapping
from http import HTTPStatus
from secrets import compare_digest
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgeseg.server.problems import RequestError, problem_response
from edgeseg.server.upload_segmenter import print_bug
from edgeseg.server.work_queue import AbandonedError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Values of `Host` that are always allowed."""

_OPEN_PATHS = ("/", "/health")  # paths without a token, in addition to /static/
_OTHER_SITES = ("cross-site", "same-site")  # same-site includes other ports of this host

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response."""


class AccessControl:
    """Rejection of requests to other host names, from other sites, or without the token.

    `Host` is checked, because the name of another site may resolve to this machine (DNS rebinding).
    `Origin` and `Sec-Fetch-Site` are checked, because pages of other sites can send requests to
    this machine.

    Args:
        app: application behind this middleware.
        hosts: allowed names of this machine, in lower case and without port.
        token: token that requests must contain; None if no token is required.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str | None) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward an allowed request, or respond with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            self._check(request)
            await self._app(scope, receive, send)
        except RequestError as error:
            await problem_response(error)(scope, receive, send)

    def _check(self, request: Request) -> None:
        host = request.headers.get("host", "").lower()
        if host_name(host) not in self._hosts:
            raise RequestError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "host_not_allowed",
                "this host name is not allowed. Start the server with --allow-host NAME.",
            )
        origin = request.headers.get("origin")
        is_foreign = origin is not None and _network_location(origin) != host
        if is_foreign or (_is_from_other_site(request) and not _opens_page(request)):
            raise RequestError(
                HTTPStatus.FORBIDDEN,
                "cross_site",
                "requests from other sites are not allowed. Open the page of this server.",
            )
        if self._token is not None and not _is_open(request.url.path):
            self._check_token(request.headers.get("authorization", ""))

    def _check_token(self, authorization: str) -> None:
        expected = f"Bearer {self._token}"
        if not compare_digest(authorization.encode(), expected.encode()):
            raise RequestError(
                HTTPStatus.UNAUTHORIZED,
                "token_required",
                "send the header 'Authorization: Bearer TOKEN' with the token of the server.",
                {"WWW-Authenticate": "Bearer"},
            )


class SecureResponses:
    """Middleware that adds security headers and converts unexpected exceptions to problems.

    Args:
        app: application behind this middleware.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process a request and add the security headers to its response."""
        started = False

        async def send_secured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
            await send(message)

        try:
            await self._app(scope, receive, send_secured)
        except (AbandonedError, ClientDisconnect):
            return
        except Exception:
            print_bug()
            if started:
                raise
            error = RequestError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal_error",
                "internal error. The log of the server contains the location of the error.",
            )
            await problem_response(error)(scope, receive, send_secured)


def host_name(host: str) -> str:
    """Return the host of a `Host` header without its port, and without brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _network_location(origin: str) -> str | None:
    """Return host and port of an origin; None if it is invalid."""
    try:
        return urlsplit(origin.lower()).netloc
    except ValueError:
        return None


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith("/static/")


def _is_from_other_site(request: Request) -> bool:
    return request.headers.get("sec-fetch-site") in _OTHER_SITES


def _opens_page(request: Request) -> bool:
    """Return whether the request opens the page in a browser."""
    is_navigation = request.headers.get("sec-fetch-mode") == "navigate"
    return is_navigation and request.method == "GET" and request.url.path == "/"


def _add_headers(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(raw=message["headers"])
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
    message["headers"] = headers.raw
