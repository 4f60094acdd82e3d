"""Numbers, shares and values as a person reads them: few digits, thousands separators, a mark for missing."""

from __future__ import annotations

import math
import numbers
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.methods.detection_power import TruthDetection

MISSING = "–"  # noqa: RUF001 - an en dash is the usual mark for an empty cell
NO_CLASS = "(no class)"
"""The label of a row that has none of several classes."""
METRIC_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "accuracy",
        "auroc": "AUROC",
        "average_precision": "average precision",
        "hamming_loss": "Hamming loss",
        "log_loss": "log loss",
        "macro_f1": "macro F1",
        "mae": "MAE",
        "map_50": "mAP at IoU 0.5",
        "map_75": "mAP at IoU 0.75",
        "mean_iou": "mean IoU",
        "micro_f1": "micro F1",
        "pixel_accuracy": "pixel accuracy",
        "precision": "precision",
        "r2": "R2",
        "recall": "recall",
        "rmse": "RMSE",
        "roc_auc": "ROC AUC",
        "subset_accuracy": "subset accuracy",
        "weighted_f1": "weighted F1",
        "weighted_precision": "weighted precision",
    }
)
"""What metrics are called in prose."""
LONGEST_TEXT = 400
LARGEST_PLAIN_EXPONENT = 3
SMALLEST_PLAIN_EXPONENT = -4
DIGITS_OF_A_SPREAD = 3
MOST_DECIMALS = 9


def format_number(value: float) -> str:
    """Return a number with thousands separators: whole numbers in full, others with four significant digits.

    >>> format_number(1234567)
    '1,234,567'
    >>> format_number(45670.3), format_number(1000.4)
    ('45,670', '1,000')
    >>> format_number(0.05), format_number(12.3456), format_number(0.0000123456), format_number(0.99996)
    ('0.05', '12.35', '1.235e-05', '1.000')
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    if float(value).is_integer():
        return f"{int(value):,}"
    text = _format_decimal(value)
    if "e" in text or "." not in text:
        return text
    shortened = text.rstrip("0")
    return text if shortened.endswith(".") else shortened


def format_difference(value: float) -> str:
    """Return a number with its sign.

    >>> format_difference(0.0017), format_difference(-0.0012), format_difference(0.0)
    ('+0.0017', '-0.0012', '0')
    """
    return f"{'+' if value > 0 else ''}{format_number(value)}"


def start_sentence(text: str) -> str:
    """Return a text with a capital letter at its start.

    >>> start_sentence("the model"), start_sentence("")
    ('The model', '')
    """
    return text[:1].upper() + text[1:]


def in_words(name: str) -> str:
    """Return a name of code with spaces between its words."""
    return name.replace("_", " ")


def name_metric(name: str) -> str:
    """Return what a metric is called in prose.

    >>> name_metric("map_50"), name_metric("f1_noun"), name_metric("top_k_accuracy")
    ('mAP at IoU 0.5', 'F1 of noun', 'top k accuracy')
    """
    if name in METRIC_NAMES:
        return METRIC_NAMES[name]
    return f"F1 of {name.removeprefix('f1_')}" if name.startswith("f1_") else in_words(name)


def format_share(share: float) -> str:
    """Return a share from 0 to 1 in per cent; one that is neither 0 nor 1 never reads as 0 % or 100 %.

    >>> format_share(0.0312), format_share(0.05), format_share(0.00002), format_share(0.99999)
    ('3.1 %', '5 %', '<0.1 %', '>99.9 %')
    """
    if math.isnan(share):
        return MISSING
    percent = 100 * share
    if 0 < percent < 0.1:  # noqa: PLR2004 - the smallest step that is written
        return "<0.1 %"
    if 99.9 < percent < 100:  # noqa: PLR2004
        return ">99.9 %"
    return f"{percent:.1f} %".replace(".0 %", " %")


def format_p_value(p_value: float, n_permutations: int | None = None) -> str:
    """Return a p-value with its relation; a permutation test of n permutations tells nothing below 1 / n.

    >>> format_p_value(0.0, 25), format_p_value(0.12, 25), format_p_value(0.0003)
    ('< 0.04', '= 0.12', '= 0.0003')
    """
    if n_permutations and p_value < 1 / n_permutations:
        return f"< {format_number(1 / n_permutations)}"
    return f"= {p_value:.2g}"


def format_value(value: object) -> str:
    """Return any cell value as text; missing values become a dash, booleans yes or no, long texts are cut."""
    if value is None or value is pd.NA or value is pd.NaT:
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, numbers.Real):
        return format_number(float(value)) if not isinstance(value, numbers.Integral) else f"{int(value):,}"
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"


def format_column(column: pd.Series, *, as_share: bool = False) -> list[str]:
    """Return the texts of a column.

    A float column that holds only whole numbers is written without decimals. Values that lie close together get the
    decimals that tell them apart.

    Args:
        column: The values.
        as_share: Whether they are shares from 0 to 1, to be written in per cent.
    """
    if as_share:
        return [format_share(value) for value in column.to_numpy(dtype=np.float64, na_value=np.nan)]
    if not pd.api.types.is_float_dtype(column):
        return [format_value(value) for value in column]
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if (finite % 1 == 0).all():
        return [format_number(value) for value in values]
    decimals = _count_decimals(float(finite.max() - finite.min()))
    return [
        _format_decimal(value, decimals) if np.isfinite(value) and value != 0 else format_number(value)
        for value in values
    ]


def _count_decimals(spread: float) -> int:
    if spread <= 0:
        return 0
    return min(DIGITS_OF_A_SPREAD - 1 - math.floor(math.log10(spread)), MOST_DECIMALS)


def _format_decimal(value: float, fewest_decimals: int = 0) -> str:
    exponent = int(f"{value:.3e}".partition("e")[2])
    if exponent < SMALLEST_PLAIN_EXPONENT:
        return f"{value:.3e}"
    return f"{value:,.{max(LARGEST_PLAIN_EXPONENT - exponent, fewest_decimals, 0)}f}"


def describe_truth(found: TruthDetection) -> str:
    """Say how well wrong labels were found by the rows whose true label is known."""
    counted = f"known for {found.n_known:,} given ones, {found.n_wrong:,} of which are wrong"
    if found.average_precision is None or found.precision is None or found.recall is None:
        return f"{counted}: nothing can be measured by them"
    return (
        f"{counted}; average precision {format_number(found.average_precision)} (chance "
        f"{format_number(found.error_share)}), precision {format_number(found.precision)}, recall "
        f"{format_number(found.recall)}"
    )
