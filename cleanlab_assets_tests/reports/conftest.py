"""A small audited dataset with known findings, one for each issue type."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.catalogue import Column, Dataset
from cleanlab_assets.reports.classification_report import build_classification_report
from cleanlab_assets.reports.html import render_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cleanlab_assets.reports.html import Report

N_TRAIN = 120
N_TEST = 30
CLASSES = ("cat", "dog", "owl")
RAN = (
    "label",
    "near_duplicate",
    "outlier",
    "class_imbalance",
    "underperforming_group",
    "non_iid",
    "null",
    "identifier_column",
)
PARAMETERS = {
    "label": {"clean_learning_kwargs": {"find_label_issues_kwargs": {"n_jobs": 1, "min_examples_per_class": 1}}},
    "outlier": {"metric": "euclidean", "k": 10, "threshold": 0.37},
    "non_iid": {"num_permutations": 25, "seed": 42},
}
WHY_NOT = "needs labels and a neighbour graph of at least 200 rows"


@dataclass(frozen=True, kw_only=True)
class Audited:
    """The inputs of a classification report."""

    dataset: Dataset
    training_set: pd.DataFrame
    datalab_issues: pd.DataFrame
    datalab_summary: pd.DataFrame
    duplicate_sets: pd.DataFrame

    def report(self, **options: Any) -> Report:
        return build_classification_report(
            dataset=self.dataset,
            model="logistic_regression",
            training_set=self.training_set,
            datalab_issues=self.datalab_issues,
            datalab_summary=self.datalab_summary,
            duplicate_sets=self.duplicate_sets,
            **{"facts": {"Seed": "0"}, **options},
        )

    def with_planted_errors(self, row_ids: list[str]) -> Audited:
        is_planted = self.training_set["row_id"].isin(row_ids)
        planted = self.training_set.assign(planted_error=is_planted, true_label=self.training_set["given_label"])
        return replace(self, training_set=planted)


def make_training_set(rng: np.random.Generator) -> pd.DataFrame:
    n = N_TRAIN + N_TEST
    return pd.DataFrame(
        {
            "row_id": [f"pets.csv:{line}" for line in range(2, n + 2)],
            "weight": rng.normal(10, 3, n),
            "colour": pd.Categorical(rng.choice(["black", "white", "<script>alert(1)</script>"], n)),
            "given_label": pd.Categorical(rng.choice(CLASSES, n, p=[0.5, 0.4, 0.1]), categories=CLASSES),
            "split": ["train"] * N_TRAIN + ["test"] * N_TEST,
            "fold": [*(index % 5 for index in range(N_TRAIN)), *([-1] * N_TEST)],
        }
    )


def make_issues(train: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(train)
    issues = pd.DataFrame(
        {
            "row_id": train["row_id"],
            "given_label": train["given_label"],
            "predicted_label": pd.Categorical(rng.choice(CLASSES, n), categories=CLASSES),
        }
    )
    for issue_type in RAN:
        scores = rng.uniform(0.2, 1, n)
        flagged = rng.choice(n, 0 if issue_type in {"null", "identifier_column"} else 12, replace=False)
        scores[flagged] = rng.uniform(0, 0.2, len(flagged))
        issues[f"is_{issue_type}_issue"] = np.isin(np.arange(n), flagged)
        values = np.ones(n) if issue_type == "identifier_column" else scores
        issues[f"{issue_type}_score"] = values.astype(np.float32)
    issues["nearest_neighbor"] = np.roll(train["row_id"].to_numpy(), 1)
    issues["distance_to_nearest_neighbor"] = rng.uniform(0, 1, n).astype(np.float32)
    issues["duplicate_set"] = pd.array([1, 1, 2, 2, 2, *[pd.NA] * (n - 5)], dtype="Int64")
    return issues


def make_summary(issues: pd.DataFrame) -> pd.DataFrame:
    records = [
        {
            "issue_type": issue_type,
            "description": f"what {issue_type} is",
            "score": 0.003 if issue_type == "non_iid" else 1.0,
            "n_issues": int(issues[f"is_{issue_type}_issue"].sum()),
            "share": float(issues[f"is_{issue_type}_issue"].mean()),
            "metric": "euclidean" if issue_type in {"outlier", "near_duplicate"} else None,
            "k": 10 if issue_type in {"outlier", "near_duplicate"} else None,
            "parameters": json.dumps(PARAMETERS.get(issue_type, {})),
            "status": "ran",
            "reason": "",
        }
        for issue_type in RAN
    ]
    records.append({"issue_type": "data_valuation", "status": "not run", "reason": WHY_NOT, "parameters": ""})
    types = {"n_issues": "Int64", "k": "Int64", "score": "float64", "share": "float64"}
    return pd.DataFrame(records).astype(types)


@pytest.fixture(scope="session")
def report(audited: Audited) -> Report:
    return audited.report()


@pytest.fixture(scope="session")
def page(report: Report) -> str:
    return render_report(report)


@pytest.fixture(scope="session")
def audited() -> Audited:
    rng = np.random.default_rng(7)
    training_set = make_training_set(rng)
    train = training_set[training_set["split"] == "train"]
    issues = make_issues(train, rng)
    duplicate_sets = pd.DataFrame(
        {
            "duplicate_set": pd.array([1, 1, 2, 2, 2], dtype="Int64"),
            "row_id": train["row_id"].iloc[:5].to_numpy(),
            "given_label": pd.Categorical(["cat", "dog", "owl", "owl", "owl"], categories=CLASSES),
            "label_quality": np.array([0.9, 0.2, 0.8, 0.7, 0.6], dtype=np.float32),
            "keep": [True, False, True, False, False],
            "reason": ["highest label quality", "copy", "highest label quality", "copy", "copy"],
            "distance": np.array([0.0, 0.0, 0.0, 0.01, 0.02], dtype=np.float32),
        }
    )
    dataset = Dataset(
        name="pets",
        families=("classification",),
        title="Pets",
        description="Animals by weight and colour.",
        homepage="example.org/pets",
        licence="CC0",
        citation="Nobody (2000)",
        files=(),
        load=lambda _files: training_set,
        label="kind",
        class_names=CLASSES,
        columns=(Column(name="weight", kind="numeric"), Column(name="colour", kind="categorical")),
        expected_rows=len(training_set),
    )
    return Audited(
        dataset=dataset,
        training_set=training_set,
        datalab_issues=issues,
        datalab_summary=make_summary(issues),
        duplicate_sets=duplicate_sets,
    )


@pytest.fixture
def open_in_browser(tmp_path: Path) -> Callable[[str], str]:
    """Load a page in headless Chromium and return the document as it stands after its scripts ran."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine: the script can only be run in a browser")

    def load(page: str) -> str:
        file = tmp_path / "report.html"
        file.write_text(page, encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
        command = [browser, *flags, "--dump-dom", file.as_uri()]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    return load
