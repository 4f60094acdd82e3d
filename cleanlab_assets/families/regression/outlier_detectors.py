"""How well outlier detectors find planted feature outliers: Datalab's score beside two of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families.contracts import TableContract, share, text
from cleanlab_assets.families.step import DATASET, PlainTable, Settings, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.neighbor_graph import METRIC, build_neighbor_graph
from cleanlab_assets.methods.detection_power import score_detection_power
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.shown import Notes, TableView
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cleanlab_assets.families.tables.steps import NeighborGraphTable

EXACT_ROW_LIMIT = 50_000
_TYPES = {
    "detector": "object",
    "planted_share": "float64",
    "column": "object",
    "n_planted": "int64",
    **dict.fromkeys(["recall_at_budget", "average_precision", "auroc", "flag_recall"], "float64"),
    "n_left_out": "int64",
    "seconds": "float64",
}


@dataclass(frozen=True)
class OutlierScores:
    """Score of each row, lower is worse, and the rows that the detector's own rule flags; both of shape (n_rows,)."""

    score: np.ndarray
    is_flagged: np.ndarray
    seconds: float


def plant_feature_outliers(
    features: pd.DataFrame, column: str, *, fraction: float, factor: float = 50.0, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Multiply one numeric column of random rows by a factor: a slip of the unit or of the decimal point.

    Args:
        features: feature columns, shape (n_rows, n_features).
        column: name of a numeric column.
        fraction: share of the rows; ``round(fraction * n_rows)`` change, none where the value is missing or zero.
        factor: what the values are multiplied by.
        seed: seed of the draw.

    Returns:
        A copy of the features, and the mask of the changed rows, bool of shape (n_rows,).

    Raises:
        ValueError: fewer rows have a value that multiplication changes.
    """
    values = features[column].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    changeable = np.flatnonzero(_is_changeable(features[column]))
    n_planted = round(fraction * len(values))
    if n_planted > len(changeable):
        raise ValueError(
            f"{len(changeable)} of {len(values)} rows have a value of {column!r} other than zero, expected at least "
            f"the {n_planted} asked for"
        )
    chosen = seed_generator(seed, "planted outliers").choice(changeable, size=n_planted, replace=False)
    values[chosen] *= factor
    is_planted = np.zeros(len(values), dtype=bool)
    is_planted[chosen] = True
    return features.assign(**{column: values}), is_planted


def detect_outliers(
    features: pd.DataFrame, kinds: FeatureKinds, *, k: int = 10, seed: int
) -> Mapping[str, OutlierScores]:
    """Score and flag all rows with each detector, on the encoding that the audit uses for distances.

    - ``datalab``: Datalab's outlier score, from the mean distance to the ``k`` nearest rows; flagged above the third
      quartile of these distances plus 1.7 interquartile ranges (Datalab's default).
    - ``isolation_forest``: ``sklearn.ensemble.IsolationForest``; flagged by its default offset.
    - ``local_outlier_factor``: ``sklearn.neighbors.LocalOutlierFactor`` with ``k`` neighbours; flagged by its default
      offset.

    Args:
        features: feature columns, shape (n_rows, n_features).
        kinds: the columns by kind.
        k: neighbours of the two that use distances.
        seed: seed of the forest, and of an approximate neighbour search (above ``EXACT_ROW_LIMIT`` rows).

    Returns:
        Scores and flags by name of the detector; ``seconds`` leaves out the encoding, which all share.
    """
    encoded = encode_for_distance(features, kinds, fit_on=np.ones(len(features), dtype=bool))
    detectors: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
        "datalab": lambda: _score_with_datalab(encoded, k=k, seed=seed),
        "isolation_forest": lambda: _score_with_isolation_forest(encoded, seed=seed),
        "local_outlier_factor": lambda: _score_with_local_outlier_factor(encoded, k=k),
    }
    scores = {}
    for name, detect in detectors.items():
        started = perf_counter()
        score, is_flagged = detect()
        scores[name] = OutlierScores(score, is_flagged, perf_counter() - started)
    return scores


def find_natural_outliers(untouched: pd.DataFrame, kinds: FeatureKinds, *, k: int = 10, seed: int) -> np.ndarray:
    """Return the rows that any detector flags before anything is planted, bool of shape (n_rows,)."""
    flags = [found.is_flagged for found in detect_outliers(untouched, kinds, k=k, seed=seed).values()]
    natural: np.ndarray = np.logical_or.reduce(flags)
    return natural


def compare_outlier_detectors(
    features: pd.DataFrame,
    kinds: FeatureKinds,
    is_planted: np.ndarray,
    is_natural: np.ndarray,
    *,
    k: int = 10,
    seed: int,
) -> pd.DataFrame:
    """Compare how the detectors of ``detect_outliers`` rank and flag planted outliers.

    A real table holds outliers of its own, which rightly rank among the worst and push planted ones out of a list of
    fixed length. They are left out of the measures (not of what the detectors see), unless one was planted in them.

    Args:
        features: feature columns with planted outliers, shape (n_rows, n_features).
        kinds: the columns by kind.
        is_planted: rows with a planted outlier, bool of shape (n_rows,).
        is_natural: rows that were outliers before planting, bool of shape (n_rows,).
        k: neighbours of the detectors that use distances.
        seed: seed of the detectors.

    Returns:
        One row for each detector: ``detector``, ``n_planted``, ``recall_at_budget`` (share of the planted rows among
        the ``n_planted`` worst), ``average_precision``, ``auroc``, ``flag_recall`` (share of the planted rows that
        the detector's own rule flags), ``n_left_out`` (rows) and ``seconds``.

    Raises:
        ValueError: no row, or every row, is planted.
    """
    is_measured, records = is_planted | ~is_natural, []
    for name, found in detect_outliers(features, kinds, k=k, seed=seed).items():
        score, planted = found.score[is_measured], is_planted[is_measured]
        measured = score_detection_power(score, found.is_flagged[is_measured], planted)
        worst = np.argsort(score, kind="stable")[: measured.n_planted]
        records.append(
            {
                "detector": name,
                "n_planted": measured.n_planted,
                "recall_at_budget": float(planted[worst].mean()),
                "average_precision": measured.average_precision,
                "auroc": measured.auroc,
                "flag_recall": measured.recall,
                "n_left_out": int((~is_measured).sum()),
                "seconds": found.seconds,
            }
        )
    return pd.DataFrame.from_records(records)


def compare_detectors_at_budgets(
    features: pd.DataFrame,
    kinds: FeatureKinds,
    *,
    budgets: Sequence[float],
    factor: float = 50.0,
    k: int = 10,
    seed: int,
) -> pd.DataFrame:
    """Compare the detectors on several shares of planted outliers, natural outliers left out.

    Args:
        features: feature columns, shape (n_rows, n_features).
        kinds: the columns by kind; outliers are planted in the first numeric one that has enough values.
        budgets: shares of the rows that become outliers.
        factor: what their values are multiplied by.
        k: neighbours of the detectors that use distances.
        seed: seed of the planted rows and of the detectors.

    Returns:
        The rows of ``compare_outlier_detectors`` for each budget, with ``planted_share`` and ``column``; none for a
        budget whose share of rows has no values in any numeric column that multiplication changes.
    """
    is_natural = find_natural_outliers(features, kinds, k=k, seed=seed)
    tables = []
    for budget in budgets:
        column = _find_plantable_column(features, kinds, budget)
        if column is None:
            continue
        planted, is_planted = plant_feature_outliers(features, column, fraction=budget, factor=factor, seed=seed)
        table = compare_outlier_detectors(planted, kinds, is_planted, is_natural, k=k, seed=seed)
        table.insert(1, "planted_share", budget)
        table.insert(2, "column", column)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(_TYPES)).astype(_TYPES)


def _is_changeable(column: pd.Series[float]) -> np.ndarray:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    is_changeable: np.ndarray = np.isfinite(values) & (values != 0)
    return is_changeable


def _find_plantable_column(features: pd.DataFrame, kinds: FeatureKinds, fraction: float) -> str | None:
    """Return the first numeric column in which enough rows have a value that multiplication changes, or None."""
    wanted = max(1, round(fraction * len(features)))
    return next((name for name in kinds.numeric if _is_changeable(features[name]).sum() >= wanted), None)


def _score_with_datalab(encoded: np.ndarray, *, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from cleanlab import Datalab

    graph, _ = build_neighbor_graph(encoded, encoded[:0], k=k, exact_row_limit=EXACT_ROW_LIMIT, seed=seed)
    lab = Datalab({"row": np.arange(len(encoded))}, verbosity=0)
    lab.find_issues(knn_graph=graph.to_matrix(), issue_types={"outlier": {"k": k, "metric": METRIC}})
    issues = lab.get_issues("outlier")
    return issues["outlier_score"].to_numpy(), issues["is_outlier_issue"].to_numpy(dtype=bool)


def _score_with_isolation_forest(encoded: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.ensemble import IsolationForest

    state = int(seed_generator(seed, "isolation forest").integers(2**31))
    forest = IsolationForest(random_state=state).fit(encoded)
    score = forest.score_samples(encoded)
    return score, score < forest.offset_


def _score_with_local_outlier_factor(encoded: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import LocalOutlierFactor

    detector = LocalOutlierFactor(n_neighbors=k).fit(encoded)
    score = detector.negative_outlier_factor_
    return score, score < detector.offset_


class OutlierDetectorsSettings(Settings):
    """How outliers are planted to compare detectors."""

    budgets: list[float] = Field([0.01, 0.02, 0.05, 0.1], description="Shares of the rows that become outliers.")
    factor: float = Field(50.0, ge=2.0, le=1000.0, description="What a value is multiplied by.")
    max_rows: int = Field(20_000, ge=200, le=1_000_000, description="Largest number of train rows; a sample above.")


@step(
    "scikitlearn",
    level=DATASET,
    code_version="3",
    contract=TableContract(
        "OutlierDetectors",
        "How well each detector finds planted outliers, for each share of outliers.",
        (
            text("detector"),
            share("planted_share"),
            share("recall_at_budget"),
            share("average_precision"),
            share("auroc"),
        ),
    ),
    settings=OutlierDetectorsSettings,
    is_heavy=True,
    sees_vectors=True,
)
def outlier_detectors(
    context: StepContext,
    settings: OutlierDetectorsSettings,
    training_set: TrainingSetTable,
    neighbor_graph: NeighborGraphTable,
) -> PlainTable:
    """How well outliers are found that were planted in a copy of the train rows: one column multiplied.

    Datalab's score on the neighbour graph's encoding against an isolation forest and the local outlier factor, at
    several shares of outliers.
    """
    kinds, seed = context.kinds, training_set.facts.seed
    rows = train_rows(training_set.value)[kinds.names]
    if len(rows) > settings.max_rows:
        rows = rows.sample(settings.max_rows, random_state=seed).reset_index(drop=True)
    table = compare_detectors_at_budgets(
        rows, kinds, budgets=settings.budgets, factor=settings.factor, k=neighbor_graph.facts.k, seed=seed
    )
    left_out = sorted(set(settings.budgets) - set(table["planted_share"]))
    notes = [f"no numeric column has values other than zero in {budget:.0%} of the rows" for budget in left_out]
    found = table.drop(columns="seconds")
    return Result(
        value=found,
        facts=NoFacts(),
        durations={
            f"{name}_seconds": float(total) for name, total in table.groupby("detector")["seconds"].sum().items()
        },
        show=lambda: {"detectors": TableView.whole(found), "notes": Notes(notes)},
    )
