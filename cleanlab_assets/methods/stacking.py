"""Several models as one: their predicted probabilities, weighed so that the given labels become most likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.requirements import require_codes, require_finite, require_rows
from cleanlab_assets.methods.result import Facts
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

SMALLEST_PROBABILITY = 1e-3
"""What a smaller probability counts as: a model that is sure and wrong must not outweigh all others."""
MOST_ERRORS, FIRST_SHARE = 0.5, 0.05
"""Largest share of wrong labels that the fit may assume, and where it starts."""
MOST_ROWS = 50_000
"""Rows that the weights are fitted on: a few weights are known well by then."""


STACK = "stack"
"""How the models of a dataset are called where they judge as one."""


class StackFacts(Facts):
    """How the models were weighed, and whether they are better together; see ``StackFit``.

    Attributes:
        weights: of the log-probabilities, by model.
        share_wrong: share of the train labels that is taken to be wrong.
        log_loss: of the stack.
        best_model: the model with the least log loss by itself.
        best_log_loss: its log loss, with a weight and a share of wrong labels of its own.
        planted: average precision of planted errors by model, the stack among them; empty where none were planted.
    """

    weights: dict[str, float]
    share_wrong: float
    log_loss: float
    best_model: str
    best_log_loss: float
    planted: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class StackedModels:
    """What several models find as one, and how they were weighed.

    Attributes:
        table: label issues: ``row_id``, ``suggested_label``, ``label_quality``, ``is_label_issue`` and ``rank``.
        facts: the weights, and what they gain.
    """

    table: pd.DataFrame
    facts: StackFacts


@dataclass(frozen=True, kw_only=True)
class StackFit:
    """Weights of models, and how likely the given labels become.

    Attributes:
        weights: of the log-probabilities, by model.
        share_wrong: share of the labels that is taken to be drawn by the frequencies of the classes alone.
        log_loss: mean negative log of the probability of the given labels, such a share of them wrong.
    """

    weights: dict[str, float]
    share_wrong: float
    log_loss: float


def fit_stack(probabilities: Mapping[str, np.ndarray], labels: np.ndarray, *, seed: int = 0) -> StackFit:
    """Weigh the log-probabilities of models so that the given labels become most likely, some of which are wrong.

    The stacked probability of class k is proportional to the product of the models' probabilities of k, each to the
    power of its weight: a logarithmic opinion pool. Weights are at least 0 and need not sum to 1, which also calibrates
    the pool. A share of the labels, which is fitted, too, is taken to be drawn by the frequencies of the classes alone:
    without it a model that is sure of errors, and right, would be punished for each of them.

    Source: Genest and Zidek, Combining Probability Distributions, Statistical Science 1986; Wolpert, Stacked
    Generalization, Neural Networks 1992.

    Args:
        probabilities: out-of-sample predicted probabilities by model, shape (n_rows, n_classes) each.
        labels: given class codes from 0, shape (n_rows,).
        seed: seed of the sample of ``MOST_ROWS`` that the weights are fitted on where there are more rows.

    Returns:
        The weight of each model, and how well they do; out of sample but for these few numbers.

    Raises:
        ValueError: there is no model or no row, a probability is not finite, a code is that of no class, or
            probabilities are of other rows or classes.
    """
    from scipy.optimize import minimize

    logs = _stack_logs(probabilities)
    n_models, n_rows, n_classes = logs.shape
    require_rows(n_rows, labels=labels)
    require_codes(labels, n_classes)
    if not n_rows:
        raise ValueError("found no row, expected some to weigh the models by")
    if n_rows > MOST_ROWS:
        chosen = seed_generator(seed, "stack weights").choice(n_rows, MOST_ROWS, replace=False)
        logs, labels = logs[:, chosen], labels[chosen]
    rows = np.arange(len(labels))
    of_given = logs[:, rows, labels]
    by_chance = (np.bincount(labels, minlength=n_classes) / len(labels))[labels]

    def measure(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean negative log-likelihood of the given labels, and its gradient."""
        weights, wrong = parameters[:-1], parameters[-1]
        pooled = _pool(weights, logs)
        given = pooled[rows, labels]
        likelihood = (1 - wrong) * given + wrong * by_chance
        steepness = (1 - wrong) * given / likelihood
        of_weights = (steepness * (np.einsum("mrk,rk->mr", logs, pooled) - of_given)).mean(axis=1)
        of_wrong = ((given - by_chance) / likelihood).mean()
        return float(-np.log(likelihood).mean()), np.append(of_weights, of_wrong)

    start = np.append(np.full(n_models, 1 / n_models), FIRST_SHARE)
    bounds = [(0.0, None)] * n_models + [(0.0, MOST_ERRORS)]
    found = minimize(measure, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return StackFit(
        weights=dict(zip(probabilities, found.x[:-1].tolist(), strict=True)),
        share_wrong=float(found.x[-1]),
        log_loss=float(found.fun),
    )


def stack_probabilities(probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Pool the probabilities of models by the weights of their logarithms.

    Args:
        probabilities: predicted probabilities by model, shape (n_rows, n_classes) each.
        weights: the weight of each model.

    Returns:
        float64 array of shape (n_rows, n_classes) whose rows sum to 1.

    Raises:
        ValueError: see ``fit_stack``.
        KeyError: a model has no weight.
    """
    return _pool(np.array([weights[model] for model in probabilities]), _stack_logs(probabilities))


def _pool(weights: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Return the pooled probabilities, float64 of shape (n_rows, n_classes)."""
    from scipy.special import softmax

    probabilities: np.ndarray = softmax(np.tensordot(weights, logs, axes=1), axis=1)
    return probabilities


def _stack_logs(probabilities: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the logarithms, float64 of shape (n_models, n_rows, n_classes)."""
    if not probabilities:
        raise ValueError("found no model, expected the probabilities of at least one")
    first = next(iter(probabilities.values()))
    for model, values in probabilities.items():
        if values.shape != first.shape:
            raise ValueError(f"{model}: found probabilities of shape {values.shape}, expected {first.shape}")
        require_finite(f"predicted probabilities of {model}", values)
    stacked = np.stack([values.astype(np.float64) for values in probabilities.values()])
    logs: np.ndarray = np.log(np.maximum(stacked, SMALLEST_PROBABILITY))
    return logs
