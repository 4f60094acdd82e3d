"""Where decisions reach an audit: training sets of corrected labels, and a variant that was trained on them.

Both read ``corrected_dataset``, of which no other step of an audit knows. It makes nothing refresh by itself: an audit
is not made again for each single decision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field, create_model

from cleanlab_assets.families.cleaning import VARIANT_COMPARISON
from cleanlab_assets.methods.shown import Notes
from cleanlab_assets.orchestration.reviews import corrected_dataset
from cleanlab_assets.reviews.corrected_labels import (
    describe_corrected_labels,
    find_corrected_labels,
    take_corrected_labels,
)

if TYPE_CHECKING:
    from cleanlab_assets.families.step import Settings, Step, StepContext
    from cleanlab_assets.methods.facts import TrainingSetFacts
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.methods.shown import Shown

LABELS = "labels"
"""The setting of a training set that says whose labels are audited."""
CORRECTED = "corrected"
COMPARE_CLEANING = "compare_cleaning"
"""The setting of a comparison that says whether any variant is compared with the baseline."""


def join_corrected_labels(step: Step) -> Step:
    """Return a step of an audit with the corrected dataset, if it is one that takes it."""
    if step.name == "training_set":
        return _choose_labels(step)
    return _compare_with_reviewed(step) if step.name == VARIANT_COMPARISON else step


def _choose_labels(step: Step) -> Step:
    """Let a training set be made of the given labels, or of the corrected ones."""
    assert step.settings is not None  # noqa: S101 - every training set has a seed
    told = "The labels of the source, or those that reviewers corrected, of test rows, too."
    fields: dict[str, Any] = {LABELS: (Literal["given", "corrected"], Field("given", description=told))}
    settings = create_model(step.settings.__name__, __base__=step.settings, __doc__=step.settings.__doc__, **fields)

    def run(context: StepContext, settings: Any, raw_dataset: Result[Any, Any], **given: Any) -> Result[Any, Any]:
        corrected = given.pop(corrected_dataset.name).value
        if settings.labels != CORRECTED:
            return step.run(context, settings=settings, raw_dataset=raw_dataset, **given)
        dataset, raw = context.dataset, raw_dataset.value
        taken = replace(raw_dataset, value=take_corrected_labels(dataset, raw, corrected))
        result = step.run(context, settings=settings, raw_dataset=taken, **given)
        return _add_note(result, describe_corrected_labels(dataset, raw, corrected))

    return replace(
        step,
        run=run,
        settings=cast("type[Settings]", settings),
        inputs=(*step.inputs, corrected_dataset.name),
        read_where={corrected_dataset.name: (LABELS, CORRECTED)},
    )


def _add_note(result: Result[Any, TrainingSetFacts], note: str) -> Result[Any, TrainingSetFacts]:
    facts = result.facts.model_copy(update={"notes": [note, *result.facts.notes]})

    def show() -> dict[str, Shown]:
        return {**result.show(), "notes": Notes(facts.notes)}

    return replace(result, facts=facts, show=show)


def _compare_with_reviewed(step: Step) -> Step:
    """Let the comparison of variants have what reviewers made of the rows."""

    def run(context: StepContext, **given: Any) -> Result[Any, Any]:
        corrected = find_corrected_labels(context.dataset, given.pop(corrected_dataset.name).value)
        return step.run(replace(context, corrected=corrected), **given)

    return replace(
        step,
        run=run,
        inputs=(*step.inputs, corrected_dataset.name),
        read_where={corrected_dataset.name: (COMPARE_CLEANING, True)},
    )
