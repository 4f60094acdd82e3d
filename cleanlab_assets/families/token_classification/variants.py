"""Does cleaning help a tagger? What each variant learns from, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.token_classification.metrics import TAG_F1_PREFIX, TOKEN_METRICS, ScoredTokens
from cleanlab_assets.families.token_classification.training_set import sentence_numbers
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes
from cleanlab_assets.methods.variants import (
    CleanedRows,
    VariantComparison,
    VariantName,
    VariantTask,
    compare_cleaned_variants,
    remove_worst_and_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sklearn.pipeline import Pipeline


def clean_tokens(label_issues: pd.DataFrame, *, prune_fraction: float, seed: int) -> dict[VariantName, CleanedRows]:
    """Decide for every variant which tokens it learns from, with which tags.

    ``pruned`` leaves out the worst flagged tokens, at most ``prune_fraction`` of all; ``relabelled`` gives the same
    tokens their suggested tag; ``random_removal`` leaves out as many random tokens. A token that is left out is still
    read as context of the others.

    Args:
        label_issues: label issues of all train tokens, in source order.
        prune_fraction: largest share of tokens to leave out or relabel, from 0 to 1.
        seed: seed of the random removal.
    """
    labels = encode_labels(label_issues["given_label"])
    worst, without_worst, without_random = remove_worst_and_random(
        label_issues["is_label_issue"].to_numpy(dtype=bool),
        label_issues["rank"].to_numpy(),
        prune_fraction=prune_fraction,
        seed=seed,
    )
    relabelled = labels.copy()
    relabelled[worst] = encode_labels(label_issues["suggested_label"])[worst]
    everything = np.ones(len(labels), dtype=bool)
    return {
        "baseline": CleanedRows(keep=everything, labels=labels),
        "pruned": CleanedRows(keep=without_worst, labels=labels),
        "relabelled": CleanedRows(keep=everything, labels=relabelled),
        "random_removal": CleanedRows(keep=without_random, labels=labels),
    }


def compare_token_variants(
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    test: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Fit every variant on the train tokens, choose on the validation tokens, and compare on the untouched test tokens.

    Intervals are of whole sentences drawn again, since the words of a sentence are not independent.

    Args:
        label_issues: label issues of the train tokens.
        train: train rows of the training set, in the same order.
        validation: validation rows, which no audit saw.
        test: test rows.
        features: names of the columns that the model takes.
        build: returns a new unfitted pipeline.
        prune_fraction: see ``clean_tokens``.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal and the bootstrap.
        compare_cleaning: whether any cleaned variant is fitted; if not, the baseline is chosen.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, or the label issues are of other rows.
    """
    tags = list(train["given_label"].cat.categories)
    task = VariantTask(
        metrics=(*TOKEN_METRICS, *(f"{TAG_F1_PREFIX}{tag}" for tag in tags)),
        encode=encode_labels,
        decode=lambda codes: [tags[code] for code in codes],
        predict=partial(predict_all_classes, n_classes=len(tags)),
        score=partial(ScoredTokens, tags=tags),
        clean=partial(clean_tokens, prune_fraction=prune_fraction, seed=seed),
        number_blocks=sentence_numbers,
    )
    return compare_cleaned_variants(
        task,
        label_issues,
        train,
        test,
        None,
        features=features,
        build=build,
        primary_metric=primary_metric,
        n_resamples=n_resamples,
        seed=seed,
        compare_cleaning=compare_cleaning,
        validation_rows=validation,
    )
