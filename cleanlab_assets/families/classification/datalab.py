"""Given classes and their probabilities, as Datalab judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.tables.datalab import ISSUE_TYPES, AuditedLabels
from cleanlab_assets.families.tables.steps import build_datalab_issues
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities

if TYPE_CHECKING:
    from cleanlab_assets.families.step import PredictionsTable
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable
    from cleanlab_assets.methods.label_issues import CleanlabRule


def read_classes(
    predictions: pd.DataFrame, filter_by: CleanlabRule = "prune_by_noise_rate", **flagged: Any
) -> AuditedLabels:
    """Read what Datalab needs for every issue type.

    Args:
        predictions: predictions table (``row_id``, ``given_label``, ``probability_<class>``).
        filter_by: cleanlab's rule of the ``label`` type, that of the label issues.
        flagged: flags of the label issues and their rule, where that is none of cleanlab's, see ``AuditedLabels``.
    """
    given = predictions["given_label"]
    all_probabilities = to_probabilities(predictions)
    # Datalab works with the classes that occur as given labels.
    present, compact_labels = np.unique(encode_labels(given), return_inverse=True)
    probabilities = all_probabilities[:, present].astype(np.float64)
    probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    # One process: a pool that cleanlab forks from a process full of threads and signal handlers may never end, and one
    # that it spawns lacks the globals that it relies on.
    rule = {"filter_by": filter_by, "n_jobs": 1, "min_examples_per_class": 1}
    return AuditedLabels(
        task="classification",
        issue_types=tuple(ISSUE_TYPES),
        rows=predictions,
        labels=compact_labels,
        predictions=probabilities,
        label_parameters={"clean_learning_kwargs": {"find_label_issues_kwargs": rule}},
        predicted=pd.Series(decode_labels(all_probabilities.argmax(axis=1), given), name="predicted_label"),
        **flagged,
    )


def _read(predictions: PredictionsTable, label_issues: ClassLabelIssuesTable) -> AuditedLabels:
    facts = label_issues.facts
    if facts.filter_by != "odds":
        return read_classes(predictions.value, facts.filter_by)
    flags = label_issues.value["is_label_issue"].to_numpy(dtype=bool)
    return read_classes(predictions.value, label_flags=flags, label_rule={"filter_by": "odds", "odds": facts.odds})


datalab_issues = build_datalab_issues(_read, is_heavy=True)
