"""The shape of personnel.yaml: which posts a scheme knows and whom it appraises."""

from typing import Literal

from shared.schemes.sourced import SchemeModel, Sourced

OfficerKind = Literal["officer", "auxiliary", "cadre", "volunteer", "mediator", "population_coordinator"]


class Post(SchemeModel):
    """A post and whether its holders are appraised (P-001)."""

    label: str
    officer_kinds: tuple[OfficerKind, ...]
    appraised: Sourced[bool]


class PersonnelScheme(SchemeModel):
    """personnel.yaml of a scheme."""

    posts: dict[str, Post]
    participants: Sourced[Literal["opening", "running"]]
