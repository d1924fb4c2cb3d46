"""Settings of intel: which hosts may be called, and how long to wait before each new attempt."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from services.intel.rules.addresses import AllowList
from shared.settings import ServiceSettings


def _listed(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _allow_list(entries: frozenset[str]) -> frozenset[str]:
    AllowList.of(entries)
    return entries


HOUR = 3600


class IntelSettings(ServiceSettings):
    """`CUNJING_INTEL_…`; lists are separated by commas."""

    allowed_hosts: Annotated[frozenset[str], NoDecode, BeforeValidator(_listed), AfterValidator(_allow_list)] = (
        frozenset({"127.0.0.1:*"})
    )
    # Some 76 hours in all, as Standard Webhooks advises; when the attempt after the last wait fails, the order is dead.
    retry_seconds: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...], NoDecode, BeforeValidator(_listed), Field(min_length=1)
    ] = (5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
