"""The segmentation chain on few small scenes: everything is made, and what is stored fits together."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.families.segmentation.detection_power import measure_mask_detection_power
from cleanlab_assets.families.segmentation.issues import pack_probabilities, unpack_probabilities
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.partitions import COMPARISON, DATASET, MODEL, Level
from cleanlab_assets.orchestration.runs import evaluate_checks
from cleanlab_assets.orchestration.segmentation import checks
from cleanlab_assets.orchestration.segmentation.family import SEGMENTATION
from cleanlab_assets.orchestration.storage import ParquetIOManager
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.audit_summary import AuditSummary
from cleanlab_assets.reports.model_comparison import ModelComparison
from cleanlab_assets_tests.conftest import Workbench, build_workbench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.orchestration.runs import RunOutcome

PARTITION = "digit_scenes|small_unet"
CONFIG = {
    "ops": {
        "segmentation__training_set": {"config": {"max_rows": 40, "folds": 2, "planted_error_fraction": 0.3}},
        "segmentation__predictions": {"config": {"parameters": {"epochs": 1, "width": 4, "longest_side": 64}}},
        "segmentation__variant_comparison": {"config": {"resamples": 100}},
    }
}


@pytest.fixture(scope="module")
def audited_masks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, RunOutcome]]:
    directory = tmp_path_factory.mktemp("masks")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, SEGMENTATION)
        outcome = bench.materialize("dataset", "digit_scenes", CONFIG)
        assert outcome.success, outcome.error
        outcome = bench.materialize("model", PARTITION, CONFIG)
        assert outcome.success, outcome.error
        assert bench.materialize("comparison", "digit_scenes").success
        yield bench, outcome


@pytest.mark.slow
def test_errors_are_planted_in_train_masks_only_and_each_changes_the_pixels_that_are_logged(
    audited_masks: tuple[Workbench, RunOutcome],
) -> None:
    bench, _ = audited_masks
    training = bench.read("training_set", "digit_scenes")
    is_train = training["split"] == "train"

    assert len(training) == 40
    assert training.loc[is_train, "planted_error"].sum() == round(0.3 * is_train.sum())
    assert not training.loc[~is_train, "planted_error"].any()
    assert (training["class_mask"] != training["true_mask"]).equals(training["planted_error"])
    log = pd.DataFrame.from_records(training.attrs["planted"]).set_index("row_id")
    assert set(log.index) == set(training.loc[training["planted_error"], "row_id"])
    assert set(log["planted_kind"]) == set(MASK_ERROR_KINDS)
    for row in training[training["planted_error"]].to_dict("records"):
        given, true = decode_mask(row["class_mask"]), decode_mask(row["true_mask"])
        assert (given != true).sum() == log.loc[row["row_id"], "n_pixels_changed"] > 0
        assert row["planted_kind"] == log.loc[row["row_id"], "planted_kind"]


@pytest.mark.slow
def test_every_train_image_is_predicted_once_and_judged_once(audited_masks: tuple[Workbench, RunOutcome]) -> None:
    bench, outcome = audited_masks
    training = bench.read("training_set", "digit_scenes")
    train = training[training["split"] == "train"]
    predictions, pixels = bench.read("predictions", PARTITION), bench.read("pixel_issues", PARTITION)
    issues = bench.read("label_issues", PARTITION)

    ids = train["row_id"].tolist()
    assert predictions["row_id"].tolist() == pixels["row_id"].tolist() == issues["row_id"].tolist() == ids
    for given, content in zip(train["class_mask"], predictions["probabilities"], strict=True):
        assert unpack_probabilities(content).shape == (11, *decode_mask(given).shape)
    valid = next(check for check in outcome.checks if check.check == "probabilities_are_valid")
    assert valid.passed, valid.description


@pytest.mark.slow
def test_ranks_flags_and_counts_of_the_issue_tables_agree(audited_masks: tuple[Workbench, RunOutcome]) -> None:
    bench, _ = audited_masks
    training = bench.read("training_set", "digit_scenes")
    train = training[training["split"] == "train"]
    pixels, issues = bench.read("pixel_issues", PARTITION), bench.read("label_issues", PARTITION)
    classes, confusions = bench.read("class_summary", PARTITION), bench.read("class_confusions", PARTITION)

    assert sorted(issues["rank"]) == list(range(1, len(issues) + 1))
    assert issues.sort_values("rank")["label_quality"].is_monotonic_increasing
    assert issues["given_label"].tolist() == train["given_label"].tolist()
    assert issues["true_label"].tolist() == train["true_label"].tolist()
    for name in ("label_quality", "is_label_issue", "rank", "suggested_label"):
        assert issues[name].tolist() == pixels[name].tolist()
    masks = [decode_mask(content) for content in pixels["issue_mask"]]
    assert [int(mask.sum()) for mask in masks] == pixels["n_issue_pixels"].tolist()
    given = [decode_mask(content) for content in train["class_mask"]]
    suggested = [decode_mask(content) for content in pixels["suggested_mask"]]
    changes = [bool((one != other).any()) for one, other in zip(given, suggested, strict=True)]
    assert changes == pixels["is_label_issue"].tolist()
    assert classes["class_name"].tolist() == ["background", *(str(digit) for digit in range(10))]
    assert classes["given_pixels"].tolist() == np.bincount(np.stack(given).ravel(), minlength=11).tolist()
    assert classes["issue_pixels"].sum() == confusions["n_pixel_issues"].sum() == pixels["n_issue_pixels"].sum()
    assert {record["kind"] for record in issues.attrs["detection_by_kind"]} == set(issues["planted_kind"].dropna())


@pytest.mark.slow
def test_facts_report_summary_and_comparison_tell_the_audit(audited_masks: tuple[Workbench, RunOutcome]) -> None:
    bench, outcome = audited_masks
    issues = bench.read("label_issues", PARTITION)
    facts = bench.read("audit_facts", PARTITION, AuditFacts)
    comparison = bench.read("variant_comparison", PARTITION, VariantComparison)

    assert facts.detection is not None
    assert facts.n_label_issues == issues["is_label_issue"].sum()
    assert {item.issue_type for item in facts.issue_types} >= {"dark", "outlier", "near_duplicate"}
    assert [item.variant for item in comparison.variants] == ["baseline", "pruned", "relabelled", "random_removal"]
    assert facts.verdict == comparison.verdict
    page = bench.read("mask_report", PARTITION)
    for text in ("Masks in doubt", "Common confusions", "How well planted errors are found"):
        assert text in page
    models = bench.read("model_comparison", "digit_scenes", ModelComparison)
    assert {result.model: result.status for result in models.results}["small_unet"] == "compared"
    consensus = bench.read("consensus_issues", "digit_scenes")
    assert set(consensus["row_id"]) == set(issues["row_id"])
    assert "small_unet" in bench.read("comparison_report", "digit_scenes")
    assert bench.read("ai_summary", PARTITION, AuditSummary).verdict
    grounded = next(check for check in outcome.checks if check.check == "summary_is_grounded")
    assert grounded.passed, grounded.description


@pytest.mark.slow
def test_the_final_network_is_stored_with_its_card_and_nothing_partial_is_left(
    audited_masks: tuple[Workbench, RunOutcome],
) -> None:
    bench, _ = audited_masks
    network = bench.read("retrained_model", PARTITION)
    comparison = bench.read("variant_comparison", PARTITION, VariantComparison)
    assert network.card["variant"] == comparison.chosen
    assert network.card["n_train"] == comparison.result(comparison.chosen).n_train
    assert network.card["provenance"]["partition"] == PARTITION
    assert all(np.isfinite(values).all() for values in network.weights.values())
    path = str(bench.latest("predictions", PARTITION).metadata["path"].value)
    assert not list(Path(path).parent.glob(".*"))
    levels: tuple[tuple[Level, str], ...] = (
        (DATASET, "digit_scenes"),
        (MODEL, PARTITION),
        (COMPARISON, "digit_scenes"),
    )
    for level, partition in levels:
        assert bench.materialize(level, partition, CONFIG).reasons == {}


@pytest.mark.slow
def test_detection_power_is_that_of_the_predictions_and_planted_errors_are_taken_out_first(
    audited_masks: tuple[Workbench, RunOutcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, _ = audited_masks
    training = bench.read("training_set", "digit_scenes")
    true = [decode_mask(content) for content in training.loc[training["split"] == "train", "true_mask"]]
    stored = bench.read("predictions", PARTITION)
    shutil.copytree(bench.settings.artifacts_dir, tmp_path / "artifacts")
    place = tmp_path / "artifacts" / "segmentation" / "predictions" / "digit_scenes" / "small_unet.parquet"
    measured: list[Sequence[AnnotatedImage]] = []

    def measure_and_keep(images: Sequence[AnnotatedImage], *args: Any, **settings: Any) -> pd.DataFrame:
        measured.append(images)
        return measure_mask_detection_power(images, *args, **settings)

    monkeypatch.setattr(checks, "measure_mask_detection_power", measure_and_keep)

    def check_power(probabilities: list[np.ndarray]) -> bool:
        packed = [pack_probabilities(found) for found in probabilities]
        place.write_bytes(ParquetIOManager().to_bytes(stored.assign(probabilities=packed), {}))
        with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
            copy = build_workbench(tmp_path, instance, SEGMENTATION)
            outcomes = evaluate_checks(copy.definitions, instance, SEGMENTATION, "digit_scenes", "small_unet")
        return next(check for one in outcomes for check in one.checks if check.check == "detection_power").passed

    ids = np.arange(11)[:, None, None]
    assert check_power([np.where(ids == mask, 0.95, 0.005).astype(np.float32) for mask in true])
    assert not check_power([np.where(ids == 0, 0.8, 0.02) * np.ones_like(mask, dtype=float) for mask in true])
    for images in measured:
        for image, mask in zip(images, true, strict=True):
            np.testing.assert_array_equal(image.class_mask, mask)
