"""The first part of every scheme: what it is called, where it comes from, who answers its open points."""

from typing import Literal

from shared.schemes.sourced import SchemeModel


class SchemeHead(SchemeModel):
    """scheme.yaml: a scheme's name and origin."""

    id: str
    title: str
    document: str
    jurisdiction: Literal["province", "city", "county", "township"]
    owner: str
    notes: tuple[str, ...] = ()
