"""A value of a scheme together with the rule that gives it, or the fact that no rule does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

T = TypeVar("T")

# One rule may give several values: `F-001/households` names one of them.
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z]-\d{1,3}(/[a-z0-9_]+)?$")]
Status = Literal["literal", "interpreted", "undecided"]
SCHEME_OWNER = "方案制定单位"


class SchemeModel(BaseModel):
    """What every part of a scheme is made of: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Sourced(SchemeModel, Generic[T]):
    """A value with its rule; `undecided` holds no value but the question somebody has to answer."""

    value: T | None = None
    source: RuleId
    status: Status
    reading: str | None = None
    question: str | None = None
    who_decides: str = SCHEME_OWNER
    decided_by: str | None = None
    decided_on: date | None = None
    basis: str | None = None

    @model_validator(mode="after")
    def _status_fits_value(self) -> "Sourced[T]":
        if self.status == "undecided":
            self._refuse_if(self.value is not None, "an undecided value must not hold a value")
            self._refuse_if(self.decided, "an undecided value cannot have been decided")
            self._refuse_if(not self.question, "an undecided value needs the question to be answered")
        else:
            self._refuse_if(self.value is None, f"a value with status {self.status} is missing")
        self._refuse_if(
            self.decided and not self._wholly_decided(), "a decision needs decided_by, decided_on and basis"
        )
        unexplained = self.status == "interpreted" and not (self.reading or self.decided)
        self._refuse_if(unexplained, "an interpreted value must say its reading")
        return self

    @property
    def decided(self) -> bool:
        """True once somebody took responsibility for the value."""
        return any((self.decided_by, self.decided_on, self.basis))

    def _wholly_decided(self) -> bool:
        return all((self.decided_by, self.decided_on, self.basis))

    @staticmethod
    def _refuse_if(broken: bool, message: str) -> None:
        if broken:
            raise ValueError(message)

    def get(self) -> T:
        """Return the value; only for values that a scheme's model never leaves undecided."""
        if self.value is None:
            raise LookupError(f"{self.source} is undecided")
        return self.value


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """A question the documents leave open, under which rule, and who has to answer it."""

    path: str
    source: str
    question: str
    who_decides: str
    choices: tuple[str, ...] = ()


def undecided(value: Any) -> list[OpenPoint]:
    """List every undecided value inside a part of a scheme, in the order it is written."""
    return [
        OpenPoint(
            path=path,
            source=found.source,
            question=found.question or "",
            who_decides=found.who_decides,
            choices=tuple(getattr(found, "choices", ())),
        )
        for path, found in sourced_values(value)
        if found.status == "undecided"
    ]


def sourced_values(value: Any, path: str = "") -> Iterator[tuple[str, Sourced[Any]]]:
    """Walk a part of a scheme and yield each sourced value with its dotted path."""
    if isinstance(value, Sourced):
        yield path, value
    for name, child in _children(value):
        yield from sourced_values(child, f"{path}.{name}" if path else name)


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        yield from ((str(name), child) for name, child in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((str(place), child) for place, child in enumerate(value))
