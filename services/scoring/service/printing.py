"""A sheet as one printable page, and the sealed ticket that lets a browser open it without a token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Literal
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ValidationError

from services.scoring.errors import PageLinkExpired, PageLinkInvalid
from services.scoring.schemas import SheetView
from shared.clock import SHANGHAI
from shared.security.vault import SealBroken, Vault

TEMPLATES = Path(__file__).parents[1] / "templates"
TICKET_LIFE = timedelta(minutes=15)


class Ticket(BaseModel):
    """Which sheet a link opens, until when. `purpose` keeps other sealed values of ours from passing for one."""

    purpose: Literal["scoring.page"] = "scoring.page"
    officer_id: UUID
    day: date
    scheme: str | None
    expires_at: datetime

    def sealed(self, vault: Vault) -> str:
        """The ticket as it stands in a URL."""
        return base64.urlsafe_b64encode(vault.seal(self.model_dump_json())).decode().rstrip("=")

    @classmethod
    def opened(cls, text: str, vault: Vault, now: datetime) -> Ticket:
        """The ticket again; a problem for anything we did not seal, or sealed too long ago."""
        try:
            sealed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
            ticket = cls.model_validate_json(vault.open(sealed))
        except (binascii.Error, SealBroken, ValidationError, ValueError):
            raise PageLinkInvalid("请重新获取打印链接,并原样打开") from None
        if ticket.expires_at <= now:
            raise PageLinkExpired("链接15分钟内有效,请重新获取")
        return ticket


def page_of(sheet: SheetView) -> str:
    """The sheet as HTML: no script, nothing loaded from anywhere."""
    template = _environment().get_template("sheet.html")
    return template.render(sheet=sheet, computed_at=sheet.computed_at.astimezone(SHANGHAI), style=_style())


def page_headers() -> Mapping[str, str]:
    """Nobody may keep the page, learn its address, or run anything in it; only our own style is let through."""
    digest = base64.b64encode(sha256(_style().encode()).digest()).decode()
    nothing = "; ".join(f"{what} 'none'" for what in ("default-src", "base-uri", "form-action", "frame-ancestors"))
    return {
        "Content-Security-Policy": f"{nothing}; style-src 'sha256-{digest}'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@lru_cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


@lru_cache
def _style() -> str:
    return (TEMPLATES / "sheet.css").read_text(encoding="utf-8").strip()
