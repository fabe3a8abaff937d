"""The one error that a user sees: it says what is wrong, what was got, what was expected, and what to do next."""

from __future__ import annotations


class ParibusError(Exception):
    """A mistake that the user can mend, told in one line and without a traceback.

    Args:
        what: what is wrong, naming the argument, option, file or column.
        got: the value or fact that was found.
        expected: what would have been right.
        fix: the next step, as a full sentence.
    """

    def __init__(self, what: str, *, got: object, expected: str, fix: str) -> None:
        self.what, self.got, self.expected, self.fix = what, str(got), expected, fix
        super().__init__(f"{what}: got {got}, expected {expected}. {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when a worker process sends the error back."""
        return _rebuild, (type(self), self.what, self.got, self.expected, self.fix)


def _rebuild(
    kind: type[ParibusError], what: str, got: str, expected: str, fix: str
) -> ParibusError:
    return kind(what, got=got, expected=expected, fix=fix)
