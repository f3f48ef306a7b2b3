"""One shape for every error that is answered over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from starlette.requests import Request


def error_response(status: int, error: str, errors: Sequence[str] = ()) -> JSONResponse:
    """``{"ok": false, "error": "...", "errors": [], "status": 404}``"""
    return JSONResponse(
        {"ok": False, "error": error, "errors": list(errors), "status": status},
        status_code=status,
    )


def install(app: FastAPI) -> None:
    """Answer what the framework refuses, such as unknown paths, in the same shape."""

    async def refused(asked: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404:
            return error_response(status, f"there is no page {asked.url.path}", ["The start page is /."])
        detail = str(error.detail) if isinstance(error, HTTPException) else "internal error"
        return error_response(status, detail)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, refused)
