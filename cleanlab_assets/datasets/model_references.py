"""References to models of the user's own: ``my_package.module:build`` names a function that returns an estimator."""

from __future__ import annotations

import re

EXPECTED_REFERENCE = "package.module:function"
LONGEST_REFERENCE = 200
"""Most characters of a reference: it becomes the name of files."""
_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def is_reference(text: str) -> bool:
    """Whether a text names a function of a module."""
    return len(text) <= LONGEST_REFERENCE and _REFERENCE.fullmatch(text) is not None


def require_reference(text: str) -> str:
    """Refuse a text that names no function of a module, by a ``ValueError``; for fields of a description."""
    if not is_reference(text):
        raise ValueError(f"expected {EXPECTED_REFERENCE}, of at most {LONGEST_REFERENCE} characters")
    return text


def name_own_model(reference: str) -> str:
    """Return the name of a model, such as ``my_package.module.build``; a colon may not be in the name of a file."""
    return reference.replace(":", ".")


def refer_to(name: str) -> str:
    """Return the reference of a model by its name."""
    module, _, function = name.rpartition(".")
    return f"{module}:{function}"


def is_own_model(name: str) -> bool:
    """Whether a model is the user's own: those of the catalogue have no dot in their name."""
    return is_reference(refer_to(name))
