"""Models of the user's own: a function that returns an estimator of scikit-learn is found, called and checked.

Code of the user is imported here alone, and only where a reference to it stands in the description of a dataset or on
the command line.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.errors import UnreadableInputError, cut, quote
from cleanlab_assets.datasets.model_references import is_reference
from cleanlab_assets.models.encoding import one_hot_encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec

    from sklearn.base import BaseEstimator, TransformerMixin

    from cleanlab_assets.models.encoding import FeatureKinds

NOT_FOUND = "not found"
LONGEST_REASON = 300
"""Most characters of what the user's code says that a message repeats."""
SCIKIT_LEARN = "an estimator of scikit-learn"


class OwnModelError(UnreadableInputError):
    """A reference that leads to no estimator which suits the task; the message names it, and what was found."""


class ModelFailedError(RuntimeError):
    """An estimator of the user's own that failed; the message names it, and what it raised."""


def tell_error(error: BaseException) -> str:
    """Return the kind and the message of an error in one line."""
    return cut(f"{type(error).__name__}: {' '.join(str(error).split())}", LONGEST_REASON)


def look_in_working_directory() -> None:
    """Let modules be found in the working directory, after those that are installed or on PYTHONPATH."""
    if (place := str(Path.cwd())) not in sys.path:
        sys.path.append(place)


def refer_to_function(function: Callable[[], Any]) -> str:
    """Return the reference of a function.

    Raises:
        OwnModelError: it does not stand at the top of a module, so that nobody could find it by a reference.
    """
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    reference = f"{module}:{name}"
    if not is_reference(reference) or getattr(sys.modules.get(module), name, None) is not function:
        raise OwnModelError(f"model: found {quote(function)}, expected a function that stands at the top of a module")
    return reference


def build_own_estimator(
    reference: str, family: str, *, kinds: FeatureKinds, seed: int, said: str
) -> tuple[TransformerMixin | None, BaseEstimator, tuple[str, ...]]:
    """Call the function of a reference, and check and seed what it returns.

    Args:
        reference: module and function.
        family: task family that the estimator must suit.
        kinds: the feature columns.
        seed: what becomes the ``random_state`` of every part that has one which is None.
        said: beginning of a message, which names dataset and model.

    Returns:
        The encoding of the features, if any; the unfitted estimator; and the parameters that were seeded. A pipeline
        is divided into its last step and those before it; any other estimator gets one-hot encoding before it.

    Raises:
        OwnModelError: there is no such function, or it returns no estimator for the family.
    """
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    build = _find_function(reference, said)
    try:
        built = build()
    except Exception as error:
        raise OwnModelError(
            f"{said}: the function raised {tell_error(error)}: expected one without arguments that returns "
            f"{SCIKIT_LEARN}"
        ) from error
    estimator = _check_estimator(built, said, predicts_values=family == "regression")
    unseeded = [name for name, value in estimator.get_params().items() if _is_unseeded(name, value)]
    estimator.set_params(**dict.fromkeys(unseeded, seed))
    encoding: TransformerMixin | None = one_hot_encoding(kinds)
    if isinstance(estimator, Pipeline):
        encoding = None
        if type(estimator) is Pipeline:  # others, such as one that draws rows, work as a whole only
            before, estimator = estimator[:-1], estimator[-1]
            encoding = before if len(before) else None
    if family == "multilabel" and not _takes_several_labels(estimator):
        estimator = OneVsRestClassifier(estimator)
    return encoding, estimator, tuple(unseeded)


def _find_function(reference: str, said: str) -> Callable[[], Any]:
    name, _, attribute = reference.partition(":")
    look_in_working_directory()
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise OwnModelError(
                f"{said}: there is no module {error.name} in the working directory {Path.cwd()}, on PYTHONPATH or "
                f"installed: expected a module with the function {attribute}"
            ) from error
        raise OwnModelError(f"{said}: the import of {name} raised {tell_error(error)}") from error
    if not hasattr(module, attribute):
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == name]
        found = f", and it has {cut(', '.join(own), LONGEST_REASON)}" if own else ""
        raise OwnModelError(f"{said}: {name} has no {attribute}: expected a function{found}")
    function: Any = getattr(module, attribute)
    if not callable(function):
        raise OwnModelError(
            f"{said}: {attribute} is {quote(function)}, expected a function that returns {SCIKIT_LEARN}"
        )
    return function  # type: ignore[no-any-return]


def _check_estimator(built: Any, said: str, *, predicts_values: bool) -> Any:
    """Return an unfitted copy of an estimator, or say why it does not suit."""
    from sklearn.base import clone, is_classifier

    kind = type(built).__name__
    predict = "predict" if predicts_values else "predict_proba"
    if not (hasattr(built, "fit") and hasattr(built, "get_params") and hasattr(built, "set_params")):
        raise OwnModelError(f"{said}: the function returned {quote(built)}, expected {SCIKIT_LEARN}")
    try:
        estimator = clone(built)
        classifies = is_classifier(estimator)
    except Exception as error:
        raise OwnModelError(f"{said}: {kind} is not {SCIKIT_LEARN}: {tell_error(error)}") from error
    if predicts_values and classifies:
        raise OwnModelError(f"{said}: {kind} is a classifier, expected a regressor: the label is a number")
    if not hasattr(estimator, predict):
        help_ = "" if predicts_values else ": wrap it in sklearn.calibration.CalibratedClassifierCV"
        need = "the label is a number" if predicts_values else "an audit of classes needs their probabilities"
        raise OwnModelError(f"{said}: {kind} has no {predict}, and {need}{help_ if classifies else ''}")
    return estimator


def _is_unseeded(name: str, value: object) -> bool:
    return name.rpartition("__")[2] == "random_state" and value is None


def _takes_several_labels(estimator: BaseEstimator) -> bool:
    from sklearn.utils import get_tags

    tags = get_tags(estimator)
    classifies_several = tags.classifier_tags is not None and tags.classifier_tags.multi_label
    return bool(classifies_several or tags.target_tags.multi_output)


def list_parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the parameters of an estimator and its parts, as they are recorded: numbers and texts, else in words."""
    parameters = estimator.get_params()
    return {
        name: value if isinstance(value, bool | int | float | str | None) else cut(" ".join(repr(value).split()))
        for name, value in parameters.items()
    }


def versions_of(reference: str) -> dict[str, str]:
    """Return what tells whether the code of a reference is as it was, without running it.

    Returns:
        By the name of the module a hash of its source file; by that of its package its version, where it has one.
    """
    module = reference.partition(":")[0]
    look_in_working_directory()
    importlib.invalidate_caches()
    source = _find_source(module)
    digest = NOT_FOUND if source is None else f"source {hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    packages = _distributions().get(module.partition(".")[0], [])
    return {module: digest, **{name: version(name) for name in packages}}


def _find_source(module: str) -> Path | None:
    """Return the file of a module, if it has one; packages on the way to it are not imported."""
    *packages, last = module.split(".")
    path: list[str] | None = None
    for count in range(1, len(packages) + 1):
        found = _find_spec(".".join(packages[:count]), path)
        if found is None or found.submodule_search_locations is None:
            return None
        path = list(found.submodule_search_locations)
    found = _find_spec(".".join([*packages, last]), path)
    source = None if found is None or found.origin is None else Path(found.origin)
    return source if source is not None and source.is_file() else None


def _find_spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    if path is not None:
        return PathFinder.find_spec(name, path)
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # the module of a script or of a notebook
        return None


@cache
def _distributions() -> dict[str, list[str]]:
    """The installed packages by what they are imported as."""
    return {name: sorted(set(found)) for name, found in packages_distributions().items()}
