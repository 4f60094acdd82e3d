"""What the page asks for and sends, and what it is answered."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from cleanlab_assets.methods.flagged_cases import KINDS_OF_CASE
from cleanlab_assets.reviews.database import LedgerError
from cleanlab_assets_tests.review_page.conftest import (
    CLASSES,
    N_FLAGGED,
    SCRIPT,
    KnownAudit,
    make_audit,
    make_picture,
    make_token,
    open_client,
)

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from cleanlab_assets.reviews.ledger import Ledger

WORST = "tickets.csv:2"


def decide(client: TestClient, number: int = 1, **said: Any) -> Any:
    """Decide as the page does; the answer must be fine."""
    known = {"row": WORST, "verdict": "given is right", "token": make_token(number), "data_version": "v1"}
    answer = client.post("/api/decide", json={**known, **said})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_is_told_what_is_reviewed(client: TestClient) -> None:
    told = client.get("/api/review").json()
    assert (told["dataset"], told["model"], told["reviewer"]) == ("tickets", "knn", "ann")
    assert told["classes"] == list(CLASSES)
    assert told["label_kind"] == "class"
    sizes = {queue["name"]: (queue["size"], queue["open"]) for queue in told["queues"]}
    assert sizes["worst first"] == (N_FLAGGED, N_FLAGGED)
    absent = {queue["name"]: queue["absent"] for queue in told["queues"] if queue["absent"]}
    others = {"new since the last audit", "labelling batch", "doubted by the second opinion"}
    assert absent.keys() == others | set(KINDS_OF_CASE)
    assert absent["new since the last audit"].startswith("not known yet")
    assert sum(pair["n_rows"] for pair in told["pairs"]) == N_FLAGGED


def test_a_row_comes_with_its_evidence(client: TestClient) -> None:
    item = client.get("/api/item").json()["item"]
    assert (item["row_id"], item["given"], item["suggested"], item["rank"]) == (WORST, "billing", "delivery", 1)
    assert [(one["label"], round(one["probability"], 2), one["is_given"]) for one in item["candidates"]] == [
        ("delivery", 0.7, False),
        ("billing", 0.2, True),
        (SCRIPT, 0.1, False),
    ]
    assert item["texts"] == [{"name": "message", "value": f"message 0 {SCRIPT}", "unusual": ""}]
    assert {cell["name"]: bool(cell["unusual"]) for cell in item["cells"]} == {"size": True, "shop": False}
    assert [row["row_id"] for row in item["neighbors"]] == [f"tickets.csv:{line}" for line in range(3, 8)]
    assert item["neighbors"][0]["label"] == "delivery"
    assert [row["row_id"] for row in item["duplicates"]] == ["tickets.csv:3"]
    assert [one["model"] for one in item["opinions"]] == [f"other {SCRIPT}"]
    assert item["pictures"] == [{"name": "photo", "source": "photo"}]
    assert item["history"] == item["votes"] == item["sentence"] == []


def test_texts_of_the_data_reach_the_page_as_json_alone(client: TestClient) -> None:
    for path in ("/api/item", "/api/review", "/api/search?text=script"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert SCRIPT in answer.text, "the page puts it in as text"
    decide(client, note=SCRIPT, reviewer=SCRIPT, verdict="label is", label=SCRIPT)
    (past,) = client.get("/api/item", params={"row": WORST}).json()["item"]["history"]
    assert (past["note"], past["reviewer"], past["said"]) == (SCRIPT, SCRIPT, f"label is '{SCRIPT}'")


def test_a_decision_is_in_the_ledger_when_it_is_answered(client: TestClient, ledger: Ledger) -> None:
    said: dict[str, Any] = {
        "verdict": "label is",
        "label": "delivery",
        "note": "clear",
        "place": {"queue": "random flagged rows"},
    }
    answer = decide(client, **said)
    (entry,) = ledger.read("tickets")
    assert answer["entry"] == entry.number
    assert f"entry {entry.number}" in answer["message"]
    decision = entry.decision
    assert (decision.given_label, decision.label, decision.note, decision.reviewer) == (
        *("billing", "delivery", "clear"),
        "ann",
    )
    seen = decision.seen
    assert (seen.model, seen.data_version, seen.suggested_label) == ("knn", "v1", "delivery")
    assert (round(seen.quality or 0, 2), seen.queue) == (0.01, "random flagged rows")


def test_a_repeated_request_enters_once(client: TestClient, ledger: Ledger) -> None:
    first, second = (decide(client, 7) for _ in range(2))
    assert first["entry"] == second["entry"]
    assert len(ledger.read("tickets")) == 1


def test_many_requests_at_once_enter_each_decision_once(client: TestClient, ledger: Ledger) -> None:
    rows = [f"tickets.csv:{line}" for line in range(2, N_FLAGGED + 2)] * 2
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda row: decide(client, int(row.split(":")[1]), row=row), rows))
    assert len(ledger.read("tickets")) == N_FLAGGED == len({answer["entry"] for answer in answers})
    assert client.get("/api/item").json()["item"] is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"row": "tickets.csv:999"}, "tickets has no row 'tickets.csv:999'"),
        ({"verdict": "label is", "label": "zebra"}, "'zebra' is none of the classes"),
        ({"verdict": "label is", "label": ""}, "a label comes with 'label is'"),
        ({"verdict": "label is", "label": ["billing", "delivery"]}, "is none of the classes"),
        ({"verdict": "given is right", "label": "billing"}, "a label comes with 'label is'"),
        ({"verdict": "wrong"}, "expected one of given is right, label is"),
        ({"token": "short"}, "token: "),
        ({"token": make_token(1).upper().replace("0", "G")}, "token: "),
        ({"note": "x" * 2001}, "note: "),
        ({"row": ""}, "row: "),
        ({"row": 3}, "row: "),
        ({"more": 1}, "more: "),
        ({"place": {"queue": "worst first", "more": 1}}, "place.more: "),
    ],
)
def test_what_cannot_be_decided_is_told_and_enters_nothing(
    client: TestClient, ledger: Ledger, said: dict[str, Any], message: str
) -> None:
    known = {"row": WORST, "verdict": "given is right", "token": make_token(1)}
    answer = client.post("/api/decide", json={**known, **said})
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert ledger.read("tickets") == []


def test_a_queue_that_there_is_not_is_told_before_anything_is_entered(client: TestClient, ledger: Ledger) -> None:
    known = {"row": WORST, "verdict": "given is right", "token": make_token(1)}
    for queue in ("nonsense", "new since the last audit", "one class pair"):
        answer = client.post("/api/decide", json={**known, "place": {"queue": queue}})
        assert answer.status_code == 400
        assert f"there is no queue '{queue}'" in answer.json()["error"]
        assert client.get("/api/item", params={"queue": queue}).status_code == 400
    assert ledger.read("tickets") == []


def test_a_ledger_that_is_locked_is_told(client: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LedgerError("the ledger sqlite:///ledger.db cannot be used: database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(type(ledger), "decide", fail)
        known = {"row": WORST, "verdict": "given is right", "token": make_token(1)}
        answer = client.post("/api/decide", json=known)
    assert answer.status_code == 409
    assert answer.json() == {"error": "the ledger sqlite:///ledger.db cannot be used: database is locked"}
    assert decide(client)["entry"] == 1, "the same request is entered once the ledger is free"


def test_a_decision_is_taken_back(client: TestClient, ledger: Ledger) -> None:
    entered = decide(client)
    assert entered["item"]["row_id"] != WORST
    assert entered["progress"]["undo"] == entered["entry"]
    answer = client.post("/api/undo", json={"entry": entered["entry"]}).json()
    assert answer["item"]["row_id"] == WORST
    assert answer["message"] == "entry 2: entry 1 is taken back"
    assert answer["progress"]["undo"] is None
    assert ledger.read("tickets")[0].undone_by == 2
    for entry, message in ((1, "was taken back before"), (2, "has no entry 2"), (99, "has no entry 99")):
        answer = client.post("/api/undo", json={"entry": entry})
        assert answer.status_code in (400, 409)
        assert message in answer.json()["error"]


def test_rows_are_found_by_id_key_text_and_number(client: TestClient, audit: KnownAudit) -> None:
    def find(text: str) -> list[str]:
        return [row["row_id"] for row in client.get("/api/search", params={"text": text}).json()["rows"]]

    assert find("tickets.csv:5")[0] == "tickets.csv:5"
    assert find(audit.rows.keys.iloc[7]) == ["tickets.csv:9"]
    assert find("MESSAGE 17 ") == ["tickets.csv:19"]
    assert find("1000") == [WORST]
    assert len(find("message")) == 20
    assert find("") == find("   ") == find("zebra") == []
    assert find("message .*") == [], "it is no pattern"


def test_pictures_are_found_by_row_and_are_always_png(client: TestClient, audit: KnownAudit) -> None:
    for row in (WORST, audit.rows.keys.iloc[0]):
        answer = client.get("/picture", params={"row": row, "source": "photo", "version": "v1"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (picture.format, picture.size) == ("PNG", (240, 240)), "a tiny one is enlarged"


@pytest.mark.parametrize(
    ("row", "source"),
    [
        *((WORST, source) for source in ("", "message", "team", "row_id", "../photo", "/etc/passwd", "nothing")),
        *((row, "photo") for row in ("../../etc/passwd", "/etc/passwd", "", "tickets.csv")),
    ],
)
def test_what_is_no_picture_is_refused(client: TestClient, row: str, source: str) -> None:
    answer = client.get("/picture", params={"row": row, "source": source})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"


def test_a_damaged_picture_is_told(ledger: Ledger) -> None:
    audit = make_audit()
    raw = audit.raw.astype({"photo": object})
    raw.loc[0, "photo"] = make_picture(64)[:200]
    raw.loc[1, "photo"] = b"<svg onload='alert(1)'/>"
    raw.loc[2, "photo"] = None
    with open_client(replace(audit, raw=raw), ledger) as client:
        for row in ("tickets.csv:2", "tickets.csv:3"):
            answer = client.get("/picture", params={"row": row, "source": "photo"})
            assert answer.status_code == 400
            assert "the picture cannot be read" in answer.json()["error"]
        assert client.get("/api/item", params={"row": "tickets.csv:4"}).json()["item"]["pictures"] == []


def test_reports_are_served_by_name(client: TestClient) -> None:
    assert client.get("/report").headers["location"] == "/report/report"
    assert "<title>report</title>" in client.get("/report/report").text
    for name in ("none", "..%2f..%2fledger.db", "label_issues"):
        assert client.get(f"/report/{name}").status_code in (400, 404)


def test_a_link_to_another_audit_is_told(client: TestClient) -> None:
    about = {"dataset": "digits", "model": "knn"}
    assert "run cleanlab-demo review -d digits -m knn" in client.get("/", params=about).text
    answer = client.get("/report", params=about)
    assert answer.status_code == 404
    assert "This page shows tickets / knn" in answer.json()["error"]
    assert "The link was" not in client.get("/", params={"dataset": "tickets", "model": "knn"}).text
    assert client.get("/report/report", params={"dataset": "tickets"}).status_code == 200


def test_without_a_report_there_is_none(ledger: Ledger) -> None:
    with open_client(make_audit(pages=()), ledger) as client:
        assert client.get("/api/review").json()["reports"] == []
        assert client.get("/report").status_code == 404


def test_a_new_audit_is_taken_up_when_the_page_is_loaded(ledger: Ledger) -> None:
    audit = make_audit()
    with open_client(audit, ledger) as client:
        assert client.get("/api/item").json()["progress"]["size"] == N_FLAGGED
        flags = audit.issues["is_label_issue"] & (audit.issues["rank"] <= 3)
        audit.issues = audit.issues.assign(is_label_issue=flags)
        audit.data_version = "v2"
        assert client.get("/").status_code == 200
        told = client.get("/api/review").json()
        assert told["data_version"] == "v2"
        assert client.get("/api/item").json()["progress"]["size"] == 3


def test_missing_values_are_no_trouble(ledger: Ledger, tmp_path: Path) -> None:  # noqa: ARG001
    audit = make_audit()
    raw = audit.raw.copy()
    raw.loc[0, ["message", "size", "shop", "photo"]] = None
    raw["team"] = raw["team"].where(raw.index != 0)
    issues = audit.issues.assign(given_label=raw["team"])
    changed = KnownAudit(audit.dataset, raw, issues, {})
    with open_client(changed, ledger) as client:
        item = client.get("/api/item").json()["item"]
        assert item["given"] is None
        assert {cell["value"] for cell in item["cells"]} == {"–"}  # noqa: RUF001 - the mark of a missing value
        assert item["neighbors"] == item["duplicates"] == []
        assert [one["label"] for one in item["candidates"]] == ["delivery"]
