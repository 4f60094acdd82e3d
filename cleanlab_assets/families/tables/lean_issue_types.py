"""Two Datalab issue types in memory linear in the rows, with the same results (tests compare them).

Datalab's non-iid test draws all its permutations at once and sorts every distance: 4.5 GB at 581,012 rows. Its data
valuation fills a square matrix of all rows: 24 GB at 39,000 rows.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.compat import non_iid_issue_manager

if TYPE_CHECKING:
    from cleanlab import Datalab
    from cleanlab.datalab.internal.issue_manager import NonIIDIssueManager


def build_non_iid_manager(lab: Datalab, **parameters: Any) -> NonIIDIssueManager:
    """Build Datalab's non-iid issue manager with a test that takes one permutation at a time and counts distances.

    Args:
        lab: the Datalab whose rows are judged, in source order.
        **parameters: those of Datalab's ``non_iid`` type, such as ``k``, ``metric``, ``num_permutations``, ``seed``.
    """
    return _lean_manager_class()(lab, **parameters)


@cache
def _lean_manager_class() -> type[NonIIDIssueManager]:
    """Define the subclass on first use, since its base lives in cleanlab, which is slow to import."""
    from scipy.stats import gaussian_kde

    base = non_iid_issue_manager()

    class LeanNonIIDIssueManager(base):  # type: ignore[misc, valid-type]
        description = base.description
        issue_name = base.issue_name

        def _permutation_test(self, num_permutations: int) -> float:
            random = np.random.RandomState(self.seed)  # the generator that Datalab seeds
            neighbors = self.neighbor_index_choices
            statistics = []
            for _ in range(num_permutations):
                permutation = random.permutation(self.N).astype(np.int32)
                distances = np.abs(permutation[:, None] - permutation[neighbors])
                statistics.append(self._get_statistics(distances)["ks"])
            return float(gaussian_kde(statistics).integrate_box(self.statistics["ks"], 100))

        def _get_statistics(self, neighbor_index_distances: np.ndarray) -> dict[str, float]:
            counts = np.bincount(neighbor_index_distances.ravel(), minlength=self.N)[1:]
            total = neighbor_index_distances.size
            up_to = np.cumsum(counts)
            background = np.cumsum((self.N - np.arange(1, self.N)) / (self.N * (self.N - 1) / 2))
            # Datalab compares the two distribution functions at every observed distance, before and after its ties.
            before = np.abs((up_to - counts) / total - background)
            after = np.abs((up_to - 1) / total - background)
            return {"ks": float(np.maximum(before, after)[counts > 0].max())}

    return LeanNonIIDIssueManager


def value_rows(labels: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """Value each row by its KNN-Shapley contribution, as ``cleanlab.data_valuation.data_shapley_knn`` does.

    Source: Jia et al., Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms, VLDB 2019, equations 18
    and 19. The recursion over the neighbours of a row telescopes: the j-th of k neighbours gets 1 if its label matches
    the row's, less 1 if the last neighbour's does.

    Args:
        labels: integer class codes, shape (n_rows,).
        neighbors: positions of the k nearest rows, nearest first, shape (n_rows, k).

    Returns:
        Values in [0, 1], shape (n_rows,); below 0.5 a row does more harm than good to a neighbour model.
    """
    n_rows, k = neighbors.shape
    matches = (labels[neighbors] == labels[:, None]).astype(np.float64)
    contributions = matches - matches[:, -1:]
    total = np.bincount(neighbors.ravel(), weights=contributions.ravel(), minlength=n_rows)
    values: np.ndarray = 0.5 * (total / (n_rows * k) + 1)
    return values
