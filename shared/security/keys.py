"""The identity provider's public keys (JWKS), from a file or a URL."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import jwt
import structlog

from shared.security.problems import IdentityUnavailable
from shared.settings import SettingsError

ALGORITHMS = ("RS256", "ES256", "EdDSA")

_log = structlog.get_logger(__name__)

_SECONDS_WHILE_EMPTY = 5
_SECONDS_BETWEEN_LOADS = 60
# A key that the provider removed works for this long at most, and a token of its for ten seconds more (tokens.py).
SECONDS_KEPT = 290
# Of a provider that does not answer; nobody could renew a token there either, and those live for half a day.
SECONDS_WITHOUT_NEWS = 12 * 3600
_TIMEOUT = 5
_LARGEST = 1024 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SigningKeys:
    """Keys by id. Loaded again every 290 s, and for an unknown id at most once a minute. `now` is monotonic."""

    def __init__(self, source: str, now: Callable[[], float] = time.monotonic) -> None:
        if not _is_safe(source):
            raise SettingsError("CUNJING_JWKS: signing keys are fetched over https only, http is for this machine")
        self._source = source
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._now = now
        self._tried_at = self._read_at = float("-inf")
        self._loading = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id, or the only key there is for a token that names none."""
        if self._is_stale(key_id) or not self._holds(key_id):
            async with self._loading:  # whoever has no key yet waits for the load that is under way
                if self._is_stale(key_id):
                    await self._load()
        if not self._keys:
            raise IdentityUnavailable("请稍后重试;如持续出现,请联系运维人员检查身份服务")
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _holds(self, key_id: str | None) -> bool:
        return bool(self._keys) if key_id is None else key_id in self._keys

    def _is_stale(self, key_id: str | None) -> bool:
        tried, read = self._now() - self._tried_at, self._now() - self._read_at
        if not self._keys:
            return tried > _SECONDS_WHILE_EMPTY
        return tried > _SECONDS_BETWEEN_LOADS and (read > SECONDS_KEPT or not self._holds(key_id))

    async def _load(self) -> None:
        self._tried_at = self._now()
        try:
            self._keys = await asyncio.to_thread(_read_keys, self._source)
            self._read_at = self._tried_at
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            # The old keys stay good: an identity provider that is down for a while must not stop the phones.
            _log.exception("signing keys could not be read", source=self._source)
            if self._tried_at - self._read_at > SECONDS_WITHOUT_NEWS:
                self._keys = {}


class _StayHere(HTTPRedirectHandler):
    """The keys are where the settings say, over https, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return


_web = build_opener(_StayHere)


def _read_keys(source: str) -> dict[str | None, jwt.PyJWK]:
    keys: dict[str | None, jwt.PyJWK] = {}
    for entry in json.loads(_read(source))["keys"]:
        try:
            if _is_for_us(entry):
                keys[entry.get("kid")] = jwt.PyJWK.from_dict(entry)
        except (AttributeError, TypeError, ValueError, jwt.PyJWTError):
            # One broken key must not take the others with it.
            _log.exception("signing key is broken", key_id=entry.get("kid") if isinstance(entry, dict) else None)
    if not keys:
        raise ValueError("there is no key among them that we could use")
    return keys


def _is_for_us(entry: dict[str, Any]) -> bool:
    """A public signature key of a kind whose algorithm is pinned; a symmetric one never."""
    kind = (entry.get("kty"), entry.get("crv"))
    pinned = kind[0] == "RSA" or kind in (("EC", "P-256"), ("OKP", "Ed25519"))
    return pinned and entry.get("use", "sig") == "sig" and entry.get("alg", ALGORITHMS[0]) in ALGORITHMS


def _is_safe(source: str) -> bool:
    """A file, an address over https, or one on this machine: over a network anybody could put in their own keys."""
    address = urlsplit(source)
    return address.scheme != "http" or address.hostname in _LOOPBACK


def _read(source: str) -> bytes:
    if source.startswith(("https://", "http://")):
        with _web.open(source, timeout=_TIMEOUT) as answer:
            return bytes(answer.read(_LARGEST))
    return Path(source).read_bytes()
