"""Callables of a notebook or script, which no module exports: known by their code, sent to workers by value."""

from __future__ import annotations

import dis
import hashlib
import inspect
import io
import pickle
import secrets
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

MARK = "#"
"""What separates the name of such a callable from the hash of its code, as in ``__main__:Net#1f0c9a3b``."""

_registered: dict[str, Any] = {}
_PROCESS = secrets.token_hex(4)
_PLAIN = (str, bytes, int, float, bool, complex, type(None), type(...))
# What a class has by itself, and what says where it stands rather than what it does.
_GIVEN = {
    *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__"),
    *("__firstlineno__", "__static_attributes__", "__annotate__", "__annotations_cache__"),
}


def importable_name(value: Any) -> str | None:
    """Return ``module:qualname`` of a function or class that other processes can import, or None."""
    if isinstance(value, MethodType) and not isinstance(value.__self__, type):
        return None  # what it does depends on its object, too
    module, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not module or not qualname or "<" in qualname or module == "__main__":
        return None
    return f"{module}:{qualname}"


def register(name: str, value: Any) -> str:
    """Keep an object of this process under a name, and return the name."""
    _registered[name] = value
    return name


def register_code(function: Callable[..., Any]) -> str:
    """Keep a function or class of ``__main__`` under its name and the hash of its own code; return that."""
    code = read_code(function, global_names=False)
    return register(f"__main__:{function.__qualname__}{MARK}{code.digest[:8]}", function)


def registered(name: str) -> Any:
    """Return what was kept under a name, or None."""
    return _registered.get(name)


class Code(NamedTuple):
    """Hash of what a callable does.

    Attributes:
        digest: of bytecode, constants, class members, defaults, enclosed values and, if asked for, of the values of
            the global names that it uses, followed through all code of ``__main__``.
        modules: the modules that it uses; what they hold is not in the digest.
        unhashed: names of values that cannot be hashed; the digest is then of this process alone.
    """

    digest: str
    modules: frozenset[str]
    unhashed: tuple[str, ...]


def read_code(function: Any, *, global_names: bool = True) -> Code:
    """Hash a function or class.

    Bytecode differs between versions of Python, so a hash does too; comments and layout do not count.
    """
    reader = _Reader(global_names)
    sha = hashlib.sha256()
    for text in reader.read(function, getattr(function, "__qualname__", "")):
        sha.update(text.encode() + b"\0")
    return Code(sha.hexdigest()[:16], frozenset(reader.modules), tuple(sorted(reader.unhashed)))


class _Reader:
    def __init__(self, global_names: bool) -> None:
        self.global_names = global_names
        self.modules: set[str] = set()
        self.unhashed: set[str] = set()
        self._seen: set[int] = set()

    def read(self, value: Any, name: str) -> Iterator[str]:
        """Yield the texts that say what a value is."""
        yield type(value).__name__
        if isinstance(value, _PLAIN):
            yield repr(value)
        elif isinstance(value, ModuleType):
            self.modules.add(value.__name__)
            yield value.__name__
        elif isinstance(value, tuple | list):
            for item in value:
                yield from self.read(item, name)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self.read((key, item), name)
        elif callable(value) and (found := importable_name(value)):
            self.modules.add(found.partition(":")[0])
            yield found
        elif id(value) not in self._seen:
            self._seen.add(id(value))
            yield from self._unseen(value, name)

    def _unseen(self, value: Any, name: str) -> Iterator[str]:
        if isinstance(value, FunctionType):
            yield from self._function(value, name)
        elif isinstance(value, type):
            yield from self._class(value)
        elif isinstance(value, staticmethod | classmethod):
            yield from self.read(value.__func__, name)
        elif isinstance(value, MethodType):
            yield from self.read([value.__func__, value.__self__], name)
        elif callable(value) and hasattr(value, "__wrapped__"):
            yield from self.read(value.__wrapped__, name)
        elif isinstance(value, property):
            yield from self.read([value.fget, value.fset, value.fdel], name)
        else:
            yield from self._state(value, name)

    def _class(self, value: type) -> Iterator[str]:
        for base in value.__bases__:
            yield from self.read(base, base.__name__)
        for name, member in sorted(vars(value).items()):
            if name not in _GIVEN:
                yield name
                yield from self.read(member, f"{value.__name__}.{name}")

    def _function(self, value: FunctionType, name: str) -> Iterator[str]:
        yield from self._code(value.__code__)
        yield from self.read([value.__defaults__, value.__kwdefaults__], name)
        for free, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                enclosed = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            yield free
            yield from self.read(enclosed, free)
        for used in sorted(_global_names(value.__code__)) if self.global_names else ():
            if used in value.__globals__:
                yield used
                yield from self.read(value.__globals__[used], used)

    def _code(self, code: CodeType) -> Iterator[str]:
        yield code.co_code.hex()
        yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._code(constant)
            else:
                yield repr(
                    sorted(constant, key=repr) if isinstance(constant, frozenset) else constant
                )

    def _state(self, value: object, name: str) -> Iterator[str]:
        """Yield the texts of an object, by its class and its state, or as one that only this process has."""
        yield from self.read(type(value), name)
        file = io.BytesIO()
        pickler = _Pickler(file)
        try:
            pickler.dump(value)
            yield hashlib.sha256(file.getvalue()).hexdigest()
            yield from self.read(pickler.local, name)
        except Exception:  # noqa: BLE001 - whatever the object's own code raises
            self.unhashed.add(name)
            yield f"{_PROCESS}/{id(value)}"


class _Pickler(pickle.Pickler):
    """Pickler that lists the functions and classes whose code has to be read, as their name says too little."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.local: list[Any] = []

    def persistent_id(self, value: Any) -> str | None:
        """Return the name of what is listed, None of what pickle may write."""
        if not isinstance(value, FunctionType | type) or importable_name(value):
            return None
        self.local.append(value)
        return value.__qualname__


def _global_names(code: CodeType) -> set[str]:
    """Return the global names that a code object uses, those of the functions within it too."""
    found = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return found.union(*map(_global_names, inner))


def place_of(function: Any) -> str:
    """Return where a callable was written, as ``file, line 3``, or nothing where that is not known."""
    try:
        _, line = inspect.getsourcelines(function)
        return f"{inspect.getsourcefile(function)}, line {line}"
    except (OSError, TypeError):
        return ""
