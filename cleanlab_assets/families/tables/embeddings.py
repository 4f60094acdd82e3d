"""Texts and pictures as vectors: computed once for each dataset, and shared by the graph, Datalab and every model."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pandas as pd
from pydantic import Field

from cleanlab_assets.families.contracts import ROW_ID, TableContract
from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - a step tells its inputs by their types
from cleanlab_assets.families.step import DATASET, Settings, StepContext, TrainingSetTable, step
from cleanlab_assets.families.vectors import EMBEDDINGS, name_vectors
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.shown import TableView
from cleanlab_assets.methods.training_set import is_train_row, unlabelled_rows
from cleanlab_assets.models.embedding.encoders import DEFAULT_ENCODERS, embed

if TYPE_CHECKING:
    from cleanlab_assets.models.embedding.encoders import EmbeddedKind

UNLABELLED = "unlabelled"


class EmbeddingsSettings(Settings):
    """How texts and pictures become vectors."""

    text_encoder: str | None = Field(
        None,
        description="tfidf or sentence-transformers:<name or directory>; by default that of the dataset, else tfidf.",
    )
    picture_encoder: str | None = Field(
        None, description="patches or resnet18; by default that of the dataset, else patches."
    )


class EmbeddedColumnFacts(Facts):
    """How a column became vectors: the encoder by its name and in words, and the number of dimensions."""

    column: str
    kind: str
    encoder: str
    description: str
    n_dimensions: int


class EmbeddingsFacts(Facts):
    """The columns that became vectors; none where the dataset has neither texts nor pictures."""

    columns: list[EmbeddedColumnFacts]


EmbeddingsTable: TypeAlias = Result[pd.DataFrame, EmbeddingsFacts]


@step(
    "scikitlearn",
    level=DATASET,
    name=EMBEDDINGS,
    code_version="1",
    facts=EmbeddingsFacts,
    contract=TableContract(
        "Embeddings",
        "The vectors of each row's texts and pictures; the row ids alone where a dataset has neither.",
        (ROW_ID,),
    ),
    settings=EmbeddingsSettings,
    is_heavy=True,
)
def embeddings(
    context: StepContext, settings: EmbeddingsSettings, raw_dataset: RawDatasetTable, training_set: TrainingSetTable
) -> EmbeddingsTable:
    """Texts and pictures as vectors, computed once and shared by the neighbour graph, Datalab and every model.

    What an encoder learns, it learns from the train rows, and never from a label. Rows without a label have vectors,
    too. A dataset without texts and pictures has nothing to compute.
    """
    columns, seed = context.dataset.embedded_columns, training_set.facts.seed
    names = [column.name for column in columns]
    open_rows = unlabelled_rows(raw_dataset.value, context.dataset)
    rows = training_set.value[["row_id", "split", *names]]
    if len(open_rows):
        rows = pd.concat([rows, open_rows[["row_id", *names]].assign(split=UNLABELLED)], ignore_index=True)
    table = pd.DataFrame({"row_id": rows["row_id"], "split": rows["split"].astype(str)})
    is_train, facts = is_train_row(rows), []
    parts = [table]
    for column in columns:
        kind: EmbeddedKind = "picture" if column.kind == "picture" else "text"
        chosen = settings.picture_encoder if kind == "picture" else settings.text_encoder
        encoder = chosen or context.dataset.encoders.get(kind) or DEFAULT_ENCODERS[kind]
        found = embed(rows[column.name].tolist(), kind, encoder, fit_on=is_train, seed=seed, data_dir=context.data_dir)
        n_dimensions = found.vectors.shape[1]
        parts.append(pd.DataFrame(found.vectors, columns=name_vectors(column.name, n_dimensions)))
        facts.append(
            EmbeddedColumnFacts(
                column=column.name,
                kind=kind,
                encoder=encoder,
                description=found.description,
                n_dimensions=n_dimensions,
            )
        )
    told = pd.DataFrame([item.model_dump() for item in facts])
    return Result(
        value=pd.concat(parts, axis=1),
        facts=EmbeddingsFacts(columns=facts),
        show=lambda: (
            {"n_rows": len(table), "embedded": TableView.whole(told)}
            if facts
            else {"embedded": "the dataset has neither texts nor pictures: there is nothing to compute"}
        ),
    )
