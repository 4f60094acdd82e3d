"""The optional parts of the package: which library comes with which extra, and what is said where it is absent.

The base audits tables. Whatever takes more names the modules that it imports, and asks here before it imports them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "web": ("dagster_webserver", "starlette", "uvicorn"),
    "text": ("sentence_transformers", "torch"),
    "vision": ("cleanvision", "safetensors", "torch", "torchvision"),
    "ai": ("anthropic", "openai", "pydantic_ai"),
    "excel": ("openpyxl",),
    "postgres": ("dagster_postgres",),
}
"""The modules that each extra of ``pyproject.toml`` brings; of two extras with a module the first is advised."""


class MissingExtraError(ImportError):
    """A library of an extra that is not installed; the message says in one line who needs it and how to install it."""


def explain_missing(wanted: str, *modules: str) -> str:
    """Say which modules are not installed, and which extra brings them; empty where all are.

    Args:
        wanted: what needs them, such as ``model bilstm``.
        *modules: names of modules in ``EXTRAS``, all of them in one extra.
    """
    absent = [module for module in modules if find_spec(module) is None]
    if not absent:
        return ""
    extra = next(extra for extra, brought in EXTRAS.items() if set(modules) <= set(brought))
    names = ", ".join(module.replace("_", "-") for module in absent)
    verb = "is" if len(absent) == 1 else "are"
    return f"{wanted} needs {names}, which {verb} not installed: pip install 'cleanlab-assets[{extra}]'"


def require(wanted: str, *modules: str) -> None:
    """Make sure that modules can be imported, see ``explain_missing``.

    Raises:
        MissingExtraError: one of them is not installed.
    """
    if missing := explain_missing(wanted, *modules):
        raise MissingExtraError(missing)
