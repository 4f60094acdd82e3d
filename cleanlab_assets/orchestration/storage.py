"""Where results lie: one readable file for each partition, written whole or not at all.

Belongs here: file formats, the IO manager and its paths ``<artifacts>/<task>/<asset>/<dataset>/<model>.<ext>``. The
base may be a local directory or any fsspec address. No format executes code when it is read.
"""

from __future__ import annotations

import io
import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin
from uuid import uuid4

import dagster as dg
import pandas as pd
from upath import UPath

from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.orchestration.contracts import COLUMN_DESCRIPTIONS
from cleanlab_assets.orchestration.provenance import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


class MissingArtifactError(FileNotFoundError):
    """An upstream partition that was never materialized; the message says which command makes it."""


class ArtifactIOManager(dg.UPathIOManager, ABC):
    """Stores one type of value; subclasses turn it into bytes and back."""

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Write the value and its provenance atomically."""
        entry = context.output_metadata.get(PROVENANCE)
        write_atomically(path, self.to_bytes(obj, entry.value if entry else {}))

    def load_input(self, context: dg.InputContext) -> Any:
        """Read a value; for a step that takes several partitions, all that exist by their key, also a single one."""
        if context.has_asset_partitions and get_origin(context.dagster_type.typing_type) is dict:
            found, keys = self.load_partitions(context), context.asset_partition_keys
            if len(keys) > 1:
                return found
            return {} if found is None else {keys[0]: found}  # of a single one Dagster gives the value alone
        return super().load_input(context)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """Read a value.

        Raises:
            MissingArtifactError: there is no file; the message names the command that makes it.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise MissingArtifactError(_describe_missing(context, path)) from None
        return self.from_bytes(content, _type_of_one_partition(context.dagster_type.typing_type))

    def get_metadata(self, context: dg.OutputContext, obj: Any) -> dict[str, dg.MetadataValue]:  # noqa: ARG002
        """Add row count and column schema to every table."""
        if not isinstance(obj, pd.DataFrame):
            return {}
        columns = [
            dg.TableColumn(str(name), _type_name(dtype), COLUMN_DESCRIPTIONS.get(str(name)))
            for name, dtype in obj.dtypes.items()
        ]
        return {
            "dagster/row_count": dg.MetadataValue.int(len(obj)),
            "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
        }

    @abstractmethod
    def to_bytes(self, value: Any, provenance: Mapping[str, Any]) -> bytes:
        """Serialize a value together with its provenance."""

    @abstractmethod
    def from_bytes(self, content: bytes, expected_type: Any) -> Any:
        """Read back what ``to_bytes`` wrote."""


class ParquetIOManager(ArtifactIOManager):
    """Tables; provenance and the table's ``attrs`` lie in the file's metadata."""

    extension = ".parquet"

    def to_bytes(self, value: pd.DataFrame, provenance: Mapping[str, Any]) -> bytes:
        """Serialize a table."""
        stored = value.copy(deep=False)
        stored.attrs = {**value.attrs, PROVENANCE: dict(provenance)}
        buffer = io.BytesIO()
        stored.to_parquet(buffer, engine="pyarrow", compression="zstd", index=False)
        return buffer.getvalue()

    def from_bytes(self, content: bytes, expected_type: Any) -> pd.DataFrame:  # noqa: ARG002
        """Read a table."""
        return pd.read_parquet(io.BytesIO(content), engine="pyarrow")


class JsonIOManager(ArtifactIOManager):
    """Pydantic models, as ``{"provenance": ..., "result": ...}``."""

    extension = ".json"

    def to_bytes(self, value: BaseModel, provenance: Mapping[str, Any]) -> bytes:
        """Serialize a pydantic model."""
        content = {PROVENANCE: provenance, "result": json.loads(value.model_dump_json())}
        return json.dumps(content, indent=1, allow_nan=False).encode()

    def from_bytes(self, content: bytes, expected_type: type[BaseModel]) -> BaseModel:
        """Read a pydantic model of the expected type, checked."""
        return expected_type.model_validate(json.loads(content)["result"])


class HtmlIOManager(ArtifactIOManager):
    """Self-contained HTML pages; their provenance is a comment at the end."""

    extension = ".html"

    def to_bytes(self, value: str, provenance: Mapping[str, Any]) -> bytes:
        """Encode a page."""
        record = json.dumps(provenance).replace("-", "\\u002d")  # two hyphens would end the comment
        return f"{value}<!-- {PROVENANCE}: {record} -->\n".encode()

    def from_bytes(self, content: bytes, expected_type: Any) -> str:  # noqa: ARG002
        """Decode a page."""
        return content.decode()


class SkopsIOManager(ArtifactIOManager):
    """Fitted scikit-learn pipelines with their model card, stored without pickle."""

    extension = ".skops"

    def to_bytes(self, value: TrainedModel, provenance: Mapping[str, Any]) -> bytes:
        """Serialize a trained model."""
        return value.to_bytes(provenance)

    def from_bytes(self, content: bytes, expected_type: Any) -> TrainedModel:  # noqa: ARG002
        """Read a trained model; only scikit-learn's and numpy's own types are trusted."""
        return TrainedModel.from_bytes(content)


class SafetensorsIOManager(ArtifactIOManager):
    """Weights of trained networks with their model card, stored without pickle."""

    extension = ".safetensors"

    def to_bytes(self, value: TrainedNetwork, provenance: Mapping[str, Any]) -> bytes:
        """Serialize a trained network."""
        return value.to_bytes(provenance)

    def from_bytes(self, content: bytes, expected_type: Any) -> TrainedNetwork:  # noqa: ARG002
        """Read a trained network."""
        return TrainedNetwork.from_bytes(content)


def read_artifact(path: str, expected_type: Any = None) -> Any:
    """Read an artifact file by its path, as recorded in its materialization.

    Args:
        path: local path or fsspec address.
        expected_type: pydantic model of a ``.json`` file; other formats need none.

    Raises:
        ValueError: the file has an extension that no IO manager writes.
    """
    source = UPath(path)
    for manager in (ParquetIOManager, JsonIOManager, HtmlIOManager, SkopsIOManager, SafetensorsIOManager):
        if source.suffix == manager.extension:
            return manager().from_bytes(source.read_bytes(), expected_type)
    raise ValueError(f"{path} is no artifact: unknown extension {source.suffix!r}")


def write_atomically(path: UPath, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    A local file is written beside its place and renamed; an object store replaces objects as a whole by itself.
    """
    if path.protocol not in ("", "file"):
        path.write_bytes(content)
        return
    target = Path(path.path)
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _type_of_one_partition(annotation: Any) -> Any:
    """Return the type of a value where a step takes several partitions as a ``dict`` from partition key to value."""
    return get_args(annotation)[1] if get_origin(annotation) is dict else annotation


def _type_name(dtype: Any) -> str:
    return "string" if pd.api.types.is_object_dtype(dtype) else str(dtype)


def _describe_missing(context: dg.InputContext, path: UPath) -> str:
    key = context.asset_key.to_user_string()
    partition = context.asset_partition_keys[0] if context.has_asset_partitions else ""
    select = f"--select '{key}'" + (f" --partition '{partition}'" if partition else "")
    dataset, _, model = partition.partition("|")
    whole = f"cleanlab-demo run -d {dataset}" + (f" -m {model}" if model else "")
    return (
        f"{key} has no partition {partition!r} yet (no file {path}). Make it with: dagster asset materialize {select} "
        f"-- or make all that is missing with: {whole}"
    )


def build_io_managers(artifacts_dir: str) -> dict[str, ArtifactIOManager]:
    """One IO manager for each file format, by the key that assets name."""
    base = UPath(artifacts_dir)
    return {
        "parquet": ParquetIOManager(base),
        "json": JsonIOManager(base),
        "html": HtmlIOManager(base),
        "skops": SkopsIOManager(base),
        "safetensors": SafetensorsIOManager(base),
    }
