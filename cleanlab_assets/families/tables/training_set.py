"""The training set of families on tables: which rows are audited, and how they are divided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.families.contracts import FOLD, GIVEN_LABEL, ROW_ID, SPLIT, TableContract
from cleanlab_assets.families.training_set import store_training_set
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.label_sets import encode_label_sets
from cleanlab_assets.methods.telling_features import find_telling_features
from cleanlab_assets.methods.training_set import build_training_set, train_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.raw_dataset import RawDatasetTable
    from cleanlab_assets.families.step import StepContext, TrainingSetTable
    from cleanlab_assets.families.tables.settings import TrainingSetSettings
    from cleanlab_assets.methods.shown import Shown

TRAINING_SET = TableContract(
    "TrainingSet",
    "Rows under audit: row id, features, given label, split and fold (-1 on test rows).",
    (ROW_ID, GIVEN_LABEL, SPLIT, FOLD),
)


def make_training_set(
    context: StepContext,
    settings: TrainingSetSettings,
    raw_dataset: RawDatasetTable,
    *,
    plant: Callable[..., pd.DataFrame],
    show: Callable[[pd.DataFrame], Mapping[str, Shown]],
) -> TrainingSetTable:
    """Sample, split and fold the rows, and plant errors in the train labels where the settings ask for them.

    Args:
        context: of the step.
        settings: sample, division and planted errors.
        raw_dataset: the source.
        plant: returns a training set with planted errors, from one without, a ``fraction`` and a ``seed``.
        show: further figures of the table.
    """
    built = build_training_set(
        raw_dataset.value,
        context.dataset,
        max_rows=settings.max_rows,
        test_fraction=settings.share_of_test_rows(context.dataset),
        folds=settings.folds,
        seed=settings.seed,
        reserved=AUDIT_COLUMNS | context.reserved_columns,
    )
    table, fraction = built.table, settings.planted_error_fraction
    if fraction > 0:
        _require_no_truth(context.dataset)
        table = plant(table, fraction=fraction, seed=settings.seed)
    telling = _find_telling_features(context, built.table, settings.seed)
    notes = [*raw_dataset.facts.notes, *built.notes]
    if telling:
        notes.append(
            f"{', '.join(telling)} alone predict the label almost perfectly: a model learns nothing else then, and "
            "finds no label error that the feature repeats; leave such a feature out if it is made from the label"
        )
    facts = TrainingSetFacts(
        seed=settings.seed,
        folds=settings.folds,
        notes=notes,
        small_classes=list(built.small_classes),
        telling_features=telling,
    )
    return store_training_set(table, facts, show=show)


def _require_no_truth(dataset: Dataset) -> None:
    """Refuse to plant errors where the source states true labels, which a planted error would contradict."""
    if dataset.truth_column is not None:
        raise UnreadableInputError(
            f"{dataset.name}: planted_error_fraction: found errors to plant beside the true labels of "
            f"{quote(dataset.truth_column)}, expected one of the two: these measure the audit already; set it to 0, or "
            f"take truth out of {DESCRIPTION_FILE}"
        )


def _find_telling_features(context: StepContext, table: pd.DataFrame, seed: int) -> list[str]:
    dataset, rows = context.dataset, train_rows(table)
    given = rows["given_label"]
    if dataset.label_separator is not None:
        labels = encode_label_sets(given, dataset.class_names, row_ids=rows["row_id"].tolist())
    else:
        labels = given.to_numpy(dtype=np.float64) if dataset.numeric_label else given.cat.codes.to_numpy()
    features = [column.name for column in dataset.features if not column.is_embedded]
    return find_telling_features(rows, features, labels, seed=seed)
