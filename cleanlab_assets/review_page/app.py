"""The web application of the review page: which address answers what."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cleanlab_assets.datasets.errors import UnreadableInputError, cut
from cleanlab_assets.review_page.messages import Answer, Place, UndoRequest
from cleanlab_assets.review_page.review import Review
from cleanlab_assets.review_page.security import POLICY, REPORT_POLICY, Guard
from cleanlab_assets.reviews.database import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from cleanlab_assets.review_page.audit import ReviewedAudit
    from cleanlab_assets.reviews.ledger import Ledger

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 256_000
"""Bytes of a request; a decision with a long note and hundreds of classes takes a fraction."""
JSON_TYPE = "application/json"
M = TypeVar("M", bound=BaseModel)


@dataclass
class ReviewPage:
    """The application of one dataset and model, which takes up a new audit when the page is loaded anew.

    Attributes:
        open_audit: returns the audit as it is now.
        ledger: where decisions go.
        reviewer: who decides where the page does not say.
    """

    open_audit: Callable[[], ReviewedAudit]
    ledger: Ledger
    reviewer: str
    _review: Review | None = None
    _lock: Lock = field(default_factory=Lock)
    _templates: Environment = field(
        default_factory=lambda: Environment(
            loader=PackageLoader("cleanlab_assets.review_page", "templates"), autoescape=True, undefined=StrictUndefined
        )
    )

    @property
    def review(self) -> Review:
        """The review at work.

        Raises:
            NoAuditError: there is no audit.
        """
        with self._lock:
            if self._review is None:
                self._review = Review(self.open_audit(), self.ledger, reviewer=self.reviewer)
            return self._review

    def take_up(self) -> Review:
        """Return the review of the latest audit, which may be another one than that of the review at work.

        Raises:
            NoAuditError: there is no audit.
        """
        review = self.review
        if review.data_version != review.audit.data_version:
            with self._lock:
                self._review = None
        return self.review

    def build(self, *, host_names: frozenset[str], token: str = "", cookie: str = "cleanlab_review") -> Guard:
        """Return the guarded application, see ``Guard``."""
        routes = [
            Route("/", self.show_page),
            Route("/report", self.show_first_report),
            Route("/report/{name}", self.show_report),
            Route("/picture", self.show_picture),
            Route("/api/review", self.describe),
            Route("/api/item", self.show_item),
            Route("/api/search", self.search),
            Route("/api/decide", self.decide, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        handlers: dict[Any, Any] = {
            UnreadableInputError: lambda _, error: _refuse(409 if isinstance(error, LedgerError) else 400, str(error)),
            HTTPException: lambda _, error: _refuse(error.status_code, error.detail),
        }
        app = Starlette(routes=routes, exception_handlers=handlers)
        return Guard(app, host_names, token, cookie)

    def show_page(self, request: Request) -> Response:
        """Answer with the page, whose script asks for all else."""
        review = self.take_up()
        shown = self._templates.get_template("review.html.jinja").render(
            title=review.rows.dataset.title,
            partition=review.audit.partition.title,
            elsewhere=_find_elsewhere(review, request),
        )
        return HTMLResponse(shown)

    def show_first_report(self, request: Request) -> Response:
        """Lead to the report of the audit."""
        review = self.review
        if elsewhere := _find_elsewhere(review, request):
            raise HTTPException(404, elsewhere)
        pages = review.audit.pages
        if not pages:
            raise HTTPException(404, "there is no report of this audit")
        return RedirectResponse(f"/report/{pages[0]}", 303)

    def show_report(self, request: Request) -> Response:
        """Answer with a report, in a sandbox."""
        review = self.review
        if elsewhere := _find_elsewhere(review, request):
            raise HTTPException(404, elsewhere)
        page = review.audit.read_page(request.path_params["name"])
        return HTMLResponse(page, headers={POLICY: REPORT_POLICY})

    def show_picture(self, request: Request) -> Response:
        """Answer with a picture of a row, always as PNG."""
        asked = request.query_params
        return Response(
            self.review.pictures.draw(asked.get("row", ""), asked.get("source", "")),
            media_type="image/png",
            # A picture of one version of the audit stays as it is.
            headers={"cache-control": "private, max-age=3600"} if asked.get("version") else {},
        )

    def describe(self, _request: Request) -> Response:
        """Answer with what the page must know before it shows a row."""
        return JSONResponse(self.review.describe())

    def show_item(self, request: Request) -> Response:
        """Answer with the next row of a queue, or with the row that is named."""
        asked = dict(request.query_params)
        row, after, reviewer = (asked.pop(name, "") for name in ("row", "after", "reviewer"))
        place = _check(Place, asked)
        review = self.review
        if row:
            return _answer(review.show(row, place, reviewer=reviewer))
        return _answer(review.show_next(place, after=after, reviewer=reviewer))

    def search(self, request: Request) -> Response:
        """Answer with the rows that a text names or stands in."""
        found = self.review.search(request.query_params.get("text", ""))
        return JSONResponse({"rows": [row.model_dump(mode="json") for row in found]})

    async def decide(self, request: Request) -> Response:
        """Enter a decision; the answer comes once it is on the disk."""
        answer = _check(Answer, await _read_json(request))
        return _answer(await run_in_threadpool(lambda: self.review.decide(answer)))

    async def undo(self, request: Request) -> Response:
        """Take a decision back."""
        content = await _read_json(request)
        place = _check(Place, content.pop("place", {}))
        asked = _check(UndoRequest, content)
        return _answer(await run_in_threadpool(lambda: self.review.undo(asked, place)))


def _find_elsewhere(review: Review, request: Request) -> str:
    """Say how to see the dataset and model of a link, where they are others than those of this page; else empty."""
    here, asked = review.audit.partition, request.query_params
    dataset, model = asked.get("dataset", here.dataset), asked.get("model", here.model)
    if (dataset, model) == (here.dataset, here.model):
        return ""
    wanted = f"cleanlab-demo review -d {dataset} -m {model}"
    return f"This page shows {here.title}. The link was to {dataset} / {model}: run {wanted}"


def _answer(content: BaseModel) -> Response:
    return JSONResponse(content.model_dump(mode="json"))


def _refuse(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


async def _read_json(request: Request) -> dict[str, Any]:
    """Read the body of a request: JSON and said to be, so that no form of another page can send it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise HTTPException(415, f"expected the content type {JSON_TYPE}")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"expected at most {LARGEST_BODY:,} bytes")
    try:
        content = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request is no JSON") from None
    if not isinstance(content, dict):
        raise HTTPException(400, f"the request holds {type(content).__name__}, expected an object")
    return content


def _check(model: type[M], content: Any) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "the request"
        raise HTTPException(400, f"{name}: {cut(first['msg'])}") from None
