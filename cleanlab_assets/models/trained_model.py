"""A fitted model with its card, stored without pickle."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from cleanlab_assets.compat import import_model_storage
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.extras import MissingExtraError
from cleanlab_assets.models.catalogue import all_models, trusted_types
from cleanlab_assets.models.own_models import look_in_working_directory, tell_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.pipeline import Pipeline

NOT_STORED = "not_stored"
"""Name of the entry of the card that says why the model itself is not in its file."""
_PROVENANCE_FILE = "provenance.json"
"""Where the provenance lies once more in the archive, to be read without the model."""


class UntrustedModelError(ValueError):
    """A model file that holds types which a fitted scikit-learn pipeline does not need."""


@dataclass(frozen=True)
class TrainedModel:
    """A pipeline fitted on class names, and its card: what it is, what it was fitted on, and how well it does.

    ``why_not_stored`` says why its file holds the card alone; then the pipeline that is read back is None.
    """

    pipeline: Pipeline
    card: Mapping[str, Any]
    why_not_stored: str = ""

    def content_hash(self) -> str:
        """Hash the card, which states everything that the fit depends on."""
        return hashlib.sha256(json.dumps(self.card, sort_keys=True, default=str).encode()).hexdigest()

    def to_bytes(self, provenance: Mapping[str, Any]) -> bytes:
        """Serialize with skops: pipeline, card and provenance in one file."""
        storage = import_model_storage()
        card = json.dumps({**self.card, "provenance": provenance})
        pipeline = None if self.why_not_stored else self.pipeline
        # Forests are tables of numbers of some hundred megabytes; the lowest level already halves them.
        buffer = io.BytesIO(
            storage.dumps({"pipeline": pipeline, "card": card}, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        )
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(_PROVENANCE_FILE, json.dumps(provenance))
        return buffer.getvalue()

    @staticmethod
    def read_provenance(stream: BinaryIO) -> Any:
        """Read the provenance alone, which takes none of the libraries that made the model.

        Raises:
            zipfile.BadZipFile: the file is cut short or no archive.
            KeyError: the archive holds no provenance.
        """
        with zipfile.ZipFile(stream) as archive:
            return json.loads(archive.read(_PROVENANCE_FILE))

    @classmethod
    def from_bytes(cls, content: bytes, trusted: frozenset[str] = frozenset()) -> TrainedModel:
        """Read a model that ``to_bytes`` wrote.

        Args:
            content: of the file.
            trusted: types that the user trusts, beside those of skops and of the catalogue.

        Raises:
            UntrustedModelError: the file holds a type that nobody trusts.
            MissingExtraError: a library of the model is not installed.
        """
        storage = import_model_storage()
        if trusted:
            look_in_working_directory()

        needed = storage.get_untrusted_types(data=content)
        foreign = sorted(set(needed) - trusted_types() - trusted)
        if foreign:
            raise UntrustedModelError(
                f"the model file needs {', '.join(foreign)}, which are not trusted: it was not loaded"
            )
        for model in all_models().values():
            if not model.trusted_types.isdisjoint(needed) and (missing := model.explain_missing()):
                raise MissingExtraError(missing)
        stored = storage.loads(content, trusted=needed)
        card = json.loads(stored["card"])
        return cls(pipeline=stored["pipeline"], card=card, why_not_stored=card.get(NOT_STORED, ""))


def explain_why_not_stored(pipeline: Pipeline, trusted: frozenset[str]) -> str:
    """Say why a fitted pipeline cannot be stored, or would not be read back; empty where it can.

    Args:
        pipeline: around an estimator of the user's own.
        trusted: types that the user trusts, beside those of skops and of the catalogue.
    """
    storage = import_model_storage()
    try:
        needed = storage.get_untrusted_types(data=storage.dumps(pipeline))
    except Exception as error:  # noqa: BLE001 - whatever the user's own objects raise when they are taken apart
        return f"skops cannot store it: {tell_error(error)}"
    if foreign := sorted(set(needed) - trusted_types() - trusted):
        return (
            "it holds types that are not trusted: to trust them, write "
            f"trusted_types = {json.dumps(foreign)} at the top of {DESCRIPTION_FILE}"
        )
    return ""
