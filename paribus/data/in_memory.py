"""Data that a person already has: arrays, frames, torch data sets, as a `Dataset` that recipes can name."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from paribus.data.dataset import Dataset, digest_tensors
from paribus.data.given_kinds import refuse_other_kinds, refuse_other_order
from paribus.data.given_leaks import with_leaks_told
from paribus.data.precision import to_single
from paribus.data.reading import Reading
from paribus.errors import ParibusError
from paribus.local_code import MARK, register
from paribus.spec import Call, digest

Kind = Literal["classification", "regression"]
MAX_INTEGER_CLASSES = 20
MIN_ROWS_A_CLASS = 10
MAX_FEW = 5
DATA = "the data"


def read_data(
    data: Any,
    target: str | None = None,
    task: Kind | None = None,
    standardise: bool = True,
    group: str | None = None,
) -> Dataset:
    """Read data of any of the supported kinds.

    Args:
        data: ``(X, y)`` of arrays, tensors, a frame and a series; a frame or the path of a CSV file with a column
            ``target``; or a torch data set of pairs, each of which is read once.
        target: the column to predict, where there are columns.
        task: what is asked for; None takes classes from whole numbers, text and booleans, values from other numbers.
        standardise: whether floating-point inputs are standardised by statistics of the training part, feature by
            feature (axis 1). Whole numbers of torch tensors are left as they are: they count rows of an embedding.
        group: the column whose rows of one value stay on one side of every split, where there are columns.

    Raises:
        ParibusError: the data are of another kind, empty, not of one length, or hold something that is no number.
    """
    if isinstance(data, Dataset):
        return data
    columned = type(data).__module__.partition(".")[0] == "pandas"
    if group is not None and not (columned or isinstance(data, str | os.PathLike)):
        raise ParibusError(
            "group=",
            got=f"{group!r} beside {type(data).__name__}",
            expected="a column of a DataFrame or of a CSV file",
            fix="Give a DataFrame with target= and group=.",
        )
    if isinstance(data, str | os.PathLike):
        return _of_file(Path(data), target, task, standardise, group)
    if isinstance(data, torch.utils.data.Dataset):
        _refuse_target(target, type(data).__name__)
        return _of_torch(data, task, standardise)
    if columned:
        inputs, values = _columns(data, target)
        if group is None:
            return _of_pair(inputs, values, task, standardise)
        inputs, named = _columns(inputs, group, "group=")
        return _grouped(_of_pair(inputs, values, task, standardise), named, group)
    if isinstance(data, tuple | list) and len(data) == 2:
        _refuse_target(target, "a pair (X, y)")
        return _of_pair(data[0], data[1], task, standardise)
    raise ParibusError(
        DATA,
        got=f"{type(data).__name__}" + (f" of {len(data)}" if isinstance(data, tuple) else ""),
        expected="(X, y), a DataFrame with target=, the path of a CSV file, a torch Dataset, or a paribus Task",
        fix="Give the inputs and the target as a pair, such as data=(X, y).",
    )


def _refuse_target(target: str | None, kind: str) -> None:
    if target is not None:
        raise ParibusError(
            "target=",
            got=f"{target!r} beside {kind}",
            expected="a column of a DataFrame or of a CSV file",
            fix="Leave it out; the target is in the data already.",
        )


def _of_file(
    path: Path, target: str | None, task: Kind | None, standardise: bool, group: str | None
) -> Dataset:
    from paribus.data.readers.table import read_table

    dataset = read_table(path, target, group=group, problem=task)
    if standardise:
        return dataset
    return replace(dataset, feature_axes=(None,), standardise_targets=False)


def _columns(frame: Any, target: str | None, option: str = "target=") -> tuple[Any, Any]:
    names = list(map(str, getattr(frame, "columns", [])))
    target = None if target is None else str(target)
    if target is None or target not in names or names.count(target) > 1:
        raise ParibusError(
            option,
            got="nothing" if target is None else repr(target),
            expected=f"one of the columns {', '.join(names)}"
            if names
            else "a DataFrame with a column for it",
            fix=f"Name the column {'to predict' if option == 'target=' else 'of groups'} with {option}"
            + (", or give data=(X, y)." if option == "target=" else "."),
        )
    column = frame.columns[names.index(target)]
    return frame.drop(columns=[column]), frame[column]


def _grouped(dataset: Dataset, named: Any, group: str) -> Dataset:
    """Return the data with rows of one value on one side of every split, with copies of them."""
    import pandas as pd

    from paribus.data.readers.table import united

    codes, values = pd.factorize(named)
    codes[codes < 0] = len(values) + np.arange((codes < 0).sum())  # a row without a value is alone
    if len(values) < 3:
        raise ParibusError(
            "group=",
            got=f"{group!r} of {len(values)} value{'s' * (len(values) != 1)}",
            expected="three values at least, one for each part",
            fix="Name the column whose rows belong together.",
        )
    groups = torch.from_numpy(codes.astype(np.int64))
    note = f"rows of one {group!r} stay on one side of a split: {len(values)} values"
    return replace(
        dataset,
        groups=groups if dataset.groups is None else united(groups, dataset.groups),
        notes=(*dataset.notes, note),
    )


def _of_torch(data: Any, task: Kind | None, standardise: bool) -> Dataset:
    """Read each item of a map-style data set once."""
    tensors = getattr(data, "tensors", None)
    if isinstance(tensors, tuple):
        if len(tensors) != 2:
            raise ParibusError(
                DATA,
                got=f"a TensorDataset of {len(tensors)} tensors",
                expected="two: inputs and targets",
                fix="Give TensorDataset(X, y).",
            )
        return _of_pair(*tensors, task, standardise)
    name = type(data).__name__
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise ParibusError(
            DATA,
            got=f"{name}, which has no length",
            expected="a map-style data set, with __len__ and __getitem__",
            fix="Collect its samples in tensors and give data=(X, y).",
        )
    items = [data[i] for i in range(len(data))]
    wrong = next((x for x in items if not (isinstance(x, tuple | list) and len(x) == 2)), None)
    if wrong is not None:
        raise ParibusError(
            f"items of {name}",
            got=type(wrong).__name__,
            expected="pairs (x, y)",
            fix="Have __getitem__ return the inputs and the target of one sample.",
        )
    inputs = [_item(x, name) for x, _ in items]
    shapes = list(dict.fromkeys(tuple(x.shape) for x in inputs))
    if len(shapes) > 1:
        raise ParibusError(
            f"items of {name}",
            got=f"inputs of shapes {shapes[0]} and {shapes[1]}",
            expected="one shape for all samples",
            fix="Crop or pad them, such as with a transform.",
        )
    targets = [y.tolist() if isinstance(y, Tensor | np.ndarray) else y for _, y in items]
    stacked = torch.stack(inputs) if inputs else torch.empty(0, 1)
    read = _of_pair(stacked, np.asarray(targets), task, standardise)
    return replace(
        read,
        name=name,
        origin=f"the torch data set {name}",
        classes=_named_classes(read, getattr(data, "classes", None)),
        notes=(*read.notes, "each sample was read once: a random transform was drawn once for all"),
    )


def _item(x: Any, name: str) -> Tensor:
    try:
        return torch.as_tensor(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ParibusError(
            f"items of {name}",
            got=f"inputs of type {type(x).__name__}",
            expected="tensors, arrays or numbers",
            fix="Give the data set a transform that makes tensors, such as torchvision's ToTensor.",
        ) from error


def _named_classes(read: Dataset, names: Any) -> tuple[str, ...]:
    """Return the names of a data set's own classes, where its targets number them."""
    numbered = read.classes == tuple(map(str, range(len(read.classes))))
    if numbered and isinstance(names, Sequence) and len(names) == len(read.classes):
        return tuple(map(str, names))
    return read.classes


def _of_pair(inputs: Any, targets: Any, task: Kind | None, standardise: bool) -> Dataset:
    for values, what in ((inputs, "X"), (targets, "y")):
        refuse_other_kinds(values, what)
    refuse_other_order(inputs, targets)
    features = tuple(map(str, getattr(inputs, "columns", ())))
    x = _inputs(inputs, features, standardise)
    y, classes = _targets(targets, task, standardise)
    if len(x) != len(y):
        raise ParibusError(
            "X and y",
            got=f"{len(x)} and {len(y)} samples",
            expected="one target for each sample",
            fix="Give inputs and targets of the same samples, in the same order.",
        )
    if not len(x):
        raise ParibusError(
            DATA,
            got="no samples",
            expected="samples to learn from",
            fix="Check how they were read.",
        )
    axes = 1 if standardise and x.is_floating_point() else None
    dataset = Dataset(
        name="data",
        origin="data given in memory",
        inputs=(x,),
        targets=(y,),
        feature_axes=(axes,),
        standardise_targets=standardise and not classes,
        classes=classes,
        features=features,
    )
    return with_leaks_told(_without_copies(dataset))


def _without_copies(dataset: Dataset) -> Dataset:
    """Return the data set with copies of a row on one side of every split, as in a table read from a file."""
    from paribus.data.readers.table import copies_of

    (x,), (y,) = dataset.inputs, dataset.targets
    if x.ndim != 2 or y[0].numel() != 1:
        return dataset
    groups, notes = copies_of(x.double().numpy(), y.flatten())
    return replace(dataset, groups=groups, notes=(*dataset.notes, *notes))


def _inputs(inputs: Any, features: Sequence[str], standardise: bool) -> Tensor:
    """Return samples as a tensor, ``(sample, feature, ...)``, all of it finite."""
    if features:
        _refuse_no_numbers(inputs)
    if isinstance(inputs, Tensor):
        x = inputs.detach().cpu()
        whole = x.dtype in (torch.int32, torch.int64)
        # A copy: what its owner writes into it later is no part of these data.
        x = x.clone() if whole else _single(x.double().numpy(), standardise).clone()
    else:
        x = _numbers(inputs, "X", standardise, keep_whole=not standardise)
    if x.ndim < 2:
        raise ParibusError(
            "X",
            got=f"shape {tuple(x.shape)}",
            expected="(sample, feature, ...), an axis of samples and at least one of features",
            fix="Give a single feature as X.reshape(-1, 1).",
        )
    _refuse_not_finite(x, "X", features)
    return x.long() if not x.is_floating_point() else x


def _single(values: Any, standardise: bool) -> Tensor:
    """Return numbers in float32; where they are standardised, what that would blur as differences."""
    if not standardise or values.ndim == 0 or not values.size:
        return torch.from_numpy(values.astype(np.float32))
    columns = values[:, None] if values.ndim == 1 else np.moveaxis(values, 1, -1)
    numbers, _ = to_single(columns.reshape(-1, columns.shape[-1]))
    kept = numbers.reshape(columns.shape)
    return kept[:, 0] if values.ndim == 1 else kept.movedim(-1, 1)


def _numbers(values: Any, what: str, standardise: bool, keep_whole: bool = False) -> Tensor:
    array = _typed(np.asarray(values))
    if array.dtype.kind not in "biuf":
        raise ParibusError(
            what,
            got=f"values of type {array.dtype}",
            expected="numbers",
            fix="Turn them into numbers, such as by one column for each category.",
        )
    if array.dtype.kind in "iu" and keep_whole:
        return torch.from_numpy(array.astype(np.int64))
    return _single(array.astype(np.float64), standardise)


def _refuse_no_numbers(frame: Any) -> None:
    for name, kind in frame.dtypes.items():
        if getattr(kind, "kind", "O") not in "biuf":
            raise ParibusError(
                f"column {str(name)!r} of X",
                got=f"values of type {kind}",
                expected="numbers",
                fix="Turn it into numbers, such as with pandas.get_dummies, or give the path of a CSV file, whose "
                "text is turned into one input for each value.",
            )


def _refuse_not_finite(x: Tensor, what: str, features: Sequence[str] = ()) -> None:
    if not x.is_floating_point() or bool(x.isfinite().all()):
        return
    place = [int(i) for i in (~x.isfinite()).nonzero()[0]]
    column = f"column {features[place[1]]!r} of {what}" if features else what
    raise ParibusError(
        f"{column}, sample {place[0]}",
        got=str(float(x[tuple(place)])),
        expected="a finite number",
        fix="Fill or drop what is missing; in a CSV file, given by its path, gaps are filled with medians of the "
        "training part.",
    )


def _targets(targets: Any, task: Kind | None, standardise: bool) -> tuple[Tensor, tuple[str, ...]]:
    """Class numbers ``(sample,)`` and their names, or values ``(sample, value)`` and no names."""
    if isinstance(targets, Tensor):
        targets = targets.detach().cpu().numpy()
    values = _typed(np.asarray(targets))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    _refuse_missing(values)
    if task is None:
        _refuse_ambiguous(values)
        task = "regression" if values.dtype.kind == "f" else "classification"
    if task == "regression":
        y = _numbers(values, "y", standardise)
        _refuse_not_finite(y, "y")
        return (y[:, None] if y.ndim == 1 else y), ()
    return _classes(values)


def _typed(values: Any) -> Any:
    """Return an array of Python objects, as frames of several types give it, by the type that all of them have."""
    if values.dtype.kind != "O" or values.ndim != 1:
        return values
    import pandas as pd

    return pd.Series(values).infer_objects().to_numpy()


def _refuse_ambiguous(values: Any) -> None:
    """Refuse a few whole numbers with points, such as 0.0 and 1.0, of which nobody said whether they are classes."""
    if values.dtype.kind == "f" and values.ndim == 2 and values.size:
        _refuse_one_hot(values)
    if values.dtype.kind != "f" or values.ndim != 1:
        return
    different = np.unique(values)
    few = 2 <= len(different) <= MAX_FEW and MIN_ROWS_A_CLASS * len(different) <= len(values)
    if (few or len(different) == 2) and (different == different.round()).all():
        *first, last = different
        raise ParibusError(
            "y",
            got=f"the numbers {', '.join(map(str, first))} and {last} alone",
            expected="class numbers, or values to predict",
            fix="Say task='classification' or task='regression'.",
        )


def _refuse_one_hot(values: Any) -> None:
    """Refuse one column a class, of which a task of values would make several squared errors."""
    if np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all():
        raise ParibusError(
            "y",
            got=f"{values.shape[1]} columns of which each sample has a one in one",
            expected="(sample,), one class for each sample",
            fix="Give y.argmax(1), or say task='regression' where they are values to predict.",
        )


def _refuse_missing(values: Any) -> None:
    import pandas as pd

    missing = pd.isna(values)
    if missing.any():
        raise ParibusError(
            f"y, sample {int(np.argwhere(missing)[0][0])}",
            got="a missing value",
            expected="a target for each sample",
            fix="Drop the samples without a target.",
        )


def _refuse_alike(values: Any) -> None:
    """Refuse classes of several types that are written alike, such as 1 and '1'."""
    names: dict[str, Any] = {}
    for value in dict.fromkeys(values.tolist()):
        if str(value) in names:
            raise ParibusError(
                "y",
                got=f"{names[str(value)]!r} and {value!r}, which are written alike",
                expected="classes of one type",
                fix="Give all as text, or all as numbers.",
            )
        names[str(value)] = value


def _classes(values: Any) -> tuple[Tensor, tuple[str, ...]]:
    if values.ndim != 1:
        raise ParibusError(
            "y",
            got=f"classes of shape {values.shape}",
            expected="(sample,), one class for each sample",
            fix="Give the number or the name of the class, such as y.argmax(1) of one column a class.",
        )
    if values.dtype.kind == "O":
        _refuse_alike(values)
        values = values.astype(str)
    names, numbers = np.unique(values, return_inverse=True)
    if len(values) and len(names) < 2:
        raise ParibusError(
            "y",
            got=f"the class {names[0]!s} alone",
            expected="two or more",
            fix="Give samples of each class.",
        )
    many = values.dtype.kind in "iuf" and len(names) > MAX_INTEGER_CLASSES
    if many and len(values) < MIN_ROWS_A_CLASS * len(names):
        raise ParibusError(
            "y",
            got=f"{len(names)} different numbers in {len(values)} samples",
            expected="classes",
            fix="Say task='regression' where they are values to predict.",
        )
    return torch.from_numpy(numbers.reshape(-1).astype(np.int64)), tuple(map(_name, names))


def _name(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


class _Kept:
    """Data set of this process; a worker process reads a copy of it from a temporary file."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._path: Path | None = None

    def __call__(self) -> Dataset:
        return self._dataset

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        if self._path is None:
            handle, name = tempfile.mkstemp(prefix="paribus-data-", suffix=".pt")
            os.close(handle)
            self._path = Path(name)
            atexit.register(self._path.unlink, missing_ok=True)
            torch.save(_plain(self._dataset), self._path)
        return _Copy, (str(self._path),)


class _Copy:
    """Data set that another process wrote, read when it is asked for."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self) -> Dataset:
        kept = torch.load(self.path, weights_only=True)  # so that no file is unpickled
        readings = tuple(Reading(*reading) for reading in kept.pop("readings"))
        return Dataset(**kept, readings=readings)


def _plain(dataset: Dataset) -> dict[str, Any]:
    """Return a data set as tensors and plain data by field."""
    kept = {field.name: getattr(dataset, field.name) for field in fields(dataset)}
    for name in ("classes", "features", "notes"):
        kept[name] = tuple(map(str, kept[name]))  # NumPy's texts are no plain ones
    kept["further_classes"] = tuple(tuple(map(str, names)) for names in dataset.further_classes)
    return kept | {"readings": [tuple(map(str, reading)) for reading in dataset.readings]}


def source_of(dataset: Dataset) -> Call:
    """Return a call that makes this data set, in this process and in its workers; its name holds the data's hash."""
    facts = [
        digest_tensors((*dataset.inputs, *dataset.targets)),
        dataset.feature_axes,
        dataset.standardise_targets,
        dataset.classes,
    ]
    if dataset.groups is not None:
        facts.append(digest_tensors([dataset.groups]))
    content = digest(facts)
    kept = _Kept(replace(dataset, digest=dataset.digest or content))
    return Call(target=register(f"memory:{dataset.name}{MARK}{content}", kept))
