"""A division code in a request."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from shared.security.jurisdiction import normal_division


def _normal(text: str) -> str:
    try:
        return normal_division(text)
    except ValueError:
        raise PydanticCustomError("division", "应为 2、4、6、9 或 12 位区划代码") from None


DivisionCode = Annotated[str, AfterValidator(_normal)]
"""A division code with or without its zero padding, "" for the whole nation; comes out without."""
