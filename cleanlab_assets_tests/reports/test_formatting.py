from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.reports.formatting import (
    MISSING,
    format_column,
    format_number,
    format_p_value,
    format_share,
    format_value,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (1234567.8, "1,234,568"),
        (12.3456, "12.35"),
        (0.05, "0.05"),
        (0.99996, "1.000"),
        (0.0000123456, "1.235e-05"),
        (-0.5, "-0.5"),
        (float("nan"), MISSING),
        (float("-inf"), "-infinite"),
    ],
)
def test_numbers_have_four_significant_digits_and_thousands_separators(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.0312, "3.1 %"), (0.05, "5 %"), (0.00002, "<0.1 %"), (0.9996, ">99.9 %")],
)
def test_a_share_that_is_not_none_or_all_never_reads_as_none_or_all(share: float, text: str) -> None:
    assert format_share(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, MISSING), (pd.NA, MISSING), (np.bool_(1), "yes"), (False, "no"), (np.int64(12345), "12,345"), ("a", "a")],
)
def test_any_cell_value_has_a_text(value: object, text: str) -> None:
    assert format_value(value) == text


def test_long_texts_are_cut_and_say_how_long_they_are() -> None:
    text = format_value("x" * 5000)

    assert len(text) < 450
    assert text.endswith("… (5,000 characters)")


def test_a_float_column_of_whole_numbers_has_no_decimals() -> None:
    assert format_column(pd.Series([1.0, 16.0, np.nan])) == ["1", "16", MISSING]


def test_a_float_column_with_fractions_keeps_its_digits() -> None:
    assert format_column(pd.Series([1.0, 0.5, 0.0, np.inf])) == ["1.000", "0.5000", "0", "infinite"]


@pytest.mark.parametrize(
    ("p_value", "n_permutations", "text"),
    [
        (0.0, 25, "< 0.04"),
        (0.039, 25, "< 0.04"),
        (0.04, 25, "= 0.04"),
        (0.5697, 25, "= 0.57"),
        (0.0003, None, "= 0.0003"),
    ],
)
def test_a_p_value_claims_no_more_than_its_permutations_can_tell(
    p_value: float, n_permutations: int | None, text: str
) -> None:
    assert format_p_value(p_value, n_permutations) == text


def test_a_column_of_shares_is_written_in_per_cent() -> None:
    assert format_column(pd.Series([0.09666, 1, None], dtype="Float64"), as_share=True) == ["9.7 %", "100 %", MISSING]


def test_values_that_lie_close_together_can_be_told_apart() -> None:
    assert format_column(pd.Series([0.4999667, 0.5000179], dtype="float32")) == ["0.4999667", "0.5000179"]
