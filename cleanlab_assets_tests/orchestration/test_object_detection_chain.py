"""What only the chain of object detection has, on the audit of few small scenes by a detector that learnt nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def scenes(audits: Audits) -> Audited:
    return audits["object_detection"]


def test_planted_errors_are_logged(scenes: Audited) -> None:
    training = scenes.read("training_set")
    log = pd.DataFrame.from_records(scenes.facts("training_set").planted)
    assert sorted(log["row_id"]) == sorted(training.loc[training["planted_error"], "row_id"])
    kinds = training.set_index("row_id")["planted_kind"].dropna().astype(str).to_dict()
    assert dict(zip(log["row_id"], log["planted_kind"], strict=True)) == kinds


def test_every_given_box_is_judged(scenes: Audited) -> None:
    rows, boxes, issues = scenes.audited_rows, scenes.read("box_issues"), scenes.read("label_issues")
    n_given = rows["box_labels"].map(lambda text: len(json.loads(text)))
    assert (boxes["box"] >= 0).sum() == n_given.sum()
    assert issues["n_boxes"].tolist() == n_given.tolist()
    assert set(issues.loc[issues["is_label_issue"], "row_id"]) == set(boxes.loc[boxes["is_box_issue"], "row_id"])
    by_kind = scenes.facts("box_issues").detection_by_kind
    assert {power.kind for power in by_kind} == set(rows["planted_kind"].dropna())
    splits = boxes.drop_duplicates("row_id").set_index("row_id")["split"].astype(str)
    assert splits.to_dict() == rows.set_index("row_id")["split"].astype(str).loc[splits.index].to_dict()


def test_facts_and_report_tell_of_boxes_and_images(scenes: Audited) -> None:
    facts = scenes.read("audit_facts")
    assert {item.issue_type for item in facts.issue_types} >= {"dark", "outlier", "near_duplicate"}
    variants = [item.variant for item in scenes.read("variant_comparison").variants]
    assert variants == ["baseline", "pruned", "relabelled", "random_removal"]
    page = scenes.read("box_report")
    for text in ("Boxes with nothing in them", "How well planted errors are found", "data:image/png;base64"):
        assert text in page


def test_a_detector_that_sees_the_objects_passes_detection_power(scenes: Audited) -> None:
    """Also where the training set holds planted errors: they are taken out first, or they would count as right."""
    train, stored = scenes.train_rows, scenes.result("predictions")
    sure = [json.dumps([0.97] * len(json.loads(labels))) for labels in train["true_box_labels"]]
    seen = train_rows(stored.value).assign(
        predicted_boxes=train["true_boxes"].to_numpy(),
        predicted_classes=train["true_box_labels"].to_numpy(),
        probabilities=sure,
    )
    power = scenes.measure_power(predictions=replace(stored, value=seen))
    assert power.passed, power.description
    blind = scenes.judge("detection_power")
    assert not blind.passed
    assert "chance" in blind.description
