"""Excel and Parquet files as cells of text, which read as the same values."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paribus.data.readers.encodings import SAVE, tidy
from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.worksheet.worksheet import Worksheet


class Sheet(NamedTuple):
    """Cells of a sheet.

    Attributes:
        names: of the columns, empty where there is none.
        rows: texts, empty where missing.
        lines: of the sheet, on which each row stands.
        how: what was read, for a page.
        note: what a page must print of that, if anything.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    how: str
    note: str = ""


def excel(path: Path, content: bytes) -> Sheet:
    """Return the first sheet that is not hidden.

    Raises:
        ParibusError: the file is broken, openpyxl is lacking, or cells are merged or hold formulas without a result.
    """
    _need("openpyxl", path, "an Excel file", "excel")
    book = _whole(path, "Excel", lambda: _book(content, results=True))
    shown = [s for s in book.worksheets if s.sheet_state == "visible"] or book.worksheets
    if not shown:
        raise ParibusError(
            path.name, got="a workbook without sheets", expected="a sheet with a table", fix=SAVE
        )
    sheet = shown[0]
    grid = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    filled = [i for i, row in enumerate(grid) if any(row)]
    how = f"Excel file, sheet {sheet.title!r}"
    if not filled:
        raise ParibusError(
            f"sheet {sheet.title!r} of {path.name}",
            got="no cell with a value",
            expected="a table",
            fix="Move the table to the first sheet.",
        )
    _refuse_merged(path, sheet, filled[0] + 1)
    if any(cell == "" for i in filled for cell in grid[i]):
        _refuse_formulas(path, content, sheet)
    head, *below = filled
    said = [f"of {path.name} sheet {sheet.title!r} was read alone, not {_titles(shown[1:])}"]
    said = (said if len(shown) > 1 else []) + _hidden(path, sheet, below)
    rows, lines = [grid[i] for i in below], [i + 1 for i in below]
    return Sheet(grid[head], rows, lines, how, "; ".join(said))


def _titles(sheets: Sequence[Worksheet]) -> str:
    return ", ".join(repr(sheet.title) for sheet in sheets)


def _hidden(path: Path, sheet: Worksheet, rows: Sequence[int]) -> list[str]:
    """Return a phrase of rows and columns that the sheet hides, as a filter does, and that are read too."""
    hidden = [i + 1 for i in rows if sheet.row_dimensions[i + 1].hidden]
    columns = [name for name, column in sheet.column_dimensions.items() if column.hidden]
    parts = [
        *(
            (
                f"{len(hidden)} hidden row{'s' * (len(hidden) > 1)} ({'from ' * (len(hidden) > 1)}line {hidden[0]})",
            )
            if hidden
            else ()
        ),
        *((f"hidden columns ({', '.join(columns)})",) if columns else ()),
    ]
    return [f"{path.name} has {' and '.join(parts)}, which were read too"] if parts else []


def parquet(path: Path, content: bytes) -> Sheet:
    """Return a Parquet file; an index that was saved with it is its first column.

    Raises:
        ParibusError: the file is broken, pyarrow is lacking, or a column holds something other than single values.
    """
    import pandas as pd

    _need("pyarrow", path, "a Parquet file", "parquet")
    columns = _whole(path, "Parquet", lambda: _columns(pd.read_parquet(io.BytesIO(content))))
    for name, values in columns.items():
        _refuse_nested(path, name, values)
    cells = [[_cell(value) for value in values] for values in columns.values()]
    rows = [[*row] for row in zip(*cells, strict=True)]
    return Sheet([*columns], rows, [i + 2 for i in range(len(rows))], "Parquet file")


def _columns(frame: pd.DataFrame) -> dict[str, Sequence[Any]]:
    """Return the values of a frame by column, those of an index that is no count first."""
    import pandas as pd

    columns: dict[str, Sequence[Any]] = {}
    if not isinstance(frame.index, pd.RangeIndex):
        for level in range(frame.index.nlevels):
            name = frame.index.names[level]
            columns["" if name is None else str(name)] = [*frame.index.get_level_values(level)]
    return columns | {str(name): [*frame[name]] for name in frame.columns}


def _book(content: bytes, *, results: bool) -> Any:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and validations, which hold no data
        return openpyxl.load_workbook(io.BytesIO(content), data_only=results)


def _cell(value: Any) -> str:
    """Return a value as text that reads as the same value; a duration in seconds."""
    import pandas as pd

    if isinstance(value, str):
        return tidy(value)
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return repr(value.item()) if hasattr(value, "item") else str(value)


def _refuse_merged(path: Path, sheet: Worksheet, head: int) -> None:
    for cells in sheet.merged_cells.ranges:
        if cells.max_row > head:
            raise ParibusError(
                f"cells {cells.coord} of {path.name}, sheet {sheet.title!r}",
                got="cells that are merged",
                expected="a value in each cell",
                fix="Split them, and fill each.",
            )


def _refuse_formulas(path: Path, content: bytes, sheet: Worksheet) -> None:
    for row in _book(content, results=False)[sheet.title].iter_rows():
        for cell in row:
            if cell.data_type == "f" and sheet[cell.coordinate].value is None:
                raise ParibusError(
                    f"cell {cell.coordinate} of {path.name}, sheet {sheet.title!r}",
                    got=f"the formula {cell.value} without its result",
                    expected="values",
                    fix="Open the file in a spreadsheet program and save it, or save the table as CSV.",
                )


def _refuse_nested(path: Path, name: str, values: Sequence[Any]) -> None:
    import pandas as pd

    for i, value in enumerate(values):
        if isinstance(value, bytes) or not (value is None or pd.api.types.is_scalar(value)):
            raise ParibusError(
                f"column {name!r} of {path.name}, row {i + 1}",
                got=f"a value of type {type(value).__name__}",
                expected="numbers, truth values, text or times",
                fix="Save the table without that column, or with its parts in columns of their own.",
            )


def _whole(path: Path, kind: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - these libraries raise anything of a broken file
        said = " ".join(f"{error}".split())[:60]
        raise ParibusError(
            path.name,
            got=f"a broken {kind} file ({type(error).__name__}: {said})",
            expected=f"a whole {kind} file",
            fix=SAVE,
        ) from None


def _need(module: str, path: Path, kind: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise ParibusError(
            path.name,
            got=f"{kind}, and no {module} to read it",
            expected=f"{module}, or a table in text",
            fix=f"Install it by pip install 'paribus[{extra}]', or save the table as CSV.",
        )
