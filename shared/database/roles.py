"""Two roles for each service: its processes work as the one, the tables belong to the other, `<the one>_owner`."""

from __future__ import annotations

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

ONLY_ADDED = ("audit", "audit_head", "audit_seal")
"""Tables that the processes add to and read, and that nobody but the owner changes."""

_OWNER = "_owner"
_THERE = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(CAST(:names AS text[]))")


def owner_address(url: str) -> str:
    """The address of the same database for its owner; one that is the owner's already stays."""
    address = make_url(url)
    role = f"{(address.username or '').removesuffix(_OWNER)}{_OWNER}"
    return address.set(username=role).render_as_string(hide_password=False)


async def take_over(connection: AsyncConnection) -> None:
    """What the service's own role still owns, as it did before there was an owner, becomes the owner's."""
    service, owner = _roles(connection)
    await connection.execute(text(f"REASSIGN OWNED BY {service} TO {owner}"))


async def let_work(connection: AsyncConnection) -> None:
    """Give the service's own role what its processes need in the tables there are now, and no more."""
    service, _ = _roles(connection)
    everything = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
    await connection.execute(text(f"GRANT {everything} TO {service}"))
    await connection.execute(text(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {service}"))
    for table in await connection.scalars(_THERE, {"names": ONLY_ADDED}):
        await connection.execute(text(f"REVOKE UPDATE, DELETE ON {table} FROM {service}"))


def _roles(connection: AsyncConnection) -> tuple[str, str]:
    """The service's own role and the owner, who is connected; quoted."""
    owner = connection.engine.url.username or ""
    quote = connection.dialect.identifier_preparer.quote
    return quote(owner.removesuffix(_OWNER)), quote(owner)
