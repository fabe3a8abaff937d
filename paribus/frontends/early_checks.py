"""Refusals of options and files before torch is imported, which takes longer than all of them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paribus.data.paths import usable_path
from paribus.execution.settings import OPTIONS, Settings
from paribus.frontends.discovery import built_in_tasks

TABLES = {"tabular", "series"}  # tasks that read a file of columns
SUITES = ("suite", "suites")
LARGE = 4_000_000  # bytes, from which reading a file twice takes longer than importing torch


def look_up_paths(arguments: Namespace) -> None:
    """Put the user's home into every path of a command, and refuse those that cannot be looked up.

    Raises:
        ParibusError: names the path.
    """
    for name, value in vars(arguments).items():
        if isinstance(value, Path):
            setattr(arguments, name, usable_path(value))
        elif isinstance(value, list) and value and isinstance(value[0], Path):
            setattr(arguments, name, [usable_path(each) for each in value])
        elif name in SUITES:
            for each in [value] if isinstance(value, str) else value or ():
                usable_path(each)


def refuse_early(options: Mapping[str, Any], suites: Sequence[str]) -> None:
    """Refuse what can be seen to be wrong without torch: settings, missing files, tables that cannot be read, columns.

    Nothing is refused that is not refused later, in the same words. Files of suites of one's own are left to them.

    Args:
        options: by their names, as they were given.
        suites: names, or files.

    Raises:
        ParibusError: names the option, the file or the column.
    """
    Settings.from_options(
        {
            name: value
            for name, value in options.items()
            if name in OPTIONS and OPTIONS[name].kind is not list and name != "folds"  # of data
        }
    )
    tasks = built_in_tasks(suites)
    tables = (tasks or set()) & TABLES
    for text in options.get("data", ()) if tables else ():
        task, path = _task_and_path(text, tasks or set(), tables)
        if task in tables:
            targets = options.get("target", ()) if len(options["data"]) == 1 else ()
            refuse_table(path, task, [target.removeprefix(f"{task}=") for target in targets])


def _task_and_path(text: str, tasks: set[str], tables: set[str]) -> tuple[str, Path]:
    """Return the task that data are for, or nothing where only later checks can tell, and their path."""
    task, sign, path = text.partition("=")
    if sign and (task in tasks or not usable_path(text).exists()):
        return task, Path(path)
    return (next(iter(tables)) if len(tables) == 1 else ""), Path(text)


def refuse_table(path: Path, task: str, targets: Sequence[str]) -> None:
    """Refuse a file that cannot be read as a table, or that lacks a column to predict; a folder is left to its reader.

    Raises:
        ParibusError: names the file or the column.
    """
    from paribus.data.readers.csv_file import read_csv_file
    from paribus.data.readers.label_columns import target_columns

    path = usable_path(path)
    if path.is_dir() or (path.is_file() and path.stat().st_size > LARGE):
        return
    csv_file = read_csv_file(path)
    for target in targets:
        if task == "series":
            csv_file.column(target, "value column")
        else:
            target_columns(csv_file, target)
