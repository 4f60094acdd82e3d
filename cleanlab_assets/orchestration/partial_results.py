"""Results of a long step, stored part by part, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING

import pandas as pd
from upath import UPath

from cleanlab_assets.orchestration.atomic_files import write_atomically
from cleanlab_assets.orchestration.partitions import Partition

if TYPE_CHECKING:
    from collections.abc import Mapping


class PartialResults:
    """Parts of a table in a directory of their own: ``<artifacts>/<asset>/<dataset>/.partial_<model>_<key>``.

    The key stands for all that the result depends on, so that parts of another training set, model or setting are
    never taken up.
    """

    def __init__(self, artifacts_dir: str, asset: str, partition: str, depends_on: Mapping[str, object]) -> None:
        found = Partition.parse(partition)
        content = json.dumps(depends_on, sort_keys=True, default=str)
        key = hashlib.sha256(content.encode()).hexdigest()[:16]
        self._home = UPath(artifacts_dir).joinpath(*asset.split("/"), found.dataset)
        self._prefix = f".partial_{found.model}_"
        self.directory = self._home / f"{self._prefix}{key}"

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
