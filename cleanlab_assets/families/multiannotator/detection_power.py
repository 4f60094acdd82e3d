"""What the audit of annotations can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.detection_power import detection_step
from cleanlab_assets.families.multiannotator.annotations import panel_of, put_votes
from cleanlab_assets.families.multiannotator.model import build_panel_model, has_model
from cleanlab_assets.families.multiannotator.plant import plant_and_audit_annotations
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.reviews.corrected_labels import DECIDED_LABEL

if TYPE_CHECKING:
    from cleanlab_assets.families.multiannotator.issues import LabelQualityTable
    from cleanlab_assets.families.multiannotator.training_set import AnnotationsTable, PanelTrainingSetTable
    from cleanlab_assets.families.step import PredictionsTable, StepContext
    from cleanlab_assets.methods.detection_verdict import DetectionReport

TASTES = "labels are tastes, of which a detector can know little"


@detection_step
def detection_power(
    context: StepContext,
    label_quality: LabelQualityTable,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
    predictions: PredictionsTable,
) -> DetectionReport:
    """What the audit can find: errors planted in single labels that are right, and how they rank.

    They are any other class, the classes that the annotators take for each other, and the second choice of the model
    near the border. Each kind is compared with chance and with a ranking by the frequency of the classes alone; the
    weakest kind decides the verdict.
    """
    seed, predicted = label_quality.facts.seed, train_rows(predictions.value)
    build = build_panel_model(context, seed, predictions.facts.model_parameters)
    known, train = annotations.value, train_rows(training_set.value)
    require_same_rows(predicted, train, what="predictions")
    # Errors in labels of decided examples would be found by what reviewers said, not by the audit.
    known = known.drop(columns=DECIDED_LABEL, errors="ignore")
    if "planted_error" in known:
        known = known.assign(given_label=known["true_label"])
        train = put_votes(train, known)
    report = plant_and_audit_annotations(
        train, known, predicted, features=build.features, build=build, has_model=has_model(context), seed=seed
    )
    return report.model_copy(update={"excuse": TASTES}) if panel_of(context.dataset).is_preference else report
