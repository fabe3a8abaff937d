"""Tables of scores that exist already, as the command line takes them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from paribus.analysis.score_sheet import COLUMNS, ScoreSheet, score_sheet


def add_table_options(parser: ArgumentParser, *, required: bool) -> None:
    """Add the options that say what the columns of a table of scores are.

    Args:
        parser: of a command.
        required: whether the command takes nothing but such a table.
    """
    parser.add_argument(
        "--baseline", required=required, metavar="NAME", help="the variant to compare with"
    )
    parser.add_argument("--lower-is-better", action="store_true", help="as for a loss")
    parser.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help="largest difference that does not matter (default: none)"
        if required
        else "largest difference that does not matter (default: the suite's)",
    )
    for column in COLUMNS:
        parser.add_argument(
            f"--{column}",
            default=column,
            metavar="COLUMN",
            help=f"the column with the {column} (default: {column})",
        )


def sheet_of(path: Path, arguments: Namespace) -> ScoreSheet:
    """Return the paired scores of a file, by the columns that the options name.

    Raises:
        ParibusError: the file cannot be read, or holds no such scores.
    """
    from paribus.data.readers.csv_file import read_csv_file
    from paribus.data.readers.table_features import check_numbers

    csv_file = read_csv_file(path)
    if arguments.score in csv_file.texts:
        check_numbers(csv_file, arguments.score)
    frame = csv_file.frame.copy()
    for role in {arguments.variant, arguments.seed} & csv_file.texts.keys():
        frame[role] = csv_file.texts[role]  # names as they stand: 01 is not 1, and none is one
    columns = {name: getattr(arguments, name) for name in COLUMNS}
    return score_sheet(
        frame, arguments.baseline, **columns, name=csv_file.name, lines=csv_file.lines
    )
