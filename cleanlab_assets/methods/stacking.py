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

SMALLEST_PROBABILITY = 1e-6
"""What a smaller probability counts as: a model that is sure and wrong must not outweigh all others."""
MOST_ROWS = 50_000
"""Rows that the weights are fitted on: a few weights are known well by then."""


STACK = "stack"
"""How the models of a dataset are called where they judge as one."""


class StackFacts(Facts):
    """How the models were weighed, and whether they are better together; log loss is that of the train rows.

    Attributes:
        weights: of the log-probabilities, by model.
        log_loss: of the stack, out of sample but for the weights.
        best_model: the model with the least log loss.
        best_log_loss: its log loss.
        planted: average precision of planted errors by model, the stack among them; empty where none were planted.
    """

    weights: dict[str, float]
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


def fit_stack_weights(
    probabilities: Mapping[str, np.ndarray], labels: np.ndarray, *, seed: int = 0
) -> dict[str, float]:
    """Weigh the log-probabilities of models so that the given labels become most likely.

    The stacked probability of class k is proportional to the product of the models' probabilities of k, each to the
    power of its weight: a logarithmic opinion pool. The likelihood is concave in the weights, so that there is one
    optimum; weights are at least 0 and need not sum to 1, which also calibrates the pool. A handful of weights hardly
    adapts to wrong labels.

    Source: Genest and Zidek, Combining Probability Distributions, Statistical Science 1986; Wolpert, Stacked
    Generalization, Neural Networks 1992.

    Args:
        probabilities: out-of-sample predicted probabilities by model, shape (n_rows, n_classes) each.
        labels: given class codes from 0, shape (n_rows,).
        seed: seed of the sample of ``MOST_ROWS`` that the weights are fitted on where there are more rows.

    Returns:
        The weight of each model.

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
    of_given = logs[:, np.arange(len(labels)), labels]

    def measure(weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean negative log-likelihood of the given labels, and its gradient."""
        pooled = np.tensordot(weights, logs, axes=1)
        pooled -= pooled.max(axis=1, keepdims=True)
        odds = np.exp(pooled)
        total = odds.sum(axis=1)
        loss = np.log(total).mean() - (pooled[np.arange(len(labels)), labels]).mean()
        expected = np.einsum("mrk,rk->mr", logs, odds / total[:, None])
        return float(loss), (expected - of_given).mean(axis=1)

    found = minimize(
        measure, np.full(n_models, 1 / n_models), jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_models
    )
    return dict(zip(probabilities, found.x.tolist(), strict=True))


def stack_probabilities(probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Pool the probabilities of models by the weights of their logarithms.

    Args:
        probabilities: predicted probabilities by model, shape (n_rows, n_classes) each.
        weights: the weight of each model.

    Returns:
        float64 array of shape (n_rows, n_classes) whose rows sum to 1.

    Raises:
        ValueError: see ``fit_stack_weights``.
        KeyError: a model has no weight.
    """
    pooled = np.tensordot([weights[model] for model in probabilities], _stack_logs(probabilities), axes=1)
    pooled -= pooled.max(axis=1, keepdims=True)
    odds = np.exp(pooled)
    stacked: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
    return stacked


def measure_log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log of the probability that the given class has.

    Args:
        probabilities: predicted probabilities, shape (n_rows, n_classes); smaller ones than ``SMALLEST_PROBABILITY``
            count as that.
        labels: given class codes from 0, shape (n_rows,).

    Raises:
        ValueError: a probability is not finite, a code is that of no class, or they are of other rows.
    """
    require_rows(len(probabilities), labels=labels)
    require_finite("predicted probabilities", probabilities)
    require_codes(labels, probabilities.shape[1])
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


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
