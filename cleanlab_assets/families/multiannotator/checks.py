"""The checks that only the multiannotator family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.multiannotator.consensus import METHOD_NAMES
from cleanlab_assets.families.step import CheckResult, PlainTable, StepContext, check, gate
from cleanlab_assets.methods.shown import Json, keep_finite

if TYPE_CHECKING:
    from cleanlab_assets.families.multiannotator.issues import (
        AnnotatorQualityTable,
        ConsensusTable,
        LabelQualityTable,
    )
    from cleanlab_assets.families.multiannotator.learning_curve import LearningCurveTable
    from cleanlab_assets.families.multiannotator.training_set import (
        AnnotationsTable,
    )

GUESSING_MARGIN = 0.05


@check("annotations")
def annotators_agree_beyond_chance(context: StepContext, annotations: AnnotationsTable) -> CheckResult:
    """Annotators agree beyond chance: else there is no consensus to find."""
    agreement = keep_finite(annotations.facts.agreement)
    named = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in agreement.items())
    return gate(
        passed=max(agreement.values(), default=0.0) > GUESSING_MARGIN,
        description=f"Krippendorff's alpha: {named or 'undefined'}; 0 is chance, more than {GUESSING_MARGIN} wanted",
        figures=agreement,
    )


@check("learning_curve")
def active_learning_beats_random(context: StepContext, learning_curve: LearningCurveTable) -> CheckResult:
    """Where the truth is known, labels chosen by active learning teach more than random ones."""
    found = learning_curve.facts.gain
    if found is None:
        return gate(passed=True, description=learning_curve.facts.why_empty, figures={"n_seeds": 0})
    return gate(
        passed=found.low > 0,
        description=f"area between the curves {found.area:+.4f}, 95 % interval {found.low:+.4f} to "
        f"{found.high:+.4f} over {found.n_seeds} seeds; the whole interval above 0 wanted",
        figures=found.model_dump(),
    )


@check("consensus_labels")
def consensus_not_worse_than_majority(context: StepContext, consensus_labels: ConsensusTable) -> CheckResult:
    """Where the truth is known, the leading consensus is at least as accurate as majority vote and model alone."""
    found, method = consensus_labels.facts.with_truth, consensus_labels.facts.leading_method
    if found is None:
        return gate(passed=True, description="no truth is known to measure with")
    leading, vote, model = (found[f"accuracy_{name}"] for name in (method, "majority_vote", "model_alone"))
    return gate(
        passed=leading >= max(vote, model),
        description=f"accuracy {leading:.3f} of {METHOD_NAMES[method]}; majority vote {vote:.3f}, model alone "
        f"{model:.3f}",
        figures=keep_finite(found),
    )


@check("label_quality")
def consensus_has_converged(context: StepContext, label_quality: LabelQualityTable) -> CheckResult:
    """The rounds of the leading consensus ended because its probabilities stood still."""
    found = label_quality.facts
    return gate(
        passed=found.has_converged,
        description=f"{found.n_rounds:,} rounds of {METHOD_NAMES[found.leading_method]}"
        + ("" if found.has_converged else "; its probabilities still change: take the consensus as provisional"),
        figures={"n_rounds": found.n_rounds},
    )


@check("annotator_quality")
def no_annotator_is_guessing(context: StepContext, annotator_quality: AnnotatorQualityTable) -> CheckResult:
    """Every annotator agrees with the consensus more often than by guessing."""
    table = annotator_quality.value
    limit = 1 / len(context.dataset.class_names) + GUESSING_MARGIN
    guessing = table[table["agreement_with_consensus"] <= limit]
    names = ", ".join(guessing["annotator"].astype(str).head(10))
    return gate(
        passed=guessing.empty,
        description=f"{len(guessing)} of {len(table)} annotators agree with the consensus no more often "
        f"than by guessing (limit {limit:.2f})" + (f": {names}" if names else ""),
        figures={"n_guessing": len(guessing), "annotators": Json(guessing["annotator"].astype(str).head(50).tolist())},
    )


@check("labeling_batch")
def something_to_label(context: StepContext, labeling_batch: PlainTable) -> CheckResult:
    """The next batch holds examples to label."""
    n_examples = len(labeling_batch.value)
    return gate(
        passed=n_examples > 0,
        description=f"{n_examples:,} examples to label" if n_examples else "all is labelled by all",
        figures={"n_examples": n_examples},
    )
