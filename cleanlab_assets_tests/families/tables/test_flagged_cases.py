"""Flagged rows land where they belong: planted errors, hard rows and bad examples, of tables, texts and pictures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import audit
from cleanlab_assets.families.classification.flagged_cases import judge_classes
from cleanlab_assets.methods.flagged_cases import BAD_EXAMPLE, FAR, HARD, KINDS_OF_CASE, LIKELY_WRONG, name_cases
from cleanlab_assets.orchestration.contracts import to_dagster_type
from cleanlab_assets.orchestration.families import get_family
from cleanlab_assets_tests.planted_cases import (
    LABEL,
    plant_in_label_sets,
    plant_in_numbers,
    plant_in_pictures,
    plant_in_texts,
    plant_in_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.audits import AuditRun
    from cleanlab_assets_tests.planted_cases import PlantedCases

WANTED = 0.8
SEEDS = (0, 1, 2)
SOURCES: dict[str, tuple[Callable[[int], PlantedCases], dict[str, Any]]] = {
    "numbers": (plant_in_numbers, {}),
    "texts": (plant_in_texts, {"kinds": {"message": "text"}}),
    "pictures": (plant_in_pictures, {}),
    "label sets": (plant_in_label_sets, {"separator": "|"}),
    "values": (plant_in_values, {}),
}


@cache
def judge(source: str, model: str, seed: int) -> tuple[AuditRun, pd.DataFrame]:
    """Audit planted data; return the audit, and its flagged rows with what was ``planted``."""
    plant, how = SOURCES[source]
    data = plant(seed)
    run = audit(data.table, label=LABEL, model=model, **how)
    numbers = run.flagged_cases["row_id"].str.rpartition(":")[2].astype(int)
    first = run.label_issues["row_id"].str.rpartition(":")[2].astype(int).min()
    return run, run.flagged_cases.assign(planted=data.planted[numbers - first])


def run_contract(run: AuditRun) -> dg.TypeCheck:
    """Check the table as the step that stores it does."""
    contract = get_family(run.family).step("flagged_cases").contract
    assert contract is not None
    return dg.check_dagster_type(to_dagster_type(contract), run.result("flagged_cases"))


@pytest.mark.parametrize(
    ("source", "model"),
    [
        ("numbers", "logistic_regression"),
        ("numbers", "random_forest"),
        ("texts", "logistic_regression"),
        ("texts", "random_forest"),
        ("pictures", "logistic_regression"),
        ("label sets", "logistic_regression"),
        ("label sets", "random_forest"),
        ("values", "ridge"),
    ],
)
def test_four_in_five_flagged_rows_of_each_kind_land_where_they_belong(source: str, model: str) -> None:
    flagged = pd.concat([judge(source, model, seed)[1] for seed in SEEDS])
    is_right = flagged["kind_of_case"].astype(str) == flagged["planted"]
    kinds = (LIKELY_WRONG, BAD_EXAMPLE) if source == "values" else KINDS_OF_CASE
    for kind in kinds:
        planted = flagged["planted"] == kind
        assert planted.sum() >= 30, f"{kind}: too few rows are flagged to tell"
        assert is_right[planted].mean() >= WANTED, kind


@pytest.mark.parametrize("source", ["numbers", "label sets", "values"])
def test_each_flagged_row_has_a_kind_and_its_evidence(source: str) -> None:
    run, flagged = judge(source, "ridge" if source == "values" else "logistic_regression", 0)
    issues = run.label_issues
    assert set(flagged["row_id"]) == set(issues.loc[issues["is_label_issue"], "row_id"])
    assert flagged["rank"].is_monotonic_increasing
    assert {"train", "test"} <= set(flagged["split"].astype(str))
    assert flagged[["kind_of_case", "kind_reason"]].notna().all(axis=None)
    assert (flagged["neighbor_labels"].str.count("; ") == 4).all()
    counts = run.result("flagged_cases").facts.n_by_kind
    assert counts == flagged["kind_of_case"].value_counts().reindex(KINDS_OF_CASE, fill_value=0).to_dict()
    assert run.facts.kinds_of_case == counts
    assert run_contract(run).success


def test_labels_of_the_nearest_rows_are_those_of_the_graph() -> None:
    run, flagged = judge("numbers", "logistic_regression", 0)
    graph = run.result("neighbor_graph").value.set_index("row_id")
    training_set = run.result("training_set").value
    given = training_set.loc[training_set["split"] == "train", "given_label"].astype(str).to_numpy()
    row = flagged.iloc[0]
    nearest = [given[graph.loc[row["row_id"], f"neighbor_{number}"]] for number in range(1, 6)]
    assert row["neighbor_labels"] == "; ".join(nearest)


def test_the_second_label_is_the_second_likeliest_class() -> None:
    run, flagged = judge("numbers", "logistic_regression", 0)
    predictions = run.result("predictions").value.set_index("row_id").filter(like="probability_")
    for row in flagged.head(20).to_dict("records"):
        ranked = predictions.loc[row["row_id"]].sort_values(ascending=False).index.str.removeprefix("probability_")
        assert (row["suggested_label"], row["second_label"]) == (ranked[0], ranked[1])


def test_bad_examples_come_first_since_models_may_be_sure_of_them_and_few_errors_pass_for_them() -> None:
    would_be_wrong, errors_taken = [], []
    for seed in SEEDS:
        run, flagged = judge("numbers", "logistic_regression", seed)
        graph = run.result("neighbor_graph").value.filter(regex=r"^neighbor_\d+$").to_numpy()
        votes = judge_classes(run.result("predictions"), run.result("label_issues"), graph).votes
        is_flagged = run.label_issues["is_label_issue"].to_numpy()
        otherwise = name_cases(is_flagged, votes, np.full(len(is_flagged), "", dtype=object))
        kinds = otherwise["kind_of_case"].set_axis(run.label_issues["row_id"])
        far = flagged[flagged["kind_reason"] == FAR]
        would_be_wrong += (kinds[far["row_id"]] == LIKELY_WRONG).tolist()
        errors = flagged[flagged["planted"] == LIKELY_WRONG]
        errors_taken += (errors["kind_of_case"] == BAD_EXAMPLE).tolist()
    assert np.mean(would_be_wrong) > 0.1
    assert np.mean(errors_taken) < 0.02


def test_the_report_says_which_kind_a_flagged_row_is() -> None:
    run, flagged = judge("numbers", "logistic_regression", 0)
    page = run.report().content
    assert "kind_of_case" in page
    assert flagged["kind_of_case"].iloc[0] in page


def test_nothing_flagged_is_an_empty_table() -> None:
    x = np.linspace(-1, 1, 120)
    run = audit(
        pd.DataFrame({"x": np.where(x > 0, 5 + x, x - 5), LABEL: np.where(x > 0, "up", "down")}),
        label=LABEL,
        model="logistic_regression",
    )
    assert run.flagged_cases.empty
    contract = run_contract(run)
    assert contract.success, contract.description
    assert run.facts.kinds_of_case == {LIKELY_WRONG: 0, HARD: 0, BAD_EXAMPLE: 0}
    assert "of these" not in str(run)
