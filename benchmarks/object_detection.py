"""Object detection on the digit scenes: how long the chain takes, how good the detector is, what it finds.

Plants errors in a share of the train images, audits them by cross-validation as the chain does, and prints a table: CPU
seconds, mean average precision on the untouched test images, and average precision by kind of planted error, beside
cleanlab's plain route: its image scores and flags on the detector's own, uncalibrated scores.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from cleanlab.object_detection.filter import find_label_issues

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.images import read_image_table
from cleanlab_assets.families.images.training_set import build_image_training_set
from cleanlab_assets.families.object_detection.box_quality import (
    arrange_for_cleanlab,
    find_box_issues,
)
from cleanlab_assets.families.object_detection.calibration import calibrate_scores_out_of_fold
from cleanlab_assets.families.object_detection.lean_objectlab import score_with_objectlab
from cleanlab_assets.families.object_detection.metrics import ScoredDetections
from cleanlab_assets.families.object_detection.plant import plant_box_errors
from cleanlab_assets.families.object_detection.planted_audit import score_box_detection_power
from cleanlab_assets.families.object_detection.predictions import predict_boxes_out_of_sample
from cleanlab_assets.methods.detection_power import score_detection_power
from cleanlab_assets.methods.training_set import TEST, TRAIN
from cleanlab_assets.models.estimators.fcos_detector import FcosDetector
from cleanlab_assets.orchestration.datasets import get_dataset


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=FcosDetector().epochs)
    parser.add_argument("--planted", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    dataset = get_dataset("digit_scenes")
    raw = dataset.load(resolve_source_files(dataset, Path("data"), show_progress=False))
    table = build_image_training_set(
        raw, dataset, max_rows=arguments.scenes, test_fraction=0.2, folds=arguments.folds, seed=arguments.seed
    ).table
    train = read_image_table(table[table["split"] == TRAIN], dataset.class_names)
    test = read_image_table(table[table["split"] == TEST], dataset.class_names)
    folds = table.loc[table["split"] == TRAIN, "fold"].to_numpy()
    given, truth = plant_box_errors(train, fraction=arguments.planted, seed=arguments.seed)

    def build() -> FcosDetector:
        return FcosDetector(epochs=arguments.epochs, random_state=arguments.seed)

    device = "GPU" if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {device}; seed {arguments.seed}")
    started, clock = perf_counter(), process_time()
    predicted = predict_boxes_out_of_sample(given, folds, build=build).predictions
    print(
        f"cross-validation of {len(given)} scenes: {process_time() - clock:.0f} CPU s, {perf_counter() - started:.0f} s"
    )
    clock = process_time()
    calibrated = calibrate_scores_out_of_fold(given, predicted, folds)
    issues = find_box_issues(given, calibrated)
    print(f"calibration and issues: {process_time() - clock:.1f} CPU s")
    clock = process_time()
    model = build().fit(given)
    print(f"one fit on all train scenes: {process_time() - clock:.0f} CPU s")
    for name, value in ScoredDetections(test, model.predict(test)).compute().items():
        print(f"{name} on {len(test)} untouched scenes: {value:.3f}")
    print(score_box_detection_power(issues.boxes, truth).round(3).to_string(index=False))

    is_planted = np.isin([image.row_id for image in given], truth["row_id"])
    labels, arranged = arrange_for_cleanlab(given, predicted)
    plain = find_label_issues(labels, arranged, return_indices_ranked_by_score=False)
    own = issues.table
    quality, flags = own["label_quality"].to_numpy(), own["is_label_issue"].to_numpy()
    for name, scores, is_flagged in (
        ("the worst box, by calibrated probabilities", quality, flags),
        ("cleanlab's score of calibrated probabilities", own["objectlab_quality"].to_numpy(), flags),
        ("cleanlab's score and flags of the detector's own scores", score_with_objectlab(given, predicted), plain),
    ):
        measured = score_detection_power(scores, is_flagged, is_planted)
        print(
            f"images, {name}: average precision {measured.average_precision:.3f} (chance "
            f"{measured.planted_share:.3f}), flags: precision {measured.precision:.3f}, recall {measured.recall:.3f}"
        )


if __name__ == "__main__":
    main()
