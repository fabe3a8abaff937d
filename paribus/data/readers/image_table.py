"""Tables of which one column names image files: an image beside each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paribus.data.dataset import Dataset
from paribus.data.paths import usable_path
from paribus.data.readers.csv_file import CsvFile, read_csv_file
from paribus.data.readers.header import listed
from paribus.data.readers.image_decoding import decode_images, image_suffixes
from paribus.data.readers.image_files import ImageFile, copies, digest_of, outside
from paribus.data.readers.label_columns import target_columns
from paribus.data.readers.table import table_of
from paribus.data.readers.table_target import labelled
from paribus.errors import ParibusError


def read_image_table(path: str | Path, target: str | None = None, size: int = 32) -> Dataset:
    """Read a CSV file with a column of image files, a column of labels, and further columns as `read_table` reads them.

    The column of images is the one whose every text ends as image files do; their paths start at the folder of the CSV.
    Rows whose images have the same bytes are copies, and stay on one side of a split.

    Args:
        path: the file: commas, UTF-8, the columns' names in its first line.
        target: the column of labels, numbers or text; the last one if None.
        size: height and width that each image is resized to, in pixels.

    Returns:
        Inputs ``(sample, channel, size, size)`` in uint8, of one channel if all images are grey and else three, and
        ``(sample, feature)`` in float32; targets ``(sample,)`` of class numbers.

    Raises:
        ParibusError: there is no one such column of images, an image cannot be read, or what `read_table` refuses.
    """
    csv_file = read_csv_file(path)
    columns = target_columns(csv_file, target)
    csv_file, unlabelled = labelled(csv_file, columns)
    image_column = _image_column(csv_file, columns)
    folder = usable_path(path).parent
    names = [name.strip().replace("\\", "/") for name in csv_file.texts[image_column]]
    files = [ImageFile.read(folder / name, name) for name in names]
    pixels, grey, sizes = decode_images(folder, [(f.name, f.file) for f in files], size)
    groups, copied = copies(files)
    rest = csv_file.drop(image_column)
    table = table_of(rest, columns, copies=False)
    note = f"{len(files)} images of {sizes}, named by column {image_column!r}"
    return replace(
        table,
        origin=f"{table.origin}, and its images resized to {size}x{size}",
        inputs=(pixels[:, :1] if grey else pixels, *table.inputs),
        feature_axes=(1, *table.feature_axes),
        features=(*(("grey",) if grey else ("red", "green", "blue")), *table.features),
        groups=groups,
        digest=digest_of([*files, ImageFile(Path(path), csv_file.name, "", -1, csv_file.digest)]),
        notes=(*unlabelled, note, *outside(folder.resolve(), files), *table.notes, *copied),
    )


def _image_column(csv_file: CsvFile, targets: Sequence[str]) -> str:
    """Return the column that names image files.

    Raises:
        ParibusError: there is none, there are several, it is to be predicted, or a row names no image file.
    """
    suffixes = image_suffixes()
    named = {
        name: [cell.strip().lower().endswith(suffixes) for cell in cells]
        for name, cells in csv_file.texts.items()
    }
    columns = [name for name, found in named.items() if 2 * sum(found) > len(found)]
    what, expected = f"column of images of {csv_file.name}", "one column with the name of an image"
    fix = "Name each row's image, such as images/1.png, from the folder of the CSV file."
    if len(columns) != 1:
        raise ParibusError(
            what,
            got=listed(columns) if columns else f"none of {listed(csv_file.texts)}",
            expected=f"{expected} file in every row",
            fix=fix,
        )
    (column,) = columns
    if column in targets:
        raise ParibusError(
            what,
            got=f"{column!r}, which is to be predicted",
            expected=f"{expected} beside the column to predict",
            fix="Name the column to predict by --target.",
        )
    if not all(named[column]):
        row = named[column].index(False)
        cell = csv_file.texts[column][row].strip()
        raise ParibusError(
            f"{what}, line {csv_file.lines[row]}",
            got=repr(cell) if cell else "nothing",
            expected="the name of an image file",
            fix="Fill it in, or leave the row out.",
        )
    return column
