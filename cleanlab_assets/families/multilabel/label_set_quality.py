"""The quality of labels that name several classes: of each class of each row, and of each row."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.compat import exponential_moving_average, softmin
from cleanlab_assets.families.multilabel.class_quality import (
    SOFTMIN_TEMPERATURE,
    ClassNoise,
    of_both,
    score_classes,
)
from cleanlab_assets.families.multilabel.error_probability import (
    LEAST_PLANTED,
    estimate_error_probabilities,
    score_planted_errors,
)
from cleanlab_assets.families.multilabel.plant import plant_label_set_errors
from cleanlab_assets.families.multilabel.predictions import (
    class_names_of,
    to_label_set_probabilities,
)
from cleanlab_assets.methods.error_bracket import bracket_class_errors, bracket_errors
from cleanlab_assets.methods.label_issues import FilterRule, QualityMethod, check_choice
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels, to_label_lists
from cleanlab_assets.methods.planted_errors import PlantingError
from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.requirements import require_features_of, require_finite
from cleanlab_assets.methods.score_choice import ScoreChoice, choose_score
from cleanlab_assets.methods.training_set import is_train_row, judge_beside_train_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.methods.error_bracket import ErrorBracket

EXPECTED_PRECISION = 0.4
"""On planted errors four to five in ten rows are found at this precision, and three in ten flags are planted."""
PLANTED_SHARE = 0.1
MOST_FLAGGED = 0.15
"""Share of the rows that a person can be asked to read: rules for each class flag half of the rows of a weak model."""
Aggregation = Literal["softmin", "exponential_moving_average", "minimum", "mean"]
DEFAULT_AGGREGATION: Aggregation = "softmin"
"""Close to the best with few classes, best with many."""
FORGETTING_FACTOR = 0.8
"""cleanlab's own: weight of the worst class, then of the next of what is left, and so on."""
REASONS = (
    "not flagged",
    "labels are likely missing",
    "labels are likely extra",
    "some are likely missing, others extra",
)


@dataclass(frozen=True)
class ClassIssues:
    """Quality, flag and error probability of each class of each row, shape (n_rows, n_classes).

    They are of whether a label names the class or not. Of shape (n_rows,) are ``row_error_probability``, that a class
    at least is wrong, and ``is_suspect``: whether ``odds`` would flag the row, were there no largest share of flags.
    """

    is_named: np.ndarray
    quality: np.ndarray
    is_issue: np.ndarray
    error_probability: np.ndarray
    row_error_probability: np.ndarray
    is_suspect: np.ndarray


@dataclass(frozen=True)
class LabelSetIssues:
    """The label issues of a dataset.

    ``table`` has one row for each predicted row, in the same order; ``by_class`` one row for each class, see
    ``summarize_classes``; ``n_errors`` is the bracket of the number of train rows with an error in one class at least;
    ``notes`` says what limits the flags.
    """

    table: pd.DataFrame
    by_class: pd.DataFrame
    n_errors: ErrorBracket
    notes: tuple[str, ...]


def find_class_issues(
    is_named: np.ndarray,
    probabilities: np.ndarray,
    *,
    is_train: np.ndarray,
    filter_by: FilterRule = "odds",
    expected_precision: float = EXPECTED_PRECISION,
    most_flagged: float = MOST_FLAGGED,
    quality_method: QualityMethod = "self_confidence",
    seed: int = 0,
) -> ClassIssues:
    """Score and flag every class of every row: whether the label should name it, or should not.

    Each class is a binary problem of its own. A class that all labels name, or none, has no flags. The rule ``odds``
    flags a class of a row where the odds that the label should say the opposite are beyond a threshold, the same for
    all classes. It is the lowest one at which the mean error probability of the flagged rows is
    ``expected_precision``, and no more than ``most_flagged`` of the rows are flagged; never below one to one. How
    likely a row or a class of it is wrong tells where its odds lie among those of errors planted in a copy of the
    labels, see ``estimate_error_probabilities``. Where ``noise_posterior`` is the quality, it takes the place of the
    odds, and errors are planted where the noise makes them, see ``ClassNoise``. Of rows that are no train rows see
    ``judge_beside_train_rows``.

    Source: ``cleanlab.multilabel_classification.filter.find_multilabel_issues_per_class`` (Thyagarajan, Snorrason,
    Northcutt and Mueller, Identifying Incorrect Annotations in Multi-Label Classification Data, 2022).

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        probabilities: out-of-sample probabilities, shape (n_rows, n_classes).
        is_train: train rows, bool of shape (n_rows,).
        filter_by: rule that decides which classes of a row are flagged.
        expected_precision: share of the flagged rows that ``odds`` expects to be wrong, from 0 to 1; only these odds
            need it.
        most_flagged: largest share of the rows that ``odds`` flags, from 0 to 1.
        quality_method: score of a class of a row.
        seed: seed of the planted errors.

    Returns:
        Quality in [0, 1] (lower is worse), flag and error probability of each class of each row.

    Raises:
        ValueError: ``filter_by`` or ``quality_method`` is none of the allowed values.
    """
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    check_choice("filter_by", filter_by, get_args(FilterRule))
    check_choice("quality_method", quality_method, get_args(QualityMethod))

    def judge(chosen: np.ndarray) -> tuple[np.ndarray, ...]:
        named, exact = is_named[chosen], probabilities[chosen].astype(np.float64)
        varies = named.any(axis=0) & ~named.all(axis=0)
        wrong, is_issue = np.zeros(named.shape), np.zeros(named.shape, dtype=bool)
        row_wrong, is_suspect = np.zeros(len(named)), np.zeros(len(named), dtype=bool)
        if varies.any():
            by_noise = quality_method == "noise_posterior"
            doubt = (_doubt_by_noise if by_noise else _doubt_by_odds)(named[:, varies], exact[:, varies], seed=seed)
            of_given, wrong[:, varies], row_wrong = doubt.of_given, doubt.of_classes, doubt.of_rows
            is_suspect = _suspect_rows(doubt, expected_precision=expected_precision)
            if filter_by == "odds":
                is_issue[:, varies] = _flag_by_odds(of_given, is_suspect, most_flagged=most_flagged)
            else:
                with warnings.catch_warnings():
                    # A class that a single row has, or lacks: said in the notes.
                    warnings.filterwarnings("ignore", message="May not flag all label issues in class")
                    is_issue[:, varies] = find_multilabel_issues_per_class(
                        to_label_lists(named[:, varies]), exact[:, varies], filter_by=filter_by, n_jobs=1
                    )
        return score_classes(named, exact, quality_method), is_issue, wrong, row_wrong, is_suspect

    return ClassIssues(is_named, *judge_beside_train_rows(judge, is_train))


def _of_given(is_named: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the probability of what each label says of each class, shape (n_rows, n_classes)."""
    return np.where(is_named, probabilities, 1 - probabilities)


@dataclass(frozen=True)
class _Doubt:
    """How likely what labels say is right, and how likely an error is.

    ``of_given`` is the score of what each label says of each class, lower is worse, and ``of_classes`` the probability
    of an error there, shape (n_rows, n_classes); ``of_rows`` that of one at least, shape (n_rows,). Scores that are not
    ``below`` speak for the label.
    """

    of_given: np.ndarray
    of_classes: np.ndarray
    of_rows: np.ndarray
    below: float

    @classmethod
    def of(cls, of_given: np.ndarray, planted_rows: np.ndarray, planted_classes: np.ndarray, *, below: float) -> _Doubt:
        """Find the probabilities by the scores of planted errors: of their rows, and of their classes."""
        of_classes = estimate_error_probabilities(of_given.reshape(-1), planted_classes).reshape(of_given.shape)
        return cls(of_given, of_classes, estimate_error_probabilities(of_given.min(axis=1), planted_rows), below)


def _doubt_by_odds(is_named: np.ndarray, probabilities: np.ndarray, *, seed: int) -> _Doubt:
    """Doubt labels by the odds of the opposite, as of errors of any kind; from one to one on the label is likelier."""
    planted = score_planted_errors(is_named, lambda labels: _of_given(labels, probabilities), seed=seed)
    return _Doubt.of(_of_given(is_named, probabilities), *planted, below=1 / 2)


def _doubt_by_noise(is_named: np.ndarray, probabilities: np.ndarray, *, seed: int) -> _Doubt:
    """Doubt labels by the noise posterior, as of errors that lie where the noise makes them.

    The posterior has no border: its prior makes it too sure of labels that are often wrong.
    """
    noise = ClassNoise(is_named, probabilities)
    labels, rows, wrong = noise.plant(is_named, n_planted=LEAST_PLANTED, seed=seed)
    planted = noise.score(labels, rows)
    of_classes = planted[np.arange(len(planted)), wrong]
    return _Doubt.of(noise.score(is_named), planted.min(axis=1), of_classes, below=np.inf)


def _suspect_rows(doubt: _Doubt, *, expected_precision: float) -> np.ndarray:
    """Tell which rows have a class of the highest odds: as many as are expected to be wrong often enough."""
    worst = doubt.of_given.min(axis=1)
    by_odds = np.argsort(worst, kind="stable")
    by_odds = by_odds[worst[by_odds] < doubt.below]
    expected = np.cumsum(doubt.of_rows[by_odds]) / np.arange(1, len(by_odds) + 1)
    n_suspect = int(np.flatnonzero(expected >= expected_precision).max(initial=-1)) + 1
    is_suspect = np.zeros(len(worst), dtype=bool)
    is_suspect[by_odds[:n_suspect]] = True
    return is_suspect


def _flag_by_odds(of_given: np.ndarray, is_suspect: np.ndarray, *, most_flagged: float) -> np.ndarray:
    """Flag the classes of the suspect rows whose odds are as high as those that make the last of these rows suspect."""
    worst = np.where(is_suspect, of_given.min(axis=1), np.inf)
    n_flagged = min(int(is_suspect.sum()), int(most_flagged * len(worst)))
    flagged = np.argsort(worst, kind="stable")[:n_flagged]
    is_issue = np.zeros(of_given.shape, dtype=bool)
    is_issue[flagged] = of_given[flagged] <= worst[flagged].max(initial=0.0)
    return is_issue


def bracket_wrong_sets(is_named: np.ndarray, probabilities: np.ndarray) -> ErrorBracket:
    """Return the bracket of the number of rows whose label is wrong in one class at least, see ``bracket_errors``.

    The lower end is that of the class with most errors: those of other classes may lie on the same rows.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        probabilities: calibrated out-of-sample probabilities, shape (n_rows, n_classes).
    """
    varies = is_named.any(axis=0) & ~is_named.all(axis=0)
    is_right = _of_given(is_named, probabilities).astype(np.float64).prod(axis=1)
    expected = float((1 - is_right).sum())
    nothing = bracket_errors(
        confident_joint=0, sure_contradictions=0, contradictions=0, expected_disagreements=expected
    )
    by_class = (
        bracket_class_errors(codes, of_both(of_class.astype(np.float64)), expected_disagreements=expected)
        for codes, of_class in zip(is_named.T[varies].astype(np.int64), probabilities.T[varies], strict=True)
    )
    return max((nothing, *by_class), key=lambda bracket: bracket.low)


def count_flagged_sets_by_rule(
    predictions: pd.DataFrame,
    *,
    expected_precision: float = EXPECTED_PRECISION,
    most_flagged: float = MOST_FLAGGED,
    quality_method: QualityMethod = "self_confidence",
    seed: int = 0,
) -> dict[FilterRule, int]:
    """Count how many of the train rows each rule would flag in one class at least, see ``find_class_issues``."""
    rows = train_rows(predictions)
    is_named, probabilities = encode_given_labels(rows, class_names_of(rows)), to_label_set_probabilities(rows)
    return {
        rule: int(
            find_class_issues(
                is_named,
                probabilities,
                is_train=is_train_row(rows),
                filter_by=rule,
                expected_precision=expected_precision,
                most_flagged=most_flagged,
                quality_method=quality_method,
                seed=seed,
            )
            .is_issue.any(axis=1)
            .sum()
        )
        for rule in get_args(FilterRule)
    }


def aggregate_quality(quality: np.ndarray, aggregation: Aggregation) -> np.ndarray:
    """Return one label quality for each row from those of its classes.

    Source: ``cleanlab.internal.multilabel_scorer`` for ``softmin`` and ``exponential_moving_average``, which weigh the
    worst class most; ``minimum`` takes the worst class alone, ``mean`` all alike.

    Args:
        quality: shape (n_rows, n_classes), in [0, 1].
        aggregation: how to aggregate.

    Returns:
        float64 array of shape (n_rows,), in [0, 1].

    Raises:
        ValueError: the aggregation is unknown.
    """
    check_choice("aggregation", aggregation, get_args(Aggregation))
    if aggregation == "softmin":
        aggregated = softmin(quality, temperature=SOFTMIN_TEMPERATURE)
    elif aggregation == "exponential_moving_average":
        aggregated = exponential_moving_average(quality, forgetting_factor=FORGETTING_FACTOR)
    else:
        aggregated = quality.min(axis=1) if aggregation == "minimum" else quality.mean(axis=1)
    return np.asarray(aggregated, dtype=np.float64).clip(0.0, 1.0)


def choose_aggregation(
    predictions: pd.DataFrame, *, quality_method: QualityMethod = "self_confidence", seed: int
) -> ScoreChoice:
    """Choose the aggregation that ranks errors planted in a copy of the train labels worst, see ``choose_score``.

    Predictions stay as they are, since none comes from a model that saw the label of its row: nothing is trained again.
    The errors are another draw than those of the check ``detection_power``, which measures what is chosen here.

    Args:
        predictions: predictions table.
        quality_method: score of a class of a row.
        seed: seed of planted errors and resamples.

    Returns:
        See ``choose_score``; the default with a note where too few labels can take an error.
    """
    rows = train_rows(predictions)
    is_named = encode_given_labels(rows, class_names_of(rows))
    try:
        planted = plant_label_set_errors(is_named, fraction=PLANTED_SHARE, kind="mixed", seed=seed + 1)
    except PlantingError as error:
        return ScoreChoice(chosen=DEFAULT_AGGREGATION, n_errors=0, figures=[], note=str(error))
    quality = score_classes(planted.labels, to_label_set_probabilities(rows), quality_method)
    scores = {name: aggregate_quality(quality, name) for name in get_args(Aggregation)}
    return choose_score(scores, planted.is_planted, default=DEFAULT_AGGREGATION, seed=seed)


def find_label_set_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    *,
    filter_by: FilterRule = "odds",
    expected_precision: float = EXPECTED_PRECISION,
    most_flagged: float = MOST_FLAGGED,
    quality_method: QualityMethod = "self_confidence",
    aggregation: Aggregation = DEFAULT_AGGREGATION,
    calibrated: bool = True,
    seed: int = 0,
) -> LabelSetIssues:
    """Score, flag and rank the given label of every row; the suggested one has each flagged class put in or taken out.

    Args:
        predictions: predictions table (``row_id``, ``split``, ``given_label``, ``probability_<class>``,
            ``uncalibrated_<class>``).
        features: feature columns of the same rows, in the same order.
        filter_by: rule that decides which classes of a row are flagged; a row is flagged if one of its classes is.
        expected_precision: see ``find_class_issues``.
        most_flagged: see ``find_class_issues``.
        quality_method: score of a class of a row.
        aggregation: how the scores of a row's classes become that of the row, see ``aggregate_quality``.
        calibrated: whether calibrated probabilities are used, or those of the models.
        seed: seed of the planted errors.

    Returns:
        Table with ``row_id``, ``split``, ``given_label``, ``suggested_label``, ``missing_labels`` and ``extra_labels``
        (texts, may be empty), ``label_quality`` in [0, 1] (lower is worse), ``is_label_issue``, ``rank`` (1 = worst),
        ``error_probability`` (of one class at least), ``reason`` and the features; with
        the summary of the classes.

    Raises:
        ValueError: ``filter_by``, ``quality_method`` or ``aggregation`` is none of the allowed values, a probability is
            not finite, or there are features of other rows.
    """
    names = class_names_of(predictions)
    is_named = encode_given_labels(predictions, names)
    probabilities, is_train = to_label_set_probabilities(predictions, calibrated=calibrated), is_train_row(predictions)
    require_finite("predicted probabilities", probabilities, predictions["row_id"].tolist())
    require_features_of(features, len(predictions))
    found = find_class_issues(
        is_named,
        probabilities,
        is_train=is_train,
        filter_by=filter_by,
        expected_precision=expected_precision,
        most_flagged=most_flagged,
        quality_method=quality_method,
        seed=seed,
    )
    quality = aggregate_quality(found.quality, aggregation)
    missing, extra = found.is_issue & ~is_named, found.is_issue & is_named
    has_missing, has_extra = missing.any(axis=1), extra.any(axis=1)
    reason = np.select([has_missing & has_extra, has_extra, has_missing], REASONS[:0:-1], default=REASONS[0])
    table = pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "split": predictions["split"].array,
            "given_label": predictions["given_label"].to_numpy(),
            "suggested_label": decode_label_sets(is_named ^ found.is_issue, names),
            "missing_labels": decode_label_sets(missing, names),
            "extra_labels": decode_label_sets(extra, names),
            "label_quality": quality.astype(np.float32),
            "is_label_issue": has_missing | has_extra,
            "rank": rank_by_quality(quality),
            "error_probability": found.row_error_probability.astype(np.float32),
            "reason": pd.Categorical(reason, categories=list(REASONS)),
        }
    )
    counts = is_named[is_train].sum(axis=0)
    notes = [f"no train row has the class {names[code]!r}" for code in np.flatnonzero(counts == 0)]
    notes += [f"every train row has the class {names[code]!r}" for code in np.flatnonzero(counts == is_train.sum())]
    notes += [
        f"a single train row has the class {names[code]!r}, so that its flags mean little"
        for code in np.flatnonzero(counts == 1)
    ]
    n_suspect, n_flagged = (int(each[is_train].sum()) for each in (found.is_suspect, table["is_label_issue"]))
    if filter_by == "odds" and n_suspect > n_flagged:
        notes.append(
            f"{n_suspect} train rows are in doubt at the expected precision of {expected_precision:.0%}; most_flagged "
            f"({most_flagged:.0%} of the rows) leaves the worst {n_flagged} of them flagged"
        )
    return LabelSetIssues(
        table=pd.concat([table, features.reset_index(drop=True)], axis=1),
        by_class=summarize_classes(found, names),
        n_errors=bracket_wrong_sets(is_named[is_train], probabilities[is_train]),
        notes=tuple(notes),
    )


def summarize_classes(found: ClassIssues, class_names: Sequence[str]) -> pd.DataFrame:
    """Summarize the flags of each class: where labels name it in error, and where they leave it out in error.

    The counts are those of ``cleanlab.multilabel_classification.dataset.common_multilabel_issues``, which knows no
    other rule than cleanlab's default one.

    Returns:
        One row for each class, in class order: ``class_name``, ``n_rows`` (labels that name it), ``n_missing`` and
        ``n_extra`` (rows flagged for lacking it, or for having it), ``missing_share`` and ``extra_share`` (of the rows
        that lack or have it; NaN where there are none) and ``mean_quality``.
    """
    n_named, n_rows = found.is_named.sum(axis=0), len(found.is_named)
    n_missing, n_extra = (found.is_issue & ~found.is_named).sum(axis=0), (found.is_issue & found.is_named).sum(axis=0)
    return pd.DataFrame(
        {
            "class_name": list(class_names),
            "n_rows": n_named,
            "n_missing": n_missing,
            "n_extra": n_extra,
            "missing_share": _divide(n_missing, n_rows - n_named),
            "extra_share": _divide(n_extra, n_named),
            "mean_quality": found.quality.mean(axis=0),
        }
    )


def list_class_issues(
    predictions: pd.DataFrame,
    *,
    filter_by: FilterRule,
    quality_method: QualityMethod,
    expected_precision: float = EXPECTED_PRECISION,
    most_flagged: float = MOST_FLAGGED,
    seed: int = 0,
) -> pd.DataFrame:
    """List every class of every row with its quality, flag and rank among the rows of its class.

    Args:
        predictions: predictions table.
        filter_by: rule of the flags.
        quality_method: score of a class of a row.
        expected_precision: see ``find_class_issues``.
        most_flagged: see ``find_class_issues``.
        seed: seed of the planted errors.

    Returns:
        Table with ``row_id``, ``split``, ``class_name``, ``is_given``, ``probability`` (that the class belongs to the
        label), ``label_quality``, ``error_probability``, ``is_label_issue`` and ``rank`` (1 = worst of its class),
        row by row, classes in order.
    """
    names = class_names_of(predictions)
    probabilities = to_label_set_probabilities(predictions)
    found = find_class_issues(
        encode_given_labels(predictions, names),
        probabilities,
        is_train=is_train_row(predictions),
        filter_by=filter_by,
        expected_precision=expected_precision,
        most_flagged=most_flagged,
        quality_method=quality_method,
        seed=seed,
    )
    ranks = np.column_stack([rank_by_quality(quality) for quality in found.quality.T])
    codes = np.tile(np.arange(len(names)), len(predictions))
    return pd.DataFrame(
        {
            "row_id": np.repeat(predictions["row_id"].to_numpy(), len(names)),
            "split": predictions["split"].repeat(len(names)).array,
            "class_name": pd.Categorical.from_codes(cast("Sequence[int]", codes), dtype=pd.CategoricalDtype(names)),
            "is_given": found.is_named.reshape(-1),
            "probability": probabilities.reshape(-1),
            "label_quality": found.quality.astype(np.float32).reshape(-1),
            "error_probability": found.error_probability.astype(np.float32).reshape(-1),
            "is_label_issue": found.is_issue.reshape(-1),
            "rank": ranks.reshape(-1),
        }
    )


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return shares
