"""The digits, labelled by a simulated panel of annotators of different skill; the true digits are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cleanlab_assets.datasets import digits
from cleanlab_assets.datasets.dataset import Column, Gates, Panel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LABEL = "label"
TRUTH = "true_digit"
PANEL_SEED = 20260
LOOKALIKES = {0: 6, 1: 7, 2: 3, 3: 8, 4: 9, 5: 3, 6: 0, 7: 1, 8: 3, 9: 4}
"""The digit that each digit is mistaken for by annotators who confuse digits."""

Mistake = Literal["any digit", "lookalike"]


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """One simulated annotator: how often right, what a mistake looks like, and the share of the images labelled."""

    name: str
    accuracy: float
    mistake: Mistake
    coverage: float


PANEL = (
    Annotator(name="annotator_01", accuracy=0.97, mistake="any digit", coverage=0.10),
    Annotator(name="annotator_02", accuracy=0.95, mistake="lookalike", coverage=0.15),
    Annotator(name="annotator_03", accuracy=0.90, mistake="any digit", coverage=0.20),
    Annotator(name="annotator_04", accuracy=0.87, mistake="lookalike", coverage=0.20),
    Annotator(name="annotator_05", accuracy=0.84, mistake="any digit", coverage=0.25),
    Annotator(name="annotator_06", accuracy=0.80, mistake="lookalike", coverage=0.25),
    Annotator(name="annotator_07", accuracy=0.76, mistake="any digit", coverage=0.25),
    Annotator(name="annotator_08", accuracy=0.70, mistake="lookalike", coverage=0.30),
    Annotator(name="annotator_09", accuracy=0.65, mistake="any digit", coverage=0.30),
    Annotator(name="annotator_10", accuracy=0.55, mistake="lookalike", coverage=0.30),
    Annotator(name="annotator_11", accuracy=0.10, mistake="any digit", coverage=0.35),
    Annotator(name="annotator_12", accuracy=0.10, mistake="any digit", coverage=0.25),
)
SPAMMERS = ("annotator_11", "annotator_12")
"""Annotators whose labels are drawn at random, whatever the image shows."""
N_ROWS = 5278
"""Annotations of the panel and images that nobody labelled, with the seed of the catalogue."""


def simulate_panel(labels: np.ndarray, *, seed: int) -> np.ndarray:
    """Let the panel label the digits.

    Args:
        labels: true digits, shape (n_examples,).
        seed: seed of coverage and mistakes.

    Returns:
        int64 array of shape (n_examples, n_annotators): the digit that each annotator gave, -1 where none.
    """
    rng = np.random.default_rng(seed)
    lookalikes = np.array([LOOKALIKES[digit] for digit in range(10)])
    given = np.full((len(labels), len(PANEL)), -1, dtype=np.int64)
    for column, annotator in enumerate(PANEL):
        is_labelled = rng.random(len(labels)) < annotator.coverage
        is_right = rng.random(len(labels)) < annotator.accuracy
        other = (labels + rng.integers(1, 10, size=len(labels))) % 10
        mistake = lookalikes[labels] if annotator.mistake == "lookalike" else other
        given[is_labelled, column] = np.where(is_right, labels, mistake)[is_labelled]
    return given


def load_digits_panel(files: Mapping[str, Path], *, seed: int = PANEL_SEED) -> pd.DataFrame:
    """Read the digits and let the panel label them: one row for each label, or for an image without any.

    The example is file and line of the image; the row id adds the annotator to it.
    """
    images = digits.load_digits(files)
    truth = images[digits.LABEL].cat.codes.to_numpy(dtype=np.int64)
    given = simulate_panel(truth, seed=seed)
    example, annotator = np.nonzero(given >= 0)
    example = np.concatenate([example, np.flatnonzero((given < 0).all(axis=1))])
    names = [*(PANEL[column].name for column in annotator), *[None] * (len(example) - len(annotator))]
    labels = [*map(str, given[given >= 0]), *[None] * (len(example) - len(annotator))]
    table = images.iloc[example].reset_index(drop=True).rename(columns={digits.LABEL: TRUTH})
    table.insert(1, "example", table["row_id"])
    table.insert(2, "annotator", pd.Series(pd.Categorical(names, categories=[one.name for one in PANEL])))
    table.insert(3, LABEL, pd.Series(pd.Categorical(labels, categories=list(digits.CLASS_NAMES))))
    table["row_id"] = table["example"] + "/" + table["annotator"].astype(object).fillna("nobody")
    order = np.lexsort((np.arange(len(example)), example))
    return table.iloc[order].reset_index(drop=True)


DATASET = replace(
    digits.DATASET,
    name="digits_panel",
    families=("multiannotator",),
    title="Digits labelled by a simulated panel",
    description=(
        "Read the digit in an 8x8 image. The labels are simulated: twelve annotators of different skill, with "
        "confusions of their own, two of whom answer at random; the true digit is kept to measure with."
    ),
    load=load_digits_panel,
    label=LABEL,
    columns=(
        Column(name="example", kind="categorical", is_feature=False, description="File and line of the image."),
        Column(name="annotator", kind="categorical", is_feature=False, nullable=True, description="Who labelled it."),
        Column(name=LABEL, kind="categorical", is_feature=False, nullable=True, description="The digit as labelled."),
        *digits.PIXEL_COLUMNS,
        Column(name=TRUTH, kind="categorical", is_feature=False, description="The digit that was written."),
    ),
    expected_rows=N_ROWS,
    panel=Panel(truth=TRUTH),
    # Three labels an image, by annotators who err: over a quarter of the majority votes are wrong by design.
    gates=Gates(label_issue_rate=0.40),
)
