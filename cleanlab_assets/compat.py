"""What this package needs of libraries beyond their public interface: one function each, and one test of each.

A library may move or change these without notice. Then the test of the function fails, and this is the one module to
mend. Libraries are imported inside the functions, since importing the code location stays light.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagster as dg
    from cleanlab.datalab.internal.issue_manager import NonIIDIssueManager
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord


def latest_check_executions(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey], partition: str
) -> Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord]:
    """Return the latest execution of each check for one partition; a check that never ran for it is left out.

    Dagster's public interface has no filter by partition for checks: it returns the latest execution of any partition.
    """
    from dagster._core.event_api import PartitionKeyFilter

    return instance.event_log_storage.get_latest_asset_check_execution_by_key(keys, PartitionKeyFilter(key=partition))


def is_cron_schedule(text: str) -> bool:
    """Whether Dagster takes a text as a cron schedule.

    In public, Dagster says so by refusing a whole schedule, in words that do not name the setting at fault.
    """
    from dagster._utils.schedules import is_valid_cron_schedule

    return is_valid_cron_schedule(text)


def softmin(scores: np.ndarray, *, temperature: float) -> np.ndarray:
    """Return the mean of each row of scores, in which low ones weigh most, and the more so the lower the temperature.

    cleanlab's public functions average so only what they score themselves, from labels and probabilities.
    """
    from cleanlab.internal import multilabel_scorer

    return np.asarray(multilabel_scorer.softmin(scores, temperature=temperature, axis=1))


def exponential_moving_average(scores: np.ndarray, *, forgetting_factor: float) -> np.ndarray:
    """Return the moving average of each row of scores, taken from the highest to the lowest, which weighs most.

    cleanlab's public functions average so only what they score themselves, from labels and probabilities.
    """
    from cleanlab.internal import multilabel_scorer

    return np.asarray(multilabel_scorer.exponential_moving_average(scores, alpha=forgetting_factor, axis=1))


def choose_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature by which ActiveLab scales a model's probabilities before it weighs them.

    cleanlab's public function goes on with its own CROWDLAB, which takes examples times annotators times classes.

    Args:
        labels: class codes, -1 where an annotator gave no label, shape (n_examples, n_annotators).
        probabilities: rows that sum to 1, shape (n_examples, n_classes).
    """
    from cleanlab.internal.multiannotator_utils import find_best_temp_scaler

    return float(find_best_temp_scaler(np.where(labels < 0, np.nan, labels), probabilities))


def scale_by_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities that are surer below the temperature 1 and less sure above, see ``choose_temperature``."""
    from cleanlab.internal.multiannotator_utils import temp_scale_pred_probs

    return np.asarray(temp_scale_pred_probs(probabilities, temperature))


def fit_with_inner_weights(estimator: Any, features: Any, targets: np.ndarray, weights: np.ndarray) -> None:
    """Fit an estimator of scikit-learn that fits another one for each label, and weigh the rows in each of these fits.

    In public, scikit-learn routes weights where the other one asks for them, which it remembers from then on in a form
    that skops cannot store. So the request is taken back after the fit.

    Args:
        estimator: unfitted, with ``estimator``; ``estimators_`` once it is fitted.
        features: encoded features, shape (n_rows, n_encoded).
        targets: indicators, shape (n_rows, n_labels).
        weights: shape (n_rows,).
    """
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        estimator.estimator.set_fit_request(sample_weight=True)
        estimator.fit(features, targets, sample_weight=weights)
    for asking in (estimator.estimator, *estimator.estimators_):
        vars(asking).pop("_metadata_request", None)


def import_model_storage() -> Any:
    """Return ``skops.io``, imported without torch.

    Its import lists the estimators of scikit-learn, for which this walks all of its packages. One of them imports
    torch, which takes seconds and holds no estimator: None in its place tells Python not to import it.
    """
    torch_adapter = "sklearn.externals.array_api_compat.torch"
    is_free = torch_adapter not in sys.modules
    if is_free:
        sys.modules[torch_adapter] = None  # type: ignore[assignment]
    try:
        import skops.io
    finally:
        if is_free:
            del sys.modules[torch_adapter]
    return skops.io


def non_iid_issue_manager() -> type[NonIIDIssueManager]:
    """Return the class behind Datalab's ``non_iid`` issue type, to replace how it tests.

    The public interface takes whole issue managers only, and has no place for a leaner test within Datalab's own. A
    subclass may override ``_permutation_test`` and ``_get_statistics``.
    """
    from cleanlab.datalab.internal.issue_manager import NonIIDIssueManager

    manager: type[NonIIDIssueManager] = NonIIDIssueManager
    return manager


def order_schema_versions() -> list[str]:
    """Return the versions that the tables of Dagster's databases may have, the oldest first.

    Dagster's public interface migrates to the newest version and names none.
    """
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION

    config = Config()
    config.set_main_option("script_location", ALEMBIC_SCRIPTS_LOCATION)
    newest_first = ScriptDirectory.from_config(config).walk_revisions()
    return [script.revision for script in newest_first][::-1]
