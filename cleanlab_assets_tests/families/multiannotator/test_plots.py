from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.multiannotator.plots import MOST_ANNOTATORS, plot_annotators, plot_learning_curve
from cleanlab_assets_tests.drawn import draw_axes, legend_of, line_of, points_of, ticks_of


def make_annotators(n: int) -> pd.DataFrame:
    quality = np.linspace(0.25, 0.75, n)
    names = [f"annotator {number}" for number in range(n)]
    return pd.DataFrame(
        {
            "annotator": names,
            "annotator_quality": quality,
            "quality_low": quality / 2,
            "quality_high": (1 + quality) / 2,
            "agreement_with_consensus": quality + 0.25,
        }
    )


def test_quality_and_agreement_of_each_annotator_are_dots_worst_first() -> None:
    axes = draw_axes(plot_annotators, make_annotators(3))

    assert points_of(line_of(axes, "quality")) == [(0.25, 0), (0.5, 1), (0.75, 2)]
    assert points_of(line_of(axes, "agreement")) == [(0.5, 0), (0.75, 1), (1.0, 2)]
    assert ticks_of(axes) == ["annotator 0", "annotator 1", "annotator 2"]
    assert axes.get_ylim() == (2.6, -0.6), "the first is at the top"
    assert legend_of(axes) == ["quality", "agreement"]


def test_a_known_accuracy_is_drawn_and_of_many_annotators_the_worst() -> None:
    axes = draw_axes(plot_annotators, make_annotators(MOST_ANNOTATORS + 5).assign(true_accuracy=0.5))

    assert points_of(line_of(axes, "true accuracy")) == [(0.5, number) for number in range(MOST_ANNOTATORS)]
    assert ticks_of(axes)[-1] == f"annotator {MOST_ANNOTATORS - 1}"


def test_a_learning_curve_is_the_mean_over_seeds_with_its_interval() -> None:
    curves = pd.DataFrame(
        [
            (strategy, seed, turn, 10 * (turn + 1), base + 0.1 * turn + 0.02 * seed)
            for strategy, base in (("random", 0.5), ("active_pairs", 0.6))
            for seed in (0, 1)
            for turn in (0, 1)
        ],
        columns=["strategy", "seed", "round", "n_labels", "macro_f1"],
    )
    axes = draw_axes(plot_learning_curve, curves, "macro_f1")

    assert legend_of(axes) == ["active: example and annotator", "random"]
    for label, base in (("random", 0.5), ("active: example and", 0.6)):
        np.testing.assert_allclose(points_of(line_of(axes, label)), [(10, base + 0.01), (20, base + 0.11)])
    # Two seeds that differ by 0.02: their mean has a standard error of 0.01.
    heights = [np.asarray(band.get_paths()[0].vertices)[:, 1] for band in axes.collections]
    assert [(values.min(), values.max()) for values in heights] == [
        pytest.approx((mean - 0.0196, mean + 0.1 + 0.0196)) for mean in (0.61, 0.51)
    ]
    assert axes.get_ylabel() == "macro f1"


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="annotators is empty"):
        plot_annotators(make_annotators(0))
    with pytest.raises(ValueError, match="curves is empty"):
        plot_learning_curve(pd.DataFrame(), "macro_f1")
