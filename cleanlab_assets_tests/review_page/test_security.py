"""Nobody but the page itself asks the server, and nothing of the data can become part of the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.review_page.app import LARGEST_BODY, STATIC
from cleanlab_assets.review_page.security import find_host_names, is_loopback
from cleanlab_assets_tests.review_page.conftest import ORIGIN, SCRIPT, make_audit, make_token, open_client

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from cleanlab_assets.reviews.ledger import Ledger

READS = ("/", "/report", "/report/report", "/api/review", "/api/item", "/api/search?text=a", "/static/review.js")
WRITES = ("/api/decide", "/api/undo")
SECRET = "a-token-that-nobody-can-guess"  # noqa: S105 - of the tests
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.parametrize("path", [*READS, *WRITES])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "", "a@127.0.0.1", "[::1"])
def test_another_host_name_is_refused(client: TestClient, path: str, host: str) -> None:
    answer = client.request("POST" if path in WRITES else "GET", path, headers={"host": host})
    assert answer.status_code == 421
    assert "tickets" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost:9000", "[::1]:8321", "LOCALHOST"])
def test_the_names_of_this_machine_are_known_at_any_port(client: TestClient, host: str) -> None:
    assert client.get("/api/review", headers={"host": host, "origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize("path", [*READS, *WRITES])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8321"])
def test_another_origin_is_refused(client: TestClient, ledger: Ledger, path: str, origin: str) -> None:
    answer = client.request("POST" if path in WRITES else "GET", path, headers={"origin": origin}, json={})
    assert answer.status_code == 403
    assert ledger.datasets() == []


@pytest.mark.parametrize("path", WRITES)
def test_what_changes_something_names_its_origin_and_is_a_post_of_json(
    client: TestClient, ledger: Ledger, path: str
) -> None:
    said = {"row": "tickets.csv:2", "verdict": "unclear", "token": make_token(1)}
    del client.headers["origin"]
    assert client.post(path, json=said).status_code == 403
    own = {"origin": ORIGIN}
    assert client.get(path, headers=own).status_code == 405
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        content = b'{"row": "tickets.csv:2", "verdict": "unclear", "token": "%s"}' % make_token(1).encode()
        assert client.post(path, content=content, headers={**own, "content-type": kind}).status_code == 415
    assert client.post(path, json={"row": "x" * LARGEST_BODY}, headers=own).status_code == 413
    for broken in (b"{", b"[]", b"3", b"[" * 100_000):
        answer = client.post(path, content=broken, headers={**own, "content-type": "application/json"})
        assert answer.status_code == 400
    assert ledger.datasets() == []


@pytest.mark.parametrize("path", [*READS, "/nowhere", "/report/none", "/picture?row=no"])
def test_every_answer_has_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control")]
    if path == "/report/report":
        assert headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'; ")
        assert "allow-same-origin" not in headers["content-security-policy"]
    else:
        assert headers["content-security-policy"] == POLICY


def test_no_inline_script_or_style_is_on_the_page(client: TestClient) -> None:
    page = client.get("/").text
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/review.js" defer>']
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert SCRIPT not in page, "the title of the dataset is escaped"
    assert "Tickets &lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_script_makes_texts_alone_of_what_it_is_given() -> None:
    script = (STATIC / "review.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc", script)


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/app.py", "/etc/passwd", "%2fetc%2fpasswd"])
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"{ORIGIN}/static/{path}").status_code == 404


def test_without_the_token_nothing_is_told(ledger: Ledger) -> None:
    with open_client(make_audit(), ledger, token=SECRET) as client:
        for path in READS:
            for wrong in (path, f"{path}{'&' if '?' in path else '?'}token=wrong", f"{path}#token={SECRET}"):
                assert client.get(wrong).status_code == 401
        client.cookies.set("cleanlab_review", "wrong")
        assert client.get("/api/review").status_code == 401
        said = {"row": "tickets.csv:2", "verdict": "unclear", "token": make_token(1)}
        assert client.post(f"/api/decide?token={SECRET}", json=said).status_code == 401
    assert ledger.datasets() == []


def test_the_token_goes_from_the_address_into_a_cookie(ledger: Ledger) -> None:
    with open_client(make_audit(), ledger, token=SECRET) as client:
        answer = client.get(f"/?queue=worst+first&token={SECRET}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/?queue=worst+first")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/").status_code == 200
        said = {"row": "tickets.csv:2", "verdict": "unclear", "token": make_token(1)}
        assert client.post("/api/decide", json=said).status_code == 200


def test_a_location_stays_on_the_page(ledger: Ledger) -> None:
    with open_client(make_audit(), ledger, token=SECRET) as client:
        answer = client.get(f"{ORIGIN}//evil.example/?token={SECRET}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/evil.example/")


def test_which_addresses_are_reached_from_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.0.0.2", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.3", "example.org", "")))  # noqa: S104 - not bound


def test_the_page_is_reached_by_the_names_that_it_is_told() -> None:
    assert "reviews.example.org" in find_host_names("10.0.0.5", ["https://reviews.example.org/page"])
    assert "10.0.0.5" in find_host_names("10.0.0.5")
    assert "0.0.0.0" not in find_host_names("127.0.0.1")  # noqa: S104 - not bound
