"""How a route declares its protection, and how a test finds those that did not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.security.principal import Principal
from shared.security.problems import ScopeMissing, TokenMissing
from shared.security.tokens import TokenVerifier

_bearer = HTTPBearer(auto_error=False, description="JWT")


async def sender_of(scope: Scope) -> Principal:
    """The owner of the token that a request carries; 401 for one without a good token."""
    kind, token = get_authorization_scheme_param(Headers(scope=scope).get("authorization"))
    if kind.lower() != "bearer" or not token:
        raise TokenMissing("请在 Authorization 头中带上 Bearer 令牌")
    tokens: TokenVerifier = scope["app"].state.tokens
    return await tokens.verify(token)


async def sender_with(needed: str, scope: Scope) -> Principal:
    """The same, if the token carries the scope that is needed; else 403."""
    principal = await sender_of(scope)
    if needed not in principal.scopes:
        raise ScopeMissing(f"此操作需要权限 {needed},请联系管理员授权", scope=needed)
    return principal


@dataclass(frozen=True)
class Requires:
    """The dependency `requires` makes."""

    scope: str

    async def __call__(
        self, request: Request, _told: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Principal:
        """The principal, if its token carries the scope. `_told` is for the API's description."""
        return await sender_with(self.scope, request.scope)


def requires(scope: str) -> Requires:
    """`Who = Annotated[Principal, Depends(requires("ops"))]`: 401 without a good token, 403 without the scope."""
    return Requires(scope)


def public() -> None:
    """Marker: anybody may call this route (`dependencies=[Depends(public)]`)."""


def signature_protected() -> None:
    """Marker: the route itself checks a signature of the caller, as a station's callback does."""


PUBLIC, SIGNED = public.__name__, signature_protected.__name__


def protections(app: FastAPI) -> dict[str, str | None]:
    """Every route of an app, as `GET /v1/…`, with its scope or marker; None for one that declares nothing."""
    return {name: protection for context in iter_route_contexts(app.routes) for name, protection in _declared(context)}


def unprotected_routes(app: FastAPI) -> list[str]:
    """The routes that declare no protection; a test keeps this list empty."""
    return [name for name, protection in protections(app).items() if protection is None]


def protection_of(context: RouteContext) -> str | None:
    """The scope or marker of a route; None for one that declares nothing."""
    route = context.original_route
    if isinstance(route, Mount) and isinstance(route.app, StaticFiles):
        return PUBLIC
    dependant: Dependant | None = getattr(context, "dependant", None)
    return next(_markers(dependant), None) if dependant else None


def _declared(context: RouteContext) -> Iterator[tuple[str, str | None]]:
    if isinstance(context.original_route, Mount):
        yield f"GET {context.path}/", protection_of(context)
        return
    for method in sorted(context.methods or {"ANY"}):
        yield f"{method} {context.path}", protection_of(context)


def _markers(dependant: Dependant) -> Iterator[str]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Requires):
            yield dependency.call.scope
        elif dependency.call in (public, signature_protected):
            yield dependency.call.__name__
        yield from _markers(dependency)
