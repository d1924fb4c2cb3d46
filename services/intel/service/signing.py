"""The secrets that count for an endpoint at a moment."""

from __future__ import annotations

from datetime import datetime

from services.intel.repository.rows import Row
from shared.security.vault import Vault


def secrets_of(endpoint: Row, vault: Vault, now: datetime) -> list[str]:
    """The secret, and until its time is over the one it replaced."""
    until = endpoint["former_secret_until"]
    former = [endpoint["former_secret"]] if until and until > now else []
    return [vault.open(sealed) for sealed in (endpoint["secret"], *former)]
