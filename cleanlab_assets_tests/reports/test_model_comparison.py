from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.reports.audit_facts import AuditFacts, DetectionFacts, VariantFacts
from cleanlab_assets.reports.model_comparison import ModelComparison, compare_models, to_comparison_table
from cleanlab_assets_tests.known_data import name_splits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.reports.model_comparison import NotCompared

N_TRAIN = 6
NAN = float("nan")


def make_facts(
    model: str, cv: Mapping[str, float], test: Mapping[str, float] | None = None, **other: Any
) -> AuditFacts:
    """Facts of an audit; the first metric of ``cv`` is the primary one, test metrics are equal to them by default."""
    metrics = dict(cv if test is None else test)
    values: dict[str, Any] = {
        "family": "classification",
        "unit": "row",
        "report_asset": "datalab_report",
        "duplicates_asset": "duplicate_sets",
        "dataset": "pets",
        "title": "Pets",
        "model": model,
        "n_train": N_TRAIN,
        "n_test": 3,
        "n_features": 1,
        "primary_metric": next(iter(cv)),
        "lower_is_better": False,
        "cross_validation": {name: value for name, value in cv.items() if np.isfinite(value)},
        "expected_calibration_error": 0.05,
        "n_label_issues": 2,
        "label_issue_rate": 2 / N_TRAIN,
        "by_split": {"train": {"n_audited": N_TRAIN, "n_flagged": 2}},
        "flag_rule": "a rule",
        "label_distribution": {},
        "issue_types": [],
        "n_duplicate_sets": 0,
        "n_duplicate_rows": 0,
        "variants": [VariantFacts(variant="baseline", n_train=N_TRAIN, metrics=metrics)],
        "chosen": "baseline",
        "verdict": "no effect shown",
        "detection": None,
        "limits": {},
        "notes": [],
        "worst_rows": [],
    }
    return AuditFacts(**(values | other))


def make_issues(flags: str, **columns: Any) -> pd.DataFrame:
    """Label issues of as many rows as there are characters in ``flags``, where x is a flag."""
    n = len(flags)
    table = {
        "row_id": [f"pets.csv:{line}" for line in range(2, n + 2)],
        "split": name_splits(n),
        "given_label": pd.Categorical(["cat"] * n, categories=["cat", "dog"]),
        "suggested_label": pd.Categorical(["dog"] * n, categories=["cat", "dog"]),
        "label_quality": np.linspace(0.1, 0.9, n, dtype=np.float32),
        "is_label_issue": [flag == "x" for flag in flags],
    }
    return pd.DataFrame(table | columns)


def compare(
    facts: list[AuditFacts],
    not_compared: Mapping[str, tuple[NotCompared, str]] | None = None,
    flags: Mapping[str, str] | None = None,
    fit_seconds: float = 1.5,
) -> ModelComparison:
    issues = {audit.model: make_issues((flags or {}).get(audit.model, "xx....")) for audit in facts}
    by_model = {audit.model: audit for audit in facts}
    return compare_models(
        by_model,
        not_compared or {},
        issues,
        fit_seconds=dict.fromkeys(by_model, fit_seconds),
        family="classification",
        dataset="pets",
        title="Pets",
    )


def test_the_model_is_selected_by_cross_validation_and_never_by_the_test_rows() -> None:
    comparison = compare(
        [
            make_facts("knn", {"accuracy": 0.7}, {"accuracy": 0.99}),
            make_facts("forest", {"accuracy": 0.9}, {"accuracy": 0.5}),
            make_facts("ridge", {"accuracy": 0.8}, {"accuracy": 0.8}),
        ]
    )

    assert comparison.selected == "forest"
    assert [result.model for result in comparison.results] == ["forest", "ridge", "knn"]


def test_the_smallest_metric_is_best_where_lower_is_better() -> None:
    comparison = compare(
        [make_facts(name, {"rmse": rmse}, lower_is_better=True) for name, rmse in (("a", 3), ("b", 2))]
    )

    assert comparison.selected == "b"


def test_ties_go_by_name() -> None:
    comparison = compare([make_facts(name, {"r2": -0.1}) for name in ("svm", "knn")])

    assert [result.model for result in comparison.results] == ["knn", "svm"]
    assert comparison.selected == "knn"


def test_a_model_without_the_primary_metric_is_last_and_never_selected() -> None:
    comparison = compare([make_facts("a", {"roc_auc": NAN}, {}), make_facts("b", {"roc_auc": 0.4})])

    assert [result.model for result in comparison.compared] == ["b", "a"]
    assert comparison.selected == "b"
    assert comparison.result("a").cv_metric is None
    assert compare([make_facts("a", {"roc_auc": NAN})]).selected is None


def test_models_that_cannot_be_compared_are_listed_by_name_with_the_reason() -> None:
    comparison = compare(
        [make_facts("forest", {"accuracy": 0.9})],
        {"svm": ("failed", "out of memory"), "knn": ("not materialized", "")},
    )

    listed = [(result.model, result.status, result.error) for result in comparison.results]
    assert listed == [
        ("forest", "compared", None),
        ("knn", "not materialized", None),
        ("svm", "failed", "out of memory"),
    ]
    assert comparison.n_models_compared == 1


def test_a_result_tells_of_the_baseline_and_of_the_variant_that_was_kept() -> None:
    variants = [
        VariantFacts(variant="baseline", n_train=6, metrics={"accuracy": 0.7, "f1": 0.6}),
        VariantFacts(variant="pruned", n_train=5, metrics={"accuracy": 0.8, "f1": 0.7}, verdict="improves"),
    ]
    detection = DetectionFacts(
        n_planted=2, planted_share=1 / 3, precision=0.5, recall=0.5, average_precision=0.75, auroc=0.625
    )
    facts = make_facts(
        "knn", {"accuracy": 0.9}, variants=variants, chosen="pruned", verdict="improves", detection=detection
    )

    result = compare([facts]).result("knn")

    assert (result.cv_metric, result.test_metric, result.chosen_test_metric) == (0.9, 0.7, 0.8)
    assert result.test_metrics == {"accuracy": 0.7, "f1": 0.6}
    assert (result.chosen_variant, result.verdict) == ("pruned", "improves")
    assert (result.planted_average_precision, result.planted_auroc) == (0.75, 0.625)


def test_agreement_has_every_pair_and_rows_are_counted_by_the_models_that_flag_them() -> None:
    facts = [make_facts(name, {"accuracy": value}) for name, value in (("a", 0.9), ("b", 0.8), ("c", 0.7))]

    comparison = compare(facts, flags={"a": "xxx...", "b": "xx.x..", "c": "x....."})

    assert [(pair.model_a, pair.model_b, pair.jaccard) for pair in comparison.agreement] == [
        ("a", "b", 0.5),
        ("a", "c", pytest.approx(1 / 3)),
        ("b", "c", pytest.approx(1 / 3)),
    ]
    assert (comparison.agreement[0].n_a, comparison.agreement[0].n_b, comparison.agreement[0].n_both) == (3, 3, 2)
    assert comparison.flagged_by_count == {0: 2, 1: 2, 2: 1, 3: 1}


def test_models_that_flag_nothing_have_no_agreement() -> None:
    comparison = compare(
        [make_facts(name, {"accuracy": 0.9}) for name in ("a", "b")], flags={"a": "......", "b": "......"}
    )

    assert comparison.agreement[0].jaccard is None
    assert comparison.flagged_by_count == {0: 6, 1: 0, 2: 0}


def test_a_single_model_is_selected_and_has_no_pair() -> None:
    comparison = compare([make_facts("knn", {"accuracy": 0.9})])

    assert comparison.selected == "knn"
    assert comparison.agreement == []
    assert comparison.flagged_by_count == {0: 4, 1: 2}


def test_nothing_is_selected_where_every_model_failed() -> None:
    comparison = compare([], {"knn": ("failed", "boom")})

    assert comparison.selected is None
    assert comparison.primary_metric is None
    assert (comparison.n_models_compared, comparison.agreement, comparison.flagged_by_count) == (0, [], {})
    assert to_comparison_table(comparison)["error"].tolist() == ["boom"]


def test_the_hash_changes_with_the_content_and_not_with_the_duration() -> None:
    facts, others = make_facts("knn", {"accuracy": 0.9}), make_facts("knn", {"accuracy": 0.8})
    first, slower = compare([facts], fit_seconds=1), compare([facts], fit_seconds=2)

    assert (first.result("knn").fit_seconds, slower.result("knn").fit_seconds) == (1, 2)
    assert first.content_hash() == slower.content_hash()
    assert first.content_hash() != compare([others], fit_seconds=1).content_hash()


def test_a_comparison_survives_json() -> None:
    facts = [make_facts(name, {"accuracy": 0.9}) for name in ("a", "b")]
    comparison = compare(facts, {"c": ("out of date", "the training set is newer")})

    assert ModelComparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_the_table_has_a_flat_row_per_model_with_the_primary_metric_first() -> None:
    cv = {"r2": 0.5, "mae": 3.0}
    table = to_comparison_table(compare([make_facts("knn", cv)], {"svm": ("failed", "boom")}))

    assert list(table.columns) == [
        *("model", "status", "selected", "cv_r2", "cv_mae", "test_r2", "test_mae"),
        *("chosen_variant", "chosen_test_r2", "verdict", "expected_calibration_error", "fit_seconds"),
        *("n_label_issues", "label_issue_rate", "planted_average_precision", "planted_auroc", "error"),
    ]
    assert table["selected"].tolist() == [True, False]
    assert table["cv_mae"].tolist() == pytest.approx([3.0, NAN], nan_ok=True)
    assert table["n_label_issues"].tolist() == [2, pd.NA]
    assert table["error"].tolist() == ["", "boom"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_train": 9}, "facts of model 'svm' have n_train 9, expected 6"),
        ({"n_test": 9}, "facts of model 'svm' have n_test 9, expected 3"),
        ({"dataset": "toys"}, "facts of model 'svm' have dataset 'toys', expected 'pets'"),
        ({"family": "regression"}, "facts of model 'svm' have family 'regression'"),
        ({"lower_is_better": True}, "facts of model 'svm' have lower_is_better True, expected False"),
    ],
)
def test_facts_of_another_training_set_or_metric_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare([make_facts("knn", {"accuracy": 0.9}), make_facts("svm", {"accuracy": 0.9}, **change)])


def test_label_issues_of_other_rows_are_refused() -> None:
    facts = [make_facts(name, {"accuracy": 0.9}) for name in ("knn", "svm")]

    with pytest.raises(ValueError, match="label issues of 'svm' are not about the rows of 'knn'"):
        compare(facts, flags={"svm": "xx....."})


def test_facts_label_issues_and_absent_models_must_fit_together() -> None:
    facts = {"knn": make_facts("knn", {"accuracy": 0.9})}
    names: dict[str, Any] = {
        "fit_seconds": {"knn": 1.5, "svm": 1.5},
        "family": "classification",
        "dataset": "pets",
        "title": "Pets",
    }

    with pytest.raises(ValueError, match=r"facts are of the models \['knn'\], label issues of \['svm'\]"):
        compare_models(facts, {}, {"svm": make_issues("x.")}, **names)
    with pytest.raises(ValueError, match=r"models \['knn'\] are both compared and not compared"):
        compare_models(facts, {"knn": ("failed", "")}, {"knn": make_issues("x.")}, **names)
    with pytest.raises(ValueError, match="facts of model 'svm' have model 'knn', expected 'svm'"):
        compare_models({"svm": facts["knn"]}, {}, {"svm": make_issues("x.")}, **names)


def test_an_unknown_model_has_no_result() -> None:
    with pytest.raises(KeyError, match="svm"):
        compare([make_facts("knn", {"accuracy": 0.9})]).result("svm")
