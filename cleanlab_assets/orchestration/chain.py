"""From a task family, a value of pure functions, to its chain of assets with checks: once for all families."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cleanlab_assets.families.chain import checks_of, steps_of
from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL
from cleanlab_assets.orchestration.ai_summary import AI_SUMMARY_CHECKS, ai_summary
from cleanlab_assets.orchestration.assets import build_asset
from cleanlab_assets.orchestration.checks import build_check
from cleanlab_assets.orchestration.corrected_labels import join_corrected_labels
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.issue_changes import issue_changes, no_new_label_issues
from cleanlab_assets.orchestration.model_comparison import COMPARISON_CHECKS, COMPARISON_STEPS
from cleanlab_assets.orchestration.raw_dataset_checks import RAW_DATASET_CHECKS
from cleanlab_assets.orchestration.review_report import review_report
from cleanlab_assets.orchestration.review_statistics import join_row_issues, precision_is_known
from cleanlab_assets.orchestration.reviews import REVIEW_CHECKS, REVIEW_STEPS, corrected_dataset
from cleanlab_assets.orchestration.second_opinion import (
    opinion_agreement,
    second_opinion,
    verdicts_are_there_as_asked,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import Level, Step

_LEVELS: tuple[Level, ...] = (DATASET, MODEL, COMPARISON)


@cache
def build_family(task: TaskFamily) -> Family:
    """Build the chain of a task family.

    Raises:
        ValueError: two steps have one name, or a step or check takes a step that does not come before it.
    """
    raw_dataset, *others = map(join_corrected_labels, steps_of(task))
    statistics = join_row_issues(task.row_issues)
    of_reviews = (issue_changes, statistics, second_opinion, opinion_agreement, review_report)
    chain = (raw_dataset, *REVIEW_STEPS, *others, ai_summary, *of_reviews, *COMPARISON_STEPS)
    steps = _by_name(task.name, chain)
    shared = list_shared_steps(chain)
    unwatched = corrected_dataset.name  # no audit is made again for each single decision
    assets = {
        step.name: build_asset(task, step, [steps[name] for name in step.inputs], shared=shared, unwatched=unwatched)
        for step in chain
    }
    checks = (
        *RAW_DATASET_CHECKS,
        *REVIEW_CHECKS,
        *checks_of(task),
        *AI_SUMMARY_CHECKS,
        *(no_new_label_issues, precision_is_known, verdicts_are_there_as_asked),
        *COMPARISON_CHECKS,
    )
    for check in checks:
        for name in (check.step, *check.inputs):
            if name not in steps:
                raise ValueError(f"{task.name}: the check {check.name} takes {name!r}, which is no step of the family")
    return Family(
        task=task,
        steps={level: [step for step in chain if step.level == level] for level in _LEVELS},
        assets={level: [assets[step.name] for step in chain if step.level == level] for level in _LEVELS},
        checks=[build_check(task, check, assets[check.step], steps) for check in checks],
    )


def list_shared_steps(chain: Sequence[Step]) -> list[str]:
    """Name the steps of the dataset level that the model level is made from, directly or not.

    Those of decisions are none of them: no audit waits for a decision.
    """
    needed: set[str] = set()
    for step in reversed(chain):
        if step.level != DATASET or step.name in needed:
            needed.update(step.inputs)
    of_reviews = {step.name for step in REVIEW_STEPS}
    return [step.name for step in chain if step.level == DATASET and step.name in needed - of_reviews]


def _by_name(family: str, chain: Sequence[Step]) -> Mapping[str, Step]:
    steps: dict[str, Step] = {}
    for step in chain:
        if step.name in steps:
            raise ValueError(f"{family} has two steps of the name {step.name!r}")
        if missing := [name for name in step.inputs if name not in steps]:
            raise ValueError(
                f"{family}: the step {step.name!r} takes {', '.join(missing)}, which no step before it is named"
            )
        steps[step.name] = step
    return steps
