"""A division code in a request."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from shared.security.dependencies import sender_of
from shared.security.jurisdiction import covers, normal_division
from shared.web.problems import NotFound


def _normal(text: str) -> str:
    try:
        return normal_division(text)
    except ValueError:
        raise PydanticCustomError("division", "应为 2、4、6、9 或 12 位区划代码") from None


DivisionCode = Annotated[str, AfterValidator(_normal)]
"""A division code with or without its zero padding, "" for the whole nation; comes out without."""

_Asked = Annotated[DivisionCode, Query(description="区划代码,2、4、6、9 或 12 位")]


def no_such_division() -> NotFound:
    """The same answer for what there is not and for what lies elsewhere."""
    return NotFound("本令牌的辖区内没有这个区划,请核对 division")


async def _asked(request: Request, division: _Asked) -> str:
    """What lies outside one's own division is answered as what there is not, not as an empty list."""
    own = (await sender_of(request.scope)).division
    if not (covers(own, division) or covers(division, own)):
        raise no_such_division()
    return division


async def _filtered(request: Request, division: _Asked = "") -> str:
    return await _asked(request, division)


AskedDivision = Annotated[str, Depends(_asked)]
"""The division a question is about: one's own, one inside it or one around it."""

DivisionFilter = Annotated[str, Depends(_filtered)]
"""The same where it may be left out: "" for all that one may see."""
