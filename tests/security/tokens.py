"""Tokens, good and bad, for the tests."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, DevKeys


def claims(**changed: Any) -> dict[str, Any]:
    good = {
        "iss": DEV_ISSUER,
        "aud": DEV_AUDIENCE,
        "sub": "someone",
        "scope": "fieldwork:read",
        "division": "",
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(dev_keys: DevKeys, **changed: Any) -> str:
    key = dev_keys.private_key_path.read_bytes()
    kid = json.loads(dev_keys.jwks_path.read_bytes())["keys"][0]["kid"]
    return jwt.encode(claims(**changed), key, algorithm="EdDSA", headers={"kid": kid})
