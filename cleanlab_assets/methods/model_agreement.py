"""Which rows several models flag alike: agreement of their flags, and one ranking of the rows from all of them.

A label that models of different kinds doubt is wrong more often than one that a single model doubts.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.ranking import rank_by_quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAIR_COLUMNS = ("model_a", "model_b", "n_a", "n_b", "n_both", "jaccard")
STACK_COLUMNS = ("stack_label_quality", "flagged_by_stack")
TRUTH_COLUMNS = ("planted_error", "true_label")
_TYPES = {
    "row_id": "object",
    "split": "object",
    "given_label": "object",
    "suggested_label": "object",
    "n_models_flagging": "int64",
    "share_of_models": "float64",
    "n_models_suggesting": "int64",
    "mean_label_quality": "float64",
    "rank": "int64",
}


def list_findings(models: Iterable[str]) -> list[str]:
    """Return the columns of the consensus issues that are findings, in order; all others are features."""
    names = list(models)
    by_model = [f"{kind}_{model}" for kind in ("quality", "flagged") for model in names]
    return [*_TYPES, *STACK_COLUMNS, *by_model, *TRUTH_COLUMNS]


def collect_flags(label_issues: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the flags of several models beside each other.

    Args:
        label_issues: label issues (``row_id``, ``given_label``, ``is_label_issue``) of the same rows by model.

    Returns:
        Whether the model flags the row, bool of shape (n_rows, n_models), indexed by row id in the order of the first
        model.

    Raises:
        ValueError: a row id occurs twice, or the models are not about the same rows with the same given labels.
    """
    tables = _align_rows(label_issues)
    row_ids = next(iter(tables.values()))["row_id"].tolist() if tables else []
    flags = {model: table["is_label_issue"].to_numpy(dtype=bool) for model, table in tables.items()}
    return pd.DataFrame(flags, index=pd.Index(row_ids, name="row_id"), dtype=bool)


def measure_pairwise_jaccard(flags: pd.DataFrame) -> pd.DataFrame:
    """Measure for each pair of models which share of the rows that either flags both flag.

    Source: Jaccard, The Distribution of the Flora in the Alpine Zone, New Phytologist 1912.

    Args:
        flags: whether the model flags the row, bool of shape (n_rows, n_models), named by model.

    Returns:
        ``model_a``, ``model_b``, rows flagged by each (``n_a``, ``n_b``) and by both (``n_both``), and ``jaccard``
        from 0 to 1, NaN where neither flags a row. One row for each of the n_models * (n_models - 1) / 2 pairs, in
        column order.
    """
    values = flags.to_numpy(dtype=np.int64)
    n_both = values.T @ values
    pairs = []
    for a, b in combinations(range(values.shape[1]), 2):
        n_either = n_both[a, a] + n_both[b, b] - n_both[a, b]
        jaccard = n_both[a, b] / n_either if n_either else np.nan
        pairs.append((flags.columns[a], flags.columns[b], n_both[a, a], n_both[b, b], n_both[a, b], jaccard))
    return pd.DataFrame(pairs, columns=list(PAIR_COLUMNS))


def build_consensus_issues(
    label_issues: Mapping[str, pd.DataFrame], *, features: Sequence[str], stacked: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rank the rows by what the stack of the models finds, else by how many models flag them.

    Without a stack, rows that equally many models flag are ordered by the mean of the models' label quality. The mean
    is that of the scores as they are. Where the models' scores spread differently, the model that spreads them widest
    weighs most; it only orders rows that equally many models flag.

    Args:
        label_issues: label issues of the same rows by model: ``row_id``, ``split``, ``given_label`` and
            ``suggested_label`` (categorical, text or numeric), ``label_quality`` (lower is worse), ``is_label_issue``,
            the features, and ``planted_error`` with ``true_label`` where errors were planted. Ties between suggested
            labels go to the model that comes first.
        features: names of the feature columns.
        stacked: label issues by the stack of the models: ``row_id``, ``suggested_label``, ``label_quality``,
            ``is_label_issue`` and ``rank``; None where the models are not weighed together.

    Returns:
        One row for each row, in the order of the first model; empty without a model. ``suggested_label`` is the most
        frequent suggestion of the models that flag the row, of all models where none does; for numeric labels it is
        their median, which of an even number of models can lie between two suggestions. ``n_models_suggesting`` says
        how many of all models suggest exactly this label; numeric labels have no such column. ``rank`` 1 is the worst
        row; ties keep the row order. ``quality_<model>`` and ``flagged_<model>`` come next, planted errors and
        features last. A feature that is named like a finding gets ``feature_`` in front. With a stack there are also
        ``stack_label_quality`` and ``flagged_by_stack``, and the suggested label is that of the stack.

    Raises:
        ValueError: a row id occurs twice, or the models are not about the same rows with the same given labels.
    """
    tables = _align_rows(label_issues)
    if not tables:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in _TYPES.items()})
    models, first = list(tables), next(iter(tables.values()))
    flags = np.column_stack([table["is_label_issue"].to_numpy(dtype=bool) for table in tables.values()])
    quality = np.column_stack([table["label_quality"].to_numpy(dtype=np.float64) for table in tables.values()])
    n_flagging, mean_quality = flags.sum(axis=1), quality.mean(axis=1)
    counted = flags | (n_flagging == 0)[:, None]
    suggestions = [table["suggested_label"] for table in tables.values()]
    findings: dict[str, object] = {
        "row_id": first["row_id"],
        "split": first["split"],
        "given_label": first["given_label"],
        **_choose_suggestion(suggestions, counted),
        "n_models_flagging": n_flagging,
        "share_of_models": n_flagging / len(models),
        "mean_label_quality": mean_quality,
        "rank": rank_by_quality(-n_flagging, mean_quality),
        **{f"quality_{model}": table["label_quality"] for model, table in tables.items()},
        **{f"flagged_{model}": flags[:, position] for position, model in enumerate(models)},
        **{name: first[name] for name in TRUTH_COLUMNS if name in first},
    }
    if stacked is not None:
        findings |= _take_stack(stacked, first["row_id"], suggestions)
    known = list_findings(models)
    table = pd.DataFrame(findings)[[name for name in known if name in findings]]
    renamed = first[list(features)].rename(columns={name: f"feature_{name}" for name in features if name in known})
    return pd.concat([table, renamed], axis=1)


def _take_stack(stacked: pd.DataFrame, row_ids: pd.Series[str], suggestions: Sequence[pd.Series]) -> dict[str, object]:
    """Return what the stack finds, and how many models suggest its label, in the order of the rows."""
    found = stacked.set_index("row_id").loc[row_ids.tolist()].reset_index()
    suggested = _read_values(found["suggested_label"])
    return {
        "suggested_label": found["suggested_label"],
        "n_models_suggesting": np.sum([_read_values(one) == suggested for one in suggestions], axis=0),
        "rank": found["rank"],
        "stack_label_quality": found["label_quality"],
        "flagged_by_stack": found["is_label_issue"],
    }


def _align_rows(label_issues: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Bring the tables of all models into the row order of the first one."""
    aligned: dict[str, pd.DataFrame] = {}
    for model, table in label_issues.items():
        repeated = table.loc[table["row_id"].duplicated(), "row_id"]
        if len(repeated):
            raise ValueError(f"label issues of {model!r} name {len(repeated):,} row ids twice: {repeated.iloc[0]!r}")
        if not aligned:
            aligned[model] = table.reset_index(drop=True)
            continue
        reference, expected = next(iter(aligned.items()))
        strangers = sorted(set(expected["row_id"]) ^ set(table["row_id"]))
        if strangers:
            raise ValueError(
                f"label issues of {model!r} are not about the rows of {reference!r}: {len(strangers):,} row ids are in "
                f"one of the two only, the first is {strangers[0]!r}"
            )
        aligned[model] = table.set_index("row_id").loc[expected["row_id"]].reset_index()
        differs = _read_values(aligned[model]["given_label"]) != _read_values(expected["given_label"])
        if differs.any():
            raise ValueError(
                f"label issues of {model!r} have other given labels than those of {reference!r} in "
                f"{differs.sum():,} rows, the first is {expected['row_id'][differs.argmax()]!r}"
            )
    return aligned


def _read_values(labels: pd.Series) -> np.ndarray:
    return labels.to_numpy(dtype=None if pd.api.types.is_numeric_dtype(labels) else object)


def _choose_suggestion(suggestions: Sequence[pd.Series], counted: np.ndarray) -> dict[str, object]:
    """Choose one suggested label for each row among those of the counted models, bool of (n_rows, n_models)."""
    if pd.api.types.is_numeric_dtype(suggestions[0]):
        values = np.column_stack([suggested.to_numpy(dtype=np.float64) for suggested in suggestions])
        return {"suggested_label": np.nanmedian(np.where(counted, values, np.nan), axis=1)}
    stacked, labels = pd.concat(list(suggestions), ignore_index=True).factorize()
    codes = stacked.reshape(len(suggestions), -1).T
    is_same = codes[:, :, None] == codes[:, None, :]
    votes = (is_same & counted[:, None, :]).sum(axis=2)
    winner = np.where(counted, votes, -1).argmax(axis=1)
    chosen = codes[np.arange(len(codes)), winner]
    return {
        "suggested_label": labels.take(chosen),
        "n_models_suggesting": (codes == chosen[:, None]).sum(axis=1),
    }
