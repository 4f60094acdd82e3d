"""Evidence tables of the audit: the rows behind each number, with what a person needs to judge them.

Every function takes the audited rows as one table, ``rows``: the findings per row joined with the row's features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.methods.training_set import OWN_ID, ROW_WEIGHT, is_train_row, train_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

PLANTED_COLUMNS = ("true_label", "planted_error", "planted_kind")
NOT_FEATURES = frozenset({"row_id", OWN_ID, ROW_WEIGHT, "given_label", "split", "fold", *PLANTED_COLUMNS})
MOST_CLASS_COLUMNS = 6
SPIKE_SHARE = 0.01
LABEL_COLUMNS = ("row_id", "split", "given_label", "suggested_label", "label_quality", "is_label_issue", "rank")
CASE_COLUMNS = ("kind_of_case", "kind_reason", "second_label", "neighbor_labels")
"""What is said of flagged rows alone, in a family that tells kinds of them apart."""
CUT_COLUMNS = ("is_below_calibrated_cut", "is_below_cleanlab_cut")


def join_audited_rows(
    training_set: pd.DataFrame,
    label_issues: pd.DataFrame,
    datalab_issues: pd.DataFrame,
    *,
    about_labels: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Join what was found with the features of the audited rows, in the order of the label issues.

    Args:
        training_set: ``row_id``, ``given_label``, ``split`` and features of all rows.
        label_issues: ``LABEL_COLUMNS`` and whatever else is known about the label of each row.
        datalab_issues: One row per train row.
        about_labels: Further columns that the label issues must have.

    Returns:
        The rows and the names of their feature columns. One row per audited row: what the label issues say, with
        ``label_score``, in place of what Datalab says of the label; the other columns of ``datalab_issues``, missing on
        rows that are no train rows; then ``nearest_neighbor_label`` if nearest neighbours are known, ``own_id``
        if the user names rows, ``true_label``, ``planted_error`` and ``planted_kind`` if errors were planted, and the
        features. A feature whose name a finding
        already has gets ``feature_`` in front.

    Raises:
        ValueError: a needed column is missing, a row is named twice, or the tables are not about the same rows.
    """
    require_columns("training_set", training_set, ("row_id", "given_label", "split"))
    wanted = (*LABEL_COLUMNS, *about_labels)
    require_columns("label_issues", label_issues, wanted)
    require_columns("datalab_issues", datalab_issues, ("row_id",))
    _require_unique_rows("training_set", training_set)
    require_rows("label_issues", label_issues, training_set["row_id"])
    require_rows("datalab_issues", datalab_issues, train_rows(training_set)["row_id"])
    own = [name for name in label_issues if name in wanted or name not in training_set]
    known = label_issues[own].assign(label_score=label_issues["label_quality"]).reset_index(drop=True)
    found = datalab_issues.set_index("row_id")
    findings = known.join(found.drop(columns=[name for name in found if name in known]), on="row_id")
    if "nearest_neighbor" in findings:
        labels = training_set.set_index("row_id")["given_label"]
        labels = labels if pd.api.types.is_numeric_dtype(labels) else labels.astype(str)
        findings = findings.assign(nearest_neighbor_label=findings["nearest_neighbor"].map(labels))
    truth = [name for name in (OWN_ID, *PLANTED_COLUMNS) if name in training_set]
    names = [str(name) for name in training_set.columns if name not in NOT_FEATURES]
    renamed = {name: f"feature_{name}" for name in names if name in findings}
    features = training_set[["row_id", *truth, *names]].set_index("row_id").rename(columns=renamed)
    return findings.join(features, on="row_id"), [renamed.get(name, name) for name in names]


def rank_suspect_values(rows: pd.DataFrame, features: Sequence[str], leading: Collection[str] = ()) -> pd.DataFrame:
    """Rank the rows that are flagged for their numeric label, worst first, with what helps to judge each value.

    Args:
        rows: The audited rows, with ``predicted_value``, ``uncertainty`` and ``residual``.
        features: Feature columns to show after the findings.
        leading: Those of them that stand right behind the name of the row.

    Returns:
        The ranked rows, with ``residual/uncertainty``, missing where the uncertainty is zero. The suggested label is
        left out where it is but the predicted value, and so is a cut that all flagged rows are below.
    """
    flagged = rows[find_flags(rows, "label")].sort_values("rank", kind="stable")
    uncertainty = flagged["uncertainty"].where(flagged["uncertainty"] > 0)
    flagged = flagged.assign(**{"residual/uncertainty": flagged["residual"] / uncertainty})
    columns = ["row_id", OWN_ID, "split", "given_label", "predicted_value", "uncertainty", "residual/uncertainty"]
    columns += ["nearest_neighbor_label", "true_label", "planted_kind", "label_quality"]
    if not np.allclose(flagged["suggested_label"], flagged["predicted_value"], equal_nan=True):
        columns.append("suggested_label")
    columns += [name for name in CUT_COLUMNS if name in rows and not flagged[name].all()]
    columns += ["reason", *CASE_COLUMNS, "nearest_neighbor"]
    return flagged[_put_first(leading, [*(name for name in columns if name in flagged), *features])]


def compare_cuts(rows: pd.DataFrame, calibration: Mapping[str, object]) -> pd.DataFrame:
    """Compare the calibrated cut with that of cleanlab: how many rows each flags, and what is known about the flags.

    Args:
        rows: The audited rows; a cut whose column of ``CUT_COLUMNS`` is missing is left out.
        calibration: ``flag_by`` (``calibrated`` or ``cleanlab``), ``cut``, ``false_flag_rate`` (wanted),
            ``measured_false_flag_rate``, ``recall`` and ``cleanlab_cut``; ``cleanlab_false_flag_rate`` and
            ``cleanlab_recall`` where they were measured.

    Returns:
        One row per cut: ``rule``, ``cut``, ``decides``, ``flagged`` (rows), ``share``, ``false_flag_rate`` and
        ``recall`` as estimated by the calibration and, where errors were planted, ``planted_found`` and
        ``others_flagged`` as shares of the train rows with and without such an error. What is known for no cut is left
        out.
    """
    sources = {
        "calibrated": ("cut", ("measured_false_flag_rate", "false_flag_rate"), "recall"),
        "cleanlab": ("cleanlab_cut", ("cleanlab_false_flag_rate",), "cleanlab_recall"),
    }
    found = []
    for rule, (cut, rates, recall) in sources.items():
        if f"is_below_{rule}_cut" not in rows:
            continue
        is_below = pd.Series(rows[f"is_below_{rule}_cut"].to_numpy(dtype=bool, na_value=False), index=rows.index)
        known_rates = [rate for rate in (read_number(calibration, name) for name in rates) if np.isfinite(rate)]
        record = {
            "rule": rule,
            "cut": read_number(calibration, cut),
            "decides": rule == calibration.get("flag_by"),
            "flagged": int(is_below.sum()),
            "share": float(is_below.mean()),
            "false_flag_rate": known_rates[0] if known_rates else np.nan,
            "recall": read_number(calibration, recall),
        }
        if "planted_error" in rows:
            is_planted = rows["planted_error"].fillna(value=False).astype(bool)
            record["planted_found"] = float(is_below[is_planted].mean())
            record["others_flagged"] = float(is_below[is_train_row(rows) & ~is_planted].mean())
        found.append(record)
    return pd.DataFrame(found).dropna(axis="columns", how="all")


def read_number(facts: Mapping[str, object], name: str) -> float:
    """Return a number of the facts; NaN where it is missing."""
    value = facts.get(name)
    return float(value) if isinstance(value, int | float | np.number) else float("nan")


def rank_flagged_rows(
    rows: pd.DataFrame, issue_type: str, features: Sequence[str], leading: Collection[str] = ()
) -> pd.DataFrame:
    """Rank the flagged rows of an issue type by score, worst first; ties keep the source order.

    Args:
        rows: The audited rows.
        issue_type: The issue type; its flag and score columns must be there.
        features: Feature columns to show after the findings.
        leading: Those of them that stand right behind the name of the row.

    Returns:
        The ranked rows with the columns that help to judge them.
    """
    score = f"{issue_type}_score"
    chosen = rows[find_flags(rows, issue_type).to_numpy()]
    columns = ["row_id", OWN_ID, "given_label", "predicted_label", "predicted_value", score]
    if issue_type == "label":
        columns = ["row_id", OWN_ID, "split", "given_label", "missing_labels", "extra_labels", "suggested_label", score]
        columns += ["true_label", *CASE_COLUMNS, "nearest_neighbor", "nearest_neighbor_label"]
    elif issue_type in {"outlier", "near_duplicate", "data_valuation"}:
        columns += ["nearest_neighbor", "nearest_neighbor_label", "distance_to_nearest_neighbor"]
    present = [name for name in columns if name in chosen]
    return chosen.sort_values(score, kind="stable")[_put_first(leading, [*present, *features])]


def _put_first(leading: Collection[str], names: Sequence[str]) -> list[str]:
    """Put what people look at, such as texts and pictures, right behind the name of the row."""
    first, *others = names
    return [first, *(name for name in others if name in leading), *(name for name in others if name not in leading)]


def is_picture_column(values: pd.Series[Any]) -> bool:
    """Whether a column holds encoded pictures."""
    return values.dtype == object and len(values) > 0 and isinstance(values.iloc[0], bytes)


def find_flags(rows: pd.DataFrame, issue_type: str) -> pd.Series[bool]:
    """Return whether each row is flagged; a missing flag is none."""
    flags = rows[f"is_{issue_type}_issue"]
    return pd.Series(flags.to_numpy(dtype=bool, na_value=False), index=rows.index)


def count_classes(rows: pd.DataFrame, class_names: Sequence[str]) -> pd.DataFrame:
    """Count rows and likely label errors per class, in catalogue order; labels outside the catalogue come last."""
    labels = rows["given_label"].astype(str)
    order = [*class_names, *sorted(set(labels) - set(class_names))]
    counts = labels.value_counts().reindex(order, fill_value=0)
    table = pd.DataFrame({"given_label": order, "rows": counts.to_numpy()})
    table["share"] = table["rows"] / max(len(rows), 1)
    flagged = labels[find_flags(rows, "label")].value_counts().reindex(order, fill_value=0)
    table["likely_label_errors"] = flagged.to_numpy()
    table["share_of_class"] = table["likely_label_errors"] / table["rows"].where(table["rows"] > 0)
    return table


def count_label_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Count the flagged rows by given and suggested label, most frequent pair first."""
    flagged = rows[find_flags(rows, "label")]
    labels = flagged[["given_label", "suggested_label"]].astype(str)
    pairs = labels.value_counts().rename("flagged_rows").reset_index()
    pairs["share_of_flagged"] = pairs["flagged_rows"] / max(len(flagged), 1)
    return pairs


def tabulate_label_pairs(rows: pd.DataFrame, class_names: Sequence[str]) -> pd.DataFrame:
    """Return the flagged rows as a matrix: given label down, suggested label across, in catalogue order."""
    flagged = rows[find_flags(rows, "label")]
    matrix = pd.crosstab(flagged["given_label"].astype(str), flagged["suggested_label"].astype(str))
    matrix = matrix.reindex(index=list(class_names), columns=list(class_names), fill_value=0)
    return matrix.rename_axis(index="given label", columns="suggested label")


def count_missing_values(rows: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Count the missing values of each feature, most first; features without gaps are left out."""
    missing = rows[list(features)].isna().sum()
    missing = missing[missing > 0].sort_values(ascending=False, kind="stable")
    table = pd.DataFrame({"feature": missing.index.astype(str), "missing_values": missing.to_numpy()})
    table["share"] = table["missing_values"] / max(len(rows), 1)
    return table


def arrange_duplicate_sets(
    duplicate_sets: pd.DataFrame,
    rows: pd.DataFrame,
    features: Sequence[str],
    top_rows: int,
    leading: Collection[str] = (),
) -> pd.DataFrame:
    """Arrange duplicate sets for reading: sets with differing labels first, then larger sets, rows to keep on top.

    Sets of numeric labels are ordered by how far apart the labels of a set lie.
    Whole sets are taken until the next one would go beyond ``top_rows``; only a first set that is larger by itself is
    cut.
    """
    by_set = duplicate_sets.groupby("duplicate_set", sort=False)
    labels = by_set["given_label"]
    is_numeric = pd.api.types.is_numeric_dtype(duplicate_sets["given_label"])
    differences = labels.transform("max") - labels.transform("min") if is_numeric else labels.transform("nunique") > 1
    table = duplicate_sets.assign(difference=differences, size=by_set["row_id"].transform("size"))
    table = table.sort_values(
        ["difference", "size", "duplicate_set", "keep"], ascending=[False, False, True, False], kind="stable"
    )
    is_last = ~table["duplicate_set"].duplicated(keep="last")
    ends = np.flatnonzero(is_last.to_numpy()) + 1
    whole = ends[ends <= top_rows]
    table = table.head(int(whole[-1]) if len(whole) else top_rows)
    findings = ["row_id", "duplicate_set", "keep", "given_label", "label_quality", "distance", "reason"]
    values = rows.set_index("row_id")[list(features)].reindex(table["row_id"]).reset_index(drop=True)
    values = values.rename(columns={name: f"feature_{name}" for name in features if name in findings})
    arranged = pd.concat([table[findings].reset_index(drop=True), values], axis=1)
    return arranged[_put_first(leading, list(arranged.columns))]


def compare_group(rows: pd.DataFrame, in_group: pd.Series, features: Sequence[str], top: int) -> pd.DataFrame:
    """Find the features that set a group of rows apart from the others, by standardised difference of means.

    A categorical feature is compared by its most distinctive value, as the share of rows that have it.

    Args:
        rows: The audited rows.
        in_group: Whether the row is in the group, shape (n_rows,), same index as ``rows``.
        features: Feature columns to compare.
        top: How many features to return.

    Returns:
        Columns ``feature``, ``measure`` (``mean`` or ``share of rows``), ``group``, ``others`` and
        ``difference_in_sd``, largest difference first.
    """
    found: list[tuple[str, str, float, float, float]] = []
    for name in features:
        column = rows[name]
        if is_picture_column(column):
            continue
        is_number = pd.api.types.is_numeric_dtype(column)
        if is_number:
            candidates = [(name, column.astype("float64"))]
        else:
            text = column.astype("string").fillna("missing")
            frequent = text.value_counts().index[:20]
            candidates = [(f"{name} = {value}", (text == value).astype("float64")) for value in frequent]
        measure = "mean" if is_number else "share of rows"
        compared = [(label, measure, *_standardise(values, in_group)) for label, values in candidates]
        found += sorted(compared, key=lambda item: -abs(item[-1]))[:1]
    found.sort(key=lambda item: -abs(item[-1]))
    return pd.DataFrame(found[:top], columns=["feature", "measure", "group", "others", "difference_in_sd"])


def describe_blocks(rows: pd.DataFrame, class_names: Sequence[str], n_blocks: int = 10) -> pd.DataFrame:
    """Cut the rows into equal blocks of source order and describe each, so that drift shows.

    Returns:
        One row per block: first and last row, number of rows, share of each of the six largest classes, and the share
        of rows flagged as label errors and as outliers where those were looked for.
    """
    labels = rows["given_label"].astype(str)
    counts = labels.value_counts().reindex(list(class_names), fill_value=0)
    largest = counts.nlargest(MOST_CLASS_COLUMNS).index
    shown = [name for name in class_names if name in largest]
    return _describe_blocks(
        rows, n_blocks, lambda part: {f"share of {name}": (part.astype(str) == name).mean() for name in shown}
    )


def describe_numeric_blocks(rows: pd.DataFrame, n_blocks: int = 10) -> pd.DataFrame:
    """Cut the rows into equal blocks of source order and describe the numeric label of each, so that drift shows.

    Returns:
        One row per block: first and last row, number of rows, mean, quartiles and median of the label, and the share
        of rows flagged as label errors and as outliers where those were looked for.
    """
    quartiles = {"lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75}
    return _describe_blocks(
        rows,
        n_blocks,
        lambda part: {"mean": part.mean(), **{name: part.quantile(share) for name, share in quartiles.items()}},
    )


def count_extreme_values(labels: pd.Series[float]) -> pd.DataFrame:
    """Count the rows at the smallest and the largest value of a numeric label, and at a spike near either end.

    A spike is a value that more than 1 % of the rows share, and more than twice as many rows as the next value
    inwards, while fewer than 1 % of the rows lie beyond it: errors may lie beyond a cap. A label of a few values, such
    as a rating, has no spike by this rule unless its end stands out.

    Returns:
        Columns ``value``, ``what`` (``smallest``, ``near the smallest``, ``largest`` or ``near the largest``),
        ``rows``, ``share`` (of all rows) and ``is_spike``. The smallest and the largest value are always there.
    """
    distinct, counts = np.unique(labels.dropna().to_numpy(dtype=np.float64), return_counts=True)
    ends: list[pd.DataFrame] = []
    for end, inwards in (("smallest", slice(None)), ("largest", slice(None, None, -1))):
        rows = counts[inwards]
        share = rows / len(labels)
        stands_out = rows > 2 * np.append(rows[1:], 0)
        is_spike = (share > SPIKE_SHARE) & (np.cumsum(share) - share < SPIKE_SHARE) & stands_out
        table = pd.DataFrame({"value": distinct[inwards], "rows": rows, "share": share, "is_spike": is_spike})
        table.insert(1, "what", np.where(np.arange(len(rows)) == 0, end, f"near the {end}"))
        ends.append(table[(table["what"] == end) | table["is_spike"]])
    return pd.concat(ends, ignore_index=True)


def require_rows(name: str, frame: pd.DataFrame, row_ids: pd.Series[str]) -> None:
    """Check that a table is about exactly the rows that it should be about, each once.

    Raises:
        ValueError: a row is named twice, is missing, or is none of these rows.
    """
    _require_unique_rows(name, frame)
    strangers = sorted(set(row_ids) ^ set(frame["row_id"]))
    if strangers:
        raise ValueError(
            f"{name} must hold exactly {len(row_ids):,} rows of the training set, got {len(frame):,} rows; "
            f"{len(strangers):,} row_id are in one of the two only, the first is {strangers[0]!r}"
        )


def require_columns(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a table has the columns.

    Raises:
        ValueError: some are missing; the message names them.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(f"{name} lacks the columns {missing}: it has {list(frame.columns)}")


def _require_unique_rows(name: str, frame: pd.DataFrame) -> None:
    repeated = frame.loc[frame["row_id"].duplicated(), "row_id"]
    if len(repeated):
        raise ValueError(f"{name} names {len(repeated):,} row_id twice, the first is {repeated.iloc[0]!r}")


def _describe_blocks(
    rows: pd.DataFrame, n_blocks: int, describe: Callable[[pd.Series[Any]], dict[str, float]]
) -> pd.DataFrame:
    blocks = [block for block in np.array_split(np.arange(len(rows)), n_blocks) if len(block)]
    looked_for = {"likely label errors": "label", "outliers": "outlier"}
    flags = {name: find_flags(rows, key) for name, key in looked_for.items() if f"is_{key}_issue" in rows}
    found = []
    for block in blocks:
        part = rows.iloc[block]
        record: dict[str, object] = {"from": part["row_id"].iloc[0], "to": part["row_id"].iloc[-1], "rows": len(part)}
        record |= describe(part["given_label"])
        record |= {f"share of {name}": flag.iloc[block].mean() for name, flag in flags.items()}
        found.append(record)
    return pd.DataFrame(found)


def _standardise(values: pd.Series[float], in_group: pd.Series[bool]) -> tuple[float, float, float]:
    group, others = float(values[in_group].mean()), float(values[~in_group].mean())
    deviation = float(values.std())
    known = np.isfinite(group) and np.isfinite(others) and deviation > 0
    return group, others, (group - others) / deviation if known else 0.0
