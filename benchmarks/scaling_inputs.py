"""Made-up inputs of any size for ``scaling.py``: tables, predictions, panels, sentences, boxes and masks.

They are as alike from size to size as can be: twice the rows are twice as many of the same kind, not denser ones.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.datasets.dataset import Column, Dataset, NumericLabel, Panel
from cleanlab_assets.datasets.images import IMAGE_COLUMNS, LABEL, SEPARATOR, AnnotatedImage, encode_png
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR
from cleanlab_assets.datasets.tagged_sentences import TOKEN_COLUMNS, TaggedSentence, to_token_table
from cleanlab_assets.families.segmentation.predictions import pack_probabilities
from cleanlab_assets.methods.class_predictions import to_predictions_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WRONG = 0.1
"""Share of the labels that are wrong."""


def name_classes(n_classes: int) -> tuple[str, ...]:
    return tuple(f"class_{code}" for code in range(n_classes))


def make_dataset(n_columns: int = 3, n_classes: int = 2, **entry: Any) -> Dataset:
    """Make a catalogue entry: numeric features, one in ten of them categorical, and a label."""
    label = "label"
    columns = entry.pop("columns", None) or (
        *(
            Column(name=f"x{number}", kind="categorical" if number % 10 == 9 else "numeric")
            for number in range(n_columns)
        ),
        Column(name=label, kind="categorical", is_feature=False),
    )
    entry = {"families": ("classification",), "label": label, "class_names": name_classes(n_classes), **entry}
    return Dataset(
        name="made_up",
        title="Made up",
        description="",
        homepage="",
        licence="",
        citation="",
        files=(),
        load=lambda _: pd.DataFrame(),
        columns=columns,
        expected_rows=None,
        **entry,
    )


def draw_features(n_rows: int, n_columns: int, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, n_columns))
    table = pd.DataFrame(values, columns=[f"x{number}" for number in range(n_columns)])
    texts = {name: pd.Series(np.array(["a", "b", "c"], dtype=object)[rng.integers(3, size=n_rows)]) for name in table}
    return table.assign(**{str(name): texts[name] for number, name in enumerate(table) if number % 10 == 9})


def draw_classes(n_rows: int, n_classes: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw true and given class codes."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n_rows) % n_classes)
    given = np.where(rng.random(n_rows) < WRONG, rng.integers(n_classes, size=n_rows), truth)
    return truth, given


def draw_probabilities(truth: np.ndarray, n_classes: int, *, seed: int = 0) -> np.ndarray:
    """Draw probabilities whose largest is mostly that of the truth, float32 of shape (n_rows, n_classes)."""
    rng = np.random.default_rng(seed)
    drawn = rng.random((len(truth), n_classes), dtype=np.float32) / n_classes
    drawn[np.arange(len(truth)), truth] += rng.random(len(truth), dtype=np.float32)
    drawn /= drawn.sum(axis=1, keepdims=True)
    return drawn


def name_rows(n_rows: int) -> list[str]:
    return [f"rows.csv:{line}" for line in range(2, n_rows + 2)]


def make_raw_table(n_rows: int, n_columns: int, n_classes: int) -> pd.DataFrame:
    names = np.array(name_classes(n_classes), dtype=object)
    table = draw_features(n_rows, n_columns).assign(label=names[draw_classes(n_rows, n_classes)[1]])
    table.insert(0, "row_id", name_rows(n_rows))
    return table


def name_train_rows(n_rows: int) -> pd.Categorical:
    return pd.Categorical.from_codes([0] * n_rows, categories=pd.Index(["train", "test"]))


def make_training_table(n_rows: int, n_columns: int, n_classes: int) -> pd.DataFrame:
    """Make a training set, one row in five of which is a test row."""
    names = list(name_classes(n_classes))
    table = draw_features(n_rows, n_columns)
    table.insert(0, "row_id", name_rows(n_rows))
    given = draw_classes(n_rows, n_classes)[1]
    is_test = np.arange(n_rows) % 5 == 4
    return table.assign(
        given_label=pd.Categorical.from_codes(given.tolist(), categories=pd.Index(names)),
        split=pd.Categorical(np.where(is_test, "test", "train"), categories=["train", "test"]),
        fold=np.where(is_test, -1, np.arange(n_rows) % 4),
    )


def make_predictions(n_rows: int, n_classes: int) -> pd.DataFrame:
    """Make the predictions table of single classes."""
    names = list(name_classes(n_classes))
    truth, given = draw_classes(n_rows, n_classes)
    labels = pd.Categorical.from_codes(given.tolist(), categories=pd.Index(names))
    rows = pd.DataFrame({"row_id": name_rows(n_rows), "split": name_train_rows(n_rows), "given_label": labels})
    return to_predictions_table(rows, draw_probabilities(truth, n_classes), names)


def draw_label_sets(n_rows: int, n_classes: int, *, n_named: int = 3, seed: int = 0) -> np.ndarray:
    """Draw which classes each row names: ``n_named`` on average, and rarely the same twice."""
    rng = np.random.default_rng(seed)
    return rng.random((n_rows, n_classes)) < n_named / n_classes


def write_label_sets(is_named: np.ndarray) -> list[str]:
    names = name_classes(is_named.shape[1])
    return [LABEL_SEPARATOR.join(names[code] for code in np.flatnonzero(row)) for row in is_named]


def make_label_set_predictions(n_rows: int, n_classes: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    is_named = draw_label_sets(n_rows, n_classes)
    likely = np.where(is_named, 0.8, 0.1) + rng.uniform(-0.1, 0.2, is_named.shape)
    names = name_classes(n_classes)
    columns: dict[str, np.ndarray] = {}
    for prefix in ("probability", "uncalibrated"):
        columns |= {f"{prefix}_{name}": likely[:, code].astype(np.float32) for code, name in enumerate(names)}
    known = {"row_id": name_rows(n_rows), "split": name_train_rows(n_rows), "given_label": write_label_sets(is_named)}
    return pd.DataFrame({**known, **columns})


def make_graph_table(n_rows: int, *, k: int = 10) -> pd.DataFrame:
    """Make a neighbour graph of train rows: the rows beside each row, at random distances, some of them 0."""
    rng = np.random.default_rng(0)
    offsets = np.array([offset for step in range(1, k // 2 + 1) for offset in (-step, step)])
    distances = np.sort(rng.random((n_rows, k)).astype(np.float32), axis=1)
    distances[rng.random(n_rows) < 0.02, 0] = 0
    neighbors = ((np.arange(n_rows)[:, None] + offsets) % n_rows).astype(np.int32)
    ranks = range(1, k + 1)
    return pd.DataFrame(
        {
            "row_id": name_rows(n_rows),
            "split": pd.Categorical(["train"] * n_rows, categories=["train", "test"]),
            **{f"neighbor_{rank}": neighbors[:, rank - 1] for rank in ranks},
            **{f"distance_{rank}": distances[:, rank - 1] for rank in ranks},
        }
    )


def make_values(n_rows: int) -> pd.DataFrame:
    """Make the predictions table of a numeric label."""
    rng = np.random.default_rng(0)
    values = rng.normal(100, 20, n_rows)
    given = values + rng.normal(0, 3, n_rows) + np.where(rng.random(n_rows) < WRONG, 40, 0)
    return pd.DataFrame(
        {
            "row_id": name_rows(n_rows),
            "split": name_train_rows(n_rows),
            "given_label": given,
            "predicted_value": values,
            "uncertainty": rng.uniform(2, 4, n_rows),
        }
    )


def make_value_dataset() -> Dataset:
    columns = (Column(name="x0", kind="numeric"), Column(name="label", kind="numeric", is_feature=False))
    return make_dataset(columns=columns, families=("regression",), class_names=(), numeric_label=NumericLabel())


# Panels


def draw_panel(
    n_examples: int, n_annotators: int, n_classes: int, n_labels: int, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a matrix of class codes with ``n_labels`` labels of each example, -1 elsewhere, and the true codes."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_examples)
    # Labels of one example are of annotators beside each other, so that no annotator is left without.
    starts = rng.permutation(np.arange(n_examples) % n_annotators)
    who = (starts[:, None] + np.arange(n_labels)) % n_annotators
    is_right = rng.random(who.shape) < 0.7
    labels = np.full((n_examples, n_annotators), -1, dtype=np.int64)
    labels[np.arange(n_examples)[:, None], who] = np.where(
        is_right, truth[:, None], rng.integers(n_classes, size=who.shape)
    )
    return labels, truth


def make_annotations(labels: np.ndarray, n_classes: int) -> pd.DataFrame:
    """Write a matrix of labels as the table of annotations."""
    examples, annotators = np.nonzero(labels >= 0)
    given = labels[examples, annotators]
    return pd.DataFrame(
        {
            "row_id": name_rows(len(given)),
            "example": np.array([f"e{number}" for number in range(len(labels))], dtype=object)[examples],
            "annotator": pd.Categorical.from_codes(
                annotators.tolist(), categories=pd.Index([f"a{number:05d}" for number in range(labels.shape[1])])
            ),
            "given_label": pd.Categorical.from_codes(given.tolist(), categories=pd.Index(name_classes(n_classes))),
        }
    )


def make_panel_predictions(labels: np.ndarray, truth: np.ndarray, n_classes: int) -> pd.DataFrame:
    from cleanlab_assets.families.multiannotator.annotations import vote_by_majority

    names = list(name_classes(n_classes))
    votes = vote_by_majority(labels, n_classes=n_classes)
    rows = pd.DataFrame(
        {
            "row_id": [f"e{number}" for number in range(len(labels))],
            "split": name_train_rows(len(labels)),
            "given_label": pd.Categorical.from_codes(votes.tolist(), categories=pd.Index(names)),
        }
    )
    return to_predictions_table(rows, draw_probabilities(truth, n_classes), names)


def make_panel_dataset(n_classes: int) -> Dataset:
    kinds: Sequence[tuple[str, bool]] = (("example", False), ("annotator", False), ("label", False), ("x0", True))
    return make_dataset(
        families=("multiannotator",),
        class_names=name_classes(n_classes),
        panel=Panel(),
        columns=tuple(
            Column(name=name, kind="numeric" if is_feature else "categorical", is_feature=is_feature)
            for name, is_feature in kinds
        ),
    )


def make_raw_panel(labels: np.ndarray, n_classes: int) -> pd.DataFrame:
    table = make_annotations(labels, n_classes).rename(columns={"given_label": "label"})
    places = pd.factorize(table["example"])[0]
    return table.astype({"example": "category"}).assign(x0=np.random.default_rng(0).normal(size=len(labels))[places])


# Sentences


def draw_sentences(n_sentences: int, n_words: int, n_tags: int) -> list[TaggedSentence]:
    rng = np.random.default_rng(0)
    words = rng.zipf(1.3, size=(n_sentences, n_words)) % 20_000
    tags = (words + (rng.random(words.shape) < WRONG)) % n_tags
    names, lines = name_classes(n_tags), np.arange(1, n_words + 1)
    return [
        TaggedSentence(
            sentence_id=f"s{number}",
            tokens=[f"w{word}" for word in words[number]],
            tags=[names[tag] for tag in tags[number]],
            lines=(number * (n_words + 1) + lines).tolist(),
            document=f"d{number // 20}",
        )
        for number in range(n_sentences)
    ]


def make_tokens(n_sentences: int, n_words: int, n_tags: int) -> pd.DataFrame:
    """Make the raw table of tagged sentences."""
    return to_token_table([("train", "train.txt", draw_sentences(n_sentences, n_words, n_tags))], name_classes(n_tags))


def make_token_dataset(n_tags: int) -> Dataset:
    return make_dataset(
        families=("token_classification",), label="tag", class_names=name_classes(n_tags), columns=TOKEN_COLUMNS
    )


def make_token_issues(n_sentences: int, n_words: int) -> pd.DataFrame:
    """Make label issues of tokens."""
    tokens = make_tokens(n_sentences, n_words, 10)
    rng = np.random.default_rng(0)
    quality = rng.random(len(tokens)).astype(np.float32)
    return tokens.rename(columns={"tag": "given_label"}).assign(
        split=name_train_rows(len(tokens)),
        suggested_label=tokens["tag"],
        label_quality=quality,
        is_label_issue=quality < WRONG,
        rank=np.argsort(np.argsort(quality)) + 1,
    )


# Images


def draw_scene(
    number: int, n_boxes: int, n_classes: int, *, rng: np.random.Generator
) -> tuple[AnnotatedImage, ScoredBoxes]:
    """Draw a picture with boxes, and predicted ones near most of them; more boxes take a larger picture."""
    side = 12
    n_columns = int(np.ceil(np.sqrt(n_boxes)))
    cells = rng.permutation(n_columns**2)[:n_boxes]
    corners = np.stack([cells % n_columns, cells // n_columns], axis=1) * side + rng.uniform(0, 4, (n_boxes, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(6, 8, (n_boxes, 2))], axis=1)
    size = n_columns * side
    codes = rng.integers(n_classes, size=n_boxes)
    names = name_classes(n_classes)
    picture = Image.new("L", (size, size))
    image = AnnotatedImage(
        row_id=f"picture_{number}.png",
        image=encode_png(np.asarray(picture)),
        class_names=names,
        boxes=boxes,
        box_labels=tuple(names[code] for code in codes),
    )
    moved = (boxes + rng.normal(0, 0.5, boxes.shape)).clip(0, size)
    is_seen = rng.random(n_boxes) < 0.9
    wrong = np.where(rng.random(n_boxes) < WRONG, rng.integers(n_classes, size=n_boxes), codes)
    scores = rng.uniform(0.2, 1, n_boxes)
    return image, ScoredBoxes(boxes=moved[is_seen], codes=wrong[is_seen], scores=scores[is_seen])


def draw_scenes(n_pictures: int, n_boxes: int, n_classes: int) -> tuple[list[AnnotatedImage], list[ScoredBoxes]]:
    rng = np.random.default_rng(0)
    drawn = [draw_scene(number, n_boxes, n_classes, rng=rng) for number in range(n_pictures)]
    return [image for image, _ in drawn], [predicted for _, predicted in drawn]


def draw_mask(
    n_pixels: int, n_objects: int, n_classes: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a class mask with square objects of about half the picture in all, and predicted ids of most of them."""
    side = round(np.sqrt(n_pixels))
    n_columns = int(np.ceil(np.sqrt(n_objects)))
    step = side // n_columns
    given, predicted = np.zeros((2, side, side), dtype=np.int64)
    for cell in rng.permutation(n_columns**2)[:n_objects]:
        top, left = cell // n_columns * step, cell % n_columns * step
        place = slice(top, top + max(5, step * 7 // 10)), slice(left, left + max(5, step * 7 // 10))
        code = rng.integers(n_classes) + 1
        given[place] = code
        predicted[place] = code if rng.random() > WRONG else rng.integers(n_classes + 1)
    return given, np.roll(predicted, 1, axis=0)


def draw_masks(
    n_pictures: int, n_pixels: int, n_objects: int, n_classes: int
) -> tuple[list[AnnotatedImage], list[bytes]]:
    """Draw pictures with class masks, and their packed probabilities."""
    rng = np.random.default_rng(0)
    drawn = [draw_mask(n_pixels, n_objects, n_classes, rng=rng) for _ in range(n_pictures)]
    images = [make_masked_image(number, given, n_classes) for number, (given, _) in enumerate(drawn)]
    packed = []
    for _, predicted in drawn:
        probabilities = np.full((n_classes + 1, *predicted.shape), 0.05 / n_classes, dtype=np.float32)
        np.put_along_axis(probabilities, predicted[None], 0.95, axis=0)
        packed.append(pack_probabilities(probabilities / probabilities.sum(axis=0)))
    return images, packed


def make_masked_image(number: int, class_mask: np.ndarray, n_classes: int) -> AnnotatedImage:
    return AnnotatedImage(
        row_id=f"picture_{number}.png",
        image=encode_png(np.zeros(class_mask.shape, dtype=np.uint8)),
        class_names=name_classes(n_classes),
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=class_mask,
    )


def draw_pictures(n_pictures: int, n_pixels: int) -> pd.DataFrame:
    """Draw pictures of noise on a slope: ``row_id`` and ``image``."""
    rng = np.random.default_rng(0)
    side = round(np.sqrt(n_pixels))
    slope = np.linspace(0, 200, side)[:, None, None]
    contents = [
        encode_png((slope + rng.integers(55, size=(side, side, 3))).astype(np.uint8)) for _ in range(n_pictures)
    ]
    return pd.DataFrame({"row_id": [f"picture_{number}.png" for number in range(n_pictures)], "image": contents})


def make_image_rows(n_pictures: int, n_classes: int) -> pd.DataFrame:
    """Make the raw table of pictures that all differ, with two classes each."""
    names = name_classes(n_classes)
    rng = np.random.default_rng(0)
    codes = np.sort(rng.integers(n_classes, size=(n_pictures, 2)), axis=1)
    labels = [SEPARATOR.join(dict.fromkeys(names[code] for code in row)) for row in codes]
    table = pd.DataFrame({"row_id": [f"picture_{number}.png" for number in range(n_pictures)]})
    return table.assign(image=[f"{number}".encode() for number in range(n_pictures)], **{LABEL: labels})


def make_image_dataset(n_classes: int) -> Dataset:
    return make_dataset(
        families=("object_detection",),
        label=LABEL,
        label_separator=SEPARATOR,
        class_names=name_classes(n_classes),
        columns=IMAGE_COLUMNS,
    )


# Files of own-data formats: each function writes a folder with a ``dataset.toml``


def write_description(folder: Path, family: str, form: str, n_classes: int, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    lines = [f'family = "{family}"', f'format = "{form}"', f"class_names = {json.dumps(name_classes(n_classes))}"]
    lines += ["[files]", *(f'{role} = "{file}"' for role, file in files.items())]
    (folder / "dataset.toml").write_text("\n".join(lines) + "\n")


def write_annotations(folder: Path, *, rows: int, columns: int, labels: int) -> None:
    write_description(folder, "multiannotator", "annotations", 5, {"labels": "labels.csv", "features": "examples.csv"})
    values = np.random.default_rng(0).normal(size=(rows, columns)).round(4).tolist()
    header = ",".join(["example", *(f"x{number}" for number in range(columns))])
    lines = (",".join([f"e{number}", *map(str, row)]) for number, row in enumerate(values))
    (folder / "examples.csv").write_text("\n".join([header, *lines]) + "\n")
    given = [
        f"e{example},a{(example + turn) % 50},class_{example % 5}" for example in range(rows) for turn in range(labels)
    ]
    (folder / "labels.csv").write_text("\n".join(["example,annotator,label", *given]) + "\n")


def write_sentences(folder: Path, *, form: str, sentences: int, words: int) -> None:
    write_description(folder, "token_classification", form, 10, {"train": "train.txt"})
    drawn = draw_sentences(sentences, words, 10)
    if form == "conllu":
        texts = [
            "\n".join(
                f"{number}\t{word}\t_\t{tag}" + 6 * "\t_"
                for number, (word, tag) in enumerate(zip(one.tokens, one.tags, strict=True), start=1)
            )
            for one in drawn
        ]
    else:
        texts = ["\n".join(f"{word} {tag}" for word, tag in zip(one.tokens, one.tags, strict=True)) for one in drawn]
    (folder / "train.txt").write_text("\n\n".join(texts) + "\n")


def write_boxes(folder: Path, *, form: str, pictures: int, boxes: int, classes: int) -> None:
    place = "annotations.json" if form == "coco" else "annotations"
    write_description(folder, "object_detection", form, classes, {"annotations": place, "images": "images"})
    (folder / "images").mkdir()
    images, _ = draw_scenes(pictures, boxes, classes)
    for image in images:
        (folder / "images" / image.row_id).write_bytes(image.image)
    if form == "coco":
        names = images[0].class_names
        codes = {name: code for code, name in enumerate(names)}
        annotations = [
            {
                "image_id": number,
                "category_id": codes[label],
                "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
            }
            for number, image in enumerate(images)
            for box, label in zip(image.boxes.round(2), image.box_labels, strict=True)
        ]
        content = {
            "images": [{"id": number, "file_name": image.row_id} for number, image in enumerate(images)],
            "categories": [{"id": code, "name": name} for code, name in enumerate(names)],
            "annotations": annotations,
        }
        (folder / place).write_text(json.dumps(content))
        return
    (folder / place).mkdir()
    one_based = np.array([1, 1, 0, 0])
    for image in images:
        objects = [
            f"<object><name>{label}</name><bndbox>"
            + "".join(
                f"<{field}>{value:.2f}</{field}>"
                for field, value in zip(("xmin", "ymin", "xmax", "ymax"), box + one_based, strict=True)
            )
            + "</bndbox></object>"
            for box, label in zip(image.boxes, image.box_labels, strict=True)
        ]
        text = f"<annotation><filename>{image.row_id}</filename>{''.join(objects)}</annotation>"
        (folder / place / f"{image.row_id}.xml").write_text(text)


def write_masks(folder: Path, *, pictures: int, pixels: int) -> None:
    write_description(folder, "segmentation", "mask_pairs", 5, {"images": "images", "masks": "masks"})
    for name in ("images", "masks"):
        (folder / name).mkdir()
    rng = np.random.default_rng(0)
    for number in range(pictures):
        mask, _ = draw_mask(pixels, 10, 5, rng=rng)
        image = make_masked_image(number, mask, 5)
        (folder / "images" / image.row_id).write_bytes(image.image)
        (folder / "masks" / image.row_id).write_bytes(encode_png(mask))
