"""Where stations receive their orders, and what a person does about it: all of it audited."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intel.clients import refusal
from services.intel.errors import (
    AddressRefused,
    DeliveryNotFound,
    EndpointNotFound,
    NotKnownYet,
    SecretUnusable,
    StationNotFound,
)
from services.intel.repository.deliveries import Deliveries
from services.intel.repository.known import Known
from services.intel.repository.rows import Row
from services.intel.repository.stations import Stations
from services.intel.rules.addresses import AllowList
from services.intel.rules.delivery import TEST
from services.intel.rules.delivery import Delivery as State
from services.intel.rules.delivery import sent_again as from_the_beginning
from services.intel.rules.signature import usable_secret
from services.intel.schemas.endpoints import Delivery, Endpoint, EndpointGiven, SecretGiven
from shared.database.unit import Unit
from shared.ids import new_id
from shared.security.audit import record_audit
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.pages import Page, decode_cursor, encode_cursor

Place = tuple[datetime, UUID]

# Nothing of how an address stood is true of another one.
_UNKNOWN = {"failures": 0, "rests_until": None, "asked_until": None}
_UNPAUSED = {"paused_at": None, "paused_because": None}


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
    """A station's endpoint and what was and is to be sent to it."""

    def __init__(self, unit: Unit, vault: Vault, allowed: AllowList) -> None:
        self.unit = unit
        self.vault = vault
        self.allowed = allowed
        self.known = Known(unit.connection)
        self.stations = Stations(unit.connection)
        self.rows = Deliveries(unit.connection)

    async def page(self, who: Principal, after: str | None, limit: int) -> Page[Endpoint]:
        """The endpoints of stations that serve something in the caller's jurisdiction."""
        rows = await self.stations.page(who, decode_cursor(after, UUID) if after else None, limit + 1)
        more = len(rows) > limit
        return Page(
            items=[self._shown(row) for row in rows[:limit]],
            next=encode_cursor(rows[limit - 1]["org_id"]) if more else None,
        )

    async def read(self, org_id: UUID, who: Principal) -> Endpoint:
        """One endpoint."""
        await require_own_station(self.known, org_id, who)
        return await self._read(org_id)

    async def put(self, org_id: UUID, given: EndpointGiven, who: Principal) -> Endpoint:
        """Set the address and secret of a station; whatever it has not received yet is tried again at once."""
        if await self.known.organisation(org_id) is None:
            raise NotKnownYet("该单位的资料尚未同步到本服务,请稍后原样重发", "organisation")
        await require_whole_station(self.known, org_id, who)
        if reason := refusal(given.url, self.allowed):
            raise AddressRefused(
                "地址须为 https,不含空白和控制字符,主机和端口须在 CUNJING_INTEL_ALLOWED_HOSTS 中列出", reason=reason
            )
        row = {
            "org_id": org_id,
            "url": given.url,
            "secret": self._sealed(given.secret),
            "former_secret": None,
            "former_secret_until": None,
            "tolerance_seconds": given.tolerance_seconds,
            "succeeded_at": None,
            "updated_at": self.unit.now,
        }
        await self.stations.put_endpoint(row | _UNKNOWN | _UNPAUSED)
        await self.rows.send_all_again(org_id, self.unit.now)
        return await self._done(org_id, who, "put")

    async def rotate(self, org_id: UUID, given: SecretGiven, who: Principal) -> Endpoint:
        """A new secret; the one before it counts for a while, the one before that no more."""
        row = await self._hold(org_id, who)
        changed = {
            "secret": self._sealed(given.secret),
            "former_secret": row["secret"],
            "former_secret_until": self.unit.now + timedelta(seconds=given.former_valid_seconds),
        }
        return await self._change(org_id, who, "rotate", changed)

    async def pause(self, org_id: UUID, who: Principal) -> Endpoint:
        """Send nothing but tests."""
        row = await self._hold(org_id, who)
        paused = {"paused_at": row["paused_at"] or self.unit.now, "paused_because": "person"}
        return await self._change(org_id, who, "pause", paused)

    async def resume(self, org_id: UUID, who: Principal) -> Endpoint:
        """Whatever made it rest is over: all that waits is due."""
        await self._hold(org_id, who)
        await self.rows.hasten(org_id, self.unit.now)
        return await self._change(org_id, who, "resume", _UNKNOWN | _UNPAUSED)

    async def delete(self, org_id: UUID, who: Principal) -> None:
        """Forget the endpoint; what is not delivered waits for a new one."""
        await self._hold(org_id, who)
        await self.rows.forget_tests(org_id)
        await self.stations.delete(org_id)
        await self._audit(org_id, who, "delete")

    async def test(self, org_id: UUID, who: Principal) -> Delivery:
        """One signed event that means nothing, sent once and not again."""
        await self._hold(org_id, who)
        await self.rows.forget_tests(org_id)
        delivery_id = new_id()
        test = {"delivery_id": delivery_id, "station": org_id, "event": TEST, "order_id": None, "report_id": None}
        await self.rows.add([test], self.unit.now)
        await self._audit(org_id, who, "test")
        return await self._delivery(org_id, delivery_id)

    async def deliveries(
        self, org_id: UUID, who: Principal, state: str | None, after: str | None, limit: int
    ) -> Page[Delivery]:
        """A station's deliveries, the newest first."""
        await require_own_station(self.known, org_id, who)
        before = decode_cursor(after, Place) if after else None  # type: ignore[arg-type]  # a tuple is a shape too
        rows = await self.rows.page(org_id, state, before, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[_delivery(row) for row in rows[:limit]],
            next=encode_cursor([last["created_at"], last["delivery_id"]]) if last else None,
        )

    async def delivery(self, org_id: UUID, delivery_id: UUID, who: Principal) -> Delivery:
        """One delivery of a station."""
        await require_own_station(self.known, org_id, who)
        return await self._delivery(org_id, delivery_id)

    async def send_again(self, org_id: UUID, delivery_id: UUID, who: Principal) -> Delivery:
        """From the first attempt on, also what was delivered or given up."""
        await require_whole_station(self.known, org_id, who)
        await self.stations.lock(org_id)
        row = await self.rows.get(org_id, delivery_id)
        if row is None:
            raise _no_delivery()
        state = State(row["event"], row["state"], row["attempts"], row["next_at"])
        again = from_the_beginning(state, self.unit.now)._asdict() | {"delivered_at": None}
        await self.rows.set(delivery_id, again)
        await record_audit(self.unit, who, "delivery.send_again", str(delivery_id))
        return await self._delivery(org_id, delivery_id)

    async def _hold(self, org_id: UUID, who: Principal) -> Row:
        await require_whole_station(self.known, org_id, who)
        row = await self.stations.lock(org_id)
        if row is None:
            raise _no_endpoint()
        return row

    async def _change(self, org_id: UUID, who: Principal, action: str, values: dict[str, Any]) -> Endpoint:
        await self.stations.set(org_id, values | {"updated_at": self.unit.now})
        return await self._done(org_id, who, action)

    async def _done(self, org_id: UUID, who: Principal, action: str) -> Endpoint:
        await self._audit(org_id, who, action)
        return await self._read(org_id)

    async def _audit(self, org_id: UUID, who: Principal, action: str) -> None:
        await record_audit(self.unit, who, f"endpoint.{action}", str(org_id))

    async def _read(self, org_id: UUID) -> Endpoint:
        row = await self.stations.shown(org_id)
        if row is None:
            raise _no_endpoint()
        return self._shown(row)

    async def _delivery(self, org_id: UUID, delivery_id: UUID) -> Delivery:
        row = await self.rows.get(org_id, delivery_id)
        if row is None:
            raise _no_delivery()
        return _delivery(row)

    def _sealed(self, secret: str) -> bytes:
        if not usable_secret(secret):
            raise SecretUnusable("密钥应为 whsec_ 加 24 至 64 字节的 base64")
        return self.vault.seal(secret)

    def _shown(self, row: Row) -> Endpoint:
        """What lies behind is not shown as if it still held."""
        ends = [at for at in (row["rests_until"], row["asked_until"]) if at and at > self.unit.now]
        until = row["former_secret_until"]
        former = until if until and until > self.unit.now else None
        return Endpoint.model_validate({**row, "rests_until": max(ends, default=None), "former_secret_until": former})


def _delivery(row: Row) -> Delivery:
    return Delivery.model_validate({**row, "next_at": row["next_at"] if row["state"] == "pending" else None})


def _no_endpoint() -> EndpointNotFound:
    return EndpointNotFound("请先用 PUT 设置该单位的接收地址")


def _no_delivery() -> DeliveryNotFound:
    return DeliveryNotFound("请核对投递编号,它必须属于该单位")
