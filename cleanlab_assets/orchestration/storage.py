"""Where results lie: one readable file for each partition, written whole or not at all.

Belongs here: file formats, the IO manager and its paths ``<artifacts>/<task>/<asset>/<dataset>/<model>.<ext>``. The
base may be a local directory or any fsspec address. No format executes code when it is read.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import dagster as dg
import pandas as pd
from upath import UPath

from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.methods.provenance import FACTS, PROVENANCE
from cleanlab_assets.methods.result import Provenance, Result
from cleanlab_assets.models.trained_model import TrainedModel, UntrustedModelError
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.orchestration.assets import GATHERS
from cleanlab_assets.orchestration.atomic_files import write_atomically
from cleanlab_assets.orchestration.datasets import types_trusted_by_the_user
from cleanlab_assets.orchestration.partitions import Partition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from cleanlab_assets.families.step import Step, StorageFormat
    from cleanlab_assets.orchestration.family import Family

_ATTRS = b"PANDAS_ATTRS"
_COMMENT = f"<!-- {PROVENANCE}: "
DAMAGE = (KeyError, TypeError, ValueError, OSError, RecursionError, BadZipFile)
"""What readers of the formats raise for a file that is damaged."""


class MissingArtifactError(FileNotFoundError):
    """An upstream partition that was never materialized; the message says which command makes it."""


class ArtifactFormatError(ValueError):
    """A file that is no artifact of this version; the message names the file and says how to make it anew."""


class ArtifactIOManager(dg.UPathIOManager, ABC):
    """Stores results of one format; subclasses turn them into bytes and back."""

    def __init__(self, base_path: UPath, families: Mapping[str, Family]) -> None:
        """Store results under a directory.

        Args:
            base_path: directory or fsspec address of all results.
            families: the families by name: their steps say what a file holds.
        """
        super().__init__(base_path=base_path)
        self._families = families

    def dump_to_path(self, context: dg.OutputContext, obj: Result[Any, Any], path: UPath) -> None:  # noqa: ARG002
        """Write the result with its facts and provenance atomically."""
        write_atomically(path, self.to_bytes(obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Read a result; for a step that compares models those of all models that exist, by the model's name."""
        if not context.definition_metadata.get(GATHERS):
            return super().load_input(context)
        found, keys = self.load_partitions(context), context.asset_partition_keys
        if len(keys) == 1:  # of a single one Dagster gives the value alone
            found = {} if found is None else {keys[0]: found}
        return {Partition.parse(key).model: result for key, result in found.items()}

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Result[Any, Any]:
        """Read a result.

        Raises:
            MissingArtifactError: there is no file; the message names the command that makes it.
        """
        family, name = context.asset_key.path
        step = self._families[family].step(name)
        try:
            return self.read(path, step)
        except FileNotFoundError:
            raise MissingArtifactError(_describe_missing(context, path, step)) from None

    def read(self, path: UPath, step: Step) -> Result[Any, Any]:
        """Read the file of a step's result.

        Raises:
            FileNotFoundError: there is no file.
            ArtifactFormatError: the file was written by another version, or is broken.
        """
        content = path.read_bytes()
        try:
            return self.from_bytes(content, step)
        except UntrustedModelError:
            raise
        except DAMAGE as error:
            raise ArtifactFormatError(_describe_broken(path, step, error)) from error

    def get_metadata(self, context: dg.OutputContext, obj: Result[Any, Any]) -> dict[str, dg.MetadataValue]:
        """Add row count and column schema to every table."""
        table = obj.value
        if not isinstance(table, pd.DataFrame):
            return {}
        descriptions = self._families[context.asset_key.path[0]].columns
        columns = [
            dg.TableColumn(str(name), _type_name(dtype), descriptions.get(str(name)))
            for name, dtype in table.dtypes.items()
        ]
        return {
            "dagster/row_count": dg.MetadataValue.int(len(table)),
            "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
        }

    def to_bytes(self, result: Result[Any, Any]) -> bytes:
        """Serialize a result with its facts and provenance."""
        provenance = None if result.provenance is None else result.provenance.model_dump(mode="json")
        return self.pack(result.value, {PROVENANCE: provenance, FACTS: result.facts.model_dump(mode="json")})

    def from_bytes(self, content: bytes, step: Step) -> Result[Any, Any]:
        """Read back what ``to_bytes`` wrote."""
        value, record = self.unpack(content, step.value)
        return Result(
            value=value,
            facts=step.facts.model_validate(record.get(FACTS) or {}),
            provenance=Provenance.model_validate(record[PROVENANCE]) if record.get(PROVENANCE) else None,
        )

    @abstractmethod
    def read_origin(self, path: UPath) -> Any:
        """Read what says where the result in a file came from, and of the rest as little as the format allows.

        Raises one of ``DAMAGE``, of which a ``FileNotFoundError`` says that there is no file.
        """

    @abstractmethod
    def pack(self, value: Any, record: Mapping[str, Any]) -> bytes:
        """Serialize a value together with the record of its facts and provenance."""

    @abstractmethod
    def unpack(self, content: bytes, expected_type: type) -> tuple[Any, Mapping[str, Any]]:
        """Read back the value and the record."""


class ParquetIOManager(ArtifactIOManager):
    """Tables; facts and provenance lie in the file's metadata, where pandas keeps what it knows of a table."""

    extension = ".parquet"

    def pack(self, value: pd.DataFrame, record: Mapping[str, Any]) -> bytes:
        """Serialize a table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(value, preserve_index=False)
        metadata = {**(table.schema.metadata or {}), _ATTRS: json.dumps(record).encode()}
        buffer = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd", write_page_checksum=True)
        return buffer.getvalue()

    def unpack(self, content: bytes, expected_type: type) -> tuple[pd.DataFrame, Mapping[str, Any]]:  # noqa: ARG002
        """Read a table."""
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        metadata = dict(table.schema.metadata or {})
        record = json.loads(metadata.pop(_ATTRS, b"{}"))
        return table.replace_schema_metadata(metadata).to_pandas(), record

    def read_origin(self, path: UPath) -> Any:
        """Read the end of the file, where its metadata lies."""
        import pyarrow.parquet as pq

        with path.open("rb") as stream:
            return json.loads(pq.read_schema(stream).metadata[_ATTRS])[PROVENANCE]


class JsonIOManager(ArtifactIOManager):
    """Pydantic models, as ``{"provenance": ..., "facts": ..., "result": ...}``."""

    extension = ".json"

    def pack(self, value: BaseModel, record: Mapping[str, Any]) -> bytes:
        """Serialize a pydantic model."""
        content = {**record, "result": json.loads(value.model_dump_json())}
        return json.dumps(content, indent=1, allow_nan=False).encode()

    def unpack(self, content: bytes, expected_type: type[BaseModel]) -> tuple[BaseModel, Mapping[str, Any]]:
        """Read a pydantic model of the expected type, checked."""
        stored = json.loads(content)
        return expected_type.model_validate(stored["result"]), stored

    def read_origin(self, path: UPath) -> Any:
        """Read the file, which is small."""
        return json.loads(path.read_bytes())[PROVENANCE]


class HtmlIOManager(ArtifactIOManager):
    """Self-contained HTML pages; their provenance is a comment at the end."""

    extension = ".html"

    def pack(self, value: str, record: Mapping[str, Any]) -> bytes:
        """Encode a page."""
        comment = json.dumps(record[PROVENANCE]).replace("-", "\\u002d")  # two hyphens would end the comment
        return f"{value}{_COMMENT}{comment} -->\n".encode()

    def unpack(self, content: bytes, expected_type: type) -> tuple[str, Mapping[str, Any]]:  # noqa: ARG002
        """Decode a page."""
        page, _, comment = content.decode().rpartition(_COMMENT)
        return page, {PROVENANCE: json.loads(comment.strip().removesuffix("-->"))}

    def read_origin(self, path: UPath) -> Any:
        """Read the page, of which the comment is the end."""
        return self.unpack(path.read_bytes(), str)[1][PROVENANCE]


class CardIOManager(ArtifactIOManager):
    """Trained models with their card, stored without pickle; the card holds the provenance."""

    kind: type[TrainedModel | TrainedNetwork]

    def pack(self, value: TrainedModel | TrainedNetwork, record: Mapping[str, Any]) -> bytes:
        """Serialize a trained model."""
        return value.to_bytes(record[PROVENANCE])

    def unpack(self, content: bytes, expected_type: type) -> tuple[Any, Mapping[str, Any]]:  # noqa: ARG002
        """Read a trained model."""
        model = self._read(content)
        return model, model.card

    def read_origin(self, path: UPath) -> Any:
        """Read the provenance without the model and the libraries that it needs."""
        with path.open("rb") as stream:
            return self.kind.read_provenance(stream)

    @abstractmethod
    def _read(self, content: bytes) -> TrainedModel | TrainedNetwork:
        """Read a trained model of this kind."""


class SkopsIOManager(CardIOManager):
    """Fitted scikit-learn pipelines."""

    extension, kind = ".skops", TrainedModel

    def _read(self, content: bytes) -> TrainedModel:
        """Read a pipeline, if skops, the catalogue or the user trusts each of its types."""
        return TrainedModel.from_bytes(content, types_trusted_by_the_user())


class SafetensorsIOManager(CardIOManager):
    """Weights of trained networks."""

    extension, kind = ".safetensors", TrainedNetwork

    def _read(self, content: bytes) -> TrainedNetwork:
        return TrainedNetwork.from_bytes(content)


_MANAGERS: Mapping[StorageFormat, type[ArtifactIOManager]] = {
    "parquet": ParquetIOManager,
    "json": JsonIOManager,
    "html": HtmlIOManager,
    "skops": SkopsIOManager,
    "safetensors": SafetensorsIOManager,
}


def read_result(path: str, step: Step) -> Result[Any, Any]:
    """Read the file of a step's result by its path, as recorded in its materialization.

    Args:
        path: local path or fsspec address.
        step: the step that made it.

    Raises:
        FileNotFoundError: there is no file.
        ArtifactFormatError: the file was written by another version, or is broken.
    """
    return manager_of(step, UPath(path).parent).read(UPath(path), step)


def manager_of(step: Step, directory: UPath) -> ArtifactIOManager:
    """Return what reads and writes the format of a step's result, for files of a directory."""
    return _MANAGERS[step.storage](directory, {})


def _type_name(dtype: Any) -> str:
    return "string" if pd.api.types.is_object_dtype(dtype) else str(dtype)


def _describe_missing(context: dg.InputContext, path: UPath, step: Step) -> str:
    key = context.asset_key.to_user_string()
    partition = context.asset_partition_keys[0] if context.has_asset_partitions else ""
    # With all that it is made from, where that has the same partitions.
    selected = f'+key:"{key}"' if step.level == DATASET else key
    select = f"--select '{selected}'" + (f" --partition '{partition}'" if partition else "")
    whole = Partition.parse(partition).command
    return (
        f"{key} has no partition {partition!r} yet (no file {path}). Make it with: dagster asset materialize {select} "
        f"-- or make all that is missing with: {whole}"
    )


def _describe_broken(path: UPath, step: Step, error: Exception) -> str:
    partition = Partition(path.parent.name, path.stem) if step.level == MODEL else Partition(path.stem)
    again = f"{partition.command} --force"
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{path} is no result of {step.name} as this version stores it ({reason}). Make it anew with: {again}"


def build_io_managers(artifacts_dir: str, families: Sequence[Family]) -> dict[str, ArtifactIOManager]:
    """One IO manager for each file format, by the key that assets name."""
    base, by_name = UPath(artifacts_dir), {family.name: family for family in families}
    return {name: manager(base, by_name) for name, manager in _MANAGERS.items()}
