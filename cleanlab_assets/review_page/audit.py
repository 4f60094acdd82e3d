"""What the review page shows of an audit: the stored results of one dataset and model, read where they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.families.step import COMPARISON, MODEL
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.history import latest_materialization, latest_provenance, remember_records
from cleanlab_assets.orchestration.partitions import Partition, partition_keys, upstream_partitions
from cleanlab_assets.orchestration.storage import ArtifactFormatError, read_result
from cleanlab_assets.reviews.rows import ReviewedRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg
    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.step import Step
    from cleanlab_assets.methods.result import Provenance
    from cleanlab_assets.orchestration.family import Family

LABEL_ISSUES = "label_issues"


class NoAuditError(UnreadableInputError):
    """A dataset and model that were not audited, or a result of theirs that there is not; the message says the way."""


@dataclass(frozen=True)
class ReviewedAudit:
    """The latest audit of one dataset with one model. Tables are read once, when they are asked for first.

    Attributes:
        instance: the instance that knows where results lie.
        family: the task family.
        partition: dataset and model.
    """

    instance: dg.DagsterInstance
    family: Family
    partition: Partition

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", {})

    @property
    def dataset(self) -> Dataset:
        """The catalogue entry."""
        return get_dataset(self.partition.dataset)

    @cached_property
    def rows(self) -> ReviewedRows:
        """The rows of the dataset, as they were read last.

        Raises:
            NoAuditError: they never were.
        """
        return ReviewedRows(self.dataset, self._require("raw_dataset"))

    @cached_property
    def issues(self) -> pd.DataFrame:
        """The label issues.

        Raises:
            NoAuditError: there are none, or they are of other rows than those that were read last.
        """
        issues: pd.DataFrame = self._require(LABEL_ISSUES)
        with remember_records():
            self._require_same_rows(LABEL_ISSUES)
        return issues.reset_index(drop=True)

    @property
    def data_version(self) -> str:
        """The data version of the latest label issues; empty where there are none."""
        found = self._find_origin(LABEL_ISSUES)
        return "" if found is None else found.data_hash

    def find_table(self, step: str) -> pd.DataFrame | None:
        """Return the table of a step of the family; None where the family has no such step, or it was not made."""
        found: pd.DataFrame | None = self.find_value(step)
        return found

    def find_value(self, step: str) -> Any:
        """Return the value of a step of the family; None where the family has no such step, or it was not made."""
        values: dict[str, Any] = self._values  # type: ignore[attr-defined]
        if step not in values:
            found = self._find_step(step)
            values[step] = None if found is None else self._read(found, self.partition)
        return values[step]

    @cached_property
    def issues_by_model(self) -> Mapping[str, pd.DataFrame]:
        """The label issues of the other models that audited the dataset, by model."""
        step = self.family.step(LABEL_ISSUES)
        keys = upstream_partitions(self.family.name, MODEL, self.partition.dataset)
        others = (found for found in map(Partition.parse, keys) if found != self.partition)
        read = {found.model: self._read(step, found) for found in others}
        return {model: table for model, table in read.items() if table is not None}

    @cached_property
    def pages(self) -> tuple[str, ...]:
        """Names of the steps whose pages there are, those of this model before those of all."""
        steps = [step for level in self.family.steps.values() for step in level if step.storage == "html"]
        made = [step for step in steps if self._find_path(step, self.partition) is not None]
        return tuple(step.name for step in sorted(made, key=lambda step: step.level == COMPARISON))

    def read_page(self, step: str) -> str:
        """Return a page as it is now.

        Raises:
            NoAuditError: there is no such page.
        """
        found = self._read(self.family.step(step), self.partition) if step in self.pages else None
        if found is None:
            raise NoAuditError(f"there is no report {quote(step)}: expected one of {', '.join(self.pages) or 'none'}")
        return str(found)

    def _require(self, step: str) -> Any:
        found = self._read(self.family.step(step), self.partition)
        if found is None:
            raise NoAuditError(f"{self.partition.title} was not audited yet: {self.partition.command}")
        return found

    def _require_same_rows(self, step: str) -> None:
        """Refuse a result that was made of another version of an upstream one: row ids then mean other rows."""
        origin = self._find_origin(step)
        for name, version in ({} if origin is None else origin.inputs).items():
            upstream = name.rpartition("/")[2]
            found = self._find_origin(upstream)
            if found is None or found.data_hash != version:
                told = f"{upstream} is another one than that of its audit"
                raise NoAuditError(f"{self.partition.title}: {told}: {self.partition.command}")
            self._require_same_rows(upstream)

    def _find_origin(self, step: str) -> Provenance | None:
        key = partition_keys(self.partition.dataset, self.partition.model)[self.family.step(step).level]
        return latest_provenance(self.instance, self.family.key(step), key)

    def _find_step(self, name: str) -> Step | None:
        steps = (step for level in self.family.steps.values() for step in level)
        return next((step for step in steps if step.name == name), None)

    def _find_path(self, step: Step, partition: Partition) -> str | None:
        keys = partition_keys(partition.dataset, partition.model)
        key = keys.get(step.level, partition.dataset)
        found = latest_materialization(self.instance, self.family.key(step.name), key)
        return None if found is None else str(found.metadata["path"].value)

    def _read(self, step: Step, partition: Partition) -> Any:
        """Read the value of a step's result; None where it was not made, or its file was taken away."""
        path = self._find_path(step, partition)
        if path is None:
            return None
        try:
            return read_result(path, step).value
        except FileNotFoundError:
            return None
        except ArtifactFormatError as error:
            raise NoAuditError(str(error)) from error
