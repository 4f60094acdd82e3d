"""What is missing says which extra to install; the extras are those that are declared."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr

from cleanlab_assets.extras import EXTRAS, MissingExtraError, explain_missing
from cleanlab_assets.models.catalogue import BuildContext, all_models, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.reports.written_summary import WriterSettings, explain_absence

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED: dict[str, list[str]] = PROJECT["optional-dependencies"]
OF_USERS = ("web", "text", "vision", "ai", "excel")
FIXED = {
    "dagster",
    "dagster-webserver",
    "dagster-pandas",
    "cleanlab",
    "scikit-learn",
    "pandas",
    "torch",
    "torchvision",
    "pydantic",
    "pydantic-ai-slim",
    "pytest",
}
MODELS_WITH_LIBRARIES = sorted(
    (family, model.name) for model in all_models().values() if model.libraries for family in model.builders
)


def names_of(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_what_the_code_knows_of_extras_is_what_is_declared() -> None:
    modules_of = {"pydantic-ai-slim": {"pydantic_ai", "anthropic", "openai"}}
    brought = {
        extra: set().union(*(modules_of.get(name, {name.replace("-", "_")}) for name in names_of(DECLARED[extra])))
        for extra in EXTRAS
    }
    assert brought == {extra: set(modules) for extra, modules in EXTRAS.items()}
    assert DECLARED.keys() == {*EXTRAS, "all", "dev"}


def test_all_holds_every_extra_of_users() -> None:
    (everything,) = DECLARED["all"]
    assert canonicalize_name(Requirement(everything).name) == PROJECT["name"]
    assert Requirement(everything).extras == set(OF_USERS)


def test_the_fixed_packages_are_declared_and_every_declared_one_is_locked() -> None:
    declared = names_of(PROJECT["dependencies"]).union(*map(names_of, DECLARED.values())) - {PROJECT["name"]}
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared >= FIXED
    assert declared <= {canonicalize_name(name) for name in locked}


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_what_is_missing_is_named_with_its_extra(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in EXTRAS[extra]:
        monkeypatch.setitem(sys.modules, module, None)
    names = ", ".join(EXTRAS[extra]).replace("_", "-")
    verb = "is" if len(EXTRAS[extra]) == 1 else "are"
    assert explain_missing("the test", *EXTRAS[extra]) == (
        f"the test needs {names}, which {verb} not installed: pip install 'cleanlab-assets[{extra}]'"
    )
    assert explain_missing("the test", "openpyxl") == "" or extra == "excel"


@pytest.mark.parametrize(("family", "model"), MODELS_WITH_LIBRARIES)
def test_a_model_without_its_libraries_is_not_built(family: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = BuildContext(kinds=FeatureKinds(), n_classes=2, seed=0)
    build_model(family, model, context)
    for library in all_models()[model].libraries:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, library, None)
            with pytest.raises(MissingExtraError, match=f"model {model} needs {library}, which is not installed"):
                build_model(family, model, context)


def test_a_stored_tagger_without_its_library_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = build_model("token_classification", "bilstm", BuildContext(kinds=FeatureKinds(), n_classes=2, seed=0))
    stored = TrainedModel(pipeline=tagger, card={}).to_bytes({})
    TrainedModel.from_bytes(stored)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="model bilstm needs torch"):
        TrainedModel.from_bytes(stored)


def test_a_stored_network_without_its_library_is_neither_read_nor_written(monkeypatch: pytest.MonkeyPatch) -> None:
    network = TrainedNetwork(weights={"weight": np.zeros(2)}, card={})
    stored = network.to_bytes({})
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for use in (lambda: network.to_bytes({}), lambda: TrainedNetwork.from_bytes(stored)):
        with pytest.raises(MissingExtraError, match=r"trained network needs safetensors.*\[vision\]"):
            use()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("absent", ["pydantic_ai", "the client"])
def test_without_the_libraries_of_language_models_rules_write_the_summary_and_say_so(
    provider: str, absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = WriterSettings.model_validate({f"{provider}_api_key": SecretStr("key"), "model": f"{provider}:any"})
    assert explain_absence(writer) is None
    missing = provider if absent == "the client" else absent
    monkeypatch.setitem(sys.modules, missing, None)
    assert explain_absence(writer) == (
        f"a summary by a language model needs {missing.replace('_', '-')}, which is not installed: "
        "pip install 'cleanlab-assets[ai]'"
    )
