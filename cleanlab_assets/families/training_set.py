"""What the training sets of every family have in common: their result."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Notes, TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.methods.shown import Shown

F = TypeVar("F", bound=TrainingSetFacts)


def store_training_set(
    table: pd.DataFrame,
    facts: F,
    *,
    columns: Sequence[str] = ("row_id", "given_label", "split", "fold"),
    n_planted: int | None = None,
    show: Callable[[pd.DataFrame], Mapping[str, Shown]] = lambda _: {},
) -> Result[pd.DataFrame, F]:
    """Make the result of a training set.

    Args:
        table: the rows under audit, with ``split``.
        facts: seed, folds and notes.
        columns: columns of the first rows that people see.
        n_planted: number of planted errors; counted in ``planted_error`` if absent.
        show: further figures of the table.
    """

    def show_all() -> dict[str, Shown]:
        planted = int(table["planted_error"].sum()) if "planted_error" in table else 0
        return {
            **{f"{split}_rows": int(n_rows) for split, n_rows in table["split"].value_counts(sort=False).items()},
            "planted_errors": planted if n_planted is None else n_planted,
            **show(table),
            "preview": TableView(table, columns=columns),
            "notes": Notes(facts.notes),
        }

    return Result(value=table, facts=facts, show=show_all)
