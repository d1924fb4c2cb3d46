"""A station answers: received, accepted, returned, closed; each answer is taken once and only ever moves forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from services.intel.errors import (
    BeforeTheOrder,
    CallbackConflict,
    InTheFuture,
    OrderNotFound,
    ReportNotFound,
    SignatureOld,
    SignatureWrong,
)
from services.intel.repository.deliveries import Deliveries
from services.intel.repository.known import Known
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.repository.stations import Stations
from services.intel.rules.lifecycle import after
from services.intel.rules.signature import Unproven, genuine
from services.intel.schemas.stations import Callback, CallbackAnswer
from services.intel.service.following import Following, Told, said_of
from services.intel.service.signing import secrets_of
from shared.contracts.personnel import OfficerV1
from shared.database.unit import Unit
from shared.messaging.pulses import knows_everything
from shared.security.audit import record_audit
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.failures import unavailable
from shared.web.problems import InvalidRequest
from shared.web.validation import fault_list

CLOCK_ERROR = timedelta(minutes=5)


class Callbacks:
    """Signed calls of stations."""

    def __init__(self, unit: Unit, vault: Vault) -> None:
        self.unit = unit
        self.vault = vault
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)
        self.stations = Stations(unit.connection)
        self.following = Following(unit)

    async def take(self, org_id: UUID, headers: Mapping[str, str], body: bytes) -> CallbackAnswer:
        """Verify, then apply once: a repeat of the same webhook-id gets the first answer and changes nothing."""
        webhook_id, tolerance = await self._genuine(org_id, headers, body)
        call = _Call(org_id, webhook_id, sha256(body).digest(), _parsed(body))
        order, report = await self._about(call)
        seen = await self.stations.callback(org_id, webhook_id)
        if seen is not None:
            if seen["body_hash"] != call.body_hash:
                raise _conflict()
            return CallbackAnswer.model_validate(seen["answer"])
        since = order["created_at"] if order else report["reported_at"]
        self._require_possible(call.said, since, max(CLOCK_ERROR, tolerance))
        await self._require_known(call.said)
        answer = await (self._of_order(order, call) if order else self._of_report(report, call))
        await self._remember(call, answer)
        return answer

    async def _genuine(self, org_id: UUID, headers: Mapping[str, str], body: bytes) -> tuple[str, timedelta]:
        """The call's id, and how far the station's clock may be off."""
        endpoint = await self.stations.endpoint(org_id)
        secrets = secrets_of(endpoint, self.vault, self.unit.now) if endpoint else []
        proof = genuine(secrets, headers, body, self.unit.now)
        if isinstance(proof, Unproven):
            raise SignatureWrong(proof.header, proof.reason)
        assert endpoint is not None  # without one there is no secret, and nothing is proven
        if abs(proof.seconds_off) > endpoint["tolerance_seconds"]:
            raise SignatureOld(proof.seconds_off, endpoint["tolerance_seconds"])
        return proof.webhook_id, timedelta(seconds=endpoint["tolerance_seconds"])

    async def _about(self, call: _Call) -> tuple[Row | None, Row]:
        """The station's order that is meant, or the report on its list that has none; locked."""
        org_id, said = call.org_id, call.said
        if said.order_id:
            order = await self.orders.lock(said.order_id, org_id)
            if order is None:
                raise OrderNotFound("请核对 order_id,它必须是派给本单位的")
            return order, {}
        assert said.report_id is not None  # one of them is named
        report = await self.reports.lock_on_record(said.report_id, org_id)
        if report is None or report["hop"]:
            raise ReportNotFound("请核对 report_id,它必须由本单位负责;已派单的上报请用 order_id 回复")
        return None, report

    def _require_possible(self, said: Callback, since: datetime, clock_error: timedelta) -> None:
        if said.at > self.unit.now + clock_error:
            raise InTheFuture("at 晚于当前时间,请校准时钟后重发", pointer="/at")
        if said.at < since - clock_error:
            raise BeforeTheOrder("at 早于派单或上报时间,请核对后重发", pointer="/at")

    async def _require_known(self, said: Callback) -> None:
        """`cooperated` names officers who exist, for points hang on it; 503 while one may not be known yet."""
        unknown = set(said.cooperated) - (await Known(self.unit.connection).officer_names(said.cooperated)).keys()
        if not unknown:
            return
        if not await knows_everything(self.unit.connection, OfficerV1):
            raise unavailable()
        at = [n for n, officer in enumerate(said.cooperated) if officer in unknown]
        raise InvalidRequest(
            "cooperated 中有未登记的人员,请核对后用新的 webhook-id 重发",
            errors=[{"pointer": f"/cooperated/{n}", "message": "没有这名人员,请填写其 officer_id"} for n in at],
        )

    async def _of_order(self, order: Row, call: _Call) -> CallbackAnswer:
        """The order moves, and the reports that it answers with it."""
        order_id, lead, said = order["order_id"], order["report_id"], call.said
        await Deliveries(self.unit.connection).arrived(order_id, self.unit.now)
        moved = after(said.event, order["state"], followed=order["followed_by"] is not None)
        if moved.late:
            await self._note(lead, call, "late")
        else:
            if moved.state == order["state"] and said.event != "closed":
                await self._note(lead, call, "again")
            changed = {"state": moved.state, "version": order["version"] + 1, "moved_at": self.unit.now}
            changed |= {"closed_at": said.at} if said.event == "closed" else {}
            await self.orders.set(order_id, changed)
            await self._keep_step(order_id, call)
            await self.following.follow({**order, **changed}, _closing(call))
        closing = await self.reports.last_closing(lead) if said.event == "closed" and not moved.late else None
        return CallbackAnswer(
            order_id=order_id, report_id=lead, state=moved.state, revision=closing and closing["revision"]
        )

    async def _of_report(self, report: Row, call: _Call) -> CallbackAnswer:
        """A report that no rule escalated is on the station's list, and is acknowledged and closed there."""
        report_id, said = report["report_id"], call.said
        moved = after(said.event, report["state"], followed=False)
        last = await self.reports.last_closing(report_id)
        if moved.late:
            await self._note(report_id, call, "late")
        else:
            await self._keep_step(report_id, call)
            told, steps = Told(), said_of(await self.orders.steps([report_id]))
            self.following.step(told, report, call.org_id, moved.state, steps, said.at)
            if closing := _closing(call):
                self.following.close(told, report, closing, last)
            await self.following.move([report], {"state": moved.state}, told)
        closed = await self.reports.last_closing(report_id) if said.event == "closed" else None
        return CallbackAnswer(
            order_id=None, report_id=report_id, state=moved.state, revision=closed and closed["revision"]
        )

    async def _keep_step(self, about: UUID, call: _Call) -> None:
        said = call.said
        if said.event != "closed":
            step = {"about": about, "step": said.event, "at": said.at, "reason": said.reason}
            name = {"by_named_person": said.handler_name is not None, "handler_name": self._sealed(said.handler_name)}
            await self.orders.add_step(step | name)

    def _sealed(self, name: str | None) -> bytes | None:
        return self.vault.seal(name) if name else None

    async def _note(self, report_id: UUID, call: _Call, code: str) -> None:
        entry = {"report_id": report_id, "at": self.unit.now, "by_org": call.org_id}
        await self.reports.note(entry | {"what": call.said.event, "code": code})

    async def _remember(self, call: _Call, answer: CallbackAnswer) -> None:
        kept = await self.stations.add_callback(
            {
                "org_id": call.org_id,
                "webhook_id": call.webhook_id,
                "order_id": answer.order_id,
                "event": call.said.event,
                "body_hash": call.body_hash,
                "handler_name": self._sealed(call.said.handler_name),
                "answer": answer.model_dump(mode="json"),
                "received_at": self.unit.now,
            }
        )
        if not kept:  # the same id at the same moment for another order
            raise _conflict()
        station = Principal(f"station:{call.org_id}", frozenset(), "", "open", None)
        about = (f"callback.{call.said.event}", str(answer.report_id))
        await record_audit(self.unit, station, *about, reason=call.said.reason)


@dataclass(frozen=True, slots=True)
class _Call:
    """One verified call."""

    org_id: UUID
    webhook_id: str
    body_hash: bytes
    said: Callback


def _closing(call: _Call) -> dict[str, Any] | None:
    said = call.said
    if said.event != "closed":
        return None
    return {
        "outcome": said.outcome,
        "truth": said.truth,
        "record_seen": said.record_seen,
        "cooperated": sorted(set(said.cooperated)),
        "closed_by": call.org_id,
        "closed_at": said.at,
    }


def _parsed(body: bytes) -> Callback:
    try:
        return Callback.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise InvalidRequest(f"共 {len(faults)} 处需要修改,见 errors", errors=fault_list(faults)) from None


def _conflict() -> CallbackConflict:
    return CallbackConflict("重发须与首次内容完全相同;内容有变请用新的 webhook-id")
