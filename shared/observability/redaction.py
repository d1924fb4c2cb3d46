"""The last line of defence: citizen numbers and mobile numbers are cut out of whatever text is about to leave."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.security.citizen import is_citizen_number

# Ids and hashes come first and are kept: the digits inside them are nobody's number.
_KEPT_OR_PERSONAL = re.compile(
    r"(?P<kept>(?<![0-9A-Za-z])(?:"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})(?![0-9A-Za-z]))"
    r"|(?P<citizen>(?<![0-9])[0-9]{17}[0-9Xx](?![0-9]))"
    r"|(?P<phone>(?<![0-9])(?:(?:00)?86)?1[3-9][0-9]{9}(?![0-9]))"
)


def redact(text: str) -> str:
    """The text without 18-character citizen numbers and 11-digit mobile numbers; ids and division codes stay."""
    return _KEPT_OR_PERSONAL.sub(_replacement, text)


def holds_personal_number(text: str) -> bool:
    """Whether somebody's number stands in a text: eighteen characters only if they can be a citizen number."""
    found = _KEPT_OR_PERSONAL.finditer(text)
    return any(bool(m["phone"]) or bool(m["citizen"] and is_citizen_number(m["citizen"])) for m in found)


def redact_value(value: Any) -> Any:
    """The same for every text and number inside a nested value."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if redact(str(value)) == str(value) else redact(str(value))
    if isinstance(value, Mapping):
        return {redact_value(key): redact_value(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [redact_value(item) for item in value]
    return redact(str(value))


def _replacement(match: re.Match[str]) -> str:
    if match["citizen"]:
        return "[citizen number]"
    return "[phone number]" if match["phone"] else match["kept"]
