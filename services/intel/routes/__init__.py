"""The API of intel: reports and what became of them; stations' endpoints and what is sent to them."""

from fastapi import APIRouter

from services.intel.routes import endpoints, reports

router = APIRouter()
router.include_router(reports.router)
router.include_router(endpoints.router)
