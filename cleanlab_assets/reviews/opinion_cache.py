"""The answers of language models, kept in the ledger's database: what was paid for once is not asked again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from cleanlab_assets.reviews.database import SECOND_OPINIONS, Database, now, open_database

if TYPE_CHECKING:
    from collections.abc import Mapping


class Answer(NamedTuple):
    """What a language model answered to a question.

    Attributes:
        verdict: JSON; empty where there is none.
        reason: why there is none.
        input_tokens: what was read for it.
        output_tokens: what was written.
    """

    verdict: str
    reason: str
    input_tokens: int
    output_tokens: int


class _KeptBeforeError(Exception):
    """Another run kept an answer to the same question."""


class OpinionCache:
    """The answers on the rows of one dataset by one language model; opened with ``open_opinion_cache``."""

    def __init__(self, database: Database, *, dataset: str, language_model: str) -> None:
        """Take the open database."""
        self._database = database
        self._of = {"dataset": dataset, "language_model": language_model}

    def read(self) -> Mapping[tuple[str, str], Answer]:
        """Return the answers by row key and question, see ``Question.hash``."""
        table = SECOND_OPINIONS.c
        asked = sa.select(table.row_key, table.question, *(table[name] for name in Answer._fields))
        asked = asked.where(*(table[name] == value for name, value in self._of.items()))
        with self._database.read() as connection:
            return {(key, question): Answer(*answer) for key, question, *answer in connection.execute(asked)}

    def keep(self, row_key: str, question: str, answer: Answer) -> None:
        """Keep an answer; where another run did so at the same time, the first one stays.

        Raises:
            LedgerError: the database cannot be written.
        """
        entry = {**self._of, "made_at": now(), "row_key": row_key, "question": question, **answer._asdict()}
        with suppress(_KeptBeforeError), self._database.write() as connection:
            try:
                connection.execute(SECOND_OPINIONS.insert().values(**entry))
            except IntegrityError as error:
                raise _KeptBeforeError from error

    def __enter__(self) -> Self:
        """Return the cache."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._database.close()


def open_opinion_cache(url: str, *, dataset: str, language_model: str) -> OpinionCache:
    """Open the answers of a database, see ``open_database``."""
    return OpinionCache(open_database(url), dataset=dataset, language_model=language_model)
