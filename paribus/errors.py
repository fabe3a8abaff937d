"""Error that users see: it says what is wrong, what was got, what was expected, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class ParibusError(Exception):
    """Mistake that the user can mend, shown in one line and without a traceback.

    Args:
        what: the thing that is wrong, naming the argument, option, file or column.
        got: the value or fact.
        expected: a description of right values.
        fix: the next step, as a full sentence.
    """

    def __init__(self, what: str, *, got: object, expected: str, fix: str) -> None:
        self.what, self.got, self.expected, self.fix = what, _shortened(str(got)), expected, fix
        super().__init__(one_line(f"{what}: got {self.got}, expected {expected}. {fix}"))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when a worker process sends the error back."""
        return _rebuild, (type(self), self.what, self.got, self.expected, self.fix)


LONGEST = 10_000
"""Letters of what was got that an error tells; an exception's own text may have millions."""


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} ... {text[-LONGEST // 4 :]} ({len(text)} letters)"


class StoreError(ParibusError):
    """Store that cannot be read or written any more, so that nothing trained could be kept."""


# Control characters, which may hide or overwrite what a terminal shows, and those that turn the direction of text.
_HIDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Return text that a terminal shows as it is: control characters by their codes, but for line breaks and tabs.

    >>> visible("a file \x1b[31m")
    'a file \\x1b[31m'
    """
    return _HIDING.sub(lambda found: repr(found[0])[1:-1], text)


def one_line(text: str) -> str:
    r"""Return text in one line that a terminal shows as it is.

    >>> one_line("a file \x1b[31m of\n  two lines")
    'a file \\x1b[31m of two lines'
    """
    if text.isprintable():
        return text
    return visible(" ".join(filter(None, map(str.strip, text.splitlines()))))


def _rebuild(
    kind: type[ParibusError], what: str, got: str, expected: str, fix: str
) -> ParibusError:
    return kind(what, got=got, expected=expected, fix=fix)


def one_of(what: str, got: object, choices: Iterable[object], *, fix: str) -> None:
    """Refuse a value that is not one of the choices, and list these."""
    choices = list(choices)
    if got not in choices:
        expected = f"one of {', '.join(map(str, choices))}"
        raise ParibusError(what, got=repr(got), expected=expected, fix=fix)


def at_least(what: str, got: float, minimum: float, *, unit: str = "", fix: str) -> None:
    """Refuse a number below a minimum; with a ``unit`` it is a count, such as ``1 image`` or ``no images``."""
    if got < minimum:
        count = f"{got or 'no'} {unit}{'s' * (got != 1)}" if unit else got
        raise ParibusError(what, got=count, expected=f"at least {minimum}", fix=fix)


def none_of(mistakes: Mapping[str, bool], what: str, *, expected: str, fix: str) -> None:
    """Refuse the first mistake that was made; the other arguments are those of `ParibusError`."""
    for mistake, made in mistakes.items():
        if made:
            raise ParibusError(what, got=mistake, expected=expected, fix=fix)


@contextmanager
def error_context(
    what: str, *, expected: str, fix: str, kind: type[BaseException] = Exception
) -> Iterator[None]:
    """Raise any exception of user code as a `ParibusError`; one of these passes unchanged.

    Args:
        what: the action, naming the argument, option, file or column.
        expected: a description of right values.
        fix: the next step, as a full sentence.
        kind: of exceptions; `BaseException` takes those that would end the process, too, such as that of ``sys.exit``.

    Raises:
        ParibusError: something was raised.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    try:
        yield
    except ParibusError:
        raise
    except kind as error:
        ours = not isinstance(error, Exception) and type(error).__module__.startswith("paribus.")
        if ours or type(error) is KeyboardInterrupt:  # a request to stop
            raise
        got = f"{type(error).__name__}: {error}"
        raise ParibusError(what, got=got, expected=expected, fix=fix) from error
