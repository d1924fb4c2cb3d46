"""What each route asks of a request before a byte of its body is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

from shared.security.dependencies import PUBLIC, SIGNED, protection_of
from shared.web.body import OF_KNOWN, OF_STRANGERS, WITH_KNOWN, WITH_STRANGERS, Limits, Patience


@dataclass(frozen=True)
class Door:
    """One route as the edge sees it. `protection` is a scope, `public` or `signature_protected`."""

    protection: str | None
    endpoint: Any

    @property
    def asks_token(self) -> bool:
        """Whether nothing is done for whoever brings no good token."""
        return self.protection not in (PUBLIC, SIGNED)

    @property
    def limits(self) -> Limits:
        """How large a body may be."""
        return OF_KNOWN if self.asks_token else OF_STRANGERS


class Doors:
    """The routes of an app."""

    def __init__(self, doors: Sequence[tuple[RouteContext, Door]]) -> None:
        self._doors = doors

    @classmethod
    def of(cls, app: FastAPI) -> Self:
        """Those it has now."""
        contexts = iter_route_contexts(app.routes)
        return cls([(context, Door(protection_of(context), context.endpoint)) for context in contexts])

    def find(self, scope: Scope) -> Door | None:
        """The route that will answer; None for an address or a method that there is not."""
        for context, door in self._doors:
            if context.matches(scope)[0] is Match.FULL:
                return door
        return None


def patience_with(known: bool) -> Patience:
    """How long one waits for whoever was refused and is still sending."""
    return WITH_KNOWN if known else WITH_STRANGERS
