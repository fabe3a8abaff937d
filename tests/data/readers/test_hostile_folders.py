"""Folders that are closed, endless or lead elsewhere: refused in a line, or named on the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from paribus.data.readers.image_folder import read_image_folder
from paribus.data.readers.image_table import read_image_table
from paribus.data.readers.omniglot import read_omniglot
from tests.helpers.refusals import refused


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Provide a folder of two classes of four images."""
    root = tmp_path / "images"
    for place, label in enumerate("ab"):
        (root / label).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (8, 8), (40 * i, 90 * place, 0)).save(root / label / f"{i}.png")
    return root


def _closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a folder be unreadable, also where tests are run by root."""
    whole = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)


@pytest.mark.parametrize("below", ["a", "a/deep", "a/deep/deeper"])
def test_a_folder_below_the_root_that_is_closed_is_refused(
    images: Path, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (images / "a/deep/deeper").mkdir(parents=True)
    _closed(images / below, monkeypatch)
    assert refused(read_image_folder, images) == (
        f"folder {images / below}: got one that cannot be read (Permission denied), expected folders that can be read. "
        "Change its permissions, or move it away."
    )


def test_a_closed_folder_of_drawings_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Latin/one", "Greek/two"):
        (tmp_path / name).mkdir(parents=True)
    _closed(tmp_path / "Latin" / "one", monkeypatch)
    said = refused(read_omniglot, tmp_path)
    assert said.startswith(f"folder {tmp_path / 'Latin' / 'one'}: got one that cannot be read (")


def test_images_outside_the_folder_are_named(images: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(images / "a", elsewhere)
    for i, path in enumerate(elsewhere.iterdir()):
        Image.new("RGB", (8, 8), (0, 0, 10 * i + 5)).save(path)
    (images / "a" / "link.png").symlink_to(elsewhere / "0.png")
    (images / "c").symlink_to(elsewhere)
    (images / "b" / "inside.png").symlink_to(images / "a" / "1.png")
    notes = read_image_folder(images).notes
    assert (
        "5 images lie outside the folder, through links or paths: a/link.png, c/0.png, c/1.png and 2 more"
        in notes
    )


def test_a_folder_without_links_names_none(images: Path) -> None:
    assert not any("outside" in note for note in read_image_folder(images).notes)


def test_links_to_a_folder_above_are_not_followed(images: Path, tmp_path: Path) -> None:
    """Else all that lies beside the folder would be read, or the whole disk."""
    (tmp_path / "beside" / "x").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "beside" / "x" / "0.png")
    for name, place in (("up", tmp_path), ("root", Path("/")), ("self", images)):
        (images / "a" / name).symlink_to(place)
    assert len(read_image_folder(images)) == 8


def test_pipes_and_devices_among_images_are_passed_over_and_counted(images: Path) -> None:
    os.mkfifo(images / "a" / "pipe.png")
    (images / "a" / "endless.png").symlink_to("/dev/zero")
    (images / "b" / "lost.png").symlink_to("nowhere")
    notes = read_image_folder(images).notes
    assert "files passed over, by suffix or reason: 2 devices or pipes, 1 links to nothing" in notes


@pytest.mark.parametrize("name", ["pipe.png", "endless.png"])
def test_a_table_that_names_a_device_is_refused(images: Path, name: str) -> None:
    os.mkfifo(images / "pipe.png")
    (images / "endless.png").symlink_to("/dev/zero")
    rows = [f"{label}/{i}.png,{i},{label}" for label in "ab" for i in range(4)]
    (images / "t.csv").write_text("\n".join(["image,u,y", *rows, f"{name},9,a", ""]))
    assert refused(read_image_table, images / "t.csv") == (
        f"image {name}: got a device or a pipe, expected a file that can be read. Check the path, or take the image "
        "out."
    )


def test_a_table_names_the_images_that_it_takes_from_elsewhere(images: Path) -> None:
    (images / "tables").mkdir()
    rows = [f"../{label}/{i}.png,{i * 7 % 5},{label}" for label in "ab" for i in range(4)]
    path = images / "tables" / "t.csv"
    path.write_text("\n".join(["image,u,y", *rows, ""]))
    assert (
        "8 images lie outside the folder, through links or paths: ../a/0.png, ../a/1.png, ../a/2.png and 5 more"
        in read_image_table(path).notes
    )
