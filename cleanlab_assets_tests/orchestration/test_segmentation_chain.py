"""What only the chain of segmentation has, on the audit of few small scenes by a network that learnt nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.families.segmentation import detection_power
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS
from cleanlab_assets.families.segmentation.planted_audit import plant_and_audit_masks
from cleanlab_assets.families.segmentation.predictions import pack_probabilities, unpack_probabilities
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def masks(audits: Audits) -> Audited:
    return audits["segmentation"]


def test_each_planted_error_changes_the_pixels_that_are_logged(masks: Audited) -> None:
    training = masks.read("training_set")
    log = pd.DataFrame.from_records(masks.facts("training_set").planted).set_index("row_id")
    assert set(log.index) == set(training.loc[training["planted_error"], "row_id"])
    assert set(log["planted_kind"]) == set(MASK_ERROR_KINDS)
    for row in training[training["planted_error"]].to_dict("records"):
        given, true = decode_mask(row["class_mask"]), decode_mask(row["true_mask"])
        assert (given != true).sum() == log.loc[row["row_id"], "n_pixels_changed"] > 0
        assert row["planted_kind"] == log.loc[row["row_id"], "planted_kind"]


def test_every_pixel_of_an_audited_image_is_predicted(masks: Audited) -> None:
    contents = masks.read("predictions")["probabilities"]
    for given, content in zip(masks.audited_rows["class_mask"], contents, strict=True):
        assert unpack_probabilities(content).shape == (11, *decode_mask(given).shape)


def test_flags_and_counts_of_the_issue_tables_agree(masks: Audited) -> None:
    rows, pixels, issues = masks.audited_rows, masks.read("pixel_issues"), masks.read("label_issues")
    classes, confusions = masks.read("class_summary"), masks.read("class_confusions")
    assert issues["true_label"].tolist() == rows["true_label"].tolist()
    for name in ("label_quality", "is_label_issue", "rank", "suggested_label"):
        assert issues[name].tolist() == pixels[name].tolist()
    in_doubt = [decode_mask(content) for content in pixels["issue_mask"]]
    assert [int(mask.sum()) for mask in in_doubt] == pixels["n_issue_pixels"].tolist()
    given = [decode_mask(content) for content in rows["class_mask"]]
    suggested = [decode_mask(content) for content in pixels["suggested_mask"]]
    changes = [bool((one != other).any()) for one, other in zip(given, suggested, strict=True)]
    assert changes == pixels["is_label_issue"].tolist()
    assert classes["class_name"].tolist() == ["background", *(str(digit) for digit in range(10))]
    assert classes["given_pixels"].tolist() == np.bincount(np.stack(given).ravel(), minlength=11).tolist()
    assert classes["issue_pixels"].sum() == confusions["n_pixel_issues"].sum() == pixels["n_issue_pixels"].sum()
    by_kind = masks.facts("label_issues").planted.by_kind
    assert {power.kind for power in by_kind} == set(issues["planted_kind"].dropna())


def test_facts_and_report_tell_of_masks_and_images(masks: Audited) -> None:
    facts = masks.read("audit_facts")
    assert {item.issue_type for item in facts.issue_types} >= {"dark", "outlier", "near_duplicate"}
    variants = [item.variant for item in masks.read("variant_comparison").variants]
    assert variants == ["baseline", "pruned", "relabelled", "random_removal"]
    page = masks.read("mask_report")
    for text in ("Masks in doubt", "Common confusions", "How well planted errors are found"):
        assert text in page


def test_detection_power_is_that_of_the_predictions_and_planted_errors_are_taken_out_first(
    masks: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = [decode_mask(content) for content in masks.train_rows["true_mask"]]
    stored, measured = masks.result("predictions"), []

    def measure_and_keep(images: Sequence[AnnotatedImage], *args: Any, **settings: Any) -> pd.DataFrame:
        measured.append(images)
        return plant_and_audit_masks(images, *args, **settings)

    monkeypatch.setattr(detection_power, "plant_and_audit_masks", measure_and_keep)

    def has_power(probabilities: list[np.ndarray]) -> bool:
        packed = [pack_probabilities(found) for found in probabilities]
        predictions = replace(stored, value=train_rows(stored.value).assign(probabilities=packed))
        return masks.measure_power(predictions=predictions).passed

    ids = np.arange(11)[:, None, None]
    assert has_power([np.where(ids == mask, 0.95, 0.005).astype(np.float32) for mask in true])
    assert not has_power([np.where(ids == 0, 0.8, 0.02) * np.ones_like(mask, dtype=float) for mask in true])
    for images in measured:
        for image, mask in zip(images, true, strict=True):
            np.testing.assert_array_equal(image.class_mask, mask)
