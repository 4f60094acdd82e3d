"""Given labels that name several classes, and the probabilities of all classes, as Datalab judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.multilabel.class_quality import SOFTMIN_TEMPERATURE
from cleanlab_assets.families.multilabel.predictions import class_names_of, to_label_set_probabilities
from cleanlab_assets.families.tables.datalab import AuditedLabels
from cleanlab_assets.families.tables.steps import build_datalab_issues
from cleanlab_assets.methods.label_sets import LIKELY, decode_label_sets, encode_given_labels, to_label_lists

if TYPE_CHECKING:
    from cleanlab_assets.families.multilabel.issues import LabelSetIssuesTable
    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable

MULTILABEL_ISSUE_TYPES = ("label", "outlier", "near_duplicate", "non_iid", "null")
"""Those that Datalab has for labels that name several classes."""


def _read(predictions: LabelSetPredictionsTable, label_issues: LabelSetIssuesTable) -> AuditedLabels:
    table = predictions.value
    names, probabilities = class_names_of(table), to_label_set_probabilities(table).astype(np.float64)
    aggregation = {"method": "softmin", "temperature": SOFTMIN_TEMPERATURE}
    facts = label_issues.facts
    rule, flagged = facts.filter_by, dict[str, Any]()
    if rule == "odds":
        rule = "confident_learning"
        flags = label_issues.value["is_label_issue"].to_numpy(dtype=bool)
        settings = facts.model_dump(include={"filter_by", "expected_precision", "most_flagged"})
        flagged = {"label_flags": flags, "label_rule": settings}
    return AuditedLabels(
        task="multilabel",
        issue_types=MULTILABEL_ISSUE_TYPES,
        rows=table,
        labels=to_label_lists(encode_given_labels(table, names)),
        predictions=probabilities,
        label_parameters={"filter_by": rule, "n_jobs": 1, "aggregator_kwargs": aggregation},
        predicted=pd.Series(decode_label_sets(probabilities >= LIKELY, names), name="predicted_label"),
        **flagged,
    )


datalab_issues = build_datalab_issues(_read)
