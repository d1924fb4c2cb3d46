"""Where stations receive their orders."""

from __future__ import annotations

from uuid import UUID

from services.intel.errors import AddressRefused, NotKnownYet, SecretUnusable, StationNotFound
from services.intel.repository.known import Known
from services.intel.repository.orders import Orders
from services.intel.repository.stations import Stations
from services.intel.rules.delivery import refuse_address
from services.intel.rules.signature import usable_secret
from services.intel.schemas import EndpointGiven, EndpointKept
from shared.database.unit import Unit
from shared.security.audit import record_audit
from shared.security.principal import Principal
from shared.security.vault import Vault


async def require_own_station(known: Known, org_id: UUID, who: Principal) -> None:
    """404 for an organisation that is unknown here or serves nothing in the caller's jurisdiction."""
    if not any(who.covers(code) for code in await known.served(org_id)):
        raise StationNotFound("请核对单位编号,它必须在令牌的辖区内")


async def require_whole_station(known: Known, org_id: UUID, who: Principal) -> None:
    """404 unless all that the organisation serves is in the caller's jurisdiction: he says where its orders go."""
    served = await known.served(org_id)
    if not served or not all(who.covers(code) for code in served):
        raise StationNotFound("请核对单位编号,它所管辖的全部区划都须在令牌的辖区内")


class Endpoints:
    """Setting a station's endpoint."""

    def __init__(self, unit: Unit, vault: Vault) -> None:
        self.unit = unit
        self.vault = vault
        self.known = Known(unit.connection)

    async def put(
        self, org_id: UUID, given: EndpointGiven, who: Principal, allowed_hosts: frozenset[str]
    ) -> EndpointKept:
        """Set the address and secret of a station; whatever it has not received yet is tried again at once."""
        if await self.known.organisation(org_id) is None:
            raise NotKnownYet("该单位的资料尚未同步到本服务,请稍后原样重发", "organisation")
        await require_whole_station(self.known, org_id, who)
        if reason := refuse_address(given.url, allowed_hosts):
            raise AddressRefused("地址须为 https,主机须在 CUNJING_INTEL_ALLOWED_HOSTS 中列出", reason=reason)
        if not usable_secret(given.secret):
            raise SecretUnusable("密钥应为 whsec_ 加 24 至 64 字节的 base64")
        kept = await Stations(self.unit.connection).put_endpoint(
            {
                "org_id": org_id,
                "url": given.url,
                "secret": self.vault.seal(given.secret),
                "tolerance_seconds": given.tolerance_seconds,
                "paused_at": None,
                "updated_at": self.unit.now,
            }
        )
        await Orders(self.unit.connection).retry_all_of(org_id, self.unit.now)
        await record_audit(self.unit, who, "endpoint.put", str(org_id))
        return EndpointKept.model_validate(kept)
