"""Penn-Fudan pedestrians from an archive of two pictures in the layout of the source."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Location
from cleanlab_assets.datasets.download import (
    DownloadError,
    SourceHashError,
    WrongContentError,
    file_sha256,
    resolve_source_files,
    verify_first_use,
)
from cleanlab_assets.datasets.images import AnnotationError, decode_mask, encode_png
from cleanlab_assets.datasets.penn_fudan_ped import DATASET, FILE, load_penn_fudan_ped
from cleanlab_assets.orchestration.contracts import find_schema_violation
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.conftest import build_workbench, open_instance
from cleanlab_assets_tests.datasets.source_server import Reply, SourceServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

NAMES = ("FudanPed00001", "PennPed00001")
MASK = np.zeros((16, 20), dtype=np.int32)
MASK[1:9, 2:6], MASK[4:14, 10:15] = 1, 2
BOXES = [[2, 1, 6, 9], [10, 4, 15, 14]]


def make_archive(changes: Mapping[str, bytes | None] | None = None) -> bytes:
    """Two pictures with two pedestrians each; ``changes`` replace or leave out members."""
    members: dict[str, bytes | None] = {
        "PennFudanPed/readme.txt": b"1. Directory structure\n",
        "PennFudanPed/added-object-list.txt": b"",
    }
    for number, name in enumerate(NAMES):
        picture = np.full((16, 20, 3), 60 * (number + 1), dtype=np.uint8)
        members[f"PennFudanPed/PNGImages/{name}.png"] = encode_png(picture)
        members[f"PennFudanPed/PedMasks/{name}_mask.png"] = encode_png(MASK)
        members[f"PennFudanPed/Annotation/{name}.txt"] = b"# Compatible with PASCAL Annotation Version 1.00\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for folder in ("", "Annotation/", "PNGImages/", "PedMasks/"):
            archive.writestr(f"PennFudanPed/{folder}", b"")
        for name, content in (members | dict(changes or {})).items():
            if content is not None:
                archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


@pytest.fixture
def dataset(server: SourceServer) -> Dataset:
    """The catalogue's entry with two addresses on this machine: the first has nothing, the second has the archive."""
    urls = [f"{server.base_url}/absent.zip", server.serve("/mirror.zip", Reply(body=make_archive()))]
    (file,) = DATASET.files
    return replace(DATASET, files=(replace(file, locations=tuple(Location(url=url) for url in urls)),))


def test_the_catalogue_has_a_second_address_and_pins_nothing_before_the_first_use() -> None:
    (file,) = get_dataset("penn_fudan_ped").files
    assert len(file.locations) == 2
    assert all(location.url.startswith("https://") for location in file.locations)
    assert file.is_pinned_on_first_use
    assert file.sha256 == ()


def test_the_second_address_serves_where_the_first_does_not_and_the_hash_is_recorded(
    dataset: Dataset, server: SourceServer, tmp_path: Path
) -> None:
    files = resolve_source_files(dataset, tmp_path, backoff_s=0, show_progress=False)

    assert server.requests == ["/absent.zip", "/mirror.zip"]
    record = files[FILE].with_name(f"{FILE}.sha256")
    assert record.read_text().strip() == file_sha256(files[FILE])
    table = dataset.load(files)
    assert find_schema_violation(dataset, table) is None
    assert table["row_id"].tolist() == [f"{name}.png" for name in NAMES]
    for row in table.to_dict("records"):
        assert json.loads(row["boxes"]) == BOXES
        assert json.loads(row["box_labels"]) == ["pedestrian"] * 2
        np.testing.assert_array_equal(decode_mask(row["instance_mask"]), MASK)
        np.testing.assert_array_equal(decode_mask(row["class_mask"]), MASK > 0)
    resolve_source_files(dataset, tmp_path, show_progress=False)
    assert server.requests == ["/absent.zip", "/mirror.zip"], "what is at hand is not fetched again"


def test_a_file_that_changed_since_its_first_use_is_an_error(dataset: Dataset, tmp_path: Path) -> None:
    path = resolve_source_files(dataset, tmp_path, backoff_s=0, show_progress=False)[FILE]
    path.write_bytes(make_archive({"PennFudanPed/readme.txt": b"2"}))
    with pytest.raises(SourceHashError, match=rf"{FILE} has changed since its first use: delete it and"):
        resolve_source_files(dataset, tmp_path)


LOGIN_PAGE = b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Please log in to this network</body></html>"


def damage(archive: bytes) -> bytes:
    """Change one byte of a member's content, which only reading that member shows."""
    at = archive.index(b"Directory structure")
    return archive[:at] + b"X" + archive[at + 1 :]


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (LOGIN_PAGE, "is an HTML page in place of PennFudanPed.zip (does the network ask for a login?)"),
        (b"no archive", "cannot be unpacked: it is neither a zip, a tar nor a gzip archive"),
        (make_archive()[:-30], "cannot be unpacked: it is"),
        (damage(make_archive()), "cannot be unpacked: it is damaged"),
        (b"", "cannot be unpacked"),
    ],
    ids=["login page", "text", "cut short", "damaged", "empty"],
)
def test_what_is_no_archive_is_not_recorded_and_the_next_address_is_tried(
    dataset: Dataset, server: SourceServer, tmp_path: Path, served: bytes, reason: str
) -> None:
    server.serve("/absent.zip", Reply(body=served))

    files = resolve_source_files(dataset, tmp_path, backoff_s=0, show_progress=False)

    assert server.requests == ["/absent.zip", "/mirror.zip"]
    assert files[FILE].read_bytes() == server.replies["/mirror.zip"][0].body
    by_hand = tmp_path / "by hand" / "penn_fudan_ped" / FILE
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(served)
    with pytest.raises(WrongContentError) as caught:
        resolve_source_files(dataset, tmp_path / "by hand")
    assert str(caught.value).startswith(f"{by_hand} {reason}")
    assert str(caught.value).endswith(f": delete {by_hand} so that it is downloaded again")
    assert [path.name for path in by_hand.parent.iterdir()] == [FILE], "nothing is recorded"


def test_a_login_page_that_was_recorded_once_names_both_files_to_delete(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "penn_fudan_ped" / FILE
    path.parent.mkdir()
    path.write_bytes(LOGIN_PAGE)
    verify_first_use(path)

    with pytest.raises(WrongContentError, match="HTML page") as caught:
        resolve_source_files(dataset, tmp_path)

    assert f"delete {path} and {path}.sha256 so that it is downloaded again" in str(caught.value)
    for remedy in (path, path.with_name(f"{FILE}.sha256")):
        remedy.unlink()
    assert resolve_source_files(dataset, tmp_path, backoff_s=0, show_progress=False)[FILE].stat().st_size > 0


def test_where_no_address_serves_every_one_is_named(dataset: Dataset, server: SourceServer, tmp_path: Path) -> None:
    server.serve("/mirror.zip", Reply(status=404))
    with pytest.raises(DownloadError, match=r"(?s)PennFudanPed\.zip of penn_fudan_ped.*absent\.zip.*mirror\.zip"):
        resolve_source_files(dataset, tmp_path, backoff_s=0, show_progress=False)
    assert not list((tmp_path / "penn_fudan_ped").iterdir())


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("PedMasks/PennPed00001_mask.png", None, r"PennPed00001\.png has no PedMasks/PennPed00001_mask\.png"),
        ("Annotation/PennPed00001.txt", None, r"PennPed00001\.png has no Annotation/PennPed00001\.txt"),
        (
            "PedMasks/PennPed00001_mask.png",
            encode_png(MASK[:8]),
            r"PennPed00001\.png, field instance_mask: found a mask of 20 x 8 pixels, expected 20 x 16",
        ),
        (
            "PedMasks/PennPed00001_mask.png",
            b"no mask",
            r"PennFudanPed\.zip: PedMasks/PennPed00001_mask\.png: found 7 bytes that are not an image",
        ),
        ("PNGImages/PennPed00001.png", b"no picture", r"PennPed00001\.png, field image: found 10 bytes"),
    ],
)
def test_an_error_names_the_picture(tmp_path: Path, member: str, content: bytes | None, message: str) -> None:
    (tmp_path / FILE).write_bytes(make_archive({f"PennFudanPed/{member}": content}))
    with pytest.raises(AnnotationError, match=message):
        load_penn_fudan_ped({FILE: tmp_path / FILE})


def test_an_archive_of_something_else_is_an_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / FILE, "w") as archive:
        archive.writestr("other/readme.txt", "nothing")
    with pytest.raises(AnnotationError, match=r"found no PennFudanPed/PNGImages/\*\.png"):
        load_penn_fudan_ped({FILE: tmp_path / FILE})


def test_ids_with_gaps_become_the_numbers_of_the_boxes(tmp_path: Path) -> None:
    gaps = np.where(MASK == 2, 7, MASK)
    (tmp_path / FILE).write_bytes(make_archive({f"PennFudanPed/PedMasks/{NAMES[0]}_mask.png": encode_png(gaps)}))
    table = load_penn_fudan_ped({FILE: tmp_path / FILE})
    np.testing.assert_array_equal(decode_mask(table["instance_mask"][0]), MASK)
    assert json.loads(table["boxes"][0]) == BOXES


def test_the_table_and_its_check_say_that_the_hash_was_recorded_on_first_use(tmp_path: Path) -> None:
    """Through Dagster, with the archive put into the data directory by hand; two pictures are not all 170."""
    place = tmp_path / "data" / "penn_fudan_ped" / FILE
    place.parent.mkdir(parents=True)
    place.write_bytes(make_archive())
    with open_instance(tmp_path) as instance:
        bench = build_workbench(tmp_path, instance, "segmentation")
        job = bench.definitions.resolve_job_def(bench.family.job_name("dataset"))

        def materialize() -> dg.ExecuteInProcessResult:
            return job.execute_in_process(
                instance=instance,
                partition_key="penn_fudan_ped",
                asset_selection=[dg.AssetKey(["segmentation", "raw_dataset"])],
                raise_on_error=False,
            )

        checks = {item.check_name: item for item in materialize().get_asset_check_evaluations()}
        source = bench.facts("raw_dataset", "penn_fudan_ped").sources[FILE]
        assert source.model_dump() == {
            "sha256": file_sha256(place),
            "bytes": place.stat().st_size,
            "pinned": "recorded on first use",
        }
        assert checks["source_hash"].passed
        assert str(checks["source_hash"].description).endswith(f"recorded on first use: {FILE}")
        assert checks["schema"].passed
        assert not checks["row_count"].passed

        place.write_bytes(make_archive({f"PennFudanPed/PedMasks/{NAMES[1]}_mask.png": None}))
        place.with_name(f"{FILE}.sha256").unlink()
        failed = materialize()
        assert not failed.success
        (failure,) = (event for event in failed.all_events if event.is_step_failure)
        told = str(failure.event_specific_data)
        assert f"penn_fudan_ped: {FILE}: {NAMES[1]}.png has no PedMasks/{NAMES[1]}_mask.png" in told
