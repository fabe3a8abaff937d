"""Folders and files of images that no reader takes, refused by both readers of folders with the same message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from paribus.data.readers.image_folder import read_image_folder
from paribus.data.readers.omniglot import read_omniglot
from tests.helpers.refusals import refused


@pytest.mark.parametrize(
    ("read", "kind", "expected", "named"),
    [
        (read_image_folder, "images", "a folder with a folder of images for each class", "classes"),
        (
            read_omniglot,
            "alphabets",
            "a folder <alphabet>/<character>/*.png",
            "alphabets and characters",
        ),
    ],
)
def test_a_path_that_is_no_folder_is_refused(
    tmp_path: Path, read: Callable[..., object], kind: str, expected: str, named: str
) -> None:
    assert refused(read, tmp_path / "no") == (
        f"a folder of {kind}: got nothing at {tmp_path / 'no'}, expected {expected}. Check the path."
    )
    archive = tmp_path / "sky.zip"
    archive.write_bytes(b"PK")
    assert refused(read, archive) == (
        f"a folder of {kind}: got a file at {archive}, expected {expected}. "
        "Unpack the archive and give its folder."
    )
    assert refused(read, tmp_path, target="kind") == (
        f"target of a folder of {kind}: got 'kind', expected nothing: {named} are named for their folders. "
        "Leave the target out."
    )


@pytest.mark.parametrize("read", [read_image_folder, read_omniglot])
def test_an_image_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[..., object]
) -> None:
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.suffix != ".png":
            return read_bytes(path)
        raise PermissionError(13, "Permission denied", str(path))

    for folder in (tmp_path / "a" / "b", tmp_path / "c" / "d"):
        folder.mkdir(parents=True)
        Image.new("L", (8, 8)).save(folder / "0.png")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert refused(read, tmp_path) == (
        "image a/b/0.png: got a file that cannot be read (Permission denied), expected a file that can be read. "
        "Change its permissions, or take it out of the folder."
    )
