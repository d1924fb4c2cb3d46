"""What may stand in a name."""

import unicodedata

# Controls, invisible format marks (they turn the reading direction), halves of surrogate pairs, line separators.
# Private-use characters stay: the published village names have them for rare characters.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_clean(text: str) -> bool:
    """Whether a text holds only characters one can see, and spaces."""
    return not any(unicodedata.category(character) in _REFUSED for character in text)
