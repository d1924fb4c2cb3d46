"""Whose tokens are believed."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.security import keys as keys_module
from shared.security import tokens as tokens_module
from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, DevKeys, ensure_dev_keys, issue_token
from shared.security.keys import SigningKeys
from shared.security.principal import Principal
from shared.security.problems import IdentityUnavailable, TokenExpired, TokenInvalid, TokenTooLong
from shared.security.tokens import TokenVerifier
from shared.settings import SettingsError
from tests.security.tokens import claims, signed

AN_OFFICER = UUID("018f3b1c-0000-7000-8000-000000000001")


@pytest.fixture
def verifier(dev_keys: DevKeys) -> TokenVerifier:
    return TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=SigningKeys(str(dev_keys.jwks_path)))


async def test_a_good_token_gives_its_principal(dev_keys: DevKeys, verifier: TokenVerifier) -> None:
    token = issue_token(
        dev_keys.private_key_path,
        subject="backend",
        scopes=["fieldwork:sync", "act-as"],
        division="411622000000",
        officer_id=AN_OFFICER,
    )
    assert await verifier.verify(token) == Principal(
        subject="backend",
        scopes=frozenset({"fieldwork:sync", "act-as"}),
        division="411622",
        clearance="internal",
        officer_id=AN_OFFICER,
    )


async def test_an_expired_token(dev_keys: DevKeys, verifier: TokenVerifier) -> None:
    with pytest.raises(TokenExpired):
        await verifier.verify(signed(dev_keys, exp=datetime.now(UTC) - timedelta(seconds=31)))


async def test_clocks_may_differ_by_half_a_minute(dev_keys: DevKeys, verifier: TokenVerifier) -> None:
    assert await verifier.verify(signed(dev_keys, exp=datetime.now(UTC) - timedelta(seconds=20)))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody-else"},
        {"iss": None},
        {"aud": "another-system"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"sub": None},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
        {"division": None},
        {"division": "41162"},
        {"division": "000000000000"},
        {"division": "%"},
        {"clearance": "everything"},
        {"officer_id": "me"},
        {"scope": ["fieldwork:read"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_claims_that_are_not_ours_are_refused(
    dev_keys: DevKeys, verifier: TokenVerifier, changed: dict[str, Any]
) -> None:
    with pytest.raises(TokenInvalid):
        await verifier.verify(signed(dev_keys, **changed))


async def test_a_foreign_key_under_our_key_id(dev_keys: DevKeys, verifier: TokenVerifier, tmp_path: Path) -> None:
    foreign = ensure_dev_keys(tmp_path / "foreign")
    kid = json.loads(dev_keys.jwks_path.read_bytes())["keys"][0]["kid"]
    token = jwt.encode(claims(), foreign.private_key_path.read_bytes(), algorithm="EdDSA", headers={"kid": kid})
    with pytest.raises(TokenInvalid):
        await verifier.verify(token)


async def test_a_key_we_do_not_know(verifier: TokenVerifier, tmp_path: Path) -> None:
    with pytest.raises(TokenInvalid):
        await verifier.verify(signed(ensure_dev_keys(tmp_path / "foreign")))


async def test_no_signature_at_all(verifier: TokenVerifier) -> None:
    with pytest.raises(TokenInvalid):
        await verifier.verify(jwt.encode(claims(), "", algorithm="none"))


async def test_our_public_key_used_as_a_shared_secret(dev_keys: DevKeys, verifier: TokenVerifier) -> None:
    key = json.loads(dev_keys.jwks_path.read_bytes())["keys"][0]
    secret = base64.urlsafe_b64decode(key["x"] + "=")
    with pytest.raises(TokenInvalid):
        await verifier.verify(jwt.encode(claims(), secret, algorithm="HS256", headers={"kid": key["kid"]}))


@pytest.mark.parametrize("rubbish", ["", "x", "a.b.c", "村.警.村", "e30.e30.", "." * 1000])
async def test_rubbish(verifier: TokenVerifier, rubbish: str) -> None:
    with pytest.raises(TokenInvalid):
        await verifier.verify(rubbish)


async def test_keys_of_other_pinned_algorithms(tmp_path: Path) -> None:
    rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    jwks = [
        json.loads(RSAAlgorithm.to_jwk(rsa_key.public_key())) | {"kid": "r"},
        json.loads(ECAlgorithm.to_jwk(ec_key.public_key())) | {"kid": "e"},
        {"kty": "oct", "kid": "o", "k": base64.urlsafe_b64encode(b"x" * 32).decode()},
    ]
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": jwks}))
    keys = SigningKeys(str(tmp_path / "jwks.json"))
    verifier = TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=keys)
    assert await verifier.verify(jwt.encode(claims(), rsa_key, algorithm="RS256", headers={"kid": "r"}))
    assert await verifier.verify(jwt.encode(claims(), ec_key, algorithm="ES256", headers={"kid": "e"}))
    for bad in (
        jwt.encode(claims(), rsa_key, algorithm="RS512", headers={"kid": "r"}),
        jwt.encode(claims(), rsa_key, algorithm="RS256", headers={"kid": "e"}),
        jwt.encode(claims(), b"x" * 32, algorithm="HS256", headers={"kid": "o"}),
    ):
        with pytest.raises(TokenInvalid):
            await verifier.verify(bad)


@pytest.fixture
def jwks_server(dev_keys: DevKeys) -> Iterator[tuple[str, list[str]]]:
    """Serves whatever is in the JWKS file, and lists who asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/garbled":
                self.wfile.write(b"HTTP/9 what\r\n\r\n")
                return
            self.send_response(302 if self.path == "/elsewhere" else 200)
            self.send_header("Location", "/keys")
            self.end_headers()
            self.wfile.write(dev_keys.jwks_path.read_bytes())

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys", asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_keys_from_an_address_are_fetched_once_and_not_for_every_stranger(
    dev_keys: DevKeys, jwks_server: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = jwks_server
    verifier = TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=SigningKeys(address))
    for _ in range(3):
        assert await verifier.verify(signed(dev_keys))
    for number in range(3):
        with pytest.raises(TokenInvalid):
            await verifier.verify(signed(ensure_dev_keys(tmp_path / f"foreign{number}")))
    assert asked == ["/keys"]


async def test_requests_that_arrive_during_the_first_load_wait_for_it(
    dev_keys: DevKeys, jwks_server: tuple[str, list[str]]
) -> None:
    address, asked = jwks_server
    verifier = TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=SigningKeys(address))
    assert all(await asyncio.gather(*(verifier.verify(signed(dev_keys)) for _ in range(5))))
    assert asked == ["/keys"]


async def test_a_token_is_not_good_beyond_its_end_because_it_was_good_before(
    dev_keys: DevKeys, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed(dev_keys, exp=datetime.now(UTC) - timedelta(seconds=20))
    assert await verifier.verify(token)
    monkeypatch.setattr(tokens_module, "_LEEWAY_SECONDS", 0)
    with pytest.raises(TokenExpired):
        await verifier.verify(token)


async def test_a_new_key_is_found_without_a_restart(
    dev_keys: DevKeys, jwks_server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "_SECONDS_BETWEEN_LOADS", 0)
    verifier = TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=SigningKeys(jwks_server[0]))
    assert await verifier.verify(signed(dev_keys))
    new = ensure_dev_keys(tmp_path / "new")
    dev_keys.jwks_path.write_bytes(new.jwks_path.read_bytes())
    assert await verifier.verify(signed(new))


BROKEN: list[Any] = [
    {"kty": "RSA", "kid": "no numbers"},
    {"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AA"},
    {"kty": "OKP", "crv": "Ed25519", "kid": ["a", "list"], "x": "A" * 43},
    {"kty": "RSA", "kid": "odd", "alg": ["RS256"]},
    "no object at all",
    None,
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_key_does_not_take_the_others_with_it(dev_keys: DevKeys, tmp_path: Path, broken: Any) -> None:
    good = json.loads(dev_keys.jwks_path.read_bytes())["keys"]
    (tmp_path / "mixed.json").write_text(json.dumps({"keys": [broken, *good, broken]}))
    keys = SigningKeys(str(tmp_path / "mixed.json"))
    assert await TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=keys).verify(signed(dev_keys))


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(dev_keys: DevKeys, clock: Clock) -> TokenVerifier:
    """A verifier whose keys grow old by the clock."""
    keys = SigningKeys(str(dev_keys.jwks_path), clock)
    return TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=keys)


@pytest.mark.parametrize("published", [{"keys": BROKEN}, {"keys": []}, {"keys": None}, [], "no object"])
async def test_a_rotation_without_any_usable_key_leaves_the_old_ones_for_half_a_day(
    dev_keys: DevKeys, watched: TokenVerifier, clock: Clock, published: Any
) -> None:
    first, second, third = (signed(dev_keys, sub=name) for name in "abc")
    assert await watched.verify(first)
    dev_keys.jwks_path.write_text(json.dumps(published))
    clock.seconds += 12 * 3600
    assert await watched.verify(second)
    clock.seconds += 61
    with pytest.raises(IdentityUnavailable):
        await watched.verify(third)


async def test_a_removed_key_works_for_its_cache_time_and_no_longer(
    dev_keys: DevKeys, watched: TokenVerifier, clock: Clock, tmp_path: Path
) -> None:
    assert await watched.verify(signed(dev_keys))
    new = ensure_dev_keys(tmp_path / "new")
    old_token = signed(dev_keys, sub="another")
    dev_keys.jwks_path.write_bytes(new.jwks_path.read_bytes())
    clock.seconds += 291
    with pytest.raises(TokenInvalid):
        await watched.verify(old_token)
    assert await watched.verify(signed(new))


@pytest.mark.parametrize(
    "claimed",
    [
        {"iat": datetime.now(UTC), "exp": datetime.now(UTC) + timedelta(days=367)},
        {"iat": datetime.now(UTC) - timedelta(days=360), "exp": datetime.now(UTC) + timedelta(days=7)},
        {"exp": datetime.now(UTC) + timedelta(days=367)},
    ],
)
async def test_a_token_that_is_good_for_more_than_a_year_is_refused(
    dev_keys: DevKeys, verifier: TokenVerifier, claimed: dict[str, Any]
) -> None:
    with pytest.raises(TokenTooLong) as refused:
        await verifier.verify(signed(dev_keys, **claimed))
    assert "一年" in refused.value.detail


@pytest.mark.parametrize("given", [{}, {"iat": datetime.now(UTC)}])
async def test_a_token_that_is_good_for_a_year_is_taken(
    dev_keys: DevKeys, verifier: TokenVerifier, given: dict[str, Any]
) -> None:
    assert await verifier.verify(signed(dev_keys, exp=datetime.now(UTC) + timedelta(days=365), **given))


@pytest.mark.parametrize("path", ["/elsewhere", "/garbled"])
async def test_keys_are_not_taken_from_elsewhere_nor_from_a_garbled_answer(
    dev_keys: DevKeys, jwks_server: tuple[str, list[str]], path: str
) -> None:
    address, asked = jwks_server
    keys = SigningKeys(address.replace("/keys", path))
    with pytest.raises(IdentityUnavailable):
        await TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=keys).verify(signed(dev_keys))
    assert asked == [path]


@pytest.mark.parametrize("address", ["http://idp.example/keys", "http://127.0.0.1.example/keys", "HTTP://10.0.0.1/k"])
def test_keys_from_another_machine_come_over_https(address: str) -> None:
    with pytest.raises(SettingsError, match="CUNJING_JWKS"):
        SigningKeys(address)


async def test_without_any_keys_the_service_is_unavailable_and_nobody_gets_in(
    dev_keys: DevKeys, tmp_path: Path
) -> None:
    keys = SigningKeys(str(tmp_path / "nothing.json"))
    with pytest.raises(IdentityUnavailable):
        await TokenVerifier(issuer=DEV_ISSUER, audience=DEV_AUDIENCE, keys=keys).verify(signed(dev_keys))


def test_dev_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    keys = ensure_dev_keys(tmp_path / "keys")
    paths = (keys.jwks_path, keys.private_key_path, keys.encryption_keys_path)
    before = [path.read_bytes() for path in paths]
    assert ensure_dev_keys(tmp_path / "keys") == keys
    assert [path.read_bytes() for path in paths] == before
    assert [os.stat(path).st_mode & 0o777 for path in paths] == [0o600] * 3
    assert os.stat(tmp_path / "keys").st_mode & 0o777 == 0o700


_NO_ROOM = """
import resource, sys, pathlib
from shared.security.dev_issuer import ensure_dev_keys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
ensure_dev_keys(pathlib.Path(sys.argv[1]))
"""


def test_keys_that_could_not_be_written_are_made_the_next_time(tmp_path: Path) -> None:
    failed = subprocess.run([sys.executable, "-c", _NO_ROOM, str(tmp_path)], capture_output=True, check=False)
    assert b"File too large" in failed.stderr
    keys = ensure_dev_keys(tmp_path)
    assert issue_token(keys.private_key_path, subject="someone", scopes=[])
    assert len(list(tmp_path.iterdir())) == 3
