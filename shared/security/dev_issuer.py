"""A local issuer of tokens for the development stack and the tests; a deployment uses its identity provider."""

import base64
import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared.security.principal import Clearance

DEV_ISSUER = "cunjing-dev"
DEV_AUDIENCE = "cunjing"


@dataclass(frozen=True)
class DevKeys:
    """The files of a local stack: public keys for the services, private key for the issuer, keys for personal data."""

    jwks_path: Path
    private_key_path: Path
    encryption_keys_path: Path


def ensure_dev_keys(folder: Path) -> DevKeys:
    """The keys in `folder`, made once and readable by their owner only."""
    keys = DevKeys(folder / "jwks.json", folder / "issuer.pem", ensure_encryption_keys(folder))
    _write_once(keys.private_key_path, _new_private_key())
    _write_once(keys.jwks_path, _jwks(_load(keys.private_key_path)))
    return keys


def ensure_encryption_keys(folder: Path) -> Path:
    """Keys for the personal data of one service, made once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "encryption-keys.json"
    _write_once(path, _new_encryption_keys())
    return path


def issue_token(
    private_key_path: Path,
    *,
    subject: str,
    scopes: Iterable[str],
    division: str = "",
    officer_id: UUID | None = None,
    clearance: Clearance = "internal",
    ttl: timedelta = timedelta(hours=12),
) -> str:
    """A token of the development issuer; division "" is the whole nation."""
    key, now = _load(private_key_path), datetime.now(UTC)
    claims = {
        "iss": DEV_ISSUER,
        "aud": DEV_AUDIENCE,
        "sub": subject,
        "scope": " ".join(scopes),
        "division": division,
        "clearance": clearance,
        "officer_id": str(officer_id) if officer_id else None,
        "iat": now,
        "exp": now + ttl,
    }
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": _key_id(key)})


def _new_private_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_encryption_keys() -> bytes:
    return json.dumps({"current": "k1", "keys": {"k1": base64.b64encode(os.urandom(32)).decode()}}).encode()


def _jwks(key: Ed25519PrivateKey) -> bytes:
    public = base64.urlsafe_b64encode(_public_bytes(key)).decode().rstrip("=")
    entry = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": _key_id(key), "x": public}
    return json.dumps({"keys": [entry]}).encode()


def _load(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} is not an Ed25519 key")
    return key


def _key_id(key: Ed25519PrivateKey) -> str:
    return sha256(_public_bytes(key)).hexdigest()[:16]


def _public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _write_once(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, readable by its owner only; one that is there already stays."""
    with NamedTemporaryFile(dir=path.parent) as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
