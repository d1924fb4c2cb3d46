"""Standard Webhooks over the raw bytes: who sent a call, and how old it is."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

LONGEST_ID = 256


@dataclass(frozen=True, slots=True)
class Genuine:
    """Signed with the secret; `seconds_off` is positive for a call from the past."""

    webhook_id: str
    seconds_off: int


def sign(secret: str, webhook_id: str, at: datetime, body: str) -> dict[str, str]:
    """The three headers of a call made now; `at` in UTC."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, body),
    }


def genuine(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Genuine | None:
    """What the signature proves; None when it proves nothing.

    The library's own `verify` fixes the tolerance at five minutes; a station whose clock is off must be told by how
    much, and only once its signature has shown that it is the station.
    """
    webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        signed_at = datetime.fromtimestamp(int(stamp), UTC)
        expected = Webhook(secret).sign(webhook_id, signed_at, body.decode()).encode()
    except (ValueError, OverflowError, OSError):
        return None
    given = headers.get("webhook-signature", "").split(" ")
    if not 0 < len(webhook_id) <= LONGEST_ID or not any(hmac.compare_digest(expected, one.encode()) for one in given):
        return None
    return Genuine(webhook_id, int((now - signed_at).total_seconds()))


def usable_secret(secret: str) -> bool:
    """`whsec_` and base64 of 24 to 64 bytes, as the standard asks."""
    encoded = secret.removeprefix("whsec_")
    try:
        return secret != encoded and 24 <= len(b64decode(encoded, validate=True)) <= 64
    except ValueError:
        return False
