"""The checks that only the token classification family has."""

from __future__ import annotations

from cleanlab_assets.families.step import CheckResult, StepContext, TrainingSetTable, check, gate, rule
from cleanlab_assets.methods.shown import Json


@check("training_set", is_blocking=True)
def no_sentence_in_two_parts(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """No sentence is in two splits or two folds, and no row id occurs twice; how many documents are is told."""
    rows = training_set.value
    part = rows.groupby("sentence_id", observed=True)[["split", "fold"]].nunique()
    torn = part.index[(part > 1).any(axis=1)].astype(str)
    repeated = rows.loc[rows["row_id"].duplicated(), "row_id"]
    documents = rows[rows["document"].astype(str) != ""].groupby("document", observed=True)[["split", "fold"]].nunique()
    n_torn_documents = int((documents > 1).any(axis=1).sum())
    description = f"{len(torn):,} of {len(part):,} sentences are in two parts, {len(repeated):,} row ids occur twice"
    if n_torn_documents:
        description += f"; sentences of {n_torn_documents:,} documents lie in several parts"
    return rule(
        passed=len(torn) == 0 and repeated.empty,
        description=description,
        figures={
            "n_torn": len(torn),
            "n_torn_documents": n_torn_documents,
            "n_repeated": len(repeated),
            "examples": Json([*torn[:10], *repeated.head(10)]),
        },
    )


@check("training_set")
def every_class_in_every_part(context: StepContext, training_set: TrainingSetTable) -> CheckResult:
    """Every tag has train rows in two folds or more, and test rows."""
    notes = training_set.facts.small_classes
    description = "; ".join(notes) or "every tag is in several folds and among the test rows"
    return gate(passed=not notes, description=description, figures={"n_notes": len(notes)})
