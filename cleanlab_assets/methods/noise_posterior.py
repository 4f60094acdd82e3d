"""Labels as noisy readings of a true class: how often each class is taken for another, and what follows for a row."""

from __future__ import annotations

import numpy as np

from cleanlab_assets.methods.calibration import LARGEST_FIT, require_probabilities_of
from cleanlab_assets.methods.planted_errors import PlantedErrors, draw_classes
from cleanlab_assets.methods.requirements import require_finite
from cleanlab_assets.methods.seeding import seed_generator

PRIOR_WEIGHT = 0.3
"""How much the belief that all wrong classes are equally likely counts, in rows of a class for each row that it has.

On generated labels less of it costs more where errors lie near the border, and more of it gains less where classes are
wrong unequally often.
"""
MOST_STEPS, SMALLEST_STEP = 200, 1e-5
_FIRST_SHARE_WRONG = 0.1


def estimate_noise_by_em(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Estimate P(given label | true label) by expectation-maximisation, the model's prediction as belief in the truth.

    The step that expects takes the posterior of each row's true class, the step that maximises counts the given labels
    by it. Without more, errors near the border between two classes, which no matrix can describe, would make it believe
    that the two are taken for each other everywhere: each class also gets ``PRIOR_WEIGHT`` times its rows of which the
    usual share is wrong, by all other classes alike. Of more than ``LARGEST_FIT`` rows a random part is taken.

    Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, 1979, with
    one observer and the model's prediction as the prior of each row; a Dirichlet prior on each column.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: calibrated out-of-sample predicted probabilities, shape (n_rows, n_classes).

    Returns:
        float64 array of shape (n_classes, n_classes): rows given, columns true; each column sums to 1. The identity
        where there is one class.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    if len(labels) > LARGEST_FIT:
        order = seed_generator(0, "rows that a noise matrix is fitted on").permutation(len(labels))[:LARGEST_FIT]
        labels, probabilities = labels[order], probabilities[order]
    n_classes = probabilities.shape[1]
    noise = _spread(n_classes, _FIRST_SHARE_WRONG)
    if n_classes == 1:
        return noise
    by_label = np.argsort(labels, kind="stable")
    sorted_labels, prior = labels[by_label], probabilities[by_label].astype(np.float64)
    present, starts = np.unique(sorted_labels, return_index=True)
    for _ in range(MOST_STEPS):
        expected = np.zeros((n_classes, n_classes))
        expected[present] = np.add.reduceat(_find_posterior(sorted_labels, prior, noise), starts, axis=0)
        usual = _spread(n_classes, 1 - float(np.trace(expected)) / len(labels))
        n_of_class = expected.sum(axis=0)
        # A class that no row is expected to be of tells nothing: it has the usual errors.
        of_class = np.divide(expected, n_of_class, out=usual.copy(), where=n_of_class > 0)
        step = (of_class + PRIOR_WEIGHT * usual) / (1 + PRIOR_WEIGHT)
        is_still = np.abs(step - noise).max() < SMALLEST_STEP
        noise = step
        if is_still:
            break
    return noise


def score_by_noise(labels: np.ndarray, probabilities: np.ndarray, noise_matrix: np.ndarray) -> np.ndarray:
    """Return the posterior probability that each given label is right, under a noise matrix.

    Where every class is taken for every other one equally often, rows rank as by self-confidence.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: calibrated out-of-sample predicted probabilities, the belief in the true class, shape
            (n_rows, n_classes).
        noise_matrix: P(given label | true label), shape (n_classes, n_classes): rows given, columns true.

    Returns:
        float64 array of shape (n_rows,), in [0, 1]; lower is more likely wrong.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    require_finite("noise matrix", noise_matrix)
    posterior = _find_posterior(labels, probabilities.astype(np.float64), noise_matrix)
    quality: np.ndarray = posterior[np.arange(len(labels)), labels].clip(0.0, 1.0)
    return quality


def draw_labels_like_these(
    labels: np.ndarray, probabilities: np.ndarray, noise_matrix: np.ndarray, *, seed: int
) -> PlantedErrors:
    """Draw what could be true of each row, and labels anew with the errors that the noise matrix makes of it.

    Errors planted on top of the given labels would stand beside those that these hold already, which a good score
    ranks as high and which would count against it. Here the truth is drawn as well: by Bayes' rule, with
    P(given | features) = noise matrix x P(true | features).

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: calibrated out-of-sample probabilities of given labels, shape (n_rows, n_classes).
        noise_matrix: P(given label | true label), shape (n_classes, n_classes): rows given, columns true.
        seed: seed of the draw.

    Returns:
        The drawn labels, and which of them differ from the drawn truth.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    require_finite("noise matrix", noise_matrix)
    rng = seed_generator(seed, "labels like these")
    likelihoods = noise_matrix[labels] * believe_true(probabilities, noise_matrix)
    # Where no true class explains the label, the prediction alone decides.
    unexplained = ~(likelihoods.sum(axis=1) > 0)
    likelihoods[unexplained] = probabilities[unexplained]
    truth = draw_classes(likelihoods, rng)
    drawn = draw_classes(noise_matrix.T[truth], rng)
    return PlantedErrors(labels=drawn, is_planted=drawn != truth)


def believe_true(probabilities: np.ndarray, noise_matrix: np.ndarray) -> np.ndarray:
    """Turn probabilities of given labels into those of true ones, float64 of shape (n_rows, n_classes).

    They are 0 or more, and sum to 1 only where the matrix explains the probabilities.

    Source: Patrini et al., Making Deep Neural Networks Robust to Label Noise, CVPR 2017, for the inverse of the matrix.

    Raises:
        ValueError: a number is not finite.
    """
    require_finite("probabilities", probabilities)
    require_finite("noise matrix", noise_matrix)
    # The pseudo-inverse, since classes that nothing tells apart have equal columns.
    believed: np.ndarray = np.clip(probabilities @ np.linalg.pinv(noise_matrix).T, 0.0, None)
    return believed


def _find_posterior(labels: np.ndarray, prior: np.ndarray, noise_matrix: np.ndarray) -> np.ndarray:
    """Return P(true class | features, given label) of each row, shape (n_rows, n_classes)."""
    joint = prior * noise_matrix[labels]
    total = joint.sum(axis=1, keepdims=True)
    posterior: np.ndarray = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    return posterior


def _spread(n_classes: int, share_wrong: float) -> np.ndarray:
    """Return a noise matrix by which every class is wrong equally often, and taken for all others alike."""
    if n_classes == 1:
        return np.ones((1, 1))
    matrix = np.full((n_classes, n_classes), share_wrong / (n_classes - 1))
    np.fill_diagonal(matrix, 1 - share_wrong)
    return matrix
