"""Texts and pictures as vectors: what is alike is near, labels take no part, and only fitted rows teach."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cleanlab_assets.datasets.catalogue import find_datasets
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets.models.embedding.encoders import (
    DEFAULT_ENCODERS,
    EmbeddedKind,
    build_encoder,
    embed,
    scale_as_a_whole,
)
from cleanlab_assets.models.embedding.errors import UnknownEncoderError
from cleanlab_assets.models.embedding.pictures import ResnetEncoder, open_picture
from cleanlab_assets.models.embedding.texts import SentenceEncoder, TfidfEncoder
from cleanlab_assets_tests.models.published import publish, use_published

KINDS: list[EmbeddedKind] = ["text", "picture"]


def make_values(kind: EmbeddedKind, n_values: int = 60, seed: int = 0) -> list[Any]:
    """Make texts of two topics, or pictures of two patterns, by turns."""
    rng = np.random.default_rng(seed)
    words = (["invoice", "paid", "money", "card"], ["parcel", "door", "late", "courier"])
    if kind == "text":
        return [" ".join([*rng.choice(words[row % 2], 4), str(rng.integers(99))]) for row in range(n_values)]
    stripes = np.indices((24, 24)) // 4 % 2 * 120
    return [encode_png((stripes[row % 2] + rng.integers(0, 60, (24, 24))).astype(np.uint8)) for row in range(n_values)]


def embed_with_default(kind: EmbeddedKind, values: list[Any], fit_on: np.ndarray | None = None) -> np.ndarray:
    chosen = np.ones(len(values), dtype=bool) if fit_on is None else fit_on
    return embed(values, kind, DEFAULT_ENCODERS[kind], fit_on=chosen, seed=0, data_dir=Path()).vectors


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_alike_is_near(kind: EmbeddedKind) -> None:
    vectors = embed_with_default(kind, make_values(kind))
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2) + np.diag(np.full(60, np.inf))
    assert (distances.argmin(axis=1) % 2 == np.arange(60) % 2).mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_not_fitted_on_change_nothing_of_the_others(kind: EmbeddedKind) -> None:
    values, fit_on = make_values(kind), np.arange(60) < 40
    others = [*values[:40], *make_values(kind, n_values=20, seed=9)]
    before, after = (embed_with_default(kind, rows, fit_on) for rows in (values, others))
    np.testing.assert_array_equal(before[:40], after[:40])
    assert not np.array_equal(before[40:], after[40:])


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_the_same_every_time_and_scaled_as_a_whole(kind: EmbeddedKind) -> None:
    fit_on = np.arange(60) < 40
    vectors = embed_with_default(kind, make_values(kind), fit_on)
    np.testing.assert_array_equal(vectors, embed_with_default(kind, make_values(kind), fit_on))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[fit_on].mean(axis=0), 0, atol=1e-5)
    assert np.mean(vectors[fit_on].astype(float) ** 2) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_values", [1, 2, 3])
def test_few_and_equal_values_have_finite_vectors(kind: EmbeddedKind, n_values: int) -> None:
    values = make_values(kind, n_values=1) * n_values
    vectors = embed_with_default(kind, values)
    assert vectors.shape[0] == n_values
    np.testing.assert_allclose(vectors, 0, atol=1e-4)


def test_missing_and_empty_texts_are_alike_and_no_text_at_all_is_said() -> None:
    vectors = embed_with_default("text", [*make_values("text"), None, "", "  "])
    np.testing.assert_array_equal(vectors[60], vectors[61])
    np.testing.assert_array_equal(vectors[60], vectors[62])
    encoder = TfidfEncoder(seed=0).fit([None, ""])
    assert encoder.description == "no text has a word: all vectors are zero"
    assert not encoder.transform([None, ""]).any()


def test_a_picture_that_lies_on_its_side_by_exif_is_turned() -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.new("RGB", (8, 4)).save(stream, format="JPEG", exif=exif)
    assert open_picture(stream.getvalue()).size == (4, 8)


def test_patches_of_digits_tell_them_apart_far_better_than_their_pixels() -> None:
    from sklearn.linear_model import LogisticRegression

    digits, pictures = (find_datasets(Path())[name] for name in ("digits", "digit_images"))
    assert isinstance(digits, Dataset)
    assert isinstance(pictures, Dataset)
    from cleanlab_assets.datasets.download import resolve_source_files

    files = resolve_source_files(digits, Path())
    table, drawn = digits.load(files), pictures.load(files)
    is_train = np.arange(len(table)) % 3 > 0
    pixels = table[[column.name for column in digits.features]].to_numpy(dtype=float) / 16
    vectors = embed(drawn["picture"].tolist(), "picture", "patches", fit_on=is_train, seed=0, data_dir=Path()).vectors

    def misses(features: np.ndarray) -> float:
        model = LogisticRegression(max_iter=1000).fit(features[is_train], table["digit"][is_train])
        return float((model.predict(features[~is_train]) != table["digit"][~is_train]).mean())

    assert misses(vectors) < misses(pixels) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_encoder_is_named_with_those_that_there_are(kind: EmbeddedKind) -> None:
    with pytest.raises(UnknownEncoderError, match=f"encoder of {kind}s 'words2vec': expected {DEFAULT_ENCODERS[kind]}"):
        build_encoder("picture" if kind == "picture" else "text", "words2vec", seed=0, data_dir=Path())


def test_a_published_network_encodes_pictures_and_its_weights_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from torchvision.models import get_model
    from torchvision.transforms.v2 import Compose, PILToTensor, Resize, ToDtype

    from cleanlab_assets.models.estimators import published_weights

    torch.manual_seed(0)
    network = get_model("resnet18", weights=None)
    published = publish(tmp_path / "weights", network.state_dict())
    use_published(monkeypatch, url=f"https://example.org/{published.path.name}", categories=["cat"])
    found = published_weights.find_published("resnet18")
    prepare = Compose([PILToTensor(), Resize((32, 32)), ToDtype(torch.float32, scale=True)])
    found.transforms = lambda: prepare
    pictures = make_values("picture", n_values=6)
    encoder = ResnetEncoder(data_dir=tmp_path).fit(pictures)
    vectors = encoder.transform(pictures)
    assert vectors.shape == (6, 512)
    assert np.isfinite(vectors).all()
    between = np.linalg.norm(vectors[0] - vectors[1])
    assert np.linalg.norm(vectors[0] - vectors[2]) < between, "a picture of the same pattern is nearer"


def test_a_model_of_sentence_transformers_encodes_texts_by_its_directory(tmp_path: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="the extra [text] is not installed")
    from sentence_transformers.sentence_transformer.modules import BoW

    words = ["invoice", "paid", "money", "parcel", "door", "late"]
    layers = [BoW(vocab=words)]
    sentence_transformers.SentenceTransformer(modules=layers, device="cpu").save(str(tmp_path / "tiny"))
    encoder = SentenceEncoder(str(tmp_path / "tiny")).fit([])
    vectors = encoder.transform(["paid invoice", "invoice paid money", "late parcel"])
    assert vectors.shape == (3, len(words))
    assert np.linalg.norm(vectors[0] - vectors[1]) < 1 < np.linalg.norm(vectors[0] - vectors[2])


def test_a_scale_of_rows_that_are_all_alike_is_zero() -> None:
    np.testing.assert_array_equal(scale_as_a_whole(np.ones((3, 2)), fit_on=np.ones(3, dtype=bool)), np.zeros((3, 2)))
