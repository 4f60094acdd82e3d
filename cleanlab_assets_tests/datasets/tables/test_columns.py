from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleanlab_assets.datasets.tables.columns import DateFormat, parse_column, to_texts
from cleanlab_assets.datasets.tables.inference import infer_kind, infer_label
from cleanlab_assets.datasets.tables.profiles import find_decimal, profile_column

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import ColumnKind

RNG = np.random.default_rng(0)
WORDS = np.array(
    ["the", "parcel", "came", "late", "and", "nobody", "told", "me", "why", "so", "please", "send", "money"]
)


def column_of(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([" a ", "", "NA", "x"], None, ["a", None, None, "x"]),
        ([1, None, 3], None, ["1", None, "3"]),
        ([1.0, float("nan"), 3.0], None, ["1", None, "3"]),
        ([1.5, 3.0], None, ["1.5", "3"]),
        ([True, False, None], None, ["True", "False", None]),
        ([None, None], None, [None, None]),
        (["a", "b", "a"], pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"]),
        ([["a"], None], None, ["['a']", None]),
    ],
)
def test_columns_of_any_type_become_texts(
    values: list[Any], kind: pa.DataType | None, expected: list[str | None]
) -> None:
    assert to_texts(column_of(values, kind)).to_pylist() == expected


@pytest.mark.parametrize(
    ("values", "decimal", "expected", "note"),
    [
        (["1", " 2.5", "", "-3e2", ".5"], ".", [1, 2.5, np.nan, -300, 0.5], ""),
        (["1,5", "1.234,5", "2", ""], ",", [1.5, 1234.5, 2, np.nan], ""),
        (["1", "inf", "-Inf", "x"], ".", [1, np.nan, np.nan, np.nan], "3 of 4 values are no finite number"),
        ([1, None, 2], ".", [1, np.nan, 2], ""),
        ([1.5, float("inf")], ".", [1.5, np.nan], "1 of 2 values are no finite number"),
        ([True, None, False], ".", [1, np.nan, 0], ""),
        (["1", "1,234"], ".", [1, np.nan], "the first is '1,234' in t.csv:3"),
    ],
)
def test_what_is_no_number_counts_as_missing_and_is_told(
    values: list[Any], decimal: str, expected: list[float], note: str
) -> None:
    row_ids = [f"t.csv:{number}" for number in range(2, 2 + len(values))]
    found, told = parse_column(column_of(values), "x", "numeric", row_ids, decimal=decimal)
    np.testing.assert_array_equal(found.to_numpy(), expected)
    assert (note in told) if note else not told


@pytest.mark.parametrize(
    ("values", "mark", "decimal", "expected"),
    [
        (["$1,234.56", "-$5", "$-0.5", "+$7", "$ 12", "$1,000,000", "3"], "$", ".", [1234.56, -5, -0.5, 7, 12, 1e6, 3]),
        (["12.3%", "5 %", "-0.5%", None], "%", ".", [12.3, 5, -0.5, np.nan]),
        (["1.234,56 €", "€ 7", "2,5€"], "€", ",", [1234.56, 7, 2.5]),
        (["EUR 5", "5"], "EUR", ".", [5, 5]),
    ],
)
def test_a_mark_before_or_behind_numbers_is_left_out(
    values: list[Any], mark: str, decimal: str, expected: list[float]
) -> None:
    row_ids = [f"t:{row}" for row in range(len(values))]
    found, told = parse_column(column_of(values), "x", "numeric", row_ids, decimal=decimal, mark=mark)
    np.testing.assert_array_equal(found.to_numpy(), expected)
    assert not told


@pytest.mark.parametrize("text", ["$12,34", "1$2", "$$5", "5%", "($5)", "$", "$1,234,5"])
def test_what_is_no_number_with_its_mark_counts_as_missing(text: str) -> None:
    found, told = parse_column(column_of(["$1", text]), "x", "numeric", ["t:1", "t:2"], mark="$")
    np.testing.assert_array_equal(found.to_numpy(), [1, np.nan])
    assert f"the first is '{text}' in t:2" in told


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2024-01-31", None, "2024-02-01"], ["2024-01-31", None, "2024-02-01"]),
        (["31/01/2024 10:30", "01/02/2024 00:00"], ["2024-01-31 10:30", "2024-02-01"]),
        (["Jan 5 2024", "Feb 6 2024"], ["2024-01-05", "2024-02-06"]),
        (["20240131", "20240201"], ["2024-01-31", "2024-02-01"]),
        (["2024-01-31T10:00:00+02:00", "2024-01-31T10:00:00+00:00"], ["2024-01-31 08:00", "2024-01-31 10:00"]),
        ([date(2024, 1, 31), None], ["2024-01-31", None]),
        ([datetime(2024, 1, 31, 8, tzinfo=UTC), None], ["2024-01-31 08:00", None]),
    ],
)
def test_dates_of_any_format_are_read(values: list[Any], expected: list[str | None]) -> None:
    found, told = parse_column(column_of(values), "x", "date", ["t:1", "t:2", "t:3"][: len(values)])
    times = pd.Series([pd.Timestamp(time) if time else pd.NaT for time in expected], name="x").astype("datetime64[us]")
    pd.testing.assert_series_equal(found, times)
    assert not told
    assert profile_column(column_of(values), "x").has_times


@pytest.mark.parametrize(
    ("values", "text", "other"),
    [
        (["03/04/2024", "05/06/2024"], "%m/%d/%Y", "%d/%m/%Y"),
        (["03.04.2024 10:00", "05.06.2024 11:30"], "%d.%m.%Y %H:%M", "%m.%d.%Y %H:%M"),
        (["03/04/2024", "29/06/2024"], "%d/%m/%Y", None),
        (["03/04/2024", "04/29/2024"], "%m/%d/%Y", None),
        (["2024-03-04", "2024-05-06"], "%Y-%m-%d", None),
        (["20240304", "20240506"], "%Y%m%d", None),
    ],
)
def test_the_order_of_day_and_month_is_found_or_told_to_be_open(
    values: list[str], text: str, other: str | None
) -> None:
    found = profile_column(column_of(values), "x").date_format
    assert found == DateFormat(text, other)
    parsed, _ = parse_column(column_of(values), "x", "date", ["t:1", "t:2"], date_format=other or text)
    expected = pd.to_datetime(pd.Series(values, name="x"), format=other or text).astype("datetime64[us]")
    pd.testing.assert_series_equal(parsed, expected)


def test_what_is_no_date_counts_as_missing_and_is_told() -> None:
    values = [f"2024-01-{day:02}" for day in range(1, 29)] + ["soon"]
    found, told = parse_column(column_of(values), "x", "date", [f"t:{row}" for row in range(29)])
    assert found.isna().sum() == 1
    assert told == (
        "column 'x': 1 of 29 values are no date or time of the column's format and count as missing; "
        "the first is 'soon' in t:28"
    )


KINDS: dict[str, tuple[list[Any], ColumnKind | None, str]] = {
    "numbers": (["1.5", "2", "NA", "-3"], "numeric", "numbers"),
    "numbers with a few texts": ([*map(str, range(1, 60)), "n.a."], "numeric", "1 others count as missing"),
    "prices": ([f"${n * 137:,}.50" for n in range(1, 40)], "numeric", "numbers with $, such as '$137.50'"),
    "percentages": ([f"{n / 10}%" for n in range(1, 40)], "numeric", "numbers with %, such as '0.1%'"),
    "prices and texts": ([*(f"€{n}" for n in range(1, 60)), "free"], "numeric", "1 others count as missing"),
    "codes that begin with a mark": ([f"$A{n % 7}" for n in range(30)], "categorical", "7 different values"),
    "numbers and texts": (["1", "2", "a", "b", "a"], "categorical", "40% are numbers"),
    "zero and one": (["0", "1", "1", "0"], "binary", "values are 0 and 1"),
    "true and false": ([True, False, None], "binary", "true and false"),
    "postal codes": (["01234", "98765", "01234"], "categorical", "100% are numbers"),
    "few names": (["red", "blue", "red", None], "categorical", "2 different values"),
    "many names": ([f"street {n % 50}" for n in range(100)], "name", "50 different values"),
    "texts": ([" ".join(RNG.choice(WORDS, 9)) for _ in range(90)], "text", "9 words"),
    "dates": (["2024-01-01", "2024-01-03", "2024-01-02"], "date", "dates or times"),
    "one value": (["NL"] * 5, None, "one value only, 'NL'"),
    "one value and gaps": (["NL", None, "NL"], "categorical", "1 different values"),
    "no value": (["", "NA", None], None, "no value at all"),
    "row numbers": ([str(n) for n in range(30)], None, "numbers the rows"),
    "identifiers": ([f"T{n * 7919 % 1000:04}" for n in range(40)], None, "an identifier"),
    "lists": ([["a"], ["b", "c"]], None, "lists or records"),
    "years": (["2019", "2020", "2020", "2021"], "numeric", "numbers"),
    "times of day": (["10:30", "11:45", "10:30"], "categorical", "2 different values"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_column_is_taken_for_what_it_holds(name: str) -> None:
    values, kind, reason = KINDS[name]
    found = infer_kind(profile_column(column_of(values), "x"))
    assert found.kind == kind
    assert reason in found.reason


@pytest.mark.parametrize(
    ("name", "kind"),
    [("customer_id", None), ("userId", None), ("id", None), ("amount", "numeric"), ("paid", "numeric")],
)
def test_whole_numbers_that_all_differ_are_identifiers_by_their_name(name: str, kind: str | None) -> None:
    values = (np.arange(50) * 7919 % 10_007).tolist()
    found = infer_kind(profile_column(column_of(values), name))
    assert found.kind == kind
    assert found.is_identifier == (kind is None)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1,5", "2,25"], ","),
        (["1.234,5", "2,0"], ","),
        (["1.5", "2"], "."),
        (["1,2,3", "a"], "."),
        (["a, b", "c"], "."),
        (["$1,234", "$999"], "."),
        (["$1,234.50", "$999"], "."),
        (["1.234,50 €", "999 €"], ","),
        (["12,5%", "3%"], ","),
    ],
)
def test_the_decimal_mark_is_found(texts: list[str], expected: str) -> None:
    assert find_decimal(pa.table({"word": ["x"] * len(texts), "x": texts})) == expected


@pytest.mark.parametrize(
    ("values", "separator", "family", "other"),
    [
        (["cat", "dog", "cat"], None, "classification", None),
        ([0, 1, 1, 0], None, "classification", None),
        ([True, False], None, "classification", None),
        ([1, 2, 3] * 20, None, "classification", "regression"),
        (list(range(100)), None, "regression", "classification"),
        ([0.5, 1.5, 2.5, 0.5], None, "regression", "classification"),
        (["$1,250.50", "$300", "$99.99"], None, "regression", "classification"),
        (["01", "02", "01"], None, "classification", None),
        (["a;b", "a", ""], ";", "multilabel", None),
        ([["a", "b"], []], None, "multilabel", None),
    ],
)
def test_the_label_tells_the_task(values: list[Any], separator: str | None, family: str, other: str | None) -> None:
    found = infer_label([profile_column(column_of(values), "y")], separator=separator)
    assert found.family == family
    assert found.other == other
