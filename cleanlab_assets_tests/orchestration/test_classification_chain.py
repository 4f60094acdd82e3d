from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets_tests.conftest import PLANTED

if TYPE_CHECKING:
    from cleanlab_assets_tests.conftest import Workbench

DATASET_ASSETS = [key.path[-1] for key in CLASSIFICATION.asset_keys("dataset")]
MODEL_ASSETS = [key.path[-1] for key in CLASSIFICATION.asset_keys("model")]
ALL_ASSETS = [(name, "breast_cancer") for name in DATASET_ASSETS] + [(name, PLANTED) for name in MODEL_ASSETS]


def _truth(row_ids: pd.Series[str]) -> pd.Series[str]:
    """The true labels of breast_cancer rows, straight from scikit-learn: line 2 of the file is its first row."""
    bunch = load_breast_cancer()
    lines = row_ids.str.rsplit(":", n=1).str[1].astype(int)
    return pd.Series(bunch.target_names[bunch.target[lines - 2]], index=row_ids.index)


def test_a_row_id_leads_to_the_true_row_of_the_source(audited: Workbench) -> None:
    issues = audited.read("label_issues", PLANTED)
    assert (issues["true_label"].astype(str) == _truth(issues["row_id"])).all()


def test_test_labels_are_the_true_ones_although_train_labels_were_corrupted(audited: Workbench) -> None:
    rows = audited.read("training_set", "breast_cancer")
    is_right = rows["given_label"].astype(str) == _truth(rows["row_id"])
    assert is_right[rows["split"] == "test"].all()
    assert (~is_right).sum() == rows["planted_error"].sum() == round(0.1 * (rows["split"] == "train").sum())


def test_every_train_row_is_in_every_table_in_the_same_order(audited: Workbench) -> None:
    rows = audited.read("training_set", "breast_cancer")
    expected = rows.loc[rows["split"] == "train", "row_id"].tolist()
    for name in ("predictions", "label_issues", "datalab_issues"):
        assert audited.read(name, PLANTED)["row_id"].tolist() == expected


def test_planted_errors_are_found(audited: Workbench) -> None:
    detection = audited.read("label_issues", PLANTED).attrs["detection"]
    assert detection["n_planted"] == 46
    assert detection["average_precision"] > 0.7
    assert detection["precision"] > 0.6
    assert detection["recall"] > 0.6


def test_suggested_labels_repair_most_flagged_rows(audited: Workbench) -> None:
    issues = audited.read("label_issues", PLANTED)
    caught = issues[issues["is_label_issue"] & issues["planted_error"]]
    assert (caught["suggested_label"] == caught["true_label"]).mean() > 0.9


def test_summary_counts_are_those_of_the_rows(audited: Workbench) -> None:
    rows, summary = audited.read("datalab_issues", PLANTED), audited.read("datalab_summary", PLANTED)
    assert (summary["status"] == "ran").all()
    for issue_type, count in summary[["issue_type", "n_issues"]].itertuples(index=False):
        assert rows[f"is_{issue_type}_issue"].sum() == count


def test_the_stored_model_predicts_class_names_as_well_as_its_card_says(audited: Workbench) -> None:
    model = audited.read("retrained_model", PLANTED)
    rows = audited.read("training_set", "breast_cancer")
    test = rows[rows["split"] == "test"]
    accuracy = (model.pipeline.predict(test[model.card["features"]]) == test["given_label"].astype(str)).mean()
    assert accuracy == pytest.approx(model.card["test_metrics"]["accuracy"], abs=1e-9)
    assert model.card["seed"] == 3
    assert model.card["training_set_hash"] == rows.attrs["provenance"]["data_hash"]


def test_the_comparison_names_the_rows_that_each_variant_changed(audited: Workbench) -> None:
    comparison: VariantComparison = audited.read("variant_comparison", PLANTED, VariantComparison)
    issues = audited.read("label_issues", PLANTED).set_index("row_id")
    pruned = comparison.result("pruned").removed_rows
    assert len(pruned) == round(0.02 * len(issues))
    assert issues.loc[pruned, "is_label_issue"].all()
    assert issues.loc[pruned, "rank"].max() <= len(pruned)
    relabelled = comparison.result("relabelled").relabelled_rows
    assert set(relabelled) == set(pruned)
    assert len(comparison.result("random_removal").removed_rows) == len(pruned)
    assert comparison.result("cleanlearning").n_train == (~issues["is_label_issue"]).sum()


def test_the_report_shows_the_worst_row_and_how_it_was_made(audited: Workbench) -> None:
    page = audited.read("datalab_report", PLANTED)
    issues = audited.read("datalab_issues", PLANTED)
    worst = issues.sort_values("label_score").iloc[0]["row_id"]
    assert worst in page
    assert audited.read("training_set", "breast_cancer").attrs["provenance"]["data_hash"] in page


@pytest.mark.parametrize(("asset", "partition"), ALL_ASSETS, ids=[name for name, _ in ALL_ASSETS])
def test_every_result_records_how_it_came_to_be(audited: Workbench, asset: str, partition: str) -> None:
    materialization = audited.latest(asset, partition)
    record: Any = materialization.metadata["provenance"].value
    assert record["asset"] == f"classification/{asset}"
    assert record["partition"] == partition
    assert record["versions"]["cleanlab"]
    assert record["seconds"] >= 0
    assert materialization.tags is not None
    assert record["data_hash"] == materialization.tags["dagster/data_version"]
    assert "not recorded" not in record["inputs"].values()
    if asset != "raw_dataset":
        assert record["inputs"]


@pytest.mark.parametrize(("asset", "partition"), ALL_ASSETS, ids=[name for name, _ in ALL_ASSETS])
def test_files_lie_where_a_person_looks_for_them(audited: Workbench, asset: str, partition: str) -> None:
    path = str(audited.latest(asset, partition).metadata["path"].value)
    expected = f"{audited.settings.artifacts_dir}/classification/{asset}/{partition.replace('|', '/')}."
    assert path.startswith(expected)


def test_tables_show_rows_columns_and_the_first_rows_in_the_ui(audited: Workbench) -> None:
    for asset in ("training_set", "neighbor_graph"):
        metadata = audited.latest(asset, "breast_cancer").metadata
        assert isinstance(metadata["dagster/row_count"].value, int)
        schema: Any = metadata["dagster/column_schema"].value
        columns = {column.name: column for column in schema.columns}
        assert columns["row_id"].description
        assert isinstance(metadata["preview"], dg.TableMetadataValue)
    plot = audited.latest("label_issues", PLANTED).metadata["plots"].value
    assert isinstance(plot, str)
    assert "data:image/png;base64," in plot


def test_without_planted_errors_nothing_claims_precision_or_recall(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    config = {"ops": {"classification__variant_comparison": {"config": {"resamples": 100}}}}
    assert workbench.materialize("model", "breast_cancer|knn", config).success
    issues = workbench.read("label_issues", "breast_cancer|knn")
    assert "detection" not in issues.attrs
    assert not {"planted_error", "true_label"} & set(issues.columns)
    metadata = workbench.latest("label_issues", "breast_cancer|knn").metadata
    assert not [name for name in metadata if name.startswith("detection_")]


def test_a_second_materialization_gives_the_same_content(audited: Workbench, workbench: Workbench) -> None:
    config = {
        "ops": {
            "classification__training_set": {
                "config": audited.read("training_set", "breast_cancer").attrs["provenance"]["config"]
            }
        }
    }
    assert workbench.materialize("dataset", "breast_cancer", config).success
    for asset in DATASET_ASSETS:
        first, second = (bench.latest(asset, "breast_cancer").tags for bench in (audited, workbench))
        assert first is not None
        assert second is not None
        assert first["dagster/data_version"] == second["dagster/data_version"]


def test_json_artifacts_hold_no_raw_memory_addresses_or_nan(audited: Workbench) -> None:
    path = str(audited.latest("variant_comparison", PLANTED).metadata["path"].value)
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - the path is a recorded string
        content = json.load(file, parse_constant=lambda constant: pytest.fail(f"{constant} in {path}"))
    assert np.isfinite(content["result"]["variants"][0]["metrics"]["accuracy"])
