"""Generated data whose flagged rows are known: planted label errors, hard rows, and bad examples among sound rows.

A hard row lies between two classes and has the label of either. A bad example has a label at random, and nothing that
could tell it: it lies far from all rows, has hardly any values, or its text or picture shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets.methods.flagged_cases import BAD_EXAMPLE, HARD, LIKELY_WRONG

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL = "label"
CLASSES = ("bank", "garden", "kitchen", "travel")
_WORDS = {
    "bank": ("account", "loan", "interest", "card", "transfer", "branch", "deposit", "cash", "savings", "credit"),
    "garden": ("tree", "flower", "soil", "seed", "lawn", "hedge", "spade", "roses", "compost", "watering"),
    "kitchen": ("oven", "pan", "recipe", "knife", "sauce", "flour", "boiling", "spoon", "plate", "pepper"),
    "travel": ("train", "hotel", "ticket", "airport", "luggage", "passport", "journey", "beach", "museum", "flight"),
}
_FILLERS = ("the", "and", "with", "for", "this", "that", "was", "very", "about", "some", "then", "when", "there", "we")
_EMPTY = ("", "?", "n/a", "ok", "...", "-")


@dataclass(frozen=True)
class PlantedCases:
    """A table with the column ``label``; ``planted`` says by row which kind of case it is, empty for sound rows."""

    table: pd.DataFrame
    planted: np.ndarray


@dataclass(frozen=True)
class _Plan:
    """Which rows are planted, the two classes that each of them lies between, and the label that each is given."""

    random: np.random.Generator
    planted: np.ndarray
    first: np.ndarray
    second: np.ndarray
    given: np.ndarray

    def rows(self, kind: str) -> np.ndarray:
        return np.flatnonzero(self.planted == kind)


def _plan(n_rows: int, n_classes: int, seed: int) -> _Plan:
    random = np.random.default_rng(seed)
    planted = np.full(n_rows, "", dtype=object)
    order, share = random.permutation(n_rows), n_rows // 20
    planted[order[:share]] = LIKELY_WRONG
    planted[order[share : 3 * share]] = HARD
    planted[order[3 * share : 4 * share]] = BAD_EXAMPLE
    first = random.integers(n_classes, size=n_rows)
    second = (first + random.integers(1, n_classes, size=n_rows)) % n_classes
    given = np.where(planted == LIKELY_WRONG, second, first)
    is_bad = planted == BAD_EXAMPLE
    given[is_bad] = random.integers(n_classes, size=is_bad.sum())
    return _Plan(random, planted, first, second, given)


def plant_in_numbers(seed: int, *, n_rows: int = 2000, n_columns: int = 6) -> PlantedCases:
    """Four normal distributions of unit width, five apart or more; half of the bad rows lie far out."""
    plan = _plan(n_rows, len(CLASSES), seed)
    random = plan.random
    centres = random.normal(size=(len(CLASSES), n_columns))
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    centres *= 5 / apart[apart > 0].min()
    values = centres[plan.first] + random.normal(size=(n_rows, n_columns))
    hard, bad = plan.rows(HARD), plan.rows(BAD_EXAMPLE)
    between = (centres[plan.first[hard]] + centres[plan.second[hard]]) / 2
    values[hard] = between + 0.5 * random.normal(size=(len(hard), n_columns))
    _spoil(values, bad, random, distance=30)
    return _finish(_name_columns(values), plan, CLASSES)


def plant_in_texts(seed: int, *, n_rows: int = 1000) -> PlantedCases:
    """Sentences of which every third word tells the class; those of hard rows tell two, bad ones are nearly empty."""
    plan = _plan(n_rows, len(CLASSES), seed)
    texts = [_write_text(plan, row) for row in range(n_rows)]
    return _finish(pd.DataFrame({"message": texts}), plan, CLASSES)


def _write_text(plan: _Plan, row: int) -> str:
    random = plan.random
    if plan.planted[row] == BAD_EXAMPLE:
        return str(random.choice(_EMPTY))
    told = (plan.first[row], plan.second[row]) if plan.planted[row] == HARD else (plan.first[row],) * 2
    telling = [random.choice(_WORDS[CLASSES[code]]) for code in told for _ in range(3)]
    words = [*telling, *random.choice(_FILLERS, size=int(random.integers(10, 16)))]
    return " ".join(random.permutation(words))


def plant_in_pictures(seed: int, *, n_rows: int = 1000) -> PlantedCases:
    """The handwritten digits 0 to 4; hard rows are a digit drawn over another, bad ones are black."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    classes = tuple(str(name) for name in digits.target_names[:5])
    plan = _plan(n_rows, len(classes), seed)
    places = [np.flatnonzero(digits.target == code) for code in range(len(classes))]
    draw = partial(_draw_digit, digits.images, places, plan.random)
    inks = [draw(code) for code in plan.first]
    for row in plan.rows(HARD):
        inks[row] = np.maximum(inks[row], draw(plan.second[row]))
    pixels = np.kron(np.array(inks), np.ones((1, 4, 4))) * 15 + plan.random.normal(8, 4, size=(n_rows, 32, 32))
    pixels[plan.rows(BAD_EXAMPLE)] *= 0.02
    pictures = [encode_png(one) for one in pixels.clip(0, 255).astype(np.uint8)]
    return _finish(pd.DataFrame({"picture": pictures}), plan, classes)


def plant_in_values(seed: int, *, n_rows: int = 1500, n_columns: int = 4) -> PlantedCases:
    """A smooth function of the features, without hard rows: where values scatter, predictions are known to be unsure.

    Such rows are not flagged, so that there is nothing to tell apart.
    """
    plan = _plan(n_rows, len(CLASSES), seed)
    random = plan.random
    bad, wrong = plan.rows(BAD_EXAMPLE), plan.rows(LIKELY_WRONG)
    values = random.uniform(-1, 1, size=(n_rows, n_columns))
    labels = 3 * values[:, 0] + 2 * np.sin(2 * values[:, 1]) + values[:, 2] + 0.2 * random.normal(size=n_rows)
    labels[wrong] += random.choice([-1.0, 1.0], size=len(wrong)) * random.uniform(3, 6, size=len(wrong))
    labels[bad] = random.uniform(-6, 6, size=len(bad))
    _spoil(values, bad, random, distance=10)
    planted = np.where(plan.planted == HARD, "", plan.planted)
    return PlantedCases(_name_columns(values).assign(**{LABEL: labels}), planted)


def plant_in_label_sets(seed: int, *, n_rows: int = 1500, n_columns: int = 6) -> PlantedCases:
    """Four classes, each of which applies on one side of a plane; hard rows lie on one of the planes."""
    plan = _plan(n_rows, len(CLASSES), seed)
    random = plan.random
    hard, bad, wrong = plan.rows(HARD), plan.rows(BAD_EXAMPLE), plan.rows(LIKELY_WRONG)
    sides = random.choice([-1.0, 1.0], size=(n_rows, len(CLASSES)))
    scores = 2.5 * sides + random.normal(size=sides.shape) * 0.6
    scores[hard, plan.first[hard]] = 0.4 * random.normal(size=len(hard))
    is_named = sides > 0
    is_named[wrong, plan.first[wrong]] ^= True
    is_named[bad] = random.random((len(bad), len(CLASSES))) < 0.5
    values = np.column_stack([scores, random.normal(size=(n_rows, n_columns - len(CLASSES)))])
    _spoil(values, bad, random, distance=30)
    labels = ["|".join(np.array(CLASSES)[named]) for named in is_named]
    return PlantedCases(_name_columns(values).assign(**{LABEL: labels}), plan.planted)


def _spoil(values: np.ndarray, bad: np.ndarray, random: np.random.Generator, *, distance: float) -> None:
    """Put every other bad row so far from the centre of all, and leave each of the others a single value."""
    far, gaps = bad[::2], bad[1::2]
    directions = random.normal(size=(len(far), values.shape[1]))
    values[far] = distance * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    for row in gaps:
        values[row, random.permutation(values.shape[1])[1:]] = np.nan


def _name_columns(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[f"x{number}" for number in range(values.shape[1])])


def _draw_digit(images: np.ndarray, places: Sequence[np.ndarray], random: np.random.Generator, code: int) -> np.ndarray:
    return np.asarray(images[random.choice(places[code])])


def _finish(table: pd.DataFrame, plan: _Plan, classes: tuple[str, ...]) -> PlantedCases:
    return PlantedCases(table.assign(**{LABEL: np.array(classes, dtype=object)[plan.given]}), plan.planted)
