"""Results of a long step, stored part by part, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING

import pandas as pd
from upath import UPath

from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.orchestration.storage import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg


class PartialResults:
    """Parts of a table in a directory of their own: ``<artifacts>/<asset>/<dataset>/.partial_<model>_<key>``.

    The key stands for all that the result depends on, so that parts of another training set, model or setting are
    never taken up.
    """

    def __init__(self, artifacts_dir: str, asset: str, partition: str, depends_on: Mapping[str, object]) -> None:
        dataset, _, model = partition.partition("|")
        content = json.dumps(depends_on, sort_keys=True, default=str)
        key = hashlib.sha256(content.encode()).hexdigest()[:16]
        self._home, self._prefix = UPath(artifacts_dir).joinpath(*asset.split("/"), dataset), f".partial_{model}_"
        self.directory = self._home / f"{self._prefix}{key}"

    @classmethod
    def of_predictions(
        cls,
        context: dg.AssetExecutionContext,
        training_set: pd.DataFrame,
        *,
        parameters: Mapping[str, object],
        code_version: str,
    ) -> PartialResults:
        """Return the parts of out-of-sample predictions of the step's partition.

        Args:
            context: of the step.
            training_set: what is predicted, with its provenance.
            parameters: of the model.
            code_version: of the step.
        """
        return cls(
            context.resources.settings.artifacts_dir,
            context.asset_key.to_user_string(),
            context.partition_key,
            {
                "training_set": training_set.attrs[PROVENANCE]["data_hash"],
                "parameters": parameters,
                "code_version": code_version,
            },
        )

    def read(self) -> pd.DataFrame | None:
        """Return the parts at hand as one table, in the order they were added; None without any."""
        if not self.directory.exists():
            return None
        parts = sorted(self.directory.glob("part_*.parquet"))
        tables = [pd.read_parquet(io.BytesIO(part.read_bytes())) for part in parts]
        return pd.concat(tables, ignore_index=True) if tables else None

    def add(self, table: pd.DataFrame) -> None:
        """Store one more part, whole or not at all."""
        number = len(list(self.directory.glob("part_*.parquet"))) if self.directory.exists() else 0
        self.directory.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        table.to_parquet(buffer, engine="pyarrow", compression="zstd", index=False)
        write_atomically(self.directory / f"part_{number:04d}.parquet", buffer.getvalue())

    def clear(self) -> None:
        """Remove the parts, also those of other settings: the whole result is there, and theirs are out of date."""
        if not self._home.exists():
            return
        for directory in self._home.glob(f"{self._prefix}*"):
            # The name of another model may begin with that of this one.
            if len(directory.name) == len(self.directory.name):
                for part in directory.glob("part_*.parquet"):
                    part.unlink()
                directory.rmdir()
