"""Schemes as data: every value says which rule it comes from and whether that rule settles it."""

from shared.schemes.findings import Finding, SchemeError
from shared.schemes.loader import PARTS, Loaded, load_scheme, scheme_ids
from shared.schemes.sourced import OpenPoint, SchemeModel, Sourced, undecided

__all__ = [
    "PARTS",
    "Finding",
    "Loaded",
    "OpenPoint",
    "SchemeError",
    "SchemeModel",
    "Sourced",
    "load_scheme",
    "scheme_ids",
    "undecided",
]
