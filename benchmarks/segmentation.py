"""The small U-Net on digit scenes: fit seconds, mean IoU, and how well image scores find planted mask errors.

Cross-validation in three folds of scenes a tenth of which have an error planted in their mask. Score by score the
average precision of the planted errors; for the score that ranks the images also kind by kind.
"""

from __future__ import annotations

import argparse
from time import process_time

import numpy as np
from measurements import print_report
from sklearn.datasets import load_digits

from cleanlab_assets.datasets.digit_scenes import SEED, compose_scenes
from cleanlab_assets.families.segmentation.mask_quality import find_mask_issues
from cleanlab_assets.families.segmentation.metrics import score_masks
from cleanlab_assets.families.segmentation.plant import plant_mask_errors
from cleanlab_assets.families.segmentation.predictions import predict_masks_out_of_sample, unpack_probabilities
from cleanlab_assets.methods.detection_power import score_detection_power, score_detection_power_by_kind
from cleanlab_assets.models.estimators.unet_segmenter import UNetSegmenter

FOLDS = 3
PLANTED_SHARE = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=320, help="scenes, all of them audited")
    parser.add_argument("--epochs", type=int, default=UNetSegmenter().epochs, help="passes over the training scenes")
    arguments = parser.parse_args()
    data = load_digits()
    glyphs = data.data.reshape(-1, 8, 8) / 16
    scenes = list(compose_scenes(glyphs, data.target, n_scenes=arguments.scenes, seed=SEED))
    given, truth = plant_mask_errors(scenes, fraction=PLANTED_SHARE, seed=3)
    started = process_time()
    predicted = predict_masks_out_of_sample(
        given, np.arange(len(given)) % FOLDS, build=lambda: UNetSegmenter(epochs=arguments.epochs)
    )
    seconds = process_time() - started
    packed = predicted.predictions
    started = process_time()
    issues = find_mask_issues(given, packed)
    audit_seconds = process_time() - started
    metrics = score_masks(scenes, map(unpack_probabilities, packed)).compute()
    kinds = issues.table["row_id"].map(dict(zip(truth["row_id"], truth["planted_kind"], strict=True)))
    is_planted = kinds.notna().to_numpy()
    flags = issues.table["is_label_issue"].to_numpy(dtype=bool)
    scores = {
        "how clearly the model contradicts the mask (what ranks)": issues.table["contradiction_quality"],
        "cleanlab's softmin, temperature 0.1": issues.table["softmin_quality"],
        "share of pixel issues": 1 - issues.table["issue_share"],
        "largest region of pixel issues": -issues.pixels["region_pixels"],
        "worst object: soft overlap with what is predicted": issues.table["object_quality"],
    }
    rows: list[list[object]] = []
    for name, score in scores.items():
        measured = score_detection_power(score.to_numpy(dtype=np.float64), flags, is_planted)
        rows.append([name, f"{measured.average_precision:.3f}", f"{measured.auroc:.3f}", ""])
    quality = issues.table["label_quality"].to_numpy(dtype=np.float64)
    for power in score_detection_power_by_kind(quality, flags, kinds):
        name = f"what ranks, {power.kind} ({power.n_planted}; chance {power.chance:.3f})"
        rows.append([name, f"{power.average_precision:.3f}", f"{power.auroc:.3f}", f"{power.recall:.2f}"])
    flagged = score_detection_power(quality, flags, is_planted)
    notes = (
        f"{len(given)} scenes, {arguments.epochs} epochs, {FOLDS} folds: {seconds:.0f} processor seconds for all fits "
        f"and predictions, {audit_seconds:.1f} for the audit. Against the true masks: mean IoU "
        f"{metrics['mean_iou']:.3f}, pixel accuracy {metrics['pixel_accuracy']:.3f}. "
        f"{flags.sum()} images flagged: precision {flagged.precision:.2f}, recall {flagged.recall:.2f}."
    )
    print_report("Masks of digit scenes", ["score", "average precision", "AUROC", "recall"], rows, notes=notes)


if __name__ == "__main__":
    main()
