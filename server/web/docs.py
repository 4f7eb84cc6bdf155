"""The pages /docs and /redoc of the server and the API. FastAPI's load their scripts from a host outside."""

from html import escape
from typing import Any

from fastapi import applications
from fastapi.responses import HTMLResponse


def apply() -> None:
    stock: Any = applications
    stock.get_swagger_ui_html = stock.get_redoc_html = page


def page(*, openapi_url: str, title: str, **_: Any) -> HTMLResponse:
    """Where to find the description of the API that those pages show."""
    text = f'The description of this API: <a href="{escape(openapi_url)}">{escape(openapi_url)}</a>'
    return HTMLResponse(f"<!DOCTYPE html><title>{escape(title)}</title><p>{text}</p>")
