"""Verification of access tokens (JWT)."""

import time
from typing import Any, Self
from uuid import UUID

import jwt
import structlog
from pydantic import BaseModel, ValidationError, field_validator

from shared.security.caller import caller_is
from shared.security.jurisdiction import normal_division
from shared.security.keys import ALGORITHMS, SigningKeys
from shared.security.principal import Clearance, Principal
from shared.security.problems import TokenExpired, TokenInvalid, TokenTooLong
from shared.settings import ServiceSettings

_log = structlog.get_logger(__name__)

_LEEWAY_SECONDS = 30
_SECONDS_GOOD = 10
_MOST_REMEMBERED = 1000

# A phone is lost more often than once a year, and what is never renewed is never taken back.
_LONGEST_SECONDS = 366 * 24 * 3600


class _Claims(BaseModel):
    """What we read of a token. `division` must be there: its absence must not mean the whole nation."""

    sub: str
    exp: float
    iat: float | None = None
    scope: str = ""
    division: str
    clearance: Clearance = "open"
    officer_id: UUID | None = None

    @field_validator("division")
    @classmethod
    def _normal(cls, division: str) -> str:
        return normal_division(division)


class TokenVerifier:
    """Turns a token into a principal, or into the problem it has."""

    def __init__(self, *, issuer: str, audience: str, keys: SigningKeys) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._good: dict[str, tuple[Principal, float]] = {}

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """The verifier of a service; keys are loaded when the first token arrives."""
        return cls(issuer=settings.jwt_issuer, audience=settings.jwt_audience, keys=SigningKeys(settings.jwks))

    async def verify(self, token: str) -> Principal:
        """The owner of the token; raises `token_expired`, `token_invalid` or `identity_unavailable`.

        A good token is not looked at again for some seconds: a backend sends the same one hundreds of times a second.
        """
        principal, good_until = self._good.get(token, (None, 0.0))
        if principal is None or time.time() >= good_until:
            claims = await self._claims(token)
            principal = _principal(claims)
            self._remember(token, principal, min(time.time() + _SECONDS_GOOD, claims.exp))
        caller_is(principal.subject)
        return principal

    def _remember(self, token: str, principal: Principal, until: float) -> None:
        if len(self._good) >= _MOST_REMEMBERED:
            self._good.clear()
        self._good[token] = (principal, until)

    async def _claims(self, token: str) -> _Claims:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise jwt.InvalidAlgorithmError("algorithm is not one of ours")
            key = await self._keys.find(header.get("kid"))
            if key is None:
                raise jwt.InvalidKeyError("signed with a key we do not know")
            claims = _Claims.model_validate(self._decode(token, key))
        except jwt.ExpiredSignatureError:
            raise TokenExpired("请换取新的访问令牌后重发") from None
        except (jwt.PyJWTError, ValidationError) as error:
            _log.info("token refused", reason=type(error).__name__)
            raise TokenInvalid("请用本系统认可的签发方重新取得访问令牌") from None
        if claims.exp - (time.time() if claims.iat is None else claims.iat) > _LONGEST_SECONDS:
            raise TokenTooLong("令牌有效期不得超过一年,请让签发方缩短有效期后换取新的访问令牌")
        return claims

    def _decode(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )


def _principal(claims: _Claims) -> Principal:
    return Principal(
        subject=claims.sub,
        scopes=frozenset(claims.scope.split()),
        division=claims.division,
        clearance=claims.clearance,
        officer_id=claims.officer_id,
    )
