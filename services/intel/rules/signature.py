"""Standard Webhooks over the raw bytes: who sent a call, and how old it is."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from standardwebhooks import Webhook

LONGEST_ID = 256


Header = Literal["webhook-id", "webhook-timestamp", "webhook-signature"]


@dataclass(frozen=True, slots=True)
class Genuine:
    """Signed with the secret; `seconds_off` is positive for a call from the past."""

    webhook_id: str
    seconds_off: int


@dataclass(frozen=True, slots=True)
class Unproven:
    """Which header proves nothing; `reason` is `missing`, `malformed` or, of the signature, `no_match`."""

    header: Header
    reason: Literal["missing", "malformed", "no_match"]


def sign(secret: str, webhook_id: str, at: datetime, body: str, *former: str) -> dict[str, str]:
    """The three headers of a call made now, signed also with what still counts beside the secret; `at` in UTC."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(one).sign(webhook_id, at, body) for one in (secret, *former)),
    }


def genuine(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> Genuine | Unproven:
    """What the signature proves, or which header does not.

    The library's own `verify` fixes the tolerance at five minutes; a station whose clock is off must be told by how
    much, and only once its signature has shown that it is the station.
    """
    for header in get_args(Header):
        if not headers.get(header):
            return Unproven(header, "missing")
    webhook_id, given = headers["webhook-id"], headers["webhook-signature"].split(" ")
    if len(webhook_id) > LONGEST_ID:
        return Unproven("webhook-id", "malformed")
    try:
        signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    except (ValueError, OverflowError, OSError):
        return Unproven("webhook-timestamp", "malformed")
    if not any(one.startswith("v1,") for one in given):
        return Unproven("webhook-signature", "malformed")
    if not any(_signed_with(secret, webhook_id, signed_at, body, given) for secret in secrets):
        return Unproven("webhook-signature", "no_match")
    return Genuine(webhook_id, int((now - signed_at).total_seconds()))


def _signed_with(secret: str, webhook_id: str, at: datetime, body: bytes, given: Sequence[str]) -> bool:
    try:
        expected = Webhook(secret).sign(webhook_id, at, body.decode()).encode()
    except UnicodeDecodeError:
        return False
    return any(hmac.compare_digest(expected, one.encode()) for one in given)


def usable_secret(secret: str) -> bool:
    """`whsec_` and base64 of 24 to 64 bytes, as the standard asks."""
    encoded = secret.removeprefix("whsec_")
    try:
        return secret != encoded and 24 <= len(b64decode(encoded, validate=True)) <= 64
    except ValueError:
        return False
