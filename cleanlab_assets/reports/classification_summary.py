"""What a classification audit found, in a few lines of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cleanlab_assets.evaluation.variants import VariantComparison


def summarize_classification_audit(
    *,
    label_issues: pd.DataFrame,
    datalab_summary: pd.DataFrame,
    duplicate_sets: pd.DataFrame,
    comparison: VariantComparison,
    cross_validation: Mapping[str, float],
) -> list[str]:
    """Say in a few lines what an audit found.

    Args:
        label_issues: label issues of all train rows.
        datalab_summary: one row for each Datalab issue type.
        duplicate_sets: near-duplicate sets row by row.
        comparison: the variants and the verdict.
        cross_validation: cross-validated metrics of the model.
    """
    n_rows, n_issues = len(label_issues), int(label_issues["is_label_issue"].sum())
    lines = [
        f"{n_rows:,} rows audited; cross-validated accuracy {cross_validation['accuracy']:.3f}, "
        f"ROC AUC {cross_validation['roc_auc']:.3f}",
        f"likely label errors: {n_issues:,} ({n_issues / n_rows:.1%}); "
        f"estimated from the confident joint: {label_issues.attrs['estimated_errors']:,}",
        _describe_worst_row(label_issues.sort_values("rank").iloc[0]),
        _describe_issue_types(datalab_summary.set_index("issue_type"), duplicate_sets),
        *_describe_variants(comparison),
    ]
    detection = label_issues.attrs.get("detection")
    if detection is not None:
        lines.append(
            f"planted errors: {detection['n_planted']:,}; average precision {detection['average_precision']:.3f} "
            f"(chance {detection['planted_share']:.3f}), precision {detection['precision']:.3f}, "
            f"recall {detection['recall']:.3f}"
        )
    return lines


def _describe_worst_row(row: pd.Series[Any]) -> str:
    return (
        f"worst: {row['row_id']} is labelled {row['given_label']}, with probability "
        f"{row['given_label_probability']:.2g}; the model suggests {row['suggested_label']}"
    )


def _describe_issue_types(types: pd.DataFrame, duplicate_sets: pd.DataFrame) -> str:
    ran = types[types["status"] == "ran"]
    counts = [
        f"{str(name).replace('_', ' ')} {int(count):,}" for name, count in ran["n_issues"].items() if name != "label"
    ]
    not_run = types.index[types["status"] != "ran"].tolist()
    return (
        f"flagged rows by issue type: {', '.join(counts)}; near-duplicate sets: "
        f"{duplicate_sets['duplicate_set'].nunique():,}" + (f"; not run: {', '.join(not_run)}" if not_run else "")
    )


def _describe_variants(comparison: VariantComparison) -> list[str]:
    metric = comparison.primary_metric
    baseline = comparison.result("baseline").metrics[metric]
    headline = (
        f"does cleaning help? {comparison.verdict} on {comparison.n_test:,} untouched test rows; "
        f"kept: {comparison.chosen} (baseline {metric} {baseline:.4f})"
    )
    details = [
        f"  {result.variant}: {item.difference:+.4f} [{item.low:+.4f}, {item.high:+.4f}], {item.verdict}"
        for result in comparison.variants
        for item in result.differences
        if item.metric == metric
    ]
    return [headline, *details]
