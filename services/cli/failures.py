"""How a command fails: the reason in words on stderr and exit code 1, no traceback for what the user can mend."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from shared.devstack.errors import DevstackError
from shared.settings import SettingsError

_ALWAYS = (DevstackError, SettingsError)


@contextmanager
def told_in_words(*expected: type[Exception]) -> Iterator[None]:
    """Turn the expected errors into a message and exit code 1."""
    kinds: tuple[type[Exception], ...] = (*_ALWAYS, *expected)
    try:
        yield
    except kinds as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
