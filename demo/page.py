"""A link to one officer's own sheet, as his APP would get it for him."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

from demo.clients import Api
from demo.county import COUNTY
from demo.month import MONTH
from shared.security.dev_issuer import issue_token


def page_link(scoring: str, issuer_key: Path, officer: UUID) -> str:
    """An address a browser can open for 15 minutes without a token."""
    return asyncio.run(_page_link(scoring, issuer_key, officer))


async def _page_link(scoring: str, issuer_key: Path, officer: UUID) -> str:
    token = issue_token(issuer_key, subject="demo-officer", scopes=["scoring:own"], division=COUNTY, officer_id=officer)
    async with Api(scoring, token) as api:
        link = await api.post("/v1/me/page-links", {"period": MONTH})
    return f"{scoring}{link['url']}"
