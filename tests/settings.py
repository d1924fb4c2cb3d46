"""Settings of a service whose HTTP routes are tested without a broker."""

from __future__ import annotations

from typing import Any, TypeVar

from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, DevKeys
from shared.settings import ServiceSettings

S = TypeVar("S", bound=ServiceSettings)


def without_broker(kind: type[S], service: str, database_url: str, keys: DevKeys, **more: Any) -> S:
    """No HTTP route speaks to the broker, so its address leads nowhere."""
    return kind.of(
        service,
        database_url=database_url,
        kafka_bootstrap_servers="127.0.0.1:1",
        jwt_issuer=DEV_ISSUER,
        jwt_audience=DEV_AUDIENCE,
        jwks=str(keys.jwks_path),
        encryption_keys=keys.encryption_keys_path,
        **more,
    )
