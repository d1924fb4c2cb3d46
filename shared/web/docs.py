"""OpenAPI pages whose assets we serve ourselves: a county's network has no CDN."""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from shared.security.dependencies import public

_ASSETS = "docs-assets"

# The bundled viewer knows OpenAPI up to 3.0 and refuses to show a document that says 3.1.
_VIEWER_VERSION = "3.0.3"

docs_router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)


def mount_assets(app: FastAPI) -> None:
    """Serve the viewer's files; the addresses in the page are relative, so a gateway may put a prefix before them."""
    app.mount(f"/{_ASSETS}", StaticFiles(directory=str(swagger_ui_path)), name=_ASSETS)


@docs_router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The API for programs."""
    return JSONResponse(_document(request))


@docs_router.get("/docs/openapi.json")
async def openapi_for_viewer(request: Request) -> JSONResponse:
    """The same for the page below."""
    return JSONResponse(_document(request) | {"openapi": _VIEWER_VERSION})


@docs_router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The API for people."""
    return get_swagger_ui_html(
        openapi_url="docs/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon-32x32.png",
        # Left alone, the page would ask a public validator about our document.
        swagger_ui_parameters={"validatorUrl": None},
    )


def _document(request: Request) -> dict[str, Any]:
    app: FastAPI = request.app
    return app.openapi()
