from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.reports.label_plots import plot_label_distribution
from cleanlab_assets_tests.drawn import counts_of, draw_axes


def test_few_whole_numbers_have_a_bar_each() -> None:
    axes = draw_axes(plot_label_distribution, np.array([1.0, 2.0, 2.0, 5.0, np.nan]), "stars")

    assert counts_of(axes, np.arange(0.5, 6)) == [{0.5: 1, 1.5: 2, 4.5: 1}]
    assert axes.get_xlim() == (0.5, 5.5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("given value (stars)", "rows per value")


def test_other_values_are_counted_in_bins() -> None:
    values = np.append(np.linspace(0, 1, 101), [0.5] * 50)
    axes = draw_axes(plot_label_distribution, values)

    (counts,) = counts_of(axes, np.linspace(0, 1, 41))
    assert sum(counts.values()) == len(values)
    assert max(counts, key=counts.__getitem__) == pytest.approx(0.5), "a spike stands out"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("given value", "rows per bin")


def test_values_far_beyond_all_others_are_left_out_and_counted_in_words() -> None:
    axes = draw_axes(plot_label_distribution, np.append(np.linspace(0, 1, 999), 1e6))

    assert axes.get_xlim()[1] < 2
    assert axes.get_xlabel() == "given value\nbeyond the axis and left out: 1"


@pytest.mark.parametrize("value", [7.0, 0.7])
def test_equal_labels_are_one_bar(value: float) -> None:
    axes = draw_axes(plot_label_distribution, np.full(5, value))
    edges = np.array([6.5, 7.5]) if value == 7 else np.linspace(0.2, 1.2, 41)

    (counts,) = counts_of(axes, edges)
    assert list(counts.values()) == [5]


def test_values_that_are_all_missing_are_an_error() -> None:
    with pytest.raises(ValueError, match="no finite value among 1"):
        plot_label_distribution(np.array([np.nan]))
