"""A fitted model with its card, stored without pickle."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from cleanlab_assets.extras import MissingExtraError
from cleanlab_assets.models.catalogue import all_models, trusted_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.pipeline import Pipeline

_PROVENANCE_FILE = "provenance.json"
"""Where the provenance lies once more in the archive, to be read without the model."""


class UntrustedModelError(ValueError):
    """A model file that holds types which a fitted scikit-learn pipeline does not need."""


@dataclass(frozen=True)
class TrainedModel:
    """A pipeline fitted on class names, and its card: what it is, what it was fitted on, and how well it does."""

    pipeline: Pipeline
    card: Mapping[str, Any]

    def content_hash(self) -> str:
        """Hash the card, which states everything that the fit depends on."""
        return hashlib.sha256(json.dumps(self.card, sort_keys=True, default=str).encode()).hexdigest()

    def to_bytes(self, provenance: Mapping[str, Any]) -> bytes:
        """Serialize with skops: pipeline, card and provenance in one file."""
        import skops.io

        card = json.dumps({**self.card, "provenance": provenance})
        # Forests are tables of numbers of some hundred megabytes; the lowest level already halves them.
        buffer = io.BytesIO(
            skops.io.dumps({"pipeline": self.pipeline, "card": card}, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
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
    def from_bytes(cls, content: bytes) -> TrainedModel:
        """Read a model that ``to_bytes`` wrote.

        Raises:
            UntrustedModelError: the file holds a type that neither skops nor a model of the catalogue trusts.
            MissingExtraError: a library of the model is not installed.
        """
        import skops.io

        needed = skops.io.get_untrusted_types(data=content)
        foreign = sorted(set(needed) - trusted_types())
        if foreign:
            raise UntrustedModelError(
                f"the model file needs {', '.join(foreign)}, which are not trusted: it was not loaded"
            )
        for model in all_models().values():
            if not model.trusted_types.isdisjoint(needed) and (missing := model.explain_missing()):
                raise MissingExtraError(missing)
        stored = skops.io.loads(content, trusted=needed)
        return cls(pipeline=stored["pipeline"], card=json.loads(stored["card"]))
