"""HTTP of personnel, all under `/v1`."""

from services.personnel.routes import coverage, divisions, officers, states

ROUTERS = (divisions.router, officers.router, coverage.router, *states.ROUTERS)
"""In this order: `/v1/divisions/imports` and `/v1/officers/search` before the addresses with an id."""
