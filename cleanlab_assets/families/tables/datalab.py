"""Every Datalab issue type in one run, on the stored neighbour graph and the stored predictions."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cleanlab_assets.families.multilabel.issues import SOFTMIN_TEMPERATURE
from cleanlab_assets.families.multilabel.predictions import LIKELY, class_names_of, to_label_set_probabilities
from cleanlab_assets.families.regression.issues import CLEANLAB_THRESHOLD, scale_by_uncertainty
from cleanlab_assets.families.tables.duplicates import number_duplicate_sets
from cleanlab_assets.families.tables.lean_issue_types import build_non_iid_manager, value_rows
from cleanlab_assets.families.tables.neighbor_graph import METRIC, NEAR_DUPLICATE_THRESHOLD, to_knn_matrix
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels, to_label_lists
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab import Datalab
    from scipy.sparse import csr_matrix

    from cleanlab_assets.methods.label_issues import FilterRule

Task = Literal["classification", "regression", "multilabel"]

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
REGRESSION_ISSUE_TYPES: Mapping[str, str] = {
    name: CLASSIFICATION_ISSUE_TYPES[name] for name in ("label", "outlier", "near_duplicate", "non_iid", "null")
}
"""Without Datalab's data valuation, which asks whether labels are equal: that means nothing for numbers."""
MULTILABEL_ISSUE_TYPES = REGRESSION_ISSUE_TYPES
"""Those that Datalab has for labels that name several classes."""
ISSUE_TYPES: Mapping[Task, Mapping[str, str]] = {
    "classification": CLASSIFICATION_ISSUE_TYPES,
    "regression": REGRESSION_ISSUE_TYPES,
    "multilabel": MULTILABEL_ISSUE_TYPES,
}
_LEAN_TYPES = ("non_iid", "data_valuation")
_GRAPH_TYPES = ("outlier", "near_duplicate", "non_iid", "underperforming_group", "data_valuation")
NOT_ASKED_FOR = "not asked for"
"""Reason of an issue type that did not run because nobody wanted it."""


@dataclass(frozen=True)
class DatalabIssues:
    """What Datalab found.

    ``table``: one row for each train row in source order: ``row_id``, ``given_label``, ``predicted_label`` (for
    regression ``predicted_value``), for each type that ran ``is_<type>_issue`` and ``<type>_score`` (in [0, 1], lower
    is worse), ``nearest_neighbor`` (row id), ``distance_to_nearest_neighbor`` and ``duplicate_set`` (number of the
    near-duplicate set, missing outside one).
    ``summary``: one row for each type, those that did not run included: ``issue_type``, ``description``, ``score``,
    ``n_issues`` (missing where a type did not run), ``share``, ``metric``, ``k``, ``parameters`` (JSON), ``status`` and
    ``reason``.
    """

    table: pd.DataFrame
    summary: pd.DataFrame


@dataclass(frozen=True)
class _Audited:
    """What a task hands to Datalab and shows in the table.

    ``labels`` and ``predictions`` are in the form that Datalab judges, ``label_parameters`` those of its ``label``
    type; ``predicted`` is the prediction as a named column of the table.
    """

    task: Task
    labels: np.ndarray | list[list[int]]
    predictions: np.ndarray
    label_parameters: Mapping[str, Any]
    predicted: pd.Series


def find_datalab_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    graph_table: pd.DataFrame,
    *,
    seed: int,
    task: Task = "classification",
    issue_types: Sequence[str] | None = None,
    filter_by: FilterRule = "prune_by_noise_rate",
) -> DatalabIssues:
    """Run Datalab once for every issue type that is asked for.

    The stored graph is used for all neighbour-based types, so that metric and k are those of the graph and nothing
    falls back to Datalab's own choice (cosine above three features). Rows are in source order, which is the order
    that the non-iid test judges.

    Args:
        predictions: predictions table of the train rows: probabilities of classes, or values with their uncertainty.
        features: feature columns of the same rows, in the same order.
        graph_table: neighbour graph, see ``to_graph_table``.
        seed: seed of the non-iid permutation test.
        task: kind of label, which decides what issue types there are, see ``ISSUE_TYPES``.
        issue_types: names of the types to look for; None looks for all of the task.
        filter_by: rule of the ``label`` type of classification, that of the label issues.

    Returns:
        The per-row table and the summary.

    Raises:
        ValueError: predictions and graph hold different rows, or the task has no type of a name asked for.
    """
    types = ISSUE_TYPES[task]
    asked = [name for name in types if issue_types is None or name in issue_types]
    if unknown := sorted(set(issue_types or ()) - set(types)):
        raise ValueError(f"{task} has no issue type {', '.join(unknown)}: expected some of {', '.join(types)}")
    graph = to_knn_matrix(graph_table)
    train_ids = train_rows(graph_table)["row_id"].to_numpy()
    if not np.array_equal(train_ids, predictions["row_id"].to_numpy()):
        raise ValueError(
            f"the neighbour graph ({graph.shape[0]} rows) and the predictions ({len(predictions)} rows) hold "
            "different rows: materialize both from the same training set"
        )
    k = graph.nnz // graph.shape[0]
    if task == "regression":
        audited = _read_values(predictions)
    else:
        audited = (_read_classes if task == "classification" else _read_label_sets)(predictions, filter_by)
    all_parameters = _choose_parameters(graph, k=k, seed=seed, label_parameters=audited.label_parameters)
    parameters = {issue_type: all_parameters[issue_type] for issue_type in asked}
    issues, scores, failures = _run_datalab(audited, features, graph, parameters)

    table = pd.DataFrame({"row_id": train_ids, "given_label": predictions["given_label"].array})
    table[audited.predicted.name] = audited.predicted
    for issue_type in asked:
        if issue_type not in failures:
            table[f"is_{issue_type}_issue"] = issues[f"is_{issue_type}_issue"].to_numpy(dtype=bool)
            table[f"{issue_type}_score"] = issues[f"{issue_type}_score"].to_numpy(dtype=np.float32)
    table["nearest_neighbor"] = train_ids[graph.indices[::k]]
    table["distance_to_nearest_neighbor"] = graph.data[::k].astype(np.float32)
    table["duplicate_set"] = number_duplicate_sets(graph, NEAR_DUPLICATE_THRESHOLD)
    not_asked = {issue_type: NOT_ASKED_FOR for issue_type in types if issue_type not in asked}
    return DatalabIssues(
        table=table, summary=summarize_issue_types(table, types, scores, parameters, failures | not_asked)
    )


def _read_classes(predictions: pd.DataFrame, filter_by: FilterRule) -> _Audited:
    given = predictions["given_label"]
    all_probabilities = to_probabilities(predictions)
    # Datalab works with the classes that occur as given labels.
    present, compact_labels = np.unique(encode_labels(given), return_inverse=True)
    probabilities = all_probabilities[:, present].astype(np.float64)
    probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    # One process: a pool that cleanlab forks from a process full of threads and signal handlers may never end, and one
    # that it spawns lacks the globals that it relies on.
    rule = {"filter_by": filter_by, "n_jobs": 1, "min_examples_per_class": 1}
    return _Audited(
        task="classification",
        labels=compact_labels,
        predictions=probabilities,
        label_parameters={"clean_learning_kwargs": {"find_label_issues_kwargs": rule}},
        predicted=pd.Series(decode_labels(all_probabilities.argmax(axis=1), given), name="predicted_label"),
    )


def _read_label_sets(predictions: pd.DataFrame, filter_by: FilterRule) -> _Audited:
    names, probabilities = class_names_of(predictions), to_label_set_probabilities(predictions).astype(np.float64)
    aggregation = {"method": "softmin", "temperature": SOFTMIN_TEMPERATURE}
    return _Audited(
        task="multilabel",
        labels=to_label_lists(encode_given_labels(predictions, names)),
        predictions=probabilities,
        label_parameters={"filter_by": filter_by, "n_jobs": 1, "aggregator_kwargs": aggregation},
        predicted=pd.Series(decode_label_sets(probabilities >= LIKELY, names), name="predicted_label"),
    )


def _read_values(predictions: pd.DataFrame) -> _Audited:
    labels, values, uncertainty = (
        predictions[name].to_numpy(dtype=np.float64) for name in ("given_label", "predicted_value", "uncertainty")
    )
    # Scaled, so that Datalab's own score is the label quality of ``score_value_quality``, in linear memory.
    scaled_labels, scaled_values = scale_by_uncertainty(labels, values, uncertainty)
    return _Audited(
        task="regression",
        labels=scaled_labels,
        predictions=scaled_values,
        label_parameters={"method": "residual", "threshold": CLEANLAB_THRESHOLD},
        predicted=pd.Series(values, name="predicted_value"),
    )


def _choose_parameters(
    graph: csr_matrix, *, k: int, seed: int, label_parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    parameters: dict[str, dict[str, Any]] = {issue_type: {} for issue_type in CLASSIFICATION_ISSUE_TYPES}
    for issue_type in _GRAPH_TYPES:
        parameters[issue_type] = {"metric": METRIC, "k": k}
    parameters["label"] = dict(label_parameters)
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
    audited: _Audited,
    features: pd.DataFrame,
    graph: csr_matrix,
    parameters: Mapping[str, Mapping[str, Any]],
) -> tuple[pd.DataFrame, dict[str, float], dict[str, str]]:
    """Return issues per row, the score of each type that ran, and the reason of each type that failed."""
    from cleanlab import Datalab

    issue_types = {name: dict(values) for name, values in parameters.items() if name not in _LEAN_TYPES}
    if "null" in issue_types:
        # The type only asks which values are missing: a small array of NaN and 0 says so for columns of any type.
        issue_types["null"]["features"] = np.where(features.isna(), np.float32("nan"), np.float32(0))
    lab = Datalab({"given_label": audited.labels}, label_name="given_label", task=audited.task, verbosity=0)
    scores, failures = run_issue_types(lab, issue_types, pred_probs=audited.predictions, knn_graph=graph)

    lean: dict[str, np.ndarray] = {}
    if "non_iid" in parameters:
        non_iid = build_non_iid_manager(lab, **parameters["non_iid"])
        try:
            non_iid.find_issues(knn_graph=graph)
        except (ValueError, np.linalg.LinAlgError) as error:
            failures["non_iid"] = str(error)
        else:
            scores["non_iid"] = float(non_iid.p_value)
            lean["is_non_iid_issue"] = non_iid.issues["is_non_iid_issue"].to_numpy()
            lean["non_iid_score"] = non_iid.issues["non_iid_score"].to_numpy()
    if "data_valuation" in parameters:
        values = value_rows(np.asarray(audited.labels), graph.indices.reshape(graph.shape[0], -1))
        scores["data_valuation"] = float(values.mean())
        lean["is_data_valuation_issue"] = values < parameters["data_valuation"]["threshold"]
        lean["data_valuation_score"] = values
    return lab.issues.assign(**lean), scores, failures


def run_issue_types(
    lab: Datalab, issue_types: Mapping[str, Mapping[str, Any]], **inputs: Any
) -> tuple[dict[str, float], dict[str, str]]:
    """Have a Datalab look for issue types, without output; the flags and scores of the rows are in ``lab.issues``.

    Datalab catches the failure of an issue type and prints it: what it printed is the only record of the reason.

    Args:
        lab: the Datalab.
        issue_types: parameters of each type to look for.
        inputs: what ``Datalab.find_issues`` judges by, such as ``knn_graph``.

    Returns:
        The score of each type that ran, and the reason of each type that failed.
    """
    printed = io.StringIO()
    if issue_types:
        with contextlib.redirect_stdout(printed):
            lab.find_issues(issue_types=issue_types, **inputs)
    scores = dict(lab.issue_summary[["issue_type", "score"]].itertuples(index=False))
    failures = dict(re.findall(r"^Error in (\w+): (.*)$", printed.getvalue(), flags=re.MULTILINE))
    unexplained = set(issue_types) - set(scores) - set(failures)
    return scores, failures | dict.fromkeys(unexplained, "Datalab gave no reason")


def summarize_issue_types(
    issues: pd.DataFrame,
    types: Mapping[str, str],
    scores: Mapping[str, float],
    parameters: Mapping[str, Mapping[str, Any]],
    failures: Mapping[str, str],
) -> pd.DataFrame:
    """Return one row for each issue type, see ``DatalabIssues.summary``.

    Args:
        issues: flags of the rows, ``is_<type>_issue`` for each type that ran.
        types: what each type means, in the order of the summary.
        scores: score of each type that ran.
        parameters: settings of each type, ``metric`` and ``k`` among them where they matter.
        failures: why a type did not run.
    """
    records = []
    for issue_type, description in types.items():
        ran, settings = issue_type not in failures, parameters.get(issue_type, {})
        n_issues = int(issues[f"is_{issue_type}_issue"].sum()) if ran else None
        records.append(
            {
                "issue_type": issue_type,
                "description": description,
                "score": scores.get(issue_type, np.nan),
                "n_issues": n_issues,
                "share": np.nan if n_issues is None else n_issues / len(issues),
                "metric": settings.get("metric"),
                "k": settings.get("k"),
                "parameters": json.dumps(settings, sort_keys=True),
                "status": "ran" if ran else "not run",
                "reason": failures.get(issue_type, ""),
            }
        )
    return pd.DataFrame.from_records(records).astype({"k": "Int64", "n_issues": "Int64"})
