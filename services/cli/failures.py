"""How a command fails: the reason in words on stderr and exit code 1, no traceback for what the user can mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import typer
from rich.console import Console

from shared.devstack.errors import DevstackError
from shared.settings import SettingsError

_ALWAYS = (DevstackError, SettingsError)


@contextmanager
def told_in_words(*expected: type[Exception]) -> Iterator[None]:
    """Turn the expected errors into a message and exit code 1."""
    kinds: tuple[type[Exception], ...] = (*_ALWAYS, *expected)
    reasons: list[str] = []
    try:
        yield
    except* kinds as failures:
        reasons = _reasons(failures)
    if reasons:
        Console(stderr=True, soft_wrap=True).print("\n".join(reasons), style="red", markup=False, highlight=False)
        raise typer.Exit(1)


def _reasons(failures: ExceptionGroup[Exception]) -> list[str]:
    """Each reason once, out of however many task groups: what breaks one task mostly breaks those beside it."""
    found = (_reasons(error) if isinstance(error, ExceptionGroup) else [str(error)] for error in failures.exceptions)
    return list(dict.fromkeys(chain.from_iterable(found)))
