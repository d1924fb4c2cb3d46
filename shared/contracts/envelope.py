"""A fact with its envelope: CloudEvents 1.0 attributes, on Kafka as headers (binary mode), data as body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.base import FactData
from shared.ids import new_id, read_id

Classification = Literal["open", "internal", "restricted"]
D = TypeVar("D", bound=FactData)


class Fact(NamedTuple, Generic[D]):
    """One published fact. `time` is when it happened, `recorded_at` when the server learned of it; both aware.

    `stream_key` is that of its data. `sequence` (1, 2, … without gaps), `previous` (the id before it) and `epoch` place
    it in its stream; the outbox sets them.
    """

    data: D
    stream_key: str
    id: UUID
    time: datetime
    actor: str
    jurisdiction: str
    actor_org: UUID | None = None
    classification: Classification = "internal"
    scheme: str | None = None
    scheme_version: str | None = None
    traceparent: str | None = None
    recorded_at: datetime | None = None
    sequence: int = 0
    previous: UUID | None = None
    epoch: int = 0

    @classmethod
    def of(
        cls,
        data: D,
        *,
        time: datetime,
        actor: UUID | str,
        jurisdiction: str,
        actor_org: UUID | None = None,
        classification: Classification = "internal",
        scheme: str | None = None,
        scheme_version: str | None = None,
    ) -> Self:
        """A new fact to publish; the outbox adds `recorded_at`, the trace and the place in the stream."""
        return cls(
            data,
            data.stream_key,
            new_id(),
            time,
            str(actor),
            jurisdiction,
            actor_org,
            classification,
            scheme,
            scheme_version,
        )

    @property
    def type(self) -> str:
        """Wire name with version."""
        return self.data.TYPE


def source_of(kind: type[FactData]) -> str:
    """The publisher of a fact as CloudEvents names it."""
    return f"/{kind.TOPIC.partition('.')[0]}"


def attributes(fact: Fact[Any], *, recorded_at: datetime, traceparent: str | None) -> dict[str, str]:
    """The CloudEvents attributes a publisher knows before the fact has its place in the stream."""
    said = {
        "ce_specversion": "1.0",
        "ce_id": str(fact.id),
        "ce_type": fact.type,
        "ce_source": source_of(type(fact.data)),
        "ce_time": fact.time.isoformat(),
        "ce_subject": fact.stream_key,
        "ce_recordedat": recorded_at.isoformat(),
        "ce_actor": fact.actor,
        "ce_jurisdiction": fact.jurisdiction,
        "ce_classification": fact.classification,
    }
    if fact.actor_org:
        said["ce_actororg"] = str(fact.actor_org)
    if fact.scheme:
        said["ce_scheme"] = fact.scheme
    if fact.scheme_version:
        said["ce_schemeversion"] = fact.scheme_version
    if traceparent:
        said["ce_traceparent"] = traceparent
    return said


def headers(
    attributes: Mapping[str, str], *, sequence: int, previous: UUID | None, epoch: int
) -> list[tuple[str, bytes]]:
    """Kafka headers of a fact whose place in its stream is known."""
    placed = {**attributes, "ce_sequence": str(sequence), "ce_epoch": str(epoch)}
    if previous:
        placed["ce_previous"] = str(previous)
    return [(name, value.encode()) for name, value in placed.items()] + [("content-type", b"application/json")]


class Undecodable(Exception):
    """Bytes that are no fact of ours; the text says what is wrong, without the content."""


class Place(NamedTuple):
    """Where a record stands in its stream, known before its data is looked at."""

    type: str
    id: UUID
    sequence: int
    previous: UUID | None
    epoch: int


def read_attributes(kafka_headers: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """The CloudEvents attributes among a record's headers, whose values are bytes or null. Raises Undecodable."""
    try:
        return {name: value.decode() for name, value in kafka_headers if name.startswith("ce_")}
    except AttributeError:
        raise Undecodable("a header has no value") from None
    except UnicodeDecodeError:
        raise Undecodable("a header is not UTF-8") from None


def read_place(said: Mapping[str, str]) -> Place:
    """The record's place in its stream. Raises Undecodable."""
    try:
        return Place(
            said["ce_type"],
            read_id(said["ce_id"]),
            int(said["ce_sequence"]),
            _uuid(said.get("ce_previous")),
            int(said["ce_epoch"]),
        )
    except KeyError as missing:
        raise Undecodable(f"attribute {missing} is missing") from None
    except ValueError:
        raise Undecodable("id, sequence, previous or epoch cannot be read") from None


def read_fact(
    said: Mapping[str, str], place: Place, body: bytes | None, types: Mapping[str, type[FactData]]
) -> Fact[Any] | None:
    """The fact in a Kafka record; None for a type that is not listed in `types`.

    Raises Undecodable for missing attributes, a source that does not publish the type, an unknown version of a listed
    type, or data that does not fit its class.
    """
    kind = types.get(place.type)
    if kind is None:
        _refuse_other_version(place.type, types)
        return None
    if said.get("ce_source") != source_of(kind):
        raise Undecodable("its source is not the publisher of such facts")
    try:
        data = kind.model_validate_json(body or b"")
        return Fact(
            data=data,
            stream_key=data.stream_key,
            id=place.id,
            time=datetime.fromisoformat(said["ce_time"]),
            actor=said["ce_actor"],
            jurisdiction=said["ce_jurisdiction"],
            actor_org=_uuid(said.get("ce_actororg")),
            classification=said["ce_classification"],  # type: ignore[arg-type]  # written by `attributes`
            scheme=said.get("ce_scheme"),
            scheme_version=said.get("ce_schemeversion"),
            traceparent=said.get("ce_traceparent"),
            recorded_at=datetime.fromisoformat(said["ce_recordedat"]),
            sequence=place.sequence,
            previous=place.previous,
            epoch=place.epoch,
        )
    except KeyError as missing:
        raise Undecodable(f"attribute {missing} is missing") from None
    except ValidationError as wrong:
        raise Undecodable(_without_content(wrong)) from None
    except ValueError:
        raise Undecodable("time, recordedat or actororg cannot be read") from None


def _refuse_other_version(name: str, types: Mapping[str, type[FactData]]) -> None:
    """A type this reader never asked for is none of its business; another version of one it did ask for is."""
    family = name.rpartition(".v")[0]
    if any(listed.rpartition(".v")[0] == family for listed in types):
        raise Undecodable("this reader does not know that version of the fact")


def _uuid(text: str | None) -> UUID | None:
    return read_id(text) if text else None


def _without_content(wrong: ValidationError) -> str:
    """What does not fit, without the input that pydantic quotes: dead letters and logs hold no personal data."""
    found = wrong.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in found[:5])
