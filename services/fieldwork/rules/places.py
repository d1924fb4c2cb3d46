"""Where a division code belongs."""

COUNTY_DIGITS = 6


def county_of(code: str) -> str:
    """The county that a division of its own or a lower level lies in; of a higher one the code itself."""
    return code[:COUNTY_DIGITS]
