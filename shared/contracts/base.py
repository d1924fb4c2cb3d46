"""What every fact's data has in common, and the small types that several facts share."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.functional_serializers import PlainSerializer

_getter = cache(attrgetter)


class Part(BaseModel):
    """A piece of a fact: immutable; fields a reader does not know are ignored, so that a publisher may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class FactData(Part):
    """The data of one fact; the class and its wire name carry the version (`ActivityVerifiedV1`)."""

    TYPE: ClassVar[str]
    """Wire name with version."""
    TOPIC: ClassVar[str]
    """`<service>.<stream>`: all types of a stream on one topic; reference data has a topic of its own."""
    KEY: ClassVar[str]
    """The field whose value names the stream: the aggregate whose order matters, and the Kafka key."""

    @property
    def stream_key(self) -> str:
        """The stream this fact belongs to."""
        return str(_getter(self.KEY)(self))


class Period(Part):
    """Days from `since` to `until`, both counted, Asia/Shanghai; an absent end is open. On the wire `from` and `to`."""

    since: date = Field(alias="from")
    until: date | None = Field(default=None, alias="to")


WhoType = Literal["officer", "room", "station", "group", "org", "village", "area"]


class Who(Part):
    """Whom a judgement or a sheet is about."""

    type: WhoType
    id: str


Code12 = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
"""Statistical division code of a village-level unit, or of a higher division padded with zeros (E-52)."""

Code15 = Annotated[str, StringConstraints(pattern=r"^[0-9]{15}$")]
"""Village code as public security extends it (E-56)."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Tri = Literal["yes", "no", "undecided"]

Label = Annotated[str, StringConstraints(max_length=200)]
"""A label or code; never free text about a person."""

Num = Annotated[Decimal, PlainSerializer(str, return_type=str, when_used="json")]
"""A decimal number, on the wire a string so that no reader turns it into a float."""
