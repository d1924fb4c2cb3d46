"""What each route asks of a request before a byte of its body is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from shared.security.dependencies import PUBLIC, SIGNED, protection_of, sender_with
from shared.security.principal import Principal
from shared.web.body import OF_KNOWN, OF_STRANGERS, WITH_KNOWN, WITH_STRANGERS, Limits, Patience
from shared.web.problems import InvalidRequest
from shared.web.validation import SHOWN, pointer


@dataclass(frozen=True)
class Door:
    """One route as the edge sees it. `protection` is a scope, `public` or `signature_protected`."""

    protection: str | None
    parameters: tuple[str, ...]
    endpoint: Any

    @property
    def asks_token(self) -> bool:
        """Whether nothing is done for whoever brings no good token."""
        return self.protection not in (PUBLIC, SIGNED)

    @property
    def waits(self) -> bool:
        """Whether it takes its turn; what operators ask, and pages that cost nothing, do not."""
        return self.protection != PUBLIC

    async def sender(self, scope: Scope) -> Principal | None:
        """Who asks; nobody where no token is asked for. 401 without a good token, 403 without the scope."""
        return await sender_with(self.protection or "", scope) if self.asks_token else None

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
        return cls([(context, _door(context)) for context in contexts])

    def find(self, scope: Scope) -> Door | None:
        """The route that will answer; None for an address or a method that there is not."""
        for context, door in self._doors:
            if context.matches(scope)[0] is Match.FULL:
                return door
        return None


def _door(context: RouteContext) -> Door:
    dependant: Dependant | None = getattr(context, "dependant", None)
    names = dict.fromkeys(_parameters(dependant)) if dependant else ()
    return Door(protection_of(context), tuple(names), context.endpoint)


def _parameters(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (info.alias or name for name, info in kind.model_fields.items())
        else:
            yield field.alias
    for dependency in dependant.dependencies:
        yield from _parameters(dependency)


def refuse_unknown_parameters(door: Door, scope: Scope) -> None:
    """422 for a parameter that the route does not have: ignored, a misspelt filter would answer with everything."""
    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    unknown = [name for name in dict(given) if name not in door.parameters]
    if unknown and door.protection != PUBLIC:
        has = f"可用的有 {'、'.join(door.parameters)}" if door.parameters else "这个地址不带参数,请删去"
        faults = [{"pointer": pointer(["query", name]), "message": f"没有这个参数,{has}"} for name in unknown[:SHOWN]]
        raise InvalidRequest(f"共 {len(unknown)} 个参数不存在,见 errors", errors=faults)


def patience_with(known: bool) -> Patience:
    """How long one waits for whoever was refused and is still sending."""
    return WITH_KNOWN if known else WITH_STRANGERS
