from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.datasets.digits_panel import SPAMMERS
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.multiannotator.family import MULTIANNOTATOR
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, Level
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets_tests.conftest import build_workbench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets_tests.conftest import Workbench

PARTITION = "digits_panel|logistic_regression"
CONFIG = {
    "ops": {
        "multiannotator__training_set": {
            "config": {"max_rows": 900, "planted_error_fraction": 0.05, "folds": 3, "seed": 3}
        },
        "multiannotator__learning_curve": {
            "config": {"seeds": 2, "max_examples": 150, "start": 100, "batch_size": 30, "rounds": 1}
        },
        "multiannotator__variant_comparison": {"config": {"resamples": 100}},
    }
}


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where the digits' panel, with some labels made wrong, is audited. Not to be changed."""
    directory = tmp_path_factory.mktemp("panel")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, MULTIANNOTATOR)
        levels: tuple[tuple[Level, str], ...] = ((DATASET, "digits_panel"), (MODEL, PARTITION))
        for level, partition in levels:
            outcome = bench.materialize(level, partition, CONFIG)
            assert outcome.success, outcome.error
        yield bench


def test_test_rows_carry_the_truth_and_train_rows_the_vote(panel: Workbench) -> None:
    rows = panel.read("training_set", "digits_panel")
    is_right = rows["given_label"].astype(str) == rows["true_label"].astype(str)
    assert is_right[rows["split"] == "test"].all()
    assert is_right[rows["split"] == "train"].mean() < 0.9


def test_planted_labels_were_right_before_and_are_in_train_examples_alone(panel: Workbench) -> None:
    labels = panel.read("annotations", "digits_panel")
    truth = panel.read("training_set", "digits_panel").set_index("row_id")["true_label"].astype(str)
    planted = labels[labels["planted_error"]]
    assert len(planted) > 50
    assert (planted["split"] == "train").all()
    assert (planted["true_label"].astype(str) == planted["example"].map(truth)).all()
    assert (planted["given_label"].astype(str) != planted["true_label"].astype(str)).all()


def test_crowdlab_is_at_least_as_right_as_vote_and_model(panel: Workbench) -> None:
    found = panel.read("consensus_labels", PARTITION).attrs["with_truth"]
    assert found["accuracy_crowdlab"] >= max(found["accuracy_majority_vote"], found["accuracy_model_alone"])
    assert found["accuracy_dawid_skene"] > found["accuracy_majority_vote"]
    assert found["consensus_quality_auroc"] > 0.7


def test_spammers_rank_last_and_quality_follows_skill(panel: Workbench) -> None:
    annotators = panel.read("annotator_quality", PARTITION)
    assert set(annotators["annotator"].head(len(SPAMMERS))) == set(SPAMMERS)
    assert annotators.attrs["spearman"] > 0.85
    assert (annotators["n_labels"] > 0).all()


def test_every_label_has_a_quality_and_planted_ones_rank_worst(panel: Workbench) -> None:
    quality = panel.read("label_quality", PARTITION)
    labels = panel.read("annotations", "digits_panel")
    assert set(quality["row_id"]) == set(labels.loc[labels["split"] == "train", "row_id"])
    assert quality["label_quality"].is_monotonic_increasing
    detection = quality.attrs["detection"]
    assert detection["average_precision"] > 4 * detection["planted_share"]


def test_the_batch_names_examples_annotators_and_reasons_lowest_score_first(panel: Workbench) -> None:
    batch = panel.read("labeling_batch", PARTITION)
    assert len(batch) == 20
    assert batch["active_learning_score"].is_monotonic_increasing
    labels = panel.read("annotations", "digits_panel")
    known = set(zip(labels["example"], labels["annotator"].astype(str), strict=True))
    assert not known.intersection(zip(batch["row_id"], batch["suggested_annotator"], strict=True))


def test_variants_facts_and_report_tell_of_the_panel(panel: Workbench) -> None:
    comparison: VariantComparison = panel.read("variant_comparison", PARTITION, VariantComparison)
    assert [item.variant for item in comparison.variants] == [
        *("baseline", "crowdlab", "dawid_skene", "pruned", "random_removal")
    ]
    facts: AuditFacts = panel.read("audit_facts", PARTITION, AuditFacts)
    assert facts.detection is not None
    assert "test rows are judged by the known truth" in facts.notes
    page = panel.read("audit_report", PARTITION)
    worst = panel.read("label_issues", PARTITION).sort_values("rank").iloc[0]["row_id"]
    for text in (worst, SPAMMERS[0], "Dawid-Skene", "What to label next", "deliberately corrupted"):
        assert text in page, text
