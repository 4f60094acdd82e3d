"""What only the chain of multiannotator has, on the audit of the digits' panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.datasets.digits_panel import SPAMMERS

if TYPE_CHECKING:
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def panel(audits: Audits) -> Audited:
    return audits["multiannotator"]


def test_test_rows_carry_the_truth_and_train_rows_the_vote(panel: Audited) -> None:
    rows = panel.read("training_set")
    truth = panel.read("raw_dataset").drop_duplicates("example").set_index("example")["true_digit"]
    assert (rows["true_label"].astype(str) == rows["row_id"].map(truth.astype(str))).all()
    is_right = rows["given_label"].astype(str) == rows["true_label"].astype(str)
    assert is_right[rows["split"] == "test"].all()
    assert is_right[rows["split"] == "train"].mean() < 0.9


def test_planted_labels_were_right_before(panel: Audited) -> None:
    labels = panel.read("annotations")
    truth = panel.read("training_set").set_index("row_id")["true_label"].astype(str)
    planted = labels[labels["planted_error"]]
    assert len(planted) > 50
    assert (planted["true_label"].astype(str) == planted["example"].map(truth)).all()


def test_crowdlab_is_at_least_as_right_as_vote_and_model(panel: Audited) -> None:
    found = panel.facts("consensus_labels").with_truth
    assert found["accuracy_crowdlab"] >= max(found["accuracy_majority_vote"], found["accuracy_model_alone"])
    assert found["accuracy_dawid_skene"] > found["accuracy_majority_vote"]
    assert found["consensus_quality_auroc"] > 0.7


def test_spammers_rank_last_and_quality_follows_skill(panel: Audited) -> None:
    annotators = panel.read("annotator_quality")
    assert set(annotators["annotator"].head(len(SPAMMERS))) == set(SPAMMERS)
    assert panel.facts("annotator_quality").spearman > 0.85
    assert (annotators["n_labels"] > 0).all()


def test_every_label_has_a_quality_worst_first(panel: Audited) -> None:
    quality, labels = panel.read("label_quality"), panel.read("annotations")
    assert set(quality["row_id"]) == set(labels.loc[labels["split"] == "train", "row_id"])
    assert quality["label_quality"].is_monotonic_increasing
    planted = panel.facts("label_quality").planted.overall
    assert planted.average_precision > 4 * planted.planted_share


def test_the_batch_names_examples_annotators_and_reasons_lowest_score_first(panel: Audited) -> None:
    batch = panel.read("labeling_batch")
    assert len(batch) == 20
    assert batch["active_learning_score"].is_monotonic_increasing
    assert batch["reason"].str.len().gt(0).all()
    labels = panel.read("annotations")
    known = set(zip(labels["example"], labels["annotator"].astype(str), strict=True))
    assert not known.intersection(zip(batch["row_id"], batch["suggested_annotator"], strict=True))


def test_variants_facts_and_report_tell_of_the_panel(panel: Audited) -> None:
    variants = [item.variant for item in panel.read("variant_comparison").variants]
    assert variants == ["baseline", "crowdlab", "dawid_skene", "pruned", "random_removal"]
    assert "test rows are judged by the known truth" in panel.read("audit_facts").notes
    page = panel.read("audit_report")
    for text in (SPAMMERS[0], "Dawid-Skene", "What to label next", "deliberately corrupted"):
        assert text in page, text
