"""Audits from Python, in memory: the steps of the assets, without files, an instance or Dagster.

::

    from cleanlab_assets import audit

    run = audit(table, label="species")
    run.label_issues
    run.report().save("audit.html")
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.dataset import ColumnKind, Dataset
    from cleanlab_assets.datasets.tables.matrices import Matrix
    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import Step
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.methods.variants import VariantComparison
    from cleanlab_assets.reports.audit_facts import AuditFacts
    from cleanlab_assets.reports.audit_summary import AuditSummary

WORST_ROWS_SHOWN = 10
IN_MEMORY = "in memory"
"""What the provenance of a result names in place of a run."""


class UnknownResultError(KeyError):
    """A result that the audits of a task family do not have."""


@dataclass(frozen=True)
class ReportPage:
    """A report: a whole HTML page, which a notebook shows."""

    content: str

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, and return its path."""
        path = Path(path)
        path.write_text(self.content, encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{html.escape(self.content)}" width="100%" height="700"></iframe>'


@dataclass(frozen=True, kw_only=True)
class AuditRun:
    """An audit of a table with a model; each result is computed when it is asked for, once.

    Attributes:
        family: Name of the task family.
        model: Name of the model.
        dataset: What the table is taken for.
        columns: What each column is taken for, and why, by its name.
        notes: What was said of how the table was read.
        choice: Why the model was chosen; empty where it was named.
    """

    family: str
    model: str
    dataset: Dataset
    columns: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]
    choice: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _results: dict[str, Result[Any, Any]] = field(default_factory=dict, repr=False)

    def result(self, name: str) -> Result[Any, Any]:
        """Return the result of a step of the audit, with its facts and figures.

        Args:
            name: of the step, such as ``predictions`` or ``neighbor_graph``.

        Raises:
            UnknownResultError: the family has no such step, or there is nothing to do for the model.
        """
        if name not in self._results:
            steps = {step.name: step for step in _steps_of(self._task)}
            if name not in steps:
                raise UnknownResultError(f"{self.family} has no result {name!r}: expected one of {', '.join(steps)}")
            if why_not := steps[name].find_why_not(self.family, self.model):
                raise UnknownResultError(f"there is no {name}: {why_not}")
            self._results[name] = self._compute(steps[name])
        return self._results[name]

    def with_model(self, model: str | Callable[[], Any]) -> AuditRun:
        """Return the audit of the same rows with another model; what no model decides is computed once.

        Args:
            model: its name; or one of your own, see ``audit``.

        Raises:
            UnknownModelError: the family has no such model.
        """
        from cleanlab_assets.families.step import DATASET

        dataset, name = _take_model(model, self.family, self.dataset)
        shared = {step.name: self.result(step.name) for step in _steps_of(self._task) if step.level == DATASET}
        return replace(self, model=name, dataset=dataset, choice="", _results=shared)

    @property
    def label_issues(self) -> pd.DataFrame:
        """Every row with given and suggested label, label quality, flag and rank (1 is the worst)."""
        table: pd.DataFrame = self.result("label_issues").value
        return table

    @property
    def datalab_issues(self) -> pd.DataFrame:
        """Every train row with a flag and a score for each of Datalab's issue types."""
        table: pd.DataFrame = self.result("datalab_issues").value
        return table

    @property
    def duplicate_sets(self) -> pd.DataFrame:
        """The rows of each set of near duplicates, with the one to keep."""
        table: pd.DataFrame = self.result("duplicate_sets").value
        return table

    @property
    def flagged_cases(self) -> pd.DataFrame:
        """Each flagged row, worst first: likely wrong, hard or ambiguous, or a bad example, and why."""
        table: pd.DataFrame = self.result("flagged_cases").value
        return table

    @property
    def comparison(self) -> VariantComparison:
        """Whether cleaning helps, on untouched test rows."""
        comparison: VariantComparison = self.result("variant_comparison").value
        return comparison

    @property
    def facts(self) -> AuditFacts:
        """The audit in aggregates."""
        facts: AuditFacts = self.result("audit_facts").value
        return facts

    @property
    def summary(self) -> AuditSummary:
        """The audit in words, written by rules."""
        from cleanlab_assets.reports.audit_summary import summarize_by_rules

        return summarize_by_rules(self.facts)

    def report(self) -> ReportPage:
        """Return the report of all issues with the rows behind them."""
        return ReportPage(self.result(self._task.report_asset).value)

    def __str__(self) -> str:
        from cleanlab_assets.reports.audit_digest import digest_audit

        return "\n".join([f"{self.dataset.name} / {self.model}", *digest_audit(self.facts)])

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in str(self).splitlines()[1:])
        worst = self.label_issues.sort_values("rank").head(WORST_ROWS_SHOWN)
        title = html.escape(f"{self.dataset.name} / {self.model}")
        return f"<h3>{title}</h3><ul>{lines}</ul>{worst.to_html(index=False, escape=True)}"

    @property
    def _task(self) -> TaskFamily:
        from cleanlab_assets.families.registry import family_of

        return family_of(self.family)

    def _compute(self, step: Step) -> Result[Any, Any]:
        from cleanlab_assets.families.step import StepContext
        from cleanlab_assets.methods.provenance import Beginning, record_provenance

        inputs = {name: self.result(name) for name in step.inputs}
        chosen = self.settings.get(step.name, {})
        arguments: dict[str, Any] = {} if step.settings is None else {"settings": step.settings(**chosen)}
        config = {} if step.settings is None else arguments["settings"].model_dump(mode="json")
        context = StepContext(
            family=self.family,
            dataset=self.dataset,
            model=self.model,
            data_dir=Path("data"),
            reserved_columns=frozenset(self._task.columns),
        )
        beginning = Beginning.now()
        result = step.run(context, **arguments, **inputs)
        return record_provenance(
            result,
            beginning,
            asset=f"{self.family}/{step.name}",
            partition=f"{self.dataset.name}|{self.model}",
            code_version=step.code_version,
            run_id=IN_MEMORY,
            config=config,
            inputs={name: found.origin.data_hash for name, found in inputs.items()},
            dataset=self.dataset,
            libraries=self._task.libraries_of(self.model),
            model_versions=step.versions_of_model(self.family, self.model, self.dataset),
        )


def audit(
    table: Any,
    *,
    label: str | Sequence[str],
    task: str | None = None,
    separator: str | None = None,
    id: str | None = None,  # noqa: A002 - the role is called so in a description, too
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    weight: str | None = None,
    truth: str | None = None,
    source: str | None = None,
    slices: Sequence[str] = (),
    pred_probs: Any = None,
    features: Any = None,
    ignore: Sequence[str] = (),
    kinds: Mapping[str, ColumnKind] | None = None,
    text_encoder: str | None = None,
    picture_encoder: str | None = None,
    model: str | Callable[[], Any] | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "table",
) -> AuditRun:
    """Audit a table that is in memory.

    Args:
        table: a data frame of pandas or polars, or a table of pyarrow. The index of a data frame is left out.
        label: column of the label; several columns of 0 and 1, or a pattern of them, for several classes of a row.
        task: task family; told by the label if absent.
        separator: what stands between the classes of a label that names several.
        id: column of your own names of rows.
        group: column whose equal rows stay on one side of the split and in one fold.
        time: column that orders the rows in time.
        split: column that says ``train`` or ``test``.
        weight: column that says how much a row counts in fits and metrics, a number of at least 0.
        truth: column of the true label where it is known: the audit is measured by it, and no model sees it.
        source: column that says who labelled a row, or where it comes from.
        slices: columns by whose values the rate of label issues is told, beside ``source``.
        pred_probs: out-of-sample predictions of your own, in the order of the rows: an array of shape
            (n_rows, n_classes) whose columns are the classes in order, or a data frame whose columns are named by
            them; of a numeric label the predicted values, of shape (n_rows,).
        features: features of the rows beside the table, such as embeddings: an array of shape (n_rows, n_features) or
            a data frame. The other columns of the table are no features then, unless ``kinds`` names them.
        ignore: columns that no model shall see.
        kinds: kind by column, where another than the values tell.
        text_encoder: turns texts into vectors: ``tfidf`` or ``sentence-transformers:NAME``.
        picture_encoder: turns pictures, bytes or paths, into vectors: ``patches`` or ``resnet18``.
        model: name of a model, or one of your own: a function that returns an estimator of scikit-learn, or its
            reference such as ``"my_package.module:build"``; if absent ``own_predictions`` where there are some, else of
            the family's quick ones that with the least cross-validated error.
        seed: seed of the split, the folds and the models; the same as that of the assets if absent.
        settings: further settings, such as ``{"training_set.folds": 3}``.
        name: of the dataset: rows are named ``<name>:<number>``.

    Returns:
        The audit, whose results are computed when they are asked for.

    Raises:
        UnreadableInputError: a named column is absent, or the label poses no task.
        UnknownModelError: the family has no such model.
        OwnModelError: there is no such function, or it returns no estimator that suits.
        ModelFailedError: an estimator of your own failed.
        ValueError: a setting is unknown or not allowed.
        TypeError: ``table`` is no data frame.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"x": [0.1, 0.2, 0.3, 5.1, 5.2, 5.3] * 10, "y": ["a", "a", "a", "b", "b", "b"] * 10})
        >>> run = audit(rows, label="y", model="logistic_regression")
        >>> int(run.label_issues["is_label_issue"].sum())
        0
    """
    import narwhals as nw

    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.formats.table import describe_in_memory
    from cleanlab_assets.datasets.tables.description import TAKEN_NAMES
    from cleanlab_assets.datasets.tables.drafting.describe import draft_description
    from cleanlab_assets.datasets.tables.drafting.drafts import Request
    from cleanlab_assets.datasets.tables.files import take_source_table
    from cleanlab_assets.families.registry import family_of

    # The index of a data frame is no column of it.
    frame = nw.maybe_reset_index(nw.from_native(table, eager_only=True))
    source_table = take_source_table(frame.to_arrow(), name, taken=TAKEN_NAMES)
    predictions, matrix = _take_matrix(pred_probs, "pred_probs"), _take_matrix(features, "features")
    roles = {"id": id, "group": group, "time": time, "split": split, "weight": weight, "truth": truth, "source": source}
    request = Request(
        file=Path(name),
        labels=(label,) if isinstance(label, str) else tuple(label),
        family=task,
        separator=separator,
        roles={role: column for role, column in roles.items() if column is not None},
        slices=tuple(slices),
        ignore=tuple(ignore),
        kinds=kinds or {},
        predictions=predictions,
        features=matrix,
        text_encoder=text_encoder,
        picture_encoder=picture_encoder,
        is_from_python=True,
    )
    draft = draft_description(request, Path(), source=source_table)
    description = OwnDataset(name=name, **draft.content)
    dataset = describe_in_memory(description, source_table, predictions=predictions, features=matrix)
    model = model or dataset.default_model or None
    family = family_of(dataset.families[0])
    chosen = _read_settings(family, {**({} if seed is None else {"training_set.seed": seed}), **(settings or {})})
    dataset, first = _take_model(model or family.default_model, family.name, dataset)
    run = AuditRun(
        family=family.name, model=first, dataset=dataset, columns=draft.columns, notes=draft.notes, settings=chosen
    )
    if model is not None or family.choice is None:
        return run
    runs = {one: run.with_model(one) for one in family.choice.models_for(dataset)}
    best, reason = family.choice.choose({one: tried.result("predictions") for one, tried in runs.items()})
    return replace(runs[best], choice=reason)


def _take_model(model: str | Callable[[], Any], family: str, dataset: Dataset) -> tuple[Dataset, str]:
    """Return the name of a model, and the dataset, which names it where it is one of the user's own."""
    from cleanlab_assets.models.catalogue import get_model
    from cleanlab_assets.models.own_models import refer_to_function

    found = get_model(family, model if isinstance(model, str) else refer_to_function(model))
    if found.reference:
        dataset = replace(dataset, own_models=tuple(dict.fromkeys((*dataset.own_models, found.reference))))
    return dataset, found.name


def _take_matrix(given: Any, name: str) -> Matrix | None:
    """Take an array or a data frame of numbers; None where there is none."""
    import narwhals as nw
    import numpy as np

    from cleanlab_assets.datasets.tables.files import take_source_table
    from cleanlab_assets.datasets.tables.matrices import take_array, take_table

    if given is None:
        return None
    if isinstance(given, np.ndarray | list):
        return take_array(np.asarray(given), name)
    frame = nw.maybe_reset_index(nw.from_native(given, eager_only=True))
    return take_table(take_source_table(frame.to_arrow(), name))


def _steps_of(family: TaskFamily) -> tuple[Step, ...]:
    from cleanlab_assets.families.chain import steps_of

    return steps_of(family)


def _read_settings(family: TaskFamily, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort settings by their step, and refuse those that there are not."""
    steps = {step.name: step for step in _steps_of(family) if step.settings is not None}
    chosen: dict[str, dict[str, Any]] = {}
    for place, value in settings.items():
        step, _, setting = place.partition(".")
        known = steps[step].settings if step in steps else None
        if known is None or setting not in known.model_fields:
            places = [
                f"{one.name}.{field}" for one in steps.values() if one.settings for field in one.settings.model_fields
            ]
            raise ValueError(f"unknown setting {place!r}: expected one of {', '.join(places)}")
        chosen.setdefault(step, {})[setting] = value
    for step, values in chosen.items():
        known = steps[step].settings
        if known is not None:
            known(**values)  # raises what is wrong with a value
    return chosen
