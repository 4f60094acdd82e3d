"""Audits from Python: the same steps as the assets, in memory, without Dagster."""

from __future__ import annotations

import doctest
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import cleanlab_assets.audits
from cleanlab_assets import AuditRun, UnknownResultError, audit
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.families.tables.settings import TrainingSetSettings
from cleanlab_assets.models.catalogue import UnknownModelError

if TYPE_CHECKING:
    from pathlib import Path

N_ROWS, N_WRONG = 150, 8
DEFAULT_SEED = TrainingSetSettings().seed
LEAN = {"training_set.folds": 3, "variant_comparison.resamples": 100}


def make_rows() -> tuple[pd.DataFrame, list[str]]:
    """Make rows whose features tell the class; return the names of those that are given another one."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=N_ROWS)
    wrong = np.sort(rng.choice(N_ROWS, N_WRONG, replace=False))
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1) % 3
    table = pd.DataFrame(
        {
            "flower": [f"F{number * 7919 % 1000:04}" for number in range(N_ROWS)],
            "length": truth * 5 + rng.normal(size=N_ROWS),
            "width": rng.normal(size=N_ROWS),
            "species": np.array(["setosa", "versicolor", "virginica"])[given],
        }
    )
    return table, [f"table:{row + 1}" for row in wrong.tolist()]


@pytest.fixture(scope="module")
def run() -> AuditRun:
    return audit(make_rows()[0], label="species", model="logistic_regression", settings=LEAN)


def test_wrong_labels_rank_first_and_rows_keep_their_names(run: AuditRun) -> None:
    table, wrong = make_rows()
    ranked = run.label_issues.sort_values("rank")
    assert len(ranked) == N_ROWS
    assert set(ranked["row_id"].head(N_WRONG)) == set(wrong)
    rows = ranked["row_id"].str.rpartition(":")[2].astype(int) - 1
    assert ranked["own_id"].tolist() == table["flower"].iloc[rows].tolist()
    assert run.columns["flower"][0] == "id"


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "pyarrow"])
def test_data_frames_of_every_kind_give_the_same_audit(run: AuditRun, convert: Any) -> None:
    other = audit(convert(make_rows()[0]), label="species", model="logistic_regression", settings=LEAN)
    pd.testing.assert_frame_equal(other.label_issues, run.label_issues)


def test_every_result_is_there_and_is_computed_once(run: AuditRun, tmp_path: Path) -> None:
    assert len(run.datalab_issues) == (run.label_issues["split"] == "train").sum()
    assert run.duplicate_sets.columns[0] == "duplicate_set"
    assert run.comparison.variants[0].variant == "baseline"
    assert run.facts.n_label_issues == run.label_issues["is_label_issue"].sum()
    assert str(run.facts.n_label_issues) in run.summary.headline
    page = run.report().save(tmp_path / "audit.html")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert run.result("predictions") is run.result("predictions")
    assert run.result("predictions").origin.inputs.keys() == {"training_set", "embeddings"}


def test_a_notebook_shows_the_findings_and_the_worst_rows_escaped() -> None:
    table, _ = make_rows()
    table["species"] = table["species"].replace("setosa", "<b>setosa</b>")
    shown = audit(table, label="species", model="logistic_regression", settings=LEAN)._repr_html_()
    assert "likely label errors" in shown
    assert "&lt;b&gt;setosa&lt;/b&gt;" in shown
    assert "<b>setosa</b>" not in shown


def test_a_seed_decides_the_split_and_another_one_another(run: AuditRun) -> None:
    again = audit(make_rows()[0], label="species", model="logistic_regression", settings=LEAN, seed=DEFAULT_SEED)
    other = audit(make_rows()[0], label="species", model="logistic_regression", settings=LEAN, seed=1)
    split = run.result("training_set").value["split"]
    assert again.result("training_set").value["split"].equals(split)
    assert not other.result("training_set").value["split"].equals(split)


def test_the_model_with_the_least_error_is_chosen_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, size=300)
    table = pd.DataFrame({"x": x, "z": rng.normal(size=300), "y": np.where(np.abs(x) < 1.5, "near", "far")})
    run = audit(table, label="y", settings={"training_set.folds": 3})
    assert run.model == "hist_gradient_boosting"
    assert run.choice.startswith("the least cross-validated log loss after calibration: hist_gradient_boosting ")
    assert audit(table, label="y", model="knn", settings={"training_set.folds": 3}).choice == ""


def test_numbers_and_several_classes_are_audited_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    values = audit(pd.DataFrame({"x": x, "y": 3 * x + rng.normal(size=120)}), label="y", model="ridge", settings=LEAN)
    assert values.family == "regression"
    assert len(values.label_issues) == 120
    tags = pd.DataFrame({"x": x, "tag_a": (x > 0).astype(int), "tag_b": (x > 1).astype(int)})
    several = audit(tags, label="tag_*", model="logistic_regression", settings=LEAN)
    assert several.family == "multilabel"
    assert several.dataset.class_names == ("a", "b")
    assert len(several.label_issues) == 120


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"label": "kind"}, UnreadableInputError, r"label= 'kind': table has no such column; it has flower, length"),
        ({"label": "species", "group": "g"}, UnreadableInputError, r"group= 'g': table has no such column"),
        ({"label": "species", "model": "oracle"}, UnknownModelError, "model 'oracle' is unknown to classification"),
        ({"label": "species", "settings": {"training_set.fold": 3}}, ValueError, "unknown setting 'training_set.fold'"),
        ({"label": "species", "settings": {"training_set.folds": 1}}, ValueError, "folds"),
    ],
)
def test_wrong_use_is_told(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        audit(make_rows()[0], **arguments)


def test_what_is_no_table_is_told() -> None:
    with pytest.raises(TypeError):
        audit([1, 2], label="y")
    with pytest.raises(UnreadableInputError, match="found 0 rows and 1 columns, expected a table"):
        audit(pd.DataFrame({"y": []}), label="y")


def test_an_unknown_result_is_told(run: AuditRun) -> None:
    with pytest.raises(UnknownResultError, match="has no result 'oracle': expected one of raw_dataset, training_set"):
        run.result("oracle")


def test_the_labeller_whose_labels_are_flagged_most_is_named_with_an_interval() -> None:
    table, wrong = make_rows()
    rows = [int(name.rpartition(":")[2]) - 1 for name in wrong]
    rng = np.random.default_rng(3)
    labeller = rng.choice(["ann", "eve"], N_ROWS)
    labeller[rows] = "bob"
    labeller[rng.choice(np.setdiff1d(np.arange(N_ROWS), rows), 4, replace=False)] = "bob"
    table = table.assign(labeller=labeller)

    run = audit(table, label="species", source="labeller", slices=["width"], model="logistic_regression", settings=LEAN)

    assert [column.name for column in run.dataset.features] == ["length", "width"], "a labeller is no feature"
    by_labeller = {found.part: found for found in run.facts.slices if found.column == "labeller"}
    assert by_labeller.keys() == {"ann", "bob", "eve"}
    assert sum(found.n_rows for found in by_labeller.values()) == N_ROWS
    assert by_labeller["bob"].low > by_labeller["ann"].high
    assert len([found for found in run.facts.slices if found.column == "width"]) == 4
    assert any(line.startswith("most flagged by labeller: bob, ") for line in str(run).splitlines())
    page = run.report().content
    assert page.index("Label issues by part of the rows") < page.index("How this was made")


def test_the_index_of_a_data_frame_is_no_column_and_names_no_row() -> None:
    table, wrong = make_rows()
    shuffled = table.set_index(pd.Index(table["species"].map({"setosa": 1, "versicolor": 2, "virginica": 3}), name="z"))
    run = audit(shuffled, label="species", model="logistic_regression", settings=LEAN)
    assert [column.name for column in run.dataset.features] == ["length", "width"]
    assert set(run.label_issues.sort_values("rank")["row_id"].head(N_WRONG)) == set(wrong)


def test_an_audit_imports_no_dagster() -> None:
    code = (
        "import sys, pandas as pd\n"
        "from cleanlab_assets import audit\n"
        "light = sorted({'pandas', 'sklearn', 'cleanlab', 'torch'} & set(sys.modules) - {'pandas'})\n"
        "rows = pd.DataFrame({'x': [0.1, 0.2, 5.1, 5.2] * 15, 'y': ['a', 'a', 'b', 'b'] * 15})\n"
        "run = audit(rows, label='y', model='logistic_regression', settings={'training_set.folds': 2})\n"
        "run.label_issues\n"
        "print(light, sorted(name for name in sys.modules if name.partition('.')[0] in ('dagster', 'torch')))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert printed.stdout.strip() == "[] []", printed.stderr


def test_the_examples_of_the_docstrings_are_right() -> None:
    found = doctest.testmod(cleanlab_assets.audits)
    assert found.attempted > 0
    assert found.failed == 0
