"""Vectors of texts and pictures, joined with the rows of those steps and checks that see them.

The step ``embeddings`` of a family computes them once. Whoever fits a model or measures distances says so by
``sees_vectors``, and finds them beside the other columns of its rows; ``StepContext.vectors`` names them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from cleanlab_assets.families.step import Check, Step

if TYPE_CHECKING:
    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.methods.result import Result

EMBEDDINGS = "embeddings"
"""Name of the step that computes the vectors."""
ROWS = ("raw_dataset", "training_set", "label_issues")
"""The results whose rows may be needed with their vectors."""
VECTOR_PREFIX = "vector_of_"

S = TypeVar("S", Step, Check)


def name_vectors(column: str, n_dimensions: int) -> list[str]:
    """Return the names of the columns that the texts or pictures of a column become."""
    return [f"{VECTOR_PREFIX}{column}_{number}" for number in range(1, n_dimensions + 1)]


def join_vectors(item: S, family: TaskFamily) -> S:
    """Return a step or check that takes the vectors of its family, if there are some and it sees them."""
    if not item.sees_vectors or all(step.name != EMBEDDINGS for step in family.steps):
        return item

    def run(context: StepContext, **given: Any) -> Any:
        vectors: pd.DataFrame = given.pop(EMBEDDINGS).value
        names = tuple(str(name) for name in vectors if str(name).startswith(VECTOR_PREFIX))
        if names:
            context = replace(context, vectors=names)
            given |= {name: _join(given[name], vectors, names) for name in ROWS if name in given}
        return item.run(context, **given)

    return replace(item, run=run, inputs=(*item.inputs, EMBEDDINGS))


def _join(rows: Result[pd.DataFrame, Any], vectors: pd.DataFrame, names: tuple[str, ...]) -> Result[pd.DataFrame, Any]:
    """Put the vectors beside the rows that they are of; rows without any have missing values there."""
    found = vectors.set_index("row_id")[list(names)].reindex(rows.value["row_id"]).reset_index(drop=True)
    found.index = rows.value.index
    return replace(rows, value=pd.concat([rows.value, found], axis=1))
