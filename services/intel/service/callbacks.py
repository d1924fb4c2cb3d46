"""A station answers: received, accepted, returned, closed; each answer is taken once and moves the report forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from services.intel.errors import (
    BeforeTheOrder,
    CallbackConflict,
    InTheFuture,
    OrderNotFound,
    SignatureOld,
    SignatureWrong,
)
from services.intel.repository.deliveries import Deliveries
from services.intel.repository.known import Known
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.repository.stations import Stations
from services.intel.rules.lifecycle import later, steps_of
from services.intel.rules.signature import Unproven, genuine
from services.intel.schemas import Callback, CallbackAnswer
from services.intel.service import facts
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
        self.stations = Stations(unit.connection)

    async def take(self, org_id: UUID, headers: Mapping[str, str], body: bytes) -> CallbackAnswer:
        """Verify, then apply once: a repeat of the same webhook-id gets the first answer and changes nothing."""
        webhook_id, tolerance = await self._genuine(org_id, headers, body)
        said = _parsed(body)
        report = await self.reports.lock_by_order(said.order_id, org_id)
        if report is None:
            raise OrderNotFound("请核对 order_id,它必须是派给本单位的")
        call = _Call(org_id, webhook_id, sha256(body).digest(), said)
        seen = await self.stations.callback(org_id, webhook_id)
        if seen is not None:
            if seen["body_hash"] != call.body_hash:
                raise _conflict()
            return CallbackAnswer.model_validate(seen["answer"])
        self._require_possible(said, report, max(CLOCK_ERROR, tolerance))
        await self._require_known(said)
        return await self._apply(report, call)

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

    def _require_possible(self, said: Callback, report: Row, clock_error: timedelta) -> None:
        if said.at > self.unit.now + clock_error:
            raise InTheFuture("at 晚于当前时间,请校准时钟后重发", pointer="/at")
        if said.at < report["ordered_at"] - clock_error:
            raise BeforeTheOrder("at 早于派单时间,请核对后重发", pointer="/at")

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

    async def _apply(self, report: Row, call: _Call) -> CallbackAnswer:
        await self._acknowledge(report, call)
        revision = await self._close(report, call) if call.said.event == "closed" else None
        state = later(report["state"], call.said.event)
        await self.reports.change([{"report_id": report["report_id"], "state": state}])
        await Deliveries(self.unit.connection).arrived(report["order_id"], self.unit.now)
        answer = CallbackAnswer(
            order_id=report["order_id"], report_id=report["report_id"], state=state, revision=revision
        )
        await self._remember(call, answer)
        return answer

    async def _acknowledge(self, report: Row, call: _Call) -> None:
        """Publish the steps nobody has seen yet; those the event only implies are marked so in the timeline."""
        said = call.said
        steps = steps_of(said.event, report["state"], report["acknowledged"])
        notes: list[tuple[str, str | None]] = []
        for step in steps:
            meant = step == said.event
            fact = facts.acknowledged(
                report,
                call.org_id,
                step,
                said.at,
                by_named_person=meant and said.handler_name is not None,
                reason=said.reason if meant else None,
            )
            self.unit.outbox.add(fact)
            notes.append((step, said.reason if meant else "implied"))
        if said.event != "closed" and said.event not in steps:
            notes.append((said.event, "late"))
        await self._note(report, call.org_id, notes)
        known = {"report_id": report["report_id"], "acknowledged": [*report["acknowledged"], *steps]}
        await self.reports.change([known])

    async def _close(self, report: Row, call: _Call) -> int:
        """A new revision when it says something new (A-205: a later one takes points back visibly)."""
        last, said = await self.reports.last_closing(report["report_id"]), call.said
        content = {
            "outcome": said.outcome,
            "truth": said.truth,
            "record_seen": said.record_seen,
            "cooperated": sorted(set(said.cooperated)),
        }
        if last is not None and all(last[name] == value for name, value in content.items()):
            return int(last["revision"])
        closing: dict[str, Any] = content | {
            "report_id": report["report_id"],
            "revision": last["revision"] + 1 if last else 1,
            "closed_by": call.org_id,
            "closed_at": said.at,
            # I-307: from this moment the reporter finds the outcome among his own reports. When he looks is his own
            # business, and a fact that waited for it would never come for those who do not look.
            "fed_back_at": self.unit.now,
        }
        await self.reports.add_closing(closing)
        self.unit.outbox.add(facts.closed(report, closing))
        await self._note(report, call.org_id, [("closed", said.outcome)])
        await self._feed_back(report)
        return int(closing["revision"])

    async def _note(self, report: Row, org_id: UUID, whats: list[tuple[str, str | None]]) -> None:
        entry = {"report_id": report["report_id"], "at": self.unit.now, "by_org": org_id}
        await self.reports.note(*(entry | {"what": what, "code": code} for what, code in whats))

    async def _feed_back(self, report: Row) -> None:
        entry = {"report_id": report["report_id"], "at": self.unit.now, "what": "fed_back"}
        await self.reports.note(entry | {"by_officer": report["reporter"]})

    async def _remember(self, call: _Call, answer: CallbackAnswer) -> None:
        name = call.said.handler_name
        kept = await self.stations.add_callback(
            {
                "org_id": call.org_id,
                "webhook_id": call.webhook_id,
                "order_id": answer.order_id,
                "event": call.said.event,
                "body_hash": call.body_hash,
                "handler_name": self.vault.seal(name) if name else None,
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


def _parsed(body: bytes) -> Callback:
    try:
        return Callback.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise InvalidRequest(f"共 {len(faults)} 处需要修改,见 errors", errors=fault_list(faults)) from None


def _conflict() -> CallbackConflict:
    return CallbackConflict("重发须与首次内容完全相同;内容有变请用新的 webhook-id")
