"""Published weights as the tests have them: files of random values, with the names of the real ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Published:
    """A file of weights, and what the values in it are."""

    path: Path
    values: dict[str, Any]

    @property
    def weights_dir(self) -> Path:
        return self.path.parent


def publish(weights_dir: Path, values: dict[str, Any]) -> Published:
    """Put weights into a directory, as if they had been fetched, with the digits of their SHA-256 in the name."""
    import torch

    weights_dir.mkdir(parents=True, exist_ok=True)
    part = weights_dir / "part"
    torch.save(values, part)
    digits = hashlib.sha256(part.read_bytes()).hexdigest()[:8]
    return Published(part.rename(part.with_name(f"network-{digits}.pth")), values)


def use_published(monkeypatch: pytest.MonkeyPatch, *, url: str, categories: Sequence[str]) -> None:
    """Let torchvision tell of other weights than its own."""
    from cleanlab_assets.models.estimators import published_weights

    published = SimpleNamespace(
        url=url, meta={"categories": list(categories)}, transforms=lambda: SimpleNamespace(mean=MEAN, std=STD)
    )
    monkeypatch.setattr(published_weights, "get_model_weights", lambda _: SimpleNamespace(DEFAULT=published))
