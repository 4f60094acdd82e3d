"""Every Datalab issue type in one run, on the stored neighbour graph and the stored predictions."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cleanlab_assets.families.tables.duplicates import number_duplicate_sets
from cleanlab_assets.families.tables.lean_issue_types import build_non_iid_manager, value_rows
from cleanlab_assets.families.tables.neighbor_graph import METRIC, NEAR_DUPLICATE_THRESHOLD, to_knn_matrix
from cleanlab_assets.methods.issue_summary import NOT_ASKED_FOR
from cleanlab_assets.methods.picture_issues import PICTURE_ISSUE_TYPES, Pictures, find_picture_issues
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab import Datalab
    from scipy.sparse import csr_matrix

Task = Literal["classification", "regression", "multilabel"]

ISSUE_TYPES: Mapping[str, str] = {
    "label": "the given label is likely wrong",
    "outlier": "the row is unlike all others",
    "near_duplicate": "the row is nearly equal to another",
    "non_iid": "neighbouring rows of the source resemble each other: drift, sorting or repeated measurement",
    "class_imbalance": "the row belongs to a class that is rare",
    "underperforming_group": "the row lies in a cluster for which the predictions are poor",
    "null": "values are missing",
    "data_valuation": "the row contributes little to a neighbour model",
}
"""Every type, with what it means."""
_LEAN_TYPES = ("non_iid", "data_valuation")
_GRAPH_TYPES = ("outlier", "near_duplicate", "non_iid", "underperforming_group", "data_valuation")


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


@dataclass(frozen=True, kw_only=True)
class AuditedLabels:
    """What a family hands to Datalab, and shows of it.

    ``task`` is Datalab's kind of label and ``issue_types`` are those that make sense for it, some of ``ISSUE_TYPES``.
    ``rows`` is the predictions table of the train rows. ``labels`` and ``predictions`` are in the form that Datalab
    judges, ``label_parameters`` those of its ``label`` type; ``predicted`` is the prediction as a named column.
    ``label_flags`` are the flags of the train rows by a rule that Datalab does not know, in place of its own, and
    ``label_rule`` the settings of that rule; None and empty where Datalab has the rule itself.
    """

    task: Task
    issue_types: Sequence[str]
    rows: pd.DataFrame
    labels: np.ndarray | list[list[int]]
    predictions: np.ndarray
    label_parameters: Mapping[str, Any]
    predicted: pd.Series
    label_flags: np.ndarray | None = None
    label_rule: Mapping[str, Any] = field(default_factory=dict)


def find_datalab_issues(
    audited: AuditedLabels,
    features: pd.DataFrame,
    graph_table: pd.DataFrame,
    *,
    seed: int,
    issue_types: Sequence[str] | None = None,
) -> DatalabIssues:
    """Run Datalab once for every issue type that is asked for.

    The stored graph is used for all neighbour-based types, so that metric and k are those of the graph and nothing
    falls back to Datalab's own choice (cosine above three features). Rows are in source order, which is the order
    that the non-iid test judges.

    Args:
        audited: labels and predictions of the train rows, as the family reads them.
        features: feature columns of the same rows, in the same order.
        graph_table: neighbour graph, see ``to_graph_table``.
        seed: seed of the non-iid permutation test.
        issue_types: names of the types to look for; None looks for all of the family.

    Returns:
        The per-row table and the summary.

    Raises:
        ValueError: predictions and graph hold different rows, or the task has no type of a name asked for.
    """
    types = {name: ISSUE_TYPES[name] for name in audited.issue_types}
    asked = [name for name in types if issue_types is None or name in issue_types]
    if unknown := sorted(set(issue_types or ()) - set(types)):
        raise ValueError(f"{audited.task} has no issue type {', '.join(unknown)}: expected some of {', '.join(types)}")
    graph = to_knn_matrix(graph_table)
    train_ids = train_rows(graph_table)["row_id"].to_numpy()
    if not np.array_equal(train_ids, audited.rows["row_id"].to_numpy()):
        raise ValueError(
            f"the neighbour graph ({graph.shape[0]} rows) and the predictions ({len(audited.rows)} rows) hold "
            "different rows: materialize both from the same training set"
        )
    k = graph.nnz // graph.shape[0]
    all_parameters = _choose_parameters(graph, k=k, seed=seed, label_parameters=audited.label_parameters)
    parameters = {issue_type: all_parameters[issue_type] for issue_type in asked}
    issues, scores, failures = _run_datalab(audited, features, graph, parameters)
    if audited.label_flags is not None and "label" in asked and "label" not in failures:
        issues = issues.assign(is_label_issue=audited.label_flags)
        parameters["label"] = dict(audited.label_rule)

    table = pd.DataFrame({"row_id": train_ids, "given_label": audited.rows["given_label"].array})
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


def add_picture_issues(found: DatalabIssues, pictures: Sequence[bytes]) -> DatalabIssues:
    """Judge the pictures of the rows as well, each type of ``PICTURE_ISSUE_TYPES`` beside those of Datalab.

    Args:
        found: what Datalab found.
        pictures: the encoded picture of each row of its table.

    Returns:
        Table and summary with the types of pictures at the end.
    """
    seen = find_picture_issues(Pictures(found.table["row_id"].tolist(), pictures))
    table = found.table.assign(**seen.columns)
    scores = {name: float(table[f"{name}_score"].mean()) for name in PICTURE_ISSUE_TYPES if name not in seen.failures}
    summary = summarize_issue_types(table, PICTURE_ISSUE_TYPES, scores, seen.parameters, seen.failures)
    return DatalabIssues(table=table, summary=pd.concat([found.summary, summary], ignore_index=True))


def _choose_parameters(
    graph: csr_matrix, *, k: int, seed: int, label_parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    parameters: dict[str, dict[str, Any]] = {issue_type: {} for issue_type in ISSUE_TYPES}
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
    audited: AuditedLabels,
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
