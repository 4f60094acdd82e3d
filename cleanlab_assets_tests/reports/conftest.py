"""Two small audited datasets with known findings, one with classes and one with a numeric label."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, Dataset, NumericLabel
from cleanlab_assets.families.classification.report import build_classification_report
from cleanlab_assets.families.regression.report import build_regression_report
from cleanlab_assets.families.tables.report import AuditResults
from cleanlab_assets.reports.html import render_report
from cleanlab_assets_tests.conftest import empty_plots
from cleanlab_assets_tests.known_data import name_splits

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
)
PARAMETERS = {
    "label": {"clean_learning_kwargs": {"find_label_issues_kwargs": {"n_jobs": 1, "min_examples_per_class": 1}}},
    "outlier": {"metric": "euclidean", "k": 10, "threshold": 0.37},
    "non_iid": {"num_permutations": 25, "seed": 42},
}
WHY_NOT = "needs labels and a neighbour graph of at least 200 rows"
RAN_ON_VALUES = ("label", "outlier", "near_duplicate", "non_iid", "null")
CAP = 50.00001
N_CAPPED = 6
WRONG_ROWS = [10, 20, 30, 40]
FLAGGED_TEST_ROWS = [5, 17]
CALIBRATION = {
    "flag_by": "calibrated",
    "cut": 0.05,
    "false_flag_rate": 0.01,
    "measured_false_flag_rate": 0.012,
    "recall": 0.7,
    "cleanlab_cut": 0.2,
    "by_kind": [
        {"kind": "digit_slip", "n_planted": 3, "average_precision": 0.91, "auroc": 0.97, "recall": 0.8},
        {"kind": "noise", "n_planted": 1, "average_precision": 0.32, "auroc": 0.81, "recall": 0.25},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Audited:
    """The inputs of a classification report."""

    dataset: Dataset
    training_set: pd.DataFrame
    label_issues: pd.DataFrame
    datalab_issues: pd.DataFrame
    datalab_summary: pd.DataFrame
    duplicate_sets: pd.DataFrame

    def report(self, **options: Any) -> Report:
        results = AuditResults(
            dataset=self.dataset,
            model="logistic_regression",
            training_set=self.training_set,
            label_issues=self.label_issues,
            datalab_issues=self.datalab_issues,
            datalab_summary=self.datalab_summary,
            duplicate_sets=self.duplicate_sets,
            **{"facts": {"Seed": "0"}, **options},
        )
        with empty_plots():
            return build_classification_report(results, {"Rule of the flags": "odds above 2 to 1"})

    def with_planted_errors(self, row_ids: list[str]) -> Audited:
        is_planted = self.training_set["row_id"].isin(row_ids)
        planted = self.training_set.assign(planted_error=is_planted, true_label=self.training_set["given_label"])
        return replace(self, training_set=planted)


@dataclass(frozen=True, kw_only=True)
class AuditedValues:
    """The inputs of a regression report."""

    dataset: Dataset
    training_set: pd.DataFrame
    label_issues: pd.DataFrame
    datalab_issues: pd.DataFrame
    datalab_summary: pd.DataFrame
    duplicate_sets: pd.DataFrame

    def report(self, **options: Any) -> Report:
        calibration = options.pop("calibration", CALIBRATION)
        results = AuditResults(
            dataset=self.dataset,
            model="ridge",
            training_set=self.training_set,
            label_issues=self.label_issues,
            datalab_issues=self.datalab_issues,
            datalab_summary=self.datalab_summary,
            duplicate_sets=self.duplicate_sets,
            **{"facts": {"Seed": "0"}, **options},
        )
        with empty_plots():
            return build_regression_report(results, calibration)

    def with_planted_errors(self, row_ids: list[str]) -> AuditedValues:
        is_planted = self.training_set["row_id"].isin(row_ids)
        planted = self.training_set.assign(
            planted_error=is_planted,
            true_label=self.training_set["given_label"],
            planted_kind=pd.Categorical(["digit_slip" if planted else None for planted in is_planted]),
        )
        return replace(self, training_set=planted)

    def without_flags(self) -> AuditedValues:
        issues = self.label_issues.assign(is_label_issue=False, is_below_calibrated_cut=False)
        found = {f"is_{issue_type}_issue": False for issue_type in RAN_ON_VALUES}
        return replace(self, label_issues=issues, datalab_issues=self.datalab_issues.assign(**found))


def make_training_set(rng: np.random.Generator) -> pd.DataFrame:
    n = N_TRAIN + N_TEST
    return pd.DataFrame(
        {
            "row_id": [f"pets.csv:{line}" for line in range(2, n + 2)],
            "weight": rng.normal(10, 3, n),
            "colour": pd.Categorical(rng.choice(["black", "white", "<script>alert(1)</script>"], n)),
            "given_label": pd.Categorical(rng.choice(CLASSES, n, p=[0.5, 0.4, 0.1]), categories=CLASSES),
            "split": name_splits(N_TRAIN, N_TEST),
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
        flagged = rng.choice(n, 0 if issue_type == "null" else 12, replace=False)
        scores[flagged] = rng.uniform(0, 0.2, len(flagged))
        issues[f"is_{issue_type}_issue"] = np.isin(np.arange(n), flagged)
        issues[f"{issue_type}_score"] = scores.astype(np.float32)
    issues["nearest_neighbor"] = np.roll(train["row_id"].to_numpy(), 1)
    issues["distance_to_nearest_neighbor"] = rng.uniform(0, 1, n).astype(np.float32)
    issues["duplicate_set"] = pd.array([1, 1, 2, 2, 2, *[pd.NA] * (n - 5)], dtype="Int64")
    return issues


def make_label_issues(
    training_set: pd.DataFrame, datalab_issues: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Label issues that say of train rows what Datalab says, with two test rows flagged."""
    in_doubt = np.isin(np.arange(N_TEST), FLAGGED_TEST_ROWS)
    of_test = np.where(in_doubt, 0.001, rng.uniform(0.3, 1, N_TEST))
    quality = np.concatenate([datalab_issues["label_score"], of_test]).astype(np.float32)
    suggested = [*datalab_issues["predicted_label"], *rng.choice(CLASSES, N_TEST)]
    return training_set[["row_id", "split", "given_label"]].assign(
        suggested_label=pd.Categorical(suggested, categories=CLASSES),
        label_quality=quality,
        is_label_issue=[*datalab_issues["is_label_issue"], *in_doubt],
        rank=pd.Series(quality).rank(method="first").astype(int),
    )


def make_values(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prices of pets that climb from row to row, up to a cap, and their label issues: four prices are ten times off."""
    n = N_TRAIN + N_TEST
    predicted = np.linspace(5, 40, n)
    given = predicted + rng.normal(0, 1, n)
    given[WRONG_ROWS] /= 10
    given[N_TRAIN - N_CAPPED : N_TRAIN] = CAP
    training_set = make_training_set(rng).assign(given_label=given)
    residual = given - predicted
    quality = np.exp(-np.abs(residual) / 2)
    is_wrong = np.isin(np.arange(n), WRONG_ROWS)
    issues = pd.DataFrame(
        {
            "row_id": training_set["row_id"],
            "split": training_set["split"],
            "given_label": given,
            "suggested_label": predicted.round(),
            "label_quality": quality,
            "is_label_issue": is_wrong,
            "rank": pd.Series(quality).rank(method="first").astype(int),
            "predicted_value": predicted,
            "uncertainty": np.full(n, 2.0),
            "residual": residual,
            "is_below_cleanlab_cut": np.isin(np.arange(n), [*WRONG_ROWS, 50, 60, 70]),
            "is_below_calibrated_cut": is_wrong,
            "reason": np.where(is_wrong, "far below the prediction", "not flagged"),
        }
    )
    return training_set, issues


def make_summary(issues: pd.DataFrame, types: tuple[str, ...] = RAN) -> pd.DataFrame:
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
        for issue_type in types
    ]
    records.append({"issue_type": "data_valuation", "status": "not run", "reason": WHY_NOT, "parameters": ""})
    return pd.DataFrame(records).astype({"n_issues": "Int64", "k": "Int64", "score": "float64", "share": "float64"})


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
        label_issues=make_label_issues(training_set, issues, rng),
        datalab_issues=issues,
        datalab_summary=make_summary(issues),
        duplicate_sets=duplicate_sets,
    )


@pytest.fixture(scope="session")
def values_report(audited_values: AuditedValues) -> Report:
    return audited_values.report()


@pytest.fixture(scope="session")
def values_page(values_report: Report) -> str:
    return render_report(values_report)


@pytest.fixture(scope="session")
def audited_values(audited: Audited) -> AuditedValues:
    training_set, label_issues = make_values(np.random.default_rng(11))
    unused = [f"is_{name}_issue" for name in RAN if name not in RAN_ON_VALUES]
    of_train = label_issues.head(N_TRAIN)
    issues = audited.datalab_issues.drop(columns=["predicted_label", *unused]).assign(
        given_label=of_train["given_label"],
        predicted_value=of_train["predicted_value"],
        is_label_issue=of_train["is_label_issue"],
        label_score=of_train["label_quality"],
    )
    values = dict(zip(training_set["row_id"], training_set["given_label"], strict=True))
    sets = audited.duplicate_sets
    return AuditedValues(
        dataset=replace(
            audited.dataset,
            name="pet_prices",
            families=("regression",),
            title="Pet prices",
            label="price",
            class_names=(),
            numeric_label=NumericLabel(minimum=0, maximum=100, unit="dollars"),
        ),
        training_set=training_set,
        label_issues=label_issues,
        datalab_issues=issues,
        datalab_summary=make_summary(issues, RAN_ON_VALUES),
        duplicate_sets=sets.assign(given_label=sets["row_id"].map(values)),
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
