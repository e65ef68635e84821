"""The request log over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from bezant.actor import Caller, Mode
from bezant.audit.port import Audit, RequestSeen, RequestsOf
from bezant.errors import Invalid
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import Asker, Routes

READ = "requests.read"


class RequestAnswer(BaseModel):
    """One request and what it was answered."""

    id: str
    object: str = "request"
    at: datetime
    mode: Mode
    caller: Caller
    subject: str
    method: str
    route: str
    about: str
    status: int
    microseconds: int
    address: str
    agent: str
    idempotency_key: str
    code: str
    detail: str

    @classmethod
    def of(cls, seen: RequestSeen) -> "RequestAnswer":
        """Return a line as it is answered."""
        return cls(
            id=seen.id, at=seen.at, mode=seen.mode, caller=seen.caller, subject=seen.subject,
            method=seen.method, route=seen.route, about=seen.about, status=seen.status,
            microseconds=seen.microseconds, address=seen.address, agent=seen.agent,
            idempotency_key=seen.key, code=seen.code, detail=seen.detail,
        )  # fmt: skip


def routes(audit: Audit) -> Routes:
    """Return the routes of the request log."""
    made = Routes("audit")

    @made.get("/v1/requests", permission=READ, summary="List requests and their answers")
    async def requests(
        page: PageQuery,
        asker: Asker,
        failed: bool | None = None,
        method: Annotated[str, Query(max_length=10)] = "",
        route: Annotated[str, Query(max_length=200)] = "",
        subject: Annotated[str, Query(max_length=80)] = "",
        about: Annotated[str, Query(max_length=80)] = "",
        code: Annotated[str, Query(max_length=80)] = "",
        since: Annotated[datetime | None, Query(alias="at[gte]")] = None,
        until: Annotated[datetime | None, Query(alias="at[lt]")] = None,
    ) -> Page[RequestAnswer]:
        if page.ending_before:
            raise Invalid("this list is read from the newest on", field="ending_before")
        for name, moment in (("at[gte]", since), ("at[lt]", until)):
            if moment is not None and moment.tzinfo is None:
                raise Invalid("a time says its zone, such as 2026-01-31T12:00:00Z", field=name)
        found = await audit.requests(
            RequestsOf(
                asker.tenant, asker.mode, failed, method.upper(), route, subject, about, code,
                since, until, page.limit, page.starting_after or "",
            )
        )  # fmt: skip
        data = [RequestAnswer.of(one) for one in found.requests]
        return Page(data=data, has_more=found.has_more)

    @made.get("/v1/requests/{request}", permission=READ, summary="Show a request")
    async def request(request: str, asker: Asker) -> RequestAnswer:
        return RequestAnswer.of(await audit.request(asker.tenant, asker.mode, request))

    return made
