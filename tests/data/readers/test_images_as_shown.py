"""Images are read as a viewer shows them, against the same picture drawn plainly, or refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from paribus.data.readers.image_decoding import decode_images
from paribus.data.readers.image_folder import read_image_folder
from tests.helpers.refusals import refused

SIZE = 8
# A picture without symmetry: red at the top left, the rest white, a black row at the bottom.
PICTURE = torch.full((3, SIZE, SIZE), 255, dtype=torch.uint8)
PICTURE[:, :4, :4] = torch.tensor([200, 0, 0], dtype=torch.uint8)[:, None, None]
PICTURE[:, -1] = 0


def image(pixels: Tensor, mode: str = "RGB") -> Image.Image:
    """Return pixels ``(channel, height, width)`` as an image."""
    rows = pixels.permute(1, 2, 0).contiguous().numpy().tobytes()
    return Image.frombytes(mode, (pixels.shape[2], pixels.shape[1]), rows)


def decoded(path: Path) -> Tensor:
    return decode_images(path.parent, [(path.name, path)], SIZE)[0][0]


def alpha_of(shown: Tensor) -> Tensor:
    """Return four channels that show the picture on white, with other colours below what is transparent."""
    clear = (shown == 255).all(0)
    hidden = torch.where(clear, torch.tensor([10, 250, 30])[:, None, None], shown.long())
    return torch.cat([hidden, torch.where(clear, 0, 255)[None]]).to(torch.uint8)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "gif"])
def test_what_is_transparent_is_laid_on_white(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    made = image(alpha_of(PICTURE), "RGBA")
    made.save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    assert torch.equal(decoded(path), PICTURE)


def test_half_transparent_ink_is_half_as_dark(tmp_path: Path) -> None:
    pixels = torch.tensor([0, 128], dtype=torch.uint8)[:, None, None].expand(2, SIZE, SIZE)
    image(pixels, "LA").save(tmp_path / "x.png")
    assert decoded(tmp_path / "x.png").unique().tolist() == [127]


def test_palettes_and_single_transparent_colours(tmp_path: Path) -> None:
    grey = torch.where((PICTURE == 255).all(0), 7, 90)[None].to(torch.uint8)
    image(grey, "L").save(tmp_path / "grey.png", transparency=7)
    wanted = torch.where(grey == 7, 255, 90).expand(3, -1, -1).to(torch.uint8)
    assert torch.equal(decoded(tmp_path / "grey.png"), wanted)
    image(PICTURE).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    assert torch.equal(decoded(tmp_path / "palette.png"), PICTURE)


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (3, PICTURE.flip(1, 2)),
        (6, PICTURE.rot90(1, (1, 2))),
        (8, PICTURE.rot90(-1, (1, 2))),
        (2, PICTURE.flip(2)),
    ],
)
def test_a_picture_is_the_way_up_that_its_camera_noted(
    tmp_path: Path, orientation: int, stored: Tensor
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image(stored).save(tmp_path / "x.png", exif=exif)
    assert torch.equal(decoded(tmp_path / "x.png"), PICTURE)


def test_inks_are_read_as_colours(tmp_path: Path) -> None:
    inks = torch.tensor([0, 255, 255, 0], dtype=torch.uint8)[:, None, None].expand(4, SIZE, SIZE)
    image(inks, "CMYK").save(tmp_path / "x.tif")
    assert decoded(tmp_path / "x.tif").flatten(1).unique(dim=1).tolist() == [[255], [0], [0]]


def deep_png(path: Path, colour: int, channels: int) -> None:
    """Write a PNG of 16 bits a channel."""
    row = b"\0" + struct.pack(">H", 40_000) * channels * SIZE

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 16, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(row * SIZE))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b""))


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_are_refused_in_colour_too(tmp_path: Path, colour: int, channels: int) -> None:
    deep_png(tmp_path / "x.png", colour, channels)
    assert "(x.png, of 16 bits a channel, more than 8)" in refused(decoded, tmp_path / "x.png")


def test_of_several_frames_the_first_is_read_and_they_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    image(PICTURE).save(path, save_all=True, append_images=[image(PICTURE.flip(1))])
    pixels, _, said = decode_images(tmp_path, [("x.gif", path)], SIZE)
    assert torch.equal(pixels[0], PICTURE)
    assert said == "8x8 pixels; 1 of several frames, of which the first is read"


# Folders


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = torch.randint(0, 256, (3, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))
    image(pixels.to(torch.uint8)).save(path)


def real_folder(root: Path) -> Path:
    for k, name in enumerate("ab"):
        for i in range(3):
            noise(root / name / f"{i}.png", 10 * k + i)
        noise(root / name / "more" / "9.png", 100 + k)
    return root


def test_links_are_read_as_what_they_lead_to(tmp_path: Path) -> None:
    real = real_folder(tmp_path / "real")
    wanted = read_image_folder(real)
    linked = tmp_path / "linked"
    for name in "ab":
        (linked / name).mkdir(parents=True)
        (linked / name / "more").symlink_to(real / name / "more")
        for i in range(3):
            (linked / name / f"{i}.png").symlink_to(real / name / f"{i}.png")
    classes = tmp_path / "classes"
    classes.mkdir()
    for name in "ab":
        (classes / name).symlink_to(real / name)
    for folder in (linked, classes):
        data = read_image_folder(folder)
        assert data.digest == wanted.digest
        assert torch.equal(data.inputs[0], wanted.inputs[0])


def test_linked_parts_declare_the_split(tmp_path: Path) -> None:
    real_folder(tmp_path / "one")
    for k, name in enumerate("ab"):
        noise(tmp_path / "two" / name / "0.png", 500 + k)
    root = tmp_path / "data"
    root.mkdir()
    (root / "train").symlink_to(tmp_path / "one")
    (root / "test").symlink_to(tmp_path / "two")
    declared = read_image_folder(root).declared
    assert declared is not None
    assert declared.bincount().tolist() == [8, 0, 2]


def test_loops_end_and_links_to_nothing_are_counted(tmp_path: Path) -> None:
    root = real_folder(tmp_path / "data")
    (root / "a" / "again").symlink_to(root)
    (root / "b" / "gone.png").symlink_to(root / "nowhere.png")
    data = read_image_folder(root)
    assert len(data) == 8
    assert data.notes[1] == "files passed over, by suffix or reason: 1 links to nothing"


def test_a_class_that_is_left_short_says_what_was_passed_over(tmp_path: Path) -> None:
    root = real_folder(tmp_path / "data")
    (root / "c").mkdir()
    for name in ("x.svg", "y.svg", "z"):
        (root / "c" / name).write_text("<svg/>")
    message = refused(read_image_folder, root)
    assert message.endswith("or take the class out. Passed over there: 2 .svg, 1 no suffix.")


def test_other_suffixes_of_images_are_read(tmp_path: Path) -> None:
    root = real_folder(tmp_path / "data")
    (root / "a" / "0.png").rename(root / "a" / "0.jfif")  # by its content a PNG all the same
    image(PICTURE).save(root / "a" / "1.gif")
    assert len(read_image_folder(root)) == 9
