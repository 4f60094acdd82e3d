"""Every Datalab issue type in one run, on the stored neighbour graph and the stored predictions."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.audit.class_codes import decode_labels, encode_labels
from cleanlab_assets.audit.duplicates import number_duplicate_sets
from cleanlab_assets.audit.lean_issue_types import build_non_iid_manager, value_rows
from cleanlab_assets.audit.neighbor_graph import METRIC, NEAR_DUPLICATE_THRESHOLD, to_knn_matrix
from cleanlab_assets.audit.predictions import to_probabilities
from cleanlab_assets.audit.training_set import train_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scipy.sparse import csr_matrix

    from cleanlab_assets.audit.label_issues import FilterRule

CLASSIFICATION_ISSUE_TYPES: Mapping[str, str] = {
    "label": "the given label is likely wrong",
    "outlier": "the row is unlike all others",
    "near_duplicate": "the row is nearly equal to another",
    "non_iid": "neighbouring rows of the source resemble each other: drift, sorting or repeated measurement",
    "class_imbalance": "the row belongs to a class that is rare",
    "underperforming_group": "the row lies in a cluster for which the predictions are poor",
    "null": "values are missing",
    "data_valuation": "the row contributes little to a neighbour model",
}
_LEAN_TYPES = ("non_iid", "data_valuation")
_GRAPH_TYPES = ("outlier", "near_duplicate", "non_iid", "underperforming_group", "data_valuation")


@dataclass(frozen=True)
class DatalabIssues:
    """What Datalab found.

    ``table``: one row for each train row in source order: ``row_id``, ``given_label``, ``predicted_label``, for each
    type that ran ``is_<type>_issue`` and ``<type>_score`` (in [0, 1], lower is worse), ``nearest_neighbor`` (row id),
    ``distance_to_nearest_neighbor`` and ``duplicate_set`` (number of the near-duplicate set, missing outside one).
    ``summary``: one row for each type, those that did not run included: ``issue_type``, ``description``, ``score``,
    ``n_issues`` (missing where a type did not run), ``share``, ``metric``, ``k``, ``parameters`` (JSON), ``status`` and
    ``reason``.
    """

    table: pd.DataFrame
    summary: pd.DataFrame


def find_datalab_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    graph_table: pd.DataFrame,
    *,
    seed: int,
    filter_by: FilterRule = "prune_by_noise_rate",
) -> DatalabIssues:
    """Run Datalab once for every issue type of classification.

    The stored graph is used for all neighbour-based types, so that metric and k are those of the graph and nothing
    falls back to Datalab's own choice (cosine above three features). Rows are in source order, which is the order
    that the non-iid test judges.

    Args:
        predictions: predictions table of the train rows.
        features: feature columns of the same rows, in the same order.
        graph_table: neighbour graph, see ``to_graph_table``.
        seed: seed of the non-iid permutation test.
        filter_by: rule of the ``label`` type, that of the label issues.

    Returns:
        The per-row table and the summary.

    Raises:
        ValueError: predictions and graph hold different rows.
    """
    graph = to_knn_matrix(graph_table)
    train_ids = train_rows(graph_table)["row_id"].to_numpy()
    if not np.array_equal(train_ids, predictions["row_id"].to_numpy()):
        raise ValueError(
            f"the neighbour graph ({graph.shape[0]} rows) and the predictions ({len(predictions)} rows) hold "
            "different rows: materialize both from the same training set"
        )
    k = graph.nnz // graph.shape[0]
    parameters = _choose_parameters(graph, k=k, seed=seed, filter_by=filter_by)
    labels = encode_labels(predictions["given_label"])
    present, compact_labels = np.unique(labels, return_inverse=True)
    probabilities = to_probabilities(predictions)[:, present].astype(np.float64)
    probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    issues, scores, failures = _run_datalab(compact_labels, probabilities, features, graph, parameters)

    table = pd.DataFrame(
        {
            "row_id": train_ids,
            "given_label": predictions["given_label"].array,
            "predicted_label": decode_labels(to_probabilities(predictions).argmax(axis=1), predictions["given_label"]),
        }
    )
    for issue_type in CLASSIFICATION_ISSUE_TYPES:
        if issue_type not in failures:
            table[f"is_{issue_type}_issue"] = issues[f"is_{issue_type}_issue"].to_numpy(dtype=bool)
            table[f"{issue_type}_score"] = issues[f"{issue_type}_score"].to_numpy(dtype=np.float32)
    table["nearest_neighbor"] = train_ids[graph.indices[::k]]
    table["distance_to_nearest_neighbor"] = graph.data[::k].astype(np.float32)
    table["duplicate_set"] = number_duplicate_sets(graph, NEAR_DUPLICATE_THRESHOLD)
    return DatalabIssues(table=table, summary=_summarize(table, scores, parameters, failures))


def _choose_parameters(graph: csr_matrix, *, k: int, seed: int, filter_by: FilterRule) -> dict[str, dict[str, Any]]:
    parameters: dict[str, dict[str, Any]] = {issue_type: {} for issue_type in CLASSIFICATION_ISSUE_TYPES}
    for issue_type in _GRAPH_TYPES:
        parameters[issue_type] = {"metric": METRIC, "k": k}
    # One process: a pool that cleanlab forks from a process full of threads and signal handlers may never end, and one
    # that it spawns lacks the globals that it relies on.
    parameters["label"] = {
        "clean_learning_kwargs": {
            "find_label_issues_kwargs": {"filter_by": filter_by, "n_jobs": 1, "min_examples_per_class": 1}
        }
    }
    parameters["near_duplicate"]["threshold"] = NEAR_DUPLICATE_THRESHOLD
    parameters["data_valuation"]["threshold"] = 0.5
    parameters["non_iid"] |= {"num_permutations": 25, "seed": seed}
    # DBSCAN's default radius of 0.5 means nothing without a scale: take the typical distance to the last neighbour.
    radius = max(float(np.median(graph.data[k - 1 :: k])), float(np.finfo(np.float32).tiny))
    parameters["underperforming_group"] |= {
        "clustering_kwargs": {"eps": radius, "min_samples": 5},
        "min_cluster_samples": max(5, graph.shape[0] // 1000),
    }
    return parameters


def _run_datalab(
    labels: np.ndarray,
    probabilities: np.ndarray,
    features: pd.DataFrame,
    graph: csr_matrix,
    parameters: Mapping[str, Mapping[str, Any]],
) -> tuple[pd.DataFrame, dict[str, float], dict[str, str]]:
    """Return issues per row, the score of each type that ran, and the reason of each type that failed.

    Datalab catches the failure of an issue type and prints it: what it printed is the only record of the reason.
    """
    from cleanlab import Datalab

    issue_types = {name: dict(values) for name, values in parameters.items() if name not in _LEAN_TYPES}
    # The null type only asks which values are missing: a small array of NaN and 0 says so for columns of any type.
    issue_types["null"]["features"] = np.where(features.isna(), np.float32("nan"), np.float32(0))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        lab = Datalab({"given_label": labels}, label_name="given_label", task="classification", verbosity=0)
        lab.find_issues(pred_probs=probabilities, knn_graph=graph, issue_types=issue_types)
    issues = lab.get_issues()
    scores = dict(lab.get_issue_summary()[["issue_type", "score"]].itertuples(index=False))
    failures = dict(re.findall(r"^Error in (\w+): (.*)$", printed.getvalue(), flags=re.MULTILINE))

    lean: dict[str, np.ndarray] = {}
    non_iid = build_non_iid_manager(lab, **parameters["non_iid"])
    try:
        non_iid.find_issues(knn_graph=graph)
    except (ValueError, np.linalg.LinAlgError) as error:
        failures["non_iid"] = str(error)
    else:
        scores["non_iid"] = float(non_iid.p_value)
        lean["is_non_iid_issue"] = non_iid.issues["is_non_iid_issue"].to_numpy()
        lean["non_iid_score"] = non_iid.issues["non_iid_score"].to_numpy()
    values = value_rows(labels, graph.indices.reshape(len(labels), -1))
    scores["data_valuation"] = float(values.mean())
    lean["is_data_valuation_issue"] = values < parameters["data_valuation"]["threshold"]
    lean["data_valuation_score"] = values
    unexplained = set(parameters) - set(scores) - set(failures)
    return issues.assign(**lean), scores, failures | dict.fromkeys(unexplained, "Datalab gave no reason")


def _summarize(
    issues: pd.DataFrame,
    scores: Mapping[str, float],
    parameters: Mapping[str, Mapping[str, Any]],
    failures: Mapping[str, str],
) -> pd.DataFrame:
    records = []
    for issue_type, description in CLASSIFICATION_ISSUE_TYPES.items():
        ran = issue_type not in failures
        n_issues = int(issues[f"is_{issue_type}_issue"].sum()) if ran else None
        records.append(
            {
                "issue_type": issue_type,
                "description": description,
                "score": scores.get(issue_type, np.nan),
                "n_issues": n_issues,
                "share": np.nan if n_issues is None else n_issues / len(issues),
                "metric": parameters[issue_type].get("metric"),
                "k": parameters[issue_type].get("k"),
                "parameters": json.dumps(parameters[issue_type], sort_keys=True),
                "status": "ran" if ran else "not run",
                "reason": failures.get(issue_type, ""),
            }
        )
    return pd.DataFrame.from_records(records).astype({"k": "Int64", "n_issues": "Int64"})
