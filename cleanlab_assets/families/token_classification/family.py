"""The token classification family: a tag for each word of tagged sentences."""

from __future__ import annotations

from cleanlab_assets.families.family import TaskFamily
from cleanlab_assets.families.in_sample import predictions_are_out_of_sample
from cleanlab_assets.families.tables.checks import probabilities_are_valid
from cleanlab_assets.families.tables.stack import stack_class_models
from cleanlab_assets.families.token_classification.checks import (
    every_class_in_every_part,
    no_sentence_in_two_parts,
)
from cleanlab_assets.families.token_classification.detection_power import detection_power
from cleanlab_assets.families.token_classification.issues import common_errors, label_issues, sentence_issues
from cleanlab_assets.families.token_classification.predictions import predictions
from cleanlab_assets.families.token_classification.report import token_report
from cleanlab_assets.families.token_classification.training_set import training_set
from cleanlab_assets.families.token_classification.variants import VARIANTS

TOKEN_CLASSIFICATION = TaskFamily(
    name="token_classification",
    unit="word",
    default_model="logistic_regression",
    steps=(training_set, predictions, label_issues, detection_power, sentence_issues, common_errors, token_report),
    checks=(
        no_sentence_in_two_parts,
        predictions_are_out_of_sample,
        every_class_in_every_part,
        probabilities_are_valid,
    ),
    variants=VARIANTS,
    stack=stack_class_models,
    reports=("label_issues", "token_report", "retrained_model"),
    sample_setting="training_set.max_sentences",
)
