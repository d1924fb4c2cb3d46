"""The HTTP API of scoring."""

from services.scoring.routes.boards import router as boards
from services.scoring.routes.sheets import router as sheets

ROUTERS = (sheets, boards)
