"""Personal data at rest: sealed with AES-256-GCM, found again by a keyed hash (blind index)."""

import base64
import hmac
import os
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ValidationError, model_validator

from shared.settings import SettingsError

_VERSION = 1
_AES_256_GCM = 1
_NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed value was changed, cut off, or sealed with a key that is not here."""


class KeyFile(BaseModel, hide_input_in_errors=True):
    """`{"current": "k1", "keys": {"k1": <base64 of 32 bytes>}}`; `index` names the key of the blind index."""

    current: str
    keys: dict[str, str]
    index: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if any(len(base64.b64decode(key, validate=True)) != 32 for key in self.keys.values()):
            raise ValueError("every key is the base64 of 32 bytes")
        if any(not 0 < len(key_id.encode()) < 256 for key_id in self.keys):
            raise ValueError("a key id has 1 to 255 bytes")
        # Another index key would find nothing of what is stored, and nobody would notice.
        if self.index is None and len(self.keys) > 1:
            raise ValueError("with several keys `index` must name the one the blind index was built with")
        if not {self.current, self.index_key_id} <= self.keys.keys():
            raise ValueError("`current` and `index` must be among `keys`")
        return self

    @property
    def index_key_id(self) -> str:
        """The key the blind index is derived from; it stays when `current` changes."""
        return self.index or self.current


class Vault:
    """Seals with the current key, opens with the key a value names.

    A sealed value is: version, algorithm id, length of key id, key id, nonce, ciphertext with tag.
    """

    def __init__(self, file: KeyFile) -> None:
        keys = {key_id: base64.b64decode(key) for key_id, key in file.keys.items()}
        self._current = file.current
        self._ciphers = {key_id: AESGCM(_derive(key, "seal")) for key_id, key in keys.items()}
        self._index_root = keys[file.index_key_id]
        self._index_keys: dict[str, bytes] = {}

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The vault with the keys of `settings.encryption_keys`; a helpful error if there are none."""
        if path is None:
            raise SettingsError("CUNJING_ENCRYPTION_KEYS is not set: this service keeps personal data")
        try:
            return cls(KeyFile.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            raise SettingsError(f"CUNJING_ENCRYPTION_KEYS: {path}: {error}") from None

    def seal(self, text: str) -> bytes:
        """The text encrypted with the current key."""
        key_id = self._current.encode()
        header = bytes((_VERSION, _AES_256_GCM, len(key_id))) + key_id
        nonce = os.urandom(_NONCE_BYTES)
        return header + nonce + self._ciphers[self._current].encrypt(nonce, text.encode(), header)

    def open(self, sealed: bytes) -> str:
        """The text again; `SealBroken` for anything we did not seal exactly so."""
        header, rest = _split(sealed)
        cipher = self._ciphers.get(header[3:].decode(errors="replace"))
        if cipher is None:
            raise SealBroken("sealed with a key that is not in CUNJING_ENCRYPTION_KEYS")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("the sealed value was changed or cut off") from None

    def blind_index(self, text: str, context: str) -> bytes:
        """The same 32 bytes for the same text and context ("citizen_number"), for equality search only."""
        if context not in self._index_keys:
            self._index_keys[context] = _derive(self._index_root, f"blind index: {context}")
        return hmac.digest(self._index_keys[context], text.encode(), sha256)


def _split(sealed: bytes) -> tuple[bytes, bytes]:
    if len(sealed) < 3 or sealed[0] != _VERSION or sealed[1] != _AES_256_GCM:
        raise SealBroken("not a sealed value of a version and algorithm known here")
    end = 3 + sealed[2]
    return sealed[:end], sealed[end:]


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"cunjing {purpose}".encode()).derive(key)
