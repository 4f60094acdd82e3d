"""How good consensus labels and annotators' scores are, where the truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multiannotator.consensus import METHODS

if TYPE_CHECKING:
    import pandas as pd


def measure_consensus(consensus_labels: pd.DataFrame, truth: pd.Series) -> dict[str, float]:
    """Measure the consensus labels against the truth.

    Args:
        consensus_labels: what ``build_consensus`` returned.
        truth: true class of each example, in the same order.

    Returns:
        ``accuracy_<method>`` for every method; ``consensus_quality_auroc``: how well the quality of the leading
        consensus tells right from wrong consensus labels, NaN where all are right or all wrong; and
        ``crowdlab_quality_auroc``, the same of CROWDLAB's consensus and quality.
    """
    from sklearn.metrics import roc_auc_score

    true = truth.astype(str).to_numpy()
    found = {
        f"accuracy_{method}": float((consensus_labels[f"{method}_label"].astype(str).to_numpy() == true).mean())
        for method in METHODS
    }
    for name, label, quality in (
        ("consensus_quality_auroc", "consensus_label", "consensus_quality"),
        ("crowdlab_quality_auroc", "crowdlab_label", "crowdlab_quality"),
    ):
        is_right = consensus_labels[label].astype(str).to_numpy() == true
        is_defined = 0 < is_right.sum() < len(is_right)
        found[name] = float(roc_auc_score(is_right, consensus_labels[quality].to_numpy())) if is_defined else np.nan
    return found


def measure_annotator_ranking(annotator_quality: pd.DataFrame) -> float:
    """Return Spearman's correlation of annotator quality with true accuracy; NaN where one of them is constant."""
    from scipy.stats import spearmanr

    quality, accuracy = (annotator_quality[name].to_numpy() for name in ("annotator_quality", "true_accuracy"))
    if np.ptp(quality) == 0 or np.ptp(accuracy) == 0:
        return float("nan")
    return float(spearmanr(quality, accuracy).statistic)
