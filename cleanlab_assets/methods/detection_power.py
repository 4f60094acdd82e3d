"""How well a ranking and its flags find planted errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.planted_errors import PLANTED_COLUMNS
from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.training_set import TRUE_LABEL, train_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class DetectionPower(BaseModel):
    """Precision, recall and F1 of the flags; average precision and AUROC of the ranking.

    Chance is ``planted_share`` for precision and average precision, and 0.5 for AUROC.
    """

    model_config = ConfigDict(frozen=True)

    n_planted: int
    planted_share: float
    precision: float
    recall: float
    f1: float
    average_precision: float
    auroc: float


class KindDetectionPower(BaseModel):
    """How well one kind of planted error is told from the rows with no planted error.

    ``recall`` is that of the flags, ``chance`` the average precision of a random ranking.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    n_planted: int
    average_precision: float
    auroc: float
    recall: float
    chance: float


class PlantedDetection(BaseModel):
    """How well planted errors are found: all of them, and each kind for itself where errors have kinds."""

    model_config = ConfigDict(frozen=True)

    overall: DetectionPower
    by_kind: list[KindDetectionPower]


class TruthDetection(BaseModel):
    """How well wrong labels are found, by the rows whose true label is known.

    A label is wrong that differs from the true one. ``precision`` and ``recall`` are those of the flags,
    ``average_precision`` that of the ranking, which ``error_share`` is by chance; None where no label is wrong, or
    every one.
    """

    model_config = ConfigDict(frozen=True)

    n_known: int
    n_wrong: int
    precision: float | None = None
    recall: float | None = None
    average_precision: float | None = None

    @property
    def error_share(self) -> float:
        """Share of the known labels that are wrong."""
        return self.n_wrong / max(self.n_known, 1)


def score_detection_power(quality: np.ndarray, is_flagged: np.ndarray, is_planted: np.ndarray) -> DetectionPower:
    """Compare label quality scores and flags with the planted truth.

    Args:
        quality: label quality, lower is worse, shape (n_rows,).
        is_flagged: rows flagged as issues, shape (n_rows,).
        is_planted: rows whose label was corrupted, shape (n_rows,).

    Returns:
        The power; precision is 0 when nothing is flagged.

    Raises:
        ValueError: no error or nothing but errors was planted: nothing can be measured then; or a quality is not
            finite, or something is of other rows.
    """
    require_rows(len(quality), is_flagged=is_flagged, is_planted=is_planted)
    require_finite("label quality", quality)
    from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

    n_planted = int(is_planted.sum())
    if n_planted in (0, len(is_planted)):
        raise ValueError(
            f"{n_planted} of {len(is_planted)} rows hold planted errors: detection power cannot be measured"
        )
    return DetectionPower(
        n_planted=n_planted,
        planted_share=n_planted / len(is_planted),
        precision=float(precision_score(is_planted, is_flagged, zero_division=0)),
        recall=float(recall_score(is_planted, is_flagged)),
        f1=float(f1_score(is_planted, is_flagged, zero_division=0)),
        average_precision=measure_average_precision(quality, is_planted),
        auroc=float(roc_auc_score(is_planted, -quality)),
    )


def measure_average_precision(quality: np.ndarray, is_planted: np.ndarray) -> float:
    """Return the average precision of planted errors in a ranking, the lowest quality first.

    Args:
        quality: label quality, finite, shape (n_rows,).
        is_planted: rows whose label was corrupted, at least one, bool of shape (n_rows,).

    Raises:
        ValueError: a quality is not finite, or of other rows.
    """
    require_rows(len(quality), is_planted=is_planted)
    require_finite("label quality", quality)
    from sklearn.metrics import average_precision_score

    return min(1.0, float(average_precision_score(is_planted, -quality)))  # a sum that rounds up


def score_detection_power_by_kind(
    quality: np.ndarray, is_flagged: np.ndarray, kinds: pd.Series[Any]
) -> list[KindDetectionPower]:
    """Compare the rows of each kind of planted error with the rows with no planted error.

    Args:
        quality: label quality, lower is worse, shape (n_rows,).
        is_flagged: rows flagged as issues, shape (n_rows,).
        kinds: kind of the planted error of each row, missing where none was planted, shape (n_rows,).

    Returns:
        The power for each kind that was planted, in alphabetical order.

    Raises:
        ValueError: every row holds a planted error, a quality is not finite, or something is of other rows.
    """
    require_rows(len(quality), is_flagged=is_flagged, kinds=kinds)
    require_finite("label quality", quality)
    powers = []
    for kind, is_kind, compared in compare_kinds(kinds):
        measured = score_detection_power(quality[compared], is_flagged[compared], is_kind[compared])
        powers.append(
            KindDetectionPower(
                kind=kind,
                n_planted=measured.n_planted,
                average_precision=measured.average_precision,
                auroc=measured.auroc,
                recall=measured.recall,
                chance=measured.planted_share,
            )
        )
    return powers


def compare_kinds(kinds: pd.Series[Any]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the kinds that were planted in alphabetical order, each with its rows and those that it is compared with.

    Args:
        kinds: kind of the planted error of each row, missing where none was planted, shape (n_rows,).

    Yields:
        The kind; its rows; and these with the rows without a planted error, bool of shape (n_rows,) each.
    """
    is_planted = kinds.notna().to_numpy()
    for kind in sorted(kinds.dropna().unique()):
        is_kind = (kinds == kind).to_numpy()
        yield str(kind), is_kind, is_kind | ~is_planted


def to_power_table(powers: Sequence[KindDetectionPower]) -> pd.DataFrame:
    """Return a row for each kind of planted error, with the fields of ``KindDetectionPower`` as columns."""
    columns = list(KindDetectionPower.model_fields)
    return pd.DataFrame.from_records([power.model_dump() for power in powers], columns=columns)


def measure_planted(issues: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, PlantedDetection]:
    """Put the planted truth beside label issues, and measure among the train rows how well they find it.

    Args:
        issues: label issues with ``row_id``, ``split``, ``label_quality`` and ``is_label_issue``.
        rows: the rows that were audited, in the same order, with ``row_id``, ``planted_error``, ``true_label`` and,
            where errors have kinds, ``planted_kind``.

    Returns:
        A copy of the label issues with the planted columns, and the detection power, by kind where there are kinds.

    Raises:
        ValueError: the label issues are of other rows, or no error or nothing but errors was planted in train rows.
    """
    if not np.array_equal(issues["row_id"].to_numpy(), rows["row_id"].to_numpy()):
        raise ValueError(
            f"the label issues ({len(issues):,} rows) are not those of the audited rows ({len(rows):,} rows): "
            "materialize both from the same training set"
        )
    table = issues.assign(**{name: rows[name].array for name in PLANTED_COLUMNS if name in rows})
    train = train_rows(table)
    quality = train["label_quality"].to_numpy(dtype=np.float64)
    is_flagged = train["is_label_issue"].to_numpy(dtype=bool)
    return table, PlantedDetection(
        overall=score_detection_power(quality, is_flagged, train["planted_error"].to_numpy(dtype=bool)),
        by_kind=score_detection_power_by_kind(quality, is_flagged, train["planted_kind"])
        if "planted_kind" in rows
        else [],
    )


def measure_against_truth(issues: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, TruthDetection]:
    """Put the true labels that the source states beside label issues, and measure by them how well errors are found.

    Args:
        issues: label issues with ``row_id``, ``given_label``, ``rank`` and ``is_label_issue``.
        rows: rows of the training set with ``row_id`` and ``true_label``, missing where it is unknown.

    Returns:
        A copy of the label issues with ``true_label``, and how well wrong labels are found.

    Raises:
        ValueError: the label issues are of other rows.
    """
    if unknown := set(issues["row_id"]).difference(rows["row_id"]):
        raise ValueError(f"the label issues name {len(unknown):,} rows that are not among the rows with a true label")
    truth = rows.set_index("row_id")[TRUE_LABEL].reindex(issues["row_id"]).array
    table = issues.assign(**{TRUE_LABEL: truth})
    known = table[table[TRUE_LABEL].notna()]
    is_wrong = known["given_label"].astype(object).to_numpy() != known[TRUE_LABEL].astype(object).to_numpy()
    counts = {"n_known": len(known), "n_wrong": int(is_wrong.sum())}
    if counts["n_wrong"] in (0, len(known)):
        return table, TruthDetection(**counts)
    place = known["rank"].to_numpy(dtype=np.float64)  # it tells rows of equal quality apart
    power = score_detection_power(place, known["is_label_issue"].to_numpy(dtype=bool), is_wrong)
    measured = power.model_dump(include={"precision", "recall", "average_precision"})
    return table, TruthDetection(**counts, **measured)
