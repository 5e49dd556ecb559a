"""Access from other hosts and sites, the token, and security headers."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from edgeseg.segmenter import Segmenter
from edgeseg.server.application import create_application
from edgeseg.server.middleware import LOOPBACK_NAMES, SECURITY_HEADERS, host_name

URL = "http://127.0.0.1:8000"
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def guarded(tiny_segmenter: Segmenter) -> TestClient:
    hosts = LOOPBACK_NAMES | {"clinic.example"}
    return TestClient(create_application(tiny_segmenter, hosts=hosts, token=TOKEN), URL)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8000", "localhost"),
        ("[::1]:8000", "::1"),
        ("[::1", ""),
        ("", ""),
        ("evil.example:8000", "evil.example"),
        ("user@127.0.0.1", "127.0.0.1"),
    ],
)
def test_host_name_removes_port(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "10.0.0.1"])
@pytest.mark.parametrize("path", ["/", "/health", "/model", "/static/app.js", "/segment"])
def test_foreign_host_is_rejected(client: TestClient, host: str, path: str) -> None:
    for method in ("GET", "POST"):
        response = client.request(method, path, headers={"Host": host})
        assert response.status_code == 421
        assert response.json()["code"] == "host_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "[::1]:8000", "127.0.0.1"])
def test_loopback_host_is_allowed(client: TestClient, host: str) -> None:
    assert client.get("/model", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000["},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_request_from_other_site_is_rejected(client: TestClient, headers: dict[str, str]) -> None:
    response = client.post("/segment", content=b"", headers=headers)
    assert response.status_code == 403
    assert response.json()["code"] == "cross_site"
    assert client.get("/model", headers=headers).status_code == 403


def test_request_of_own_page_is_allowed(client: TestClient) -> None:
    headers = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
    assert client.get("/model", headers=headers).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer \xff"])
def test_request_without_token_is_rejected(guarded: TestClient, value: str) -> None:
    headers = {"Authorization": value.encode("latin-1")}
    for method, path in (("POST", "/segment"), ("GET", "/model"), ("POST", "/page/image")):
        response = guarded.request(method, path, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


def test_request_with_token_is_allowed(guarded: TestClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "clinic.example:8000"}
    assert guarded.get("/model", headers=headers).status_code == 200
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/static/page.css"])
def test_every_response_has_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert (
        SECURITY_HEADERS.items()
        <= {name: headers[name.lower()] for name in SECURITY_HEADERS}.items()
    )
    assert headers["cache-control"] in {"no-store", "no-cache"}
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy and "http" not in policy and "default-src 'none'" in policy
