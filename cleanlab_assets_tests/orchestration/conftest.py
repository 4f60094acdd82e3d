"""The audit of each family, made once for all tests that only look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cleanlab_assets_tests.orchestration.chains import Audits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets_tests.conftest import Workbench


@pytest.fixture(scope="session")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audits]:
    """The audits by name of the family."""
    made = Audits(tmp_path_factory)
    yield made
    made.close()


@pytest.fixture(scope="session")
def audited(audits: Audits) -> Workbench:
    """A workbench where breast_cancer, with a tenth of its train labels wrong, is audited. Not to be changed."""
    return audits["classification"].bench
