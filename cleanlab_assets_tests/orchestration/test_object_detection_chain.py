"""The object detection chain on few small scenes: everything is made, and a detector that learnt nothing is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.object_detection.family import OBJECT_DETECTION
from cleanlab_assets.orchestration.partial_results import PartialResults
from cleanlab_assets.orchestration.runs import evaluate_checks
from cleanlab_assets.orchestration.storage import ParquetIOManager
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.model_comparison import ModelComparison
from cleanlab_assets_tests.conftest import Workbench, build_workbench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.orchestration.runs import RunOutcome

PARTITION = "digit_scenes|small_detector"
CONFIG = {
    "ops": {
        "object_detection__training_set": {"config": {"max_rows": 40, "folds": 2, "planted_error_fraction": 0.3}},
        "object_detection__predictions": {"config": {"parameters": {"epochs": 1, "width": 16, "image_size": 64}}},
        "object_detection__variant_comparison": {"config": {"resamples": 100}},
    }
}


@pytest.fixture(scope="module")
def audited_scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, RunOutcome]]:
    directory = tmp_path_factory.mktemp("scenes")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, OBJECT_DETECTION)
        outcome = bench.materialize("dataset", "digit_scenes", CONFIG)
        assert outcome.success, outcome.error
        outcome = bench.materialize("model", PARTITION, CONFIG)
        assert outcome.success, outcome.error
        assert bench.materialize("comparison", "digit_scenes").success
        yield bench, outcome


@pytest.mark.slow
def test_errors_are_planted_in_train_images_only_and_logged(audited_scenes: tuple[Workbench, RunOutcome]) -> None:
    bench, _ = audited_scenes
    training = bench.read("training_set", "digit_scenes")
    is_train = training["split"] == "train"

    assert len(training) == 40
    assert training.loc[is_train, "planted_error"].sum() == round(0.3 * is_train.sum())
    assert not training.loc[~is_train, "planted_error"].any()
    assert (training.loc[~is_train, "boxes"] == training.loc[~is_train, "true_boxes"]).all()
    log = pd.DataFrame.from_records(training.attrs["planted"])
    assert set(log["row_id"]) == set(training.loc[training["planted_error"], "row_id"])
    changed = (training["boxes"] != training["true_boxes"]) | (training["box_labels"] != training["true_box_labels"])
    assert changed.equals(training["planted_error"])


@pytest.mark.slow
def test_every_image_is_predicted_once_and_every_given_box_is_judged(
    audited_scenes: tuple[Workbench, RunOutcome],
) -> None:
    bench, _ = audited_scenes
    training = bench.read("training_set", "digit_scenes")
    train = training[training["split"] == "train"]
    predictions, boxes = bench.read("predictions", PARTITION), bench.read("box_issues", PARTITION)
    issues = bench.read("label_issues", PARTITION)

    assert predictions["row_id"].tolist() == train["row_id"].tolist() == issues["row_id"].tolist()
    n_given = train["box_labels"].map(lambda text: len(json.loads(text)))
    assert (boxes["box"] >= 0).sum() == n_given.sum()
    assert issues["n_boxes"].tolist() == n_given.tolist()
    assert sorted(issues["rank"]) == list(range(1, len(issues) + 1))
    assert set(issues.loc[issues["is_label_issue"], "row_id"]) == set(boxes.loc[boxes["is_box_issue"], "row_id"])
    assert {record["kind"] for record in boxes.attrs["detection_by_kind"]} == set(train["planted_kind"].dropna())


@pytest.mark.slow
def test_a_detector_that_learnt_nothing_fails_detection_power(audited_scenes: tuple[Workbench, RunOutcome]) -> None:
    _, outcome = audited_scenes
    power = next(check for check in outcome.checks if check.check == "detection_power")
    assert not power.passed
    assert "chance" in power.description


@pytest.mark.slow
def test_facts_report_and_comparison_tell_the_audit(audited_scenes: tuple[Workbench, RunOutcome]) -> None:
    bench, outcome = audited_scenes
    facts = bench.read("audit_facts", PARTITION, AuditFacts)
    comparison = bench.read("variant_comparison", PARTITION, VariantComparison)
    assert facts.detection is not None
    assert {item.issue_type for item in facts.issue_types} >= {"dark", "outlier", "near_duplicate"}
    assert [item.variant for item in comparison.variants] == ["baseline", "pruned", "relabelled", "random_removal"]
    page = bench.read("box_report", PARTITION)
    for text in ("Boxes with nothing in them", "How well planted errors are found", "data:image/png;base64"):
        assert text in page
    models = bench.read("model_comparison", "digit_scenes", ModelComparison)
    status = {result.model: result.status for result in models.results}
    assert status == {
        "small_detector": "compared",
        "fasterrcnn_mobilenet_v3_large_fpn": "not materialized",
        "maskrcnn_resnet50_fpn": "not materialized",
    }
    grounded = next(check for check in outcome.checks if check.check == "summary_is_grounded")
    assert grounded.passed, grounded.description


@pytest.mark.slow
def test_the_final_detector_is_stored_with_its_card_and_nothing_partial_is_left(
    audited_scenes: tuple[Workbench, RunOutcome],
) -> None:
    bench, _ = audited_scenes
    network = bench.read("retrained_model", PARTITION)
    assert network.card["variant"] == bench.read("variant_comparison", PARTITION, VariantComparison).chosen
    assert network.card["provenance"]["partition"] == PARTITION
    assert all(np.isfinite(values).all() for values in network.weights.values())
    path = str(bench.latest("predictions", PARTITION).metadata["path"].value)
    assert not list(Path(path).parent.glob(".partial_*"))
    assert bench.materialize("model", PARTITION, CONFIG).reasons == {}


@pytest.mark.slow
def test_a_detector_that_sees_the_objects_passes_detection_power(
    audited_scenes: tuple[Workbench, RunOutcome], tmp_path: Path
) -> None:
    """Also where the training set holds planted errors: they are taken out first, or they would count as right."""
    bench, _ = audited_scenes
    training = bench.read("training_set", "digit_scenes")
    train = training[training["split"] == "train"]
    stored = bench.read("predictions", PARTITION)
    sure = [json.dumps([0.97] * len(json.loads(labels))) for labels in train["true_box_labels"]]
    seen = stored.assign(
        predicted_boxes=train["true_boxes"].to_numpy(),
        predicted_classes=train["true_box_labels"].to_numpy(),
        probabilities=sure,
    )
    shutil.copytree(bench.settings.artifacts_dir, tmp_path / "artifacts")
    place = tmp_path / "artifacts" / "object_detection" / "predictions" / "digit_scenes" / "small_detector.parquet"
    place.write_bytes(ParquetIOManager().to_bytes(seen, {}))
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        copy = build_workbench(tmp_path, instance, OBJECT_DETECTION)
        outcomes = evaluate_checks(copy.definitions, instance, OBJECT_DETECTION, "digit_scenes", "small_detector")
    power = next(check for one in outcomes for check in one.checks if check.check == "detection_power")
    assert power.passed, power.description


def test_parts_of_other_settings_are_not_taken_up(tmp_path: Path) -> None:
    table = pd.DataFrame({"row_id": ["a", "b"], "value": [1.0, 2.0]})

    def open_parts(model: str = "small", **depends_on: Any) -> PartialResults:
        return PartialResults(str(tmp_path), "object_detection/predictions", f"scenes|{model}", depends_on)

    assert open_parts(epochs=1).read() is None
    open_parts(epochs=1).add(table)
    open_parts(epochs=1).add(table.assign(row_id=["c", "d"]))
    found = open_parts(epochs=1).read()
    assert found is not None
    assert found["row_id"].tolist() == ["a", "b", "c", "d"]
    assert open_parts(epochs=2).read() is None
    open_parts(epochs=2).add(table)
    open_parts("small_too", epochs=1).add(table)
    open_parts(epochs=1).clear()
    assert open_parts(epochs=1).read() is None
    assert open_parts(epochs=2).read() is None
    assert open_parts("small_too", epochs=1).read() is not None
    open_parts("small_too", epochs=1).clear()
    assert not list((tmp_path / "object_detection" / "predictions" / "scenes").glob(".partial*"))
