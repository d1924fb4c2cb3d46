"""The station's own calls to the county."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook


class County:
    """Calls back to the county's intel service, signed with the station's secret."""

    def __init__(self, callback_url: str, secret: str) -> None:
        self._callback_url = callback_url.rstrip("/")
        self._webhook = Webhook(secret)
        self._http = httpx.AsyncClient(trust_env=False, timeout=10)

    async def tell(self, org_id: str, webhook_id: str, body: str) -> int | None:
        """One signed call; the status of the answer, None without one."""
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(webhook_id, now, body),
        }
        try:
            answer = await self._http.post(f"{self._callback_url}/{org_id}", content=body.encode(), headers=headers)
        except httpx.TransportError:
            return None
        return answer.status_code

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
