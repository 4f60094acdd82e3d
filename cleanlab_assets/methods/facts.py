"""The facts that the steps of every family have in common; a family's own facts derive from them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from cleanlab_assets.methods.calibration import ReliabilityCurve
from cleanlab_assets.methods.detection_power import PlantedDetection, TruthDetection
from cleanlab_assets.methods.error_bracket import EstimatedErrors
from cleanlab_assets.methods.result import Facts
from cleanlab_assets.methods.score_choice import ScoreChoice


class TrainingSetFacts(Facts):
    """How the rows under audit were made: the seed of everything random, the folds, and what a reader must know.

    ``small_classes`` are those of the notes that tell of classes without rows in some part; ``telling_features`` are
    the features that alone predict the label almost perfectly.
    """

    seed: int
    folds: int
    notes: list[str]
    small_classes: list[str] = Field(default_factory=list)
    telling_features: list[str] = Field(default_factory=list)


class PredictionsFacts(Facts):
    """How the rows were predicted.

    ``cross_validation`` holds the metrics of the out-of-sample predictions by name; ``reliability`` how often the model
    is right at each confidence, each row counted once; ``notes`` are what a reader must know of the fits;
    ``looks_in_sample`` says why predictions of the user's own look as if the model had
    seen the rows, empty if they do not.
    """

    seed: int
    model_parameters: dict[str, Any]
    cross_validation: dict[str, float]
    reliability: ReliabilityCurve
    notes: list[str] = Field(default_factory=list)
    looks_in_sample: str = ""


class LabelIssuesFacts(EstimatedErrors, Facts):
    """How labels were judged.

    ``flag_rule`` says in words how rows are flagged; the estimated number of label errors is one among
    the train rows; ``planted`` says how well planted errors were found, None
    without any; ``by_truth`` how well wrong labels were found where the source states true ones, None where it states
    none; ``looks_in_sample`` is that of the predictions; ``ranked_by`` says which of several scores ranks, None where
    there is one.
    """

    seed: int
    model_parameters: dict[str, Any]
    flag_rule: str
    notes: list[str]
    planted: PlantedDetection | None = None
    by_truth: TruthDetection | None = None
    looks_in_sample: str = ""
    ranked_by: ScoreChoice | None = None
