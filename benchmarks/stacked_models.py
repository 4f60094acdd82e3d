"""Whether several models rank planted errors better as one: four tables, ten seeds each, 8 % of the labels wrong.

Run: ``python benchmarks/stacked_models.py [--seeds 10]``
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
from measurements import describe_machine
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.stacking import fit_stack, stack_probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARE_WRONG = 0.08
TIE = 0.01
"""Average precision within which two rankings count as equally good."""
MODELS: Mapping[str, Any] = {
    "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "knn": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
    "random_forest": RandomForestClassifier(100, random_state=0),
    "naive_bayes": GaussianNB(),
}


def load_tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return features and right class codes of each table."""
    digits, codes = load_digits(return_X_y=True)
    return {
        "breast_cancer": load_breast_cancer(return_X_y=True),
        "digits, 900 rows": (digits[:900], codes[:900]),
        "generated, 3 classes": make_classification(
            1200, 12, n_informative=6, n_classes=3, class_sep=1.0, flip_y=0, random_state=0
        ),
        "generated, hard": make_classification(
            1000, 20, n_informative=5, n_classes=2, class_sep=0.7, flip_y=0, random_state=1
        ),
    }


def rank_planted(features: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, float]:
    """Plant errors, and return the average precision of each model's ranking, of the stack's and of the mean's."""
    generator, n_classes = seed_generator(seed, "planted errors"), int(truth.max()) + 1
    is_wrong = generator.random(len(truth)) < SHARE_WRONG
    given = np.where(is_wrong, (truth + generator.integers(1, n_classes, size=len(truth))) % n_classes, truth)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    predicted = {
        name: cross_val_predict(clone(model), features, given, cv=folds, method="predict_proba")
        for name, model in MODELS.items()
    }
    together = {
        "stack": stack_probabilities(predicted, fit_stack(predicted, given).weights),
        "mean of the probabilities": np.mean(list(predicted.values()), axis=0),
    }
    rows = np.arange(len(given))
    return {
        name: float(average_precision_score(is_wrong, -probabilities[rows, given]))
        for name, probabilities in {**predicted, **together}.items()
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    n_seeds = parser.parse_args().seeds
    print(describe_machine())
    print()
    print("| table | best model | stack | mean | stack better | not worse by 0.01 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (features, truth) in load_tables().items():
        found = [rank_planted(features, truth, seed) for seed in range(n_seeds)]
        best = np.array([max(one[model] for model in MODELS) for one in found])
        stack, mean = (np.array([one[key] for one in found]) for key in ("stack", "mean of the probabilities"))
        print(
            f"| {name} | {best.mean():.3f} | {stack.mean():.3f} | {mean.mean():.3f} | "
            f"{(stack >= best).sum()} of {n_seeds} | {(stack >= best - TIE).sum()} of {n_seeds} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
