"""The multiannotator family: several annotators label the same examples."""

from __future__ import annotations

from cleanlab_assets.families.family import TaskFamily
from cleanlab_assets.families.multiannotator.checks import (
    active_learning_beats_random,
    annotators_agree_beyond_chance,
    consensus_has_converged,
    consensus_not_worse_than_majority,
    no_annotator_is_guessing,
    something_to_label,
)
from cleanlab_assets.families.multiannotator.detection_power import detection_power
from cleanlab_assets.families.multiannotator.issues import (
    annotator_quality,
    consensus_labels,
    label_issues,
    label_quality,
    labeling_batch,
)
from cleanlab_assets.families.multiannotator.learning_curve import learning_curve
from cleanlab_assets.families.multiannotator.model import check_panel_model
from cleanlab_assets.families.multiannotator.predictions import predictions
from cleanlab_assets.families.multiannotator.report import audit_report
from cleanlab_assets.families.multiannotator.training_set import given_annotations, training_set
from cleanlab_assets.families.multiannotator.variants import VARIANTS
from cleanlab_assets.families.tables.checks import no_row_in_both_splits, probabilities_are_valid

MULTIANNOTATOR = TaskFamily(
    name="multiannotator",
    unit="example",
    default_model="logistic_regression",
    steps=(
        training_set,
        given_annotations,
        learning_curve,
        predictions,
        label_quality,
        consensus_labels,
        annotator_quality,
        label_issues,
        detection_power,
        labeling_batch,
        audit_report,
    ),
    checks=(
        no_row_in_both_splits,
        annotators_agree_beyond_chance,
        active_learning_beats_random,
        probabilities_are_valid,
        consensus_has_converged,
        consensus_not_worse_than_majority,
        no_annotator_is_guessing,
        something_to_label,
    ),
    variants=VARIANTS,
    check_model=check_panel_model,
    reports=("label_issues", "audit_report", "labeling_batch", "retrained_model"),
    columns={
        "n_annotations": "How many annotators labelled the example.",
        "annotator_agreement": "Share of the labels that are the majority vote.",
        "decided_label": "What reviewers decided of the example; it counts in place of the annotators' votes.",
        "crowdlab_label": "Consensus by CROWDLAB.",
        "crowdlab_quality": "Quality by CROWDLAB, of a label, a consensus or an annotator.",
        "active_learning_score": "How much a further label of the example is worth; lower is more.",
        "suggested_annotator": "Whom to ask for the next label of the example.",
    },
)
