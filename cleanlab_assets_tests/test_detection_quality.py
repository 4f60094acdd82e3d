"""The benchmark of what is found of wrong labels: its data have the noise that they are named for, its figures hold."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.error_bracket import order_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("classes", "sets of classes", "values", "words", "several annotators")
N_ROWS = 300


@pytest.fixture(scope="module")
def benchmark() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        yield importlib.import_module("detection_quality")


def test_every_kind_of_labels_is_audited(benchmark: Any) -> None:
    assert tuple(benchmark.AUDITS) == KINDS


@pytest.mark.parametrize("labels", KINDS)
def test_a_strong_model_finds_most_errors_of_each_kind_of_labels(labels: str, benchmark: Any) -> None:
    audit, noises = benchmark.AUDITS[labels]
    found = benchmark.measure(audit(noises[0], "strong", N_ROWS, 0))
    assert found["AP"] > 0.7
    assert found["AP, cleanlab"] > 0.7
    assert found["true precision"] > 0.4


@pytest.mark.parametrize("noise", ["uniform", "by class", "class pairs", "near the border", "clusters", "by annotator"])
def test_each_noise_makes_the_labels_wrong_that_it_is_named_for(noise: str, benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    _, items = benchmark.draw_blobs(4000, rng)
    given = benchmark.make_wrong(noise, items, benchmark.RATE, rng)
    is_wrong = given != items.truth
    assert is_wrong.mean() == pytest.approx(benchmark.RATE, abs=0.02)
    is_hit = {
        "by class": items.truth == 0,
        "near the border": items.margin < np.median(items.margin),
        "clusters": items.block < benchmark.N_BLOCKS // 5,
        "by annotator": items.annotator < benchmark.N_ANNOTATORS // 5,
    }.get(noise)
    if is_hit is None:
        assert (given[is_wrong] // 2 == items.truth[is_wrong] // 2).all() == (noise == "class pairs")
    else:
        assert is_wrong[is_hit].mean() > 3 * is_wrong[~is_hit].mean()


def test_figures_are_those_of_the_truth(benchmark: Any) -> None:
    is_wrong = np.array([True, True, False, False])
    perfect = benchmark.Found(np.array([0.1, 0.2, 0.8, 0.9]), is_wrong, 2)
    worst = benchmark.Found(np.array([0.9, 0.8, 0.2, 0.1]), ~is_wrong, 6)
    bracket = order_ends((1, "low"), (2, "high"))
    found = benchmark.measure(benchmark.Audit(is_wrong, worst, perfect, 0.9, bracket))
    assert (found["F1"], found["F1, cleanlab"], found["AP"]) == (1.0, 0.0, 1.0)
    assert (found["expected precision"], found["true precision"]) == (0.9, 1.0)
    assert (found["bracket holds"], found["cleanlab's number / true"]) == (1.0, 3.0)


def test_what_is_worse_is_listed_and_nothing_else(benchmark: Any) -> None:
    figures = {"F1": [0.5, 0.8], "F1, cleanlab": [0.7, 0.6], "AP": [0.6, 0.6], "AP, cleanlab": [0.6, 0.605]}
    found = pd.DataFrame({"labels": "values", "noise": ["swap", "drift"], "model": "weak", **figures})
    assert benchmark.list_worse(found) == ["values, swap, weak model: F1 0.50, cleanlab 0.70"]


@pytest.mark.slow
def test_the_small_form_prints_its_tables(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["detection_quality.py", "--small"])
    benchmark.main()
    printed = capsys.readouterr().out
    assert "Where today's rules are worse:" in printed
    assert all(f"| {labels} | strong |" in printed for labels in KINDS)
