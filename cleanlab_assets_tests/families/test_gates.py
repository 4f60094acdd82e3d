"""Every gate of every family at its limit: the last figure that passes, and the first that fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, nextafter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.chain import checks_of
from cleanlab_assets.families.detection_power import detection_power
from cleanlab_assets.families.multiannotator.checks import GUESSING_MARGIN
from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.families.tables.checks import MINIMUM_RECALL
from cleanlab_assets.methods.calibration import ReliabilityCurve
from cleanlab_assets.methods.detection_verdict import (
    CAN_FIND,
    CANNOT_TELL,
    MINIMUM_LIFT,
    ONLY_GROSS,
    DetectionReport,
    KindFound,
)
from cleanlab_assets.methods.issue_summary import IssueTypeSummary
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets_tests.known_data import make_dataset, name_splits

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.families.step import Check

LIMIT = 0.25
"""Every threshold of the dataset; shares of four rows and its own square root are exact."""
CONTEXT = StepContext(
    family="toy",
    dataset=replace(make_dataset([], ["a", "b"]), gates=Gates(**dict.fromkeys(Gates.__dataclass_fields__, LIMIT))),
    data_dir=Path(),
)


@dataclass(frozen=True)
class Gate:
    """The result of a check's step for a figure, the last figure that passes, and the first that fails."""

    result_of: Callable[[float], Any]
    passes: float
    fails: float


def above(limit: float) -> float:
    return nextafter(limit, inf)


def below(limit: float) -> float:
    return nextafter(limit, -inf)


def table_of(**columns: Any) -> Result[pd.DataFrame, NoFacts]:
    return Result(value=pd.DataFrame(columns), facts=NoFacts())


def facts_of(**facts: Any) -> Any:
    """A result of which a check looks at the facts alone."""
    return SimpleNamespace(facts=SimpleNamespace(**facts))


def flag(column: str, share: float) -> Result[pd.DataFrame, NoFacts]:
    """Four rows of which a share is flagged."""
    return table_of(**{column: [number < 4 * share for number in range(4)]})


def flag_labels(share: float) -> Result[pd.DataFrame, NoFacts]:
    """Two train rows and two test rows, whose labels are judged together."""
    return table_of(split=name_splits(2, 2), **flag("is_label_issue", share).value)


def summarize(issue_type: str, score: float = 1.0) -> list[IssueTypeSummary]:
    said = dict.fromkeys(("description", "parameters", "reason"), "")
    return [
        IssueTypeSummary(
            issue_type=issue_type, score=score, n_issues=0, share=0, metric=None, k=None, status="ran", **said
        )
    ]


def flag_rows(issue_type: str, share: float) -> Any:
    """What Datalab says of an issue type that flags a share of the rows."""
    table = flag(f"is_{issue_type}_issue", share).value
    return SimpleNamespace(value=table, facts=SimpleNamespace(summary=summarize(issue_type)))


def bring_near(share: float) -> Result[pd.DataFrame, NoFacts]:
    """A neighbour graph in which a share of the test rows equals a train row."""
    return table_of(
        row_id=[f"row:{number}" for number in range(8)],
        split=["train"] * 4 + ["test"] * 4,
        neighbor_1=[0] * 8,
        distance_1=[1.0] * 4 + [0.0 if number < 4 * share else 1.0 for number in range(4)],
    )


def name_classes(share: float) -> Result[pd.DataFrame, NoFacts]:
    """Train rows of two classes, of which one has a share of less than one half."""
    n_rare = round(1000 * share)
    labels = pd.Categorical(["a"] * n_rare + ["b"] * (1000 - n_rare), categories=["a", "b"])
    return table_of(row_id=[f"row:{number}" for number in range(1000)], given_label=labels, split=["train"] * 1000)


def compare_consensus(lead: float) -> Any:
    """A consensus that is by so much more accurate than the model alone, the better one of the other two."""
    found = {"accuracy_dawid_skene": 0.5 + lead, "accuracy_majority_vote": 0.25, "accuracy_model_alone": 0.5}
    return facts_of(with_truth=found, leading_method="dawid_skene")


def gain(low: float) -> Any:
    """What active learning gains, with the low end of its interval."""
    found = {"area": 0.5, "low": low, "high": 1.0, "n_seeds": 4}
    return facts_of(gain=SimpleNamespace(**found, model_dump=lambda: found), why_empty="")


def find_outliers(lift: float) -> Result[pd.DataFrame, NoFacts]:
    """Datalab's outlier score, which finds one share of planted outliers by so many times chance, and another well."""
    return table_of(
        detector=["datalab", "datalab", "isolation_forest"],
        average_precision=[0.125 * lift, 1.0, 0.0],
        planted_share=[0.125, 0.125, 0.125],
        recall_at_budget=[1.0, 1.0, 0.0],
    )


GUESSING_LIMIT = 1 / len(CONTEXT.dataset.class_names) + GUESSING_MARGIN
GATES = {
    ("label_issues", "label_issue_rate"): Gate(flag_labels, LIMIT, 0.5),
    ("predictions", "calibration"): Gate(
        lambda error: facts_of(
            reliability=ReliabilityCurve(mean_confidence=[], accuracy=[], counts=[], expected_calibration_error=error)
        ),
        *(LIMIT, above(LIMIT)),
    ),
    ("datalab_issues", "outlier_rate"): Gate(lambda share: flag_rows("outlier", share), LIMIT, 0.5),
    ("datalab_issues", "near_duplicate_rate"): Gate(lambda share: flag_rows("near_duplicate", share), LIMIT, 0.5),
    ("datalab_issues", "non_iid"): Gate(
        lambda p_value: facts_of(summary=summarize("non_iid", p_value)), *(LIMIT, below(LIMIT))
    ),
    ("image_issues", "outlier_rate"): Gate(lambda share: flag("is_outlier_issue", share), LIMIT, 0.5),
    ("image_issues", "near_duplicate_rate"): Gate(lambda share: flag("is_near_duplicate_issue", share), LIMIT, 0.5),
    ("neighbor_graph", "near_duplicates_across_splits"): Gate(bring_near, LIMIT, 0.5),
    ("neighbor_graph", "neighbor_recall"): Gate(
        lambda recall: facts_of(recall=recall, method="faiss IVF"), *(MINIMUM_RECALL, below(MINIMUM_RECALL))
    ),
    ("training_set", "no_telling_feature"): Gate(
        lambda count: facts_of(telling_features=["x", "y"][: int(count)]), *(0, 1)
    ),
    ("training_set", "class_imbalance"): Gate(name_classes, LIMIT, LIMIT - 0.001),
    ("outlier_detectors", "outlier_detection_power"): Gate(find_outliers, *(MINIMUM_LIFT, below(MINIMUM_LIFT))),
    ("annotations", "annotators_agree_beyond_chance"): Gate(
        lambda alpha: facts_of(agreement={"nominal_agreement": alpha, "ordinal_agreement": None}),
        *(above(GUESSING_MARGIN), GUESSING_MARGIN),
    ),
    ("learning_curve", "active_learning_beats_random"): Gate(gain, above(0.0), 0.0),
    ("consensus_labels", "consensus_not_worse_than_majority"): Gate(compare_consensus, 0.0, -0.125),
    ("annotator_quality", "no_annotator_is_guessing"): Gate(
        lambda agreement: table_of(annotator=["x", "y"], agreement_with_consensus=[agreement, 1.0]),
        *(above(GUESSING_LIMIT), GUESSING_LIMIT),
    ),
    ("labeling_batch", "something_to_label"): Gate(lambda size: table_of(row_id=["x"] * int(size)), 1, 0),
}
"""The gates that compare a figure with a limit, by step and name."""
WITHOUT_LIMIT = {
    *("each_row_predicted_once", "not_worse_than_baseline", "every_issue_type_ran"),
    "consensus_has_converged",
    *("no_row_in_both_splits", "no_equal_rows_across_splits", "no_equal_images_across_splits"),
    *("every_class_in_every_part", "no_sentence_in_two_parts"),
    *("probabilities_are_valid", "values_are_valid", "boxes_are_valid", "predictions_are_out_of_sample"),
    "no_drift_passes_for_signal",
}
ALL_CHECKS = [(family.name, check) for family in FAMILIES for check in checks_of(family)]


@pytest.mark.parametrize(
    ("check", "gate"),
    [
        pytest.param(check, GATES[check.step, check.name], id=f"{family}-{check.name}")
        for family, check in ALL_CHECKS
        if (check.step, check.name) in GATES
    ],
)
def test_a_gate_passes_up_to_its_limit_and_fails_from_there_on(check: Check, gate: Gate) -> None:
    passing, failing = (
        check.run(CONTEXT, **{check.step: gate.result_of(figure)}) for figure in (gate.passes, gate.fails)
    )
    assert passing.passed, passing.description
    assert not failing.passed, failing.description


def test_no_gate_is_forgotten() -> None:
    """A check that this module does not know is either a gate with a limit, to be tested here, or one without."""
    rest = {check.name for _, check in ALL_CHECKS if (check.step, check.name) not in GATES}
    assert rest == WITHOUT_LIMIT | {"detection_power"}
    assert GATES.keys() <= {(check.step, check.name) for _, check in ALL_CHECKS}


def find_kinds(**average_precisions: float) -> Result[DetectionReport, NoFacts]:
    """Kinds of planted errors with their average precision, where chance and a ranking without a model reach 0.2."""
    kinds = [
        KindFound(
            kind=name, is_gross=name != "border", n_planted=9, average_precision=found, **dict.fromkeys(FLOORS, 0.2)
        )
        for name, found in average_precisions.items()
    ]
    return Result(value=DetectionReport(kinds=kinds, among="90 rows"), facts=NoFacts())


FLOORS = ("recall", "chance", "without_model")
TWICE_THE_ODDS = 1 / 3
"""The odds of a fifth are one to four."""


@pytest.mark.parametrize(
    ("border", "uniform", "outcome"),
    [
        (above(TWICE_THE_ODDS), above(TWICE_THE_ODDS), (True, CAN_FIND, "error")),
        (0.33, above(TWICE_THE_ODDS), (False, ONLY_GROSS, "warn")),
        (0.33, 0.33, (False, CANNOT_TELL, "error")),
        (0.95, 0.33, (False, CANNOT_TELL, "error")),
    ],
)
def test_the_weakest_kind_of_planted_error_decides_what_an_audit_can_find(
    border: float, uniform: float, outcome: tuple[bool, str, str]
) -> None:
    result = detection_power.run(CONTEXT, detection_power=find_kinds(border=border, uniform=uniform))
    assert (result.passed, result.figures["verdict"], result.severity) == outcome
    assert result.description.startswith(outcome[1])


def test_what_was_not_measured_passes_and_says_why() -> None:
    report = DetectionReport(why_not="the predictions are your own")
    result = detection_power.run(CONTEXT, detection_power=Result(value=report, facts=NoFacts()))
    assert (result.passed, result.description) == (True, "not measured: the predictions are your own")


def test_little_power_with_an_excuse_only_warns() -> None:
    found = find_kinds(uniform=0.2)
    excused = replace(found, value=found.value.model_copy(update={"excuse": "labels are tastes"}))
    result = detection_power.run(CONTEXT, detection_power=excused)
    assert (result.passed, result.severity) == (False, "warn")
    assert result.description.endswith("labels are tastes")
