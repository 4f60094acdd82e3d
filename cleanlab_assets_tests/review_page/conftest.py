"""A review of a small audit whose texts are hostile, and a client that asks its page."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.testclient import TestClient

from cleanlab_assets.datasets.dataset import Column, Dataset
from cleanlab_assets.orchestration.partitions import Partition
from cleanlab_assets.review_page.app import ReviewPage
from cleanlab_assets.review_page.audit import NoAuditError
from cleanlab_assets.review_page.review import Review
from cleanlab_assets.review_page.security import LOOPBACK_NAMES
from cleanlab_assets.reviews.ledger import Ledger, open_ledger
from cleanlab_assets.reviews.rows import ReviewedRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cleanlab_assets.review_page.audit import ReviewedAudit

SCRIPT = "<script>alert(1)</script>"
CLASSES = ("billing", "delivery", SCRIPT)
N_ROWS, N_FLAGGED, N_OUTLIERS = 40, 12, 6
ORIGIN = "http://127.0.0.1:8321"


def make_picture(side: int = 8) -> bytes:
    """A small picture."""
    stream = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(stream, format="JPEG")
    return stream.getvalue()


def make_dataset(**changes: Any) -> Dataset:
    """Tickets: a text, a number, a category, a picture, and the team that they go to."""
    known: dict[str, Any] = {
        "name": "tickets",
        "families": ("classification",),
        "title": f"Tickets {SCRIPT}",
        "description": "",
        "homepage": "",
        "licence": "",
        "citation": "",
        "files": (),
        "load": lambda _: pd.DataFrame(),
        "label": "team",
        "class_names": CLASSES,
        "expected_rows": None,
        "columns": (
            Column(name="message", kind="text"),
            Column(name="size", kind="numeric"),
            Column(name="shop", kind="categorical"),
            Column(name="photo", kind="picture"),
            Column(name="team", kind="categorical", is_feature=False),
        ),
    }
    return Dataset(**{**known, **changes})


def make_raw() -> pd.DataFrame:
    """Rows whose sizes are near 10, but for the first, and of one shop, but for the second."""
    sizes = 10 + np.arange(N_ROWS) % 5
    table = pd.DataFrame(
        {
            "row_id": [f"tickets.csv:{line}" for line in range(2, N_ROWS + 2)],
            "message": [f"message {number} {SCRIPT}" for number in range(N_ROWS)],
            "size": sizes.astype(float),
            "shop": ["main"] * N_ROWS,
            "photo": [make_picture()] * N_ROWS,
            "team": pd.Categorical([CLASSES[number % 3] for number in range(N_ROWS)], categories=list(CLASSES)),
        }
    )
    table["photo"] = table["photo"].astype(object)
    table.loc[0, "size"] = 1000.0
    return table


def make_issues(raw: pd.DataFrame) -> pd.DataFrame:
    """The first rows are flagged, the first of all is the worst; the next class is suggested."""
    suggested = [CLASSES[(number + 1) % 3] for number in range(len(raw))]
    return pd.DataFrame(
        {
            "row_id": raw["row_id"],
            "split": pd.Categorical(["train"] * len(raw)),
            "given_label": raw["team"],
            "suggested_label": pd.Categorical(suggested, categories=list(CLASSES)),
            "label_quality": np.linspace(0.01, 0.99, len(raw), dtype=np.float32),
            "is_label_issue": np.arange(len(raw)) < N_FLAGGED,
            "rank": np.arange(1, len(raw) + 1),
            "reason": pd.Categorical([f"because {SCRIPT}"] * len(raw)),
        }
    )


@dataclass
class KnownAudit:
    """An audit whose tables are known, in place of one that an instance remembers."""

    dataset: Dataset
    raw: pd.DataFrame
    issues: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    known_values: dict[str, Any] = field(default_factory=dict)
    issues_by_model: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pages: tuple[str, ...] = ("report",)
    data_version: str = "v1"
    partition: Partition = field(default_factory=lambda: Partition("tickets", "knn"))
    family: Any = field(
        default_factory=lambda: SimpleNamespace(
            task=SimpleNamespace(picture_findings=None, row_issues="row_issues", element_issues="")
        )
    )

    def __post_init__(self) -> None:
        self.rows = ReviewedRows(self.dataset, self.raw)

    def find_table(self, step: str) -> pd.DataFrame | None:
        """Return the table of a step."""
        return self.tables.get(step)

    def find_value(self, step: str) -> Any:
        """Return the value of a step that is no table."""
        return self.known_values.get(step)

    def read_page(self, step: str) -> str:
        """Return the page of a step."""
        if step not in self.pages:
            raise NoAuditError(f"there is no report {step!r}")
        return f"<!DOCTYPE html><title>{step}</title>"


def make_audit(**changes: Any) -> KnownAudit:
    """The audit of the tickets, with every table that a family of tables has."""
    raw = make_raw()
    positions = np.arange(N_ROWS)
    shares = np.array([[0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.7, 0.1, 0.2]], dtype=np.float32)[positions % 3]
    predictions = pd.DataFrame(shares, columns=[f"probability_{name}" for name in CLASSES])
    graph = {f"neighbor_{k}": (positions + k) % N_ROWS for k in range(1, 8)}
    graph |= {f"distance_{k}": np.full(N_ROWS, float(k)) for k in range(1, 8)}
    issues = make_issues(raw)
    known = {
        "dataset": make_dataset(),
        "raw": raw,
        "issues": issues,
        "tables": {
            "predictions": predictions.assign(row_id=raw["row_id"]),
            "training_set": raw.assign(given_label=raw["team"], split="train"),
            "neighbor_graph": pd.DataFrame({"row_id": raw["row_id"], **graph}),
            "row_issues": pd.DataFrame(
                {
                    "row_id": raw["row_id"],
                    "is_label_issue": issues["is_label_issue"],
                    "is_outlier_issue": positions >= N_ROWS - N_OUTLIERS,
                    "outlier_score": np.linspace(0.9, 0.1, N_ROWS, dtype=np.float32),
                    "is_near_duplicate_issue": positions < 0,
                    "near_duplicate_score": np.ones(N_ROWS, dtype=np.float32),
                    "is_non_iid_issue": positions == 0,
                    "non_iid_score": np.ones(N_ROWS, dtype=np.float32),
                }
            ),
            "duplicate_sets": pd.DataFrame(
                {
                    "row_id": raw["row_id"][:2],
                    "duplicate_set": pd.array([1, 1], dtype="Int64"),
                    "given_label": raw["team"][:2],
                    "distance": [0.0, 0.1],
                }
            ),
        },
        "issues_by_model": {f"other {SCRIPT}": issues},
    }
    return KnownAudit(**{**known, **changes})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def open_review(audit: KnownAudit, ledger: Ledger, reviewer: str = "ann") -> Review:
    """A review of a known audit."""
    return Review(cast("ReviewedAudit", audit), ledger, reviewer=reviewer)


def open_client(
    audit: KnownAudit, ledger: Ledger, *, token: str = "", reviewer: str = "ann", **headers: str
) -> TestClient:
    """A client of the page of a known audit, which comes from the page itself unless the headers say otherwise."""
    page = ReviewPage(lambda: cast("ReviewedAudit", audit), ledger, reviewer=reviewer)
    app = page.build(host_names=LOOPBACK_NAMES, token=token)
    return TestClient(app, base_url=ORIGIN, headers={"origin": ORIGIN, **headers}, follow_redirects=False)


@pytest.fixture
def audit() -> KnownAudit:
    """The audit of the tickets."""
    return make_audit()


@pytest.fixture
def client(audit: KnownAudit, ledger: Ledger) -> Iterator[TestClient]:
    """A client of its page."""
    with open_client(audit, ledger) as opened:
        yield opened


def make_token(number: int) -> str:
    """A token as the page makes it."""
    return f"{number:032x}"
