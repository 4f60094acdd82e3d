"""What only the chain of classification has, on the audit of breast_cancer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from cleanlab_assets.families.classification import issues, predictions, training_set
from cleanlab_assets.families.classification.training_set import TrainingSetSettings
from cleanlab_assets.families.raw_dataset import raw_dataset
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


@pytest.fixture(scope="session")
def tumours(audits: Audits) -> Audited:
    return audits["classification"]


def _truth(row_ids: pd.Series[str]) -> pd.Series[str]:
    """The true labels of breast_cancer rows, straight from scikit-learn: line 2 of the file is its first row."""
    bunch = load_breast_cancer()
    lines = row_ids.str.rsplit(":", n=1).str[1].astype(int)
    return pd.Series(bunch.target_names[bunch.target[lines - 2]], index=row_ids.index)


def test_a_row_id_leads_to_the_true_row_of_the_source(tumours: Audited) -> None:
    found = tumours.read("label_issues")
    assert (found["true_label"].astype(str) == _truth(found["row_id"])).all()


def test_suggested_labels_repair_most_flagged_rows(tumours: Audited) -> None:
    found, planted = tumours.read("label_issues"), tumours.facts("label_issues").planted.overall
    assert planted.precision > 0.6
    assert planted.recall > 0.6
    caught = found[found["is_label_issue"] & found["planted_error"]]
    assert (caught["suggested_label"] == caught["true_label"]).mean() > 0.9


def test_summary_counts_are_those_of_the_rows(tumours: Audited) -> None:
    rows, summary = tumours.read("datalab_issues"), tumours.read("datalab_summary")
    assert (summary["status"] == "ran").all()
    for issue_type, count in summary[["issue_type", "n_issues"]].itertuples(index=False):
        assert rows[f"is_{issue_type}_issue"].sum() == count


def test_the_worst_rows_are_pruned_and_cleanlearning_leaves_all_flagged_ones_out(tumours: Audited) -> None:
    comparison = tumours.read("variant_comparison")
    found = train_rows(tumours.read("label_issues")).set_index("row_id")
    pruned = comparison.result("pruned").removed_rows
    assert len(pruned) == round(0.02 * len(found))
    assert found["rank"].rank().loc[pruned].max() <= len(pruned)
    assert comparison.result("cleanlearning").n_train == (~found["is_label_issue"]).sum()


def test_without_planted_errors_nothing_claims_precision_or_recall(tumours: Audited) -> None:
    context = tumours.context
    raw = raw_dataset.run(context)
    rows = training_set.training_set.run(context, TrainingSetSettings(max_rows=200, folds=2), raw)
    predicted = predictions.predictions.run(context, PredictionsSettings(), rows)
    label_issues = issues.label_issues
    assert label_issues.settings is not None
    found = label_issues.run(context, label_issues.settings(), rows, predicted)
    assert found.facts.planted is None
    assert not {"planted_error", "true_label"} & set(found.value.columns)
    assert not [name for name in found.show() if name.startswith("detection_")]
