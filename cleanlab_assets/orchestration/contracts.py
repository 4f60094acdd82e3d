"""The hard contracts of tables at asset boundaries, as dagster-pandas types."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg
import dagster_pandas as dgp

from cleanlab_assets.families.contracts import ROW_ID, ColumnRule, TableContract
from cleanlab_assets.methods.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.datasets.dataset import Column, Dataset


@cache
def to_dagster_type(contract: TableContract) -> dg.DagsterType:
    """Make the type of a step's output: a result whose table fulfils the contract.

    Steps of several families may have one contract, and Dagster wants one type of each name.
    """
    table = _to_table_type(contract)

    def check(context: dg.TypeCheckContext, result: Any) -> dg.TypeCheck:
        if not isinstance(result, Result):
            return dg.TypeCheck(success=False, description=f"found {type(result).__name__}, expected a Result")
        return table.type_check(context, result.value)

    return dg.DagsterType(type_check_fn=check, name=contract.name, description=table.description)


def find_schema_violation(dataset: Dataset, raw: pd.DataFrame) -> str | None:
    """Return the first violation of a dataset's source schema, with column and rows; None when there is none."""
    schema = dgp.create_dagster_pandas_dataframe_type(
        f"Source_{dataset.name}",
        f"Columns of {dataset.name} as its source documents them.",
        [_to_column(ROW_ID), *(_to_source_column(column) for column in dataset.columns)],
    )
    result = dg.check_dagster_type(schema, raw)
    return None if result.success else (result.description or "the table does not fit its schema")


def _to_table_type(contract: TableContract) -> dg.DagsterType:
    columns = [_to_column(rule) for rule in contract.columns]
    return dgp.create_dagster_pandas_dataframe_type(contract.name, contract.description, columns)


def _to_column(rule: ColumnRule) -> dgp.PandasColumn:
    column = dgp.PandasColumn
    non_nullable = not rule.nullable
    bounds = {"min_value": rule.minimum, "max_value": rule.maximum}
    given = {name: value for name, value in bounds.items() if value is not None}
    match rule.kind:
        case "text":
            return column.string_column(rule.name, non_nullable=non_nullable, unique=rule.unique, is_required=True)
        case "float":
            return column.float_column(rule.name, non_nullable=non_nullable, unique=rule.unique, **given)
        case "integer":
            whole = {name: int(value) for name, value in given.items()}
            return column.integer_column(rule.name, non_nullable=non_nullable, unique=rule.unique, **whole)
        case "flag":
            return column.boolean_column(rule.name, non_nullable=non_nullable)
        case "category":
            return column.categorical_column(rule.name, categories=set(rule.categories), non_nullable=non_nullable)
        case _:
            return column.exists(rule.name, non_nullable=non_nullable)


def _to_source_column(column: Column) -> dgp.PandasColumn:
    if column.kind not in ("numeric", "binary"):
        return dgp.PandasColumn.exists(column.name, non_nullable=not column.nullable)
    return dgp.PandasColumn.numeric_column(
        column.name,
        min_value=-float("inf") if column.minimum is None else column.minimum,
        max_value=float("inf") if column.maximum is None else column.maximum,
        non_nullable=not column.nullable,
        ignore_missing_vals=column.nullable,
    )
