"""What an audit can find: a verdict from planted errors of several kinds, of which the weakest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.detection_power import compare_kinds, measure_average_precision, score_detection_power
from cleanlab_assets.methods.requirements import require_finite, require_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cleanlab_assets.methods.planted_errors import PlantedErrors

DetectionVerdict = Literal["can find", "can find only gross errors", "cannot tell"]
CAN_FIND: DetectionVerdict = "can find"
ONLY_GROSS: DetectionVerdict = "can find only gross errors"
CANNOT_TELL: DetectionVerdict = "cannot tell"

MINIMUM_LIFT = 2.0
"""How many times the odds of what finds errors without a model the odds of the average precision must be."""
NEARLY_ALL = 0.9
"""Average precision from which errors are found whatever else finds them, too: above it no lift can be asked for."""
MOST_ROUNDS = 3
"""Into how many copies of few rows errors are planted, one after the other."""
LEAST_OF_A_KIND = 5
"""Fewest planted errors by which a kind is judged: of fewer, chance decides where they rank."""


class KindFound(BaseModel):
    """How well planted errors of one kind are told from the rows without a planted error.

    Attributes:
        kind: Name of the kind.
        is_gross: Whether its errors are far off, whatever the data are like; those of the other kinds are as the data's
            own would be.
        n_planted: Number of its errors.
        average_precision: Average precision of the ranking.
        recall: Share of its errors that is flagged.
        chance: Average precision that a random ranking reaches on average.
        without_model: Average precision of the best ranking that takes no model, such as by the frequency of the
            classes or the distance from the mean; None where there is none.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    is_gross: bool
    n_planted: int
    average_precision: float
    recall: float
    chance: float
    without_model: float | None = None

    @property
    def floor(self) -> float:
        """Average precision that takes no model: by chance, or by the best ranking without one if that is higher."""
        return max(self.chance, self.without_model or 0.0)

    @property
    def lift(self) -> float:
        """Odds of the average precision, as a multiple of those that take no model."""
        return _to_odds(self.average_precision) / _to_odds(self.floor)

    @property
    def is_found(self) -> bool:
        """Whether errors of this kind rank far worse than they would without the model."""
        return _lies_far_above(self.average_precision, self.floor)


def _lies_far_above(precision: float, floor: float) -> bool:
    """Return whether an average precision is far above another one, or finds nearly all."""
    return precision >= NEARLY_ALL or _to_odds(precision) / _to_odds(floor) >= MINIMUM_LIFT


def _to_odds(precision: float) -> float:
    """Return the odds of an average precision, kept from 0 and infinity."""
    kept = min(max(precision, 1e-6), 1 - 1e-6)
    return kept / (1 - kept)


class DetectionReport(BaseModel):
    """What an audit can find, by errors that were planted in a copy of its labels.

    It can find errors where every kind is found; only gross ones where the gross kinds rank on average far worse than
    by chance, and the model adds to one of them at least; else it cannot tell.

    Attributes:
        kinds: How well each kind was found; empty where nothing was measured.
        among: What the errors were planted among, in words.
        agreement: Of the rows that this audit ranks worst, the share that an audit of the copy ranks worst, too: the
            rest of the ranking depends on which rows and labels a model saw. None where it was not measured.
        why_not: Why nothing was measured; empty where it was.
        excuse: Why little can be found, where that is no fault of the audit; else empty.
    """

    model_config = ConfigDict(frozen=True)

    kinds: list[KindFound] = []
    among: str = ""
    agreement: float | None = None
    why_not: str = ""
    excuse: str = ""

    @property
    def verdict(self) -> DetectionVerdict | None:
        """What can be found: see above. None where nothing was measured."""
        if not self.kinds:
            return None
        judged = [found for found in self.kinds if found.n_planted >= LEAST_OF_A_KIND] or self.kinds
        if all(found.is_found for found in judged):
            return CAN_FIND
        gross = [found for found in judged if found.is_gross]
        # What is far off is also found without a model: it must add to one kind at least.
        adds = any(found.lift >= MINIMUM_LIFT for found in gross)
        return ONLY_GROSS if adds and _rank_far_above_chance(gross) else CANNOT_TELL

    @property
    def weakest(self) -> KindFound:
        """The kind with the least lift of those that are not found, else with the least average precision of all."""
        missed = [found for found in self.kinds if not found.is_found]
        if missed:
            return min(missed, key=lambda found: found.lift)
        return min(self.kinds, key=lambda found: found.average_precision)

    def describe(self) -> str:
        """Say in a sentence how well the kinds are found."""
        if self.verdict is None:
            return f"not measured: {self.why_not}"
        shown = ", ".join(_describe_kind(found) for found in self.kinds)
        n_planted = sum(found.n_planted for found in self.kinds)
        excuse = f"; {self.excuse}" if self.excuse else ""
        return f"average precision of {n_planted:,} planted errors among {self.among}: {shown}{excuse}"

    def to_table(self) -> pd.DataFrame:
        """Return a row for each kind, with the fields of ``KindFound``, its lift and whether it is found."""
        records = [
            {**found.model_dump(), "lift": round(found.lift, 2), "is_found": found.is_found} for found in self.kinds
        ]
        return pd.DataFrame.from_records(records, columns=[*KindFound.model_fields, "lift", "is_found"])


def _rank_far_above_chance(kinds: Sequence[KindFound]) -> bool:
    """Return whether the kinds rank on average far worse than by chance."""
    return _lies_far_above(_average(kinds, "average_precision"), _average(kinds, "chance"))


def _average(kinds: Sequence[KindFound], figure: str) -> float:
    return float(np.mean([getattr(found, figure) for found in kinds]))


def _describe_kind(found: KindFound) -> str:
    without = "" if found.without_model is None else f", without a model {found.without_model:.2f}"
    return f"{found.kind.replace('_', ' ')} {found.average_precision:.2f} (chance {found.chance:.2f}{without})"


def score_kinds(
    quality: np.ndarray,
    is_flagged: np.ndarray,
    kinds: pd.Series[Any],
    *,
    gross: Collection[str],
    without_model: Mapping[str, np.ndarray] | None = None,
) -> list[KindFound]:
    """Measure how well each kind of planted error is told from the rows without a planted error.

    Args:
        quality: label quality, lower is worse, shape (n_rows,).
        is_flagged: rows flagged as issues, shape (n_rows,).
        kinds: kind of the planted error of each row, missing where none was planted, shape (n_rows,).
        gross: the kinds whose errors are gross ones.
        without_model: rankings of the same rows that take no model, by name: lower is worse, shape (n_rows,) each.

    Returns:
        One for each kind that was planted, in alphabetical order.

    Raises:
        ValueError: every row holds a planted error, a quality is not finite, or something is of other rows.
    """
    others = without_model or {}
    require_rows(len(quality), is_flagged=is_flagged, kinds=kinds, **others)
    for name, values in {"label quality": quality, **others}.items():
        require_finite(name, values)
    found = []
    for kind, is_kind, compared in compare_kinds(kinds):
        power = score_detection_power(quality[compared], is_flagged[compared], is_kind[compared])
        baselines = [measure_average_precision(values[compared], is_kind[compared]) for values in others.values()]
        found.append(
            KindFound(
                kind=kind,
                is_gross=kind in gross,
                n_planted=power.n_planted,
                average_precision=power.average_precision,
                recall=power.recall,
                chance=expect_by_chance(power.n_planted, int(compared.sum())),
                without_model=max(baselines, default=None),
            )
        )
    return found


def expect_by_chance(n_planted: int, n_rows: int) -> float:
    """Return the average precision that a random ranking reaches on average: above the share where few are planted.

    The row at place k is an error with probability n / N, and then 1 + (k - 1) (n - 1) / (N - 1) of the first k rows
    are errors on average; the mean of its precision over all places is the result.

    Args:
        n_planted: number of errors n, at least 1.
        n_rows: number of rows N.
    """
    harmonic = float(np.sum(1 / np.arange(1, n_rows + 1)))
    rest = (n_planted - 1) / (n_rows - 1) if n_rows > 1 else 0.0
    return (harmonic + rest * (n_rows - harmonic)) / n_rows


def read_kinds(table: pd.DataFrame, *, gross: Collection[str]) -> list[KindFound]:
    """Return a table of the detection power by kind, one row each, as kinds that nothing but chance is compared with.

    Args:
        table: ``kind``, ``n_planted``, ``average_precision``, ``recall`` and ``chance``.
        gross: the kinds whose errors are gross ones.
    """
    columns = ["kind", "n_planted", "average_precision", "recall", "chance"]
    return [
        KindFound.model_validate({**record, "is_gross": record["kind"] in gross})
        for record in table[columns].to_dict("records")
    ]


def judge_copy(
    before: pd.DataFrame,
    audited: pd.DataFrame,
    planted: PlantedErrors,
    *,
    gross: Collection[str],
    without_model: Mapping[str, np.ndarray],
    among: str,
) -> DetectionReport:
    """Say what the audit of a copy found of the errors that were planted in it, and how far it agrees with the first.

    Args:
        before: the rows as the audit judged them, with ``label_quality`` and ``is_label_issue``.
        audited: the copy as an audit with the same rules judged it, in the same order.
        planted: the errors planted in the copy, with their kinds.
        gross: the kinds whose errors are gross ones.
        without_model: see ``score_kinds``.
        among: what the errors were planted among, in words.

    Raises:
        ValueError: see ``score_kinds``, or one is of other rows.
    """
    require_rows(len(planted.is_planted), before=before, audited=audited)
    quality, untouched = audited["label_quality"].to_numpy(dtype=np.float64), ~planted.is_planted
    return DetectionReport(
        kinds=score_kinds(
            quality,
            audited["is_label_issue"].to_numpy(dtype=bool),
            pd.Series(planted.kinds),
            gross=gross,
            without_model=without_model,
        ),
        among=among,
        agreement=measure_agreement(
            before["label_quality"].to_numpy(dtype=np.float64)[untouched],
            quality[untouched],
            int(before.loc[untouched, "is_label_issue"].sum()),
        ),
    )


def measure_in_rounds(
    measure: Callable[[int], DetectionReport], *, n_rows: int, most_rows: int, seed: int
) -> DetectionReport:
    """Plant errors in several copies of few rows, where one copy could not tell much, and average what is found.

    Args:
        measure: plants errors by a seed, audits the copy, and says how well each kind is found.
        n_rows: rows of a copy.
        most_rows: rows of all copies together, which bounds the cost.
        seed: seed of the first round.

    Returns:
        The report of up to ``MOST_ROUNDS`` rounds: numbers of errors are added up, all else is averaged.
    """
    reports = [measure(seed + number) for number in range(max(1, min(MOST_ROUNDS, most_rows // max(n_rows, 1))))]
    kinds = []
    for kind in sorted({found.kind for report in reports for found in report.kinds}):
        rounds = [found for report in reports for found in report.kinds if found.kind == kind]
        kinds.append(
            KindFound(
                kind=kind,
                is_gross=rounds[0].is_gross,
                n_planted=sum(found.n_planted for found in rounds),
                average_precision=_average(rounds, "average_precision"),
                recall=_average(rounds, "recall"),
                chance=_average(rounds, "chance"),
                without_model=None if rounds[0].without_model is None else _average(rounds, "without_model"),
            )
        )
    agreements = [report.agreement for report in reports if report.agreement is not None]
    among = reports[0].among + (f" in each of {len(reports)} copies" if len(reports) > 1 else "")
    agreement = float(np.mean(agreements)) if agreements else None
    return DetectionReport(kinds=kinds, among=among, agreement=agreement)


def measure_agreement(quality: np.ndarray, again: np.ndarray, n_worst: int) -> float | None:
    """Return the share of the rows ranked worst by one audit that another audit of the same rows ranks worst, too.

    Args:
        quality: label quality by the first audit, lower is worse, shape (n_rows,).
        again: label quality by the second, shape (n_rows,).
        n_worst: how many rows of each count as the worst.

    Returns:
        A share in [0, 1]; None where no rows or all are the worst.

    Raises:
        ValueError: a quality is not finite, or of other rows.
    """
    require_rows(len(quality), again=again)
    require_finite("label quality", quality)
    require_finite("label quality of the second audit", again)
    if not 0 < n_worst < len(quality):
        return None
    first, second = (np.argsort(values, kind="stable")[:n_worst] for values in (quality, again))
    return len(np.intersect1d(first, second)) / n_worst


def count_of_each_kind(n_rows: int, n_kinds: int, *, fraction: float) -> int:
    """Return how many errors of each kind to plant among some rows.

    They are at least ``LEAST_OF_A_KIND`` where a fifth of the rows allows it.

    Args:
        n_rows: number of rows.
        n_kinds: number of kinds.
        fraction: share of the rows that gets an error of any kind.
    """
    return max(1, round(fraction * n_rows / n_kinds), min(LEAST_OF_A_KIND, n_rows // (5 * n_kinds)))
