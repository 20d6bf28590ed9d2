"""Style sheets and scripts of the pages: kept in memory, addressed by the hash of their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request, Response

from loopbook.reports import rendering
from loopbook.service.errors import Refused

FOLDER = Path(__file__).resolve().parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True)
class Asset:
    """A file as it is served."""

    content: bytes
    media: str
    address: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return all by their names: those of this folder, and the style sheet of the reports."""
    files = {file.name: file.read_bytes() for file in sorted(FOLDER.iterdir()) if file.suffix in _KINDS}
    files["style.css"] = rendering.static("style.css").encode()
    return {name: _asset(name, content) for name, content in files.items()}


def address(name: str) -> str:
    """Return under which address a page asks for a file."""
    return assets()[name].address


def routes(app: FastAPI, _: object) -> None:
    """Serve them: an address whose content would be another does not exist, so browsers may keep what they got."""

    async def static(request: Request) -> Response:
        asset = assets().get(request.path_params["name"])
        if asset is None or asset.address != request.url.path:
            raise Refused(404, "There is no such file; load the page again.")
        return Response(asset.content, media_type=asset.media, headers=_FOR_EVER)

    app.add_api_route("/static/{digest}/{name}", static, include_in_schema=False)


def _asset(name: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(content, _KINDS[Path(name).suffix], f"/static/{digest}/{name}")
