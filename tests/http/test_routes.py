"""Routes declare who may call them, and one table decides which of them answers."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.http.stand import Notebook, Stand, note_routes, standing

from bezant.gateway.app import Permitted, permission_table, refuse_undeclared_routes
from bezant.http.fast import FastAnswer, FastBody, FastRequest, FastRoute
from bezant.http.routes import PUBLIC, Routes, UndeclaredRoute
from bezant.http.table import Table


class Nothing(FastBody, frozen=True):
    pass


class Done(msgspec.Struct):
    pass


async def do_nothing(request: FastRequest[Nothing]) -> FastAnswer:
    del request
    return FastAnswer(Done())


@pytest.mark.requirement("S003-2", "S001-7")
@pytest.mark.parametrize(
    "permission", ["", "notes", "Notes.Write", "notes write", "notes.", ".write", "none"]
)
def test_a_route_without_a_permission_is_refused(permission: str) -> None:
    with pytest.raises(UndeclaredRoute):
        Routes("notes").get("/v1/notes", permission=permission)
    with pytest.raises(UndeclaredRoute):
        Routes("notes").add_fast(
            FastRoute("POST", "/v1/notes", permission, do_nothing, Nothing, Done)
        )


def test_a_declared_route_is_taken() -> None:
    routes = Routes("notes")
    routes.add_fast(FastRoute("POST", "/v1/notes", "notes.write", do_nothing, Nothing, Done))
    for path, permission in (("/v1/notes", "notes.read"), ("/", PUBLIC)):

        @routes.get(path, permission=permission)
        async def answer() -> None: ...

        del answer
    assert [(row.path, row.permission) for row in permission_table([routes])] == [
        ("/", "public"),
        ("/v1/notes", "notes.read"),
        ("/v1/notes", "notes.write"),
    ]


def test_the_fast_lane_is_not_public() -> None:
    with pytest.raises(UndeclaredRoute, match="identified callers"):
        Routes("notes").add_fast(FastRoute("POST", "/v1/notes", PUBLIC, do_nothing, Nothing, Done))


def test_a_route_by_a_side_door_is_found_at_assembly() -> None:
    routes = note_routes(Notebook())
    refuse_undeclared_routes([routes])

    @routes.router.get("/v1/forgotten")
    async def forgotten() -> None: ...

    del forgotten
    with pytest.raises(UndeclaredRoute, match="/v1/forgotten"):
        refuse_undeclared_routes([routes])


@pytest.mark.parametrize(
    "path", ["v1", "/v1//a", "/v1/{a:path}", "/v1/a b", "/v1/{}", "/v1/%41", "/v1/é", "/v1/"]
)
def test_a_path_has_plain_segments_and_placeholders(path: str) -> None:
    with pytest.raises(UndeclaredRoute):
        Routes("notes").get(path, permission=PUBLIC)


async def test_one_place_has_one_route() -> None:
    twice = Routes("again")

    @twice.get("/v1/notes/{other}", permission=PUBLIC)
    async def other(other: str) -> str:
        return other

    with pytest.raises(UndeclaredRoute, match="twice"):
        async with standing(more=[twice]):
            pass


@pytest.mark.catalogue("T70")
def test_the_permission_table_has_every_route() -> None:
    rows = permission_table([note_routes(Notebook())])
    assert Permitted("notes", "POST", "/v1/fast", "notes.write") in rows
    assert Permitted("notes", "DELETE", "/v1/notes/{number}", "notes.write") in rows
    assert {(row.method, row.path) for row in rows} == {
        ("POST", "/v1/fast"),
        ("POST", "/v1/strict"),
        ("POST", "/v1/ordinary"),
        ("POST", "/v1/keyed"),
        ("GET", "/v1/notes/{number}"),
        ("GET", "/v1/notes"),
        ("GET", "/v1/me"),
        ("DELETE", "/v1/notes/{number}"),
    }


def test_a_plain_segment_wins_over_a_placeholder() -> None:
    table: Table[str] = Table()
    table.add("GET", "/a/{b}", "placeholder")
    table.add("GET", "/a/new", "plain")
    table.add("POST", "/a/{c}/d", "deeper")
    table.add("GET", "/{x}/{y}/{z}", "three")
    assert table.find("GET", "/a/new") == ("plain", {})
    assert table.find("GET", "/a/old") == ("placeholder", {"b": "old"})
    assert table.find("POST", "/a/new/d") == ("deeper", {"c": "new"})
    assert table.find("GET", "/a/new/d") == ("three", {"x": "a", "y": "new", "z": "d"})
    assert table.find("GET", "/a/") is None
    assert table.find("GET", "/a") is None
    assert table.find("DELETE", "/a/new") is None
    assert table.methods("/a/new") == {"GET"}
    assert table.methods("/b") == frozenset()


@given(some.lists(some.text("ab{}/.", max_size=6), max_size=8).map("/".join))
def test_any_path_finds_a_route_or_none(path: str) -> None:
    table: Table[str] = Table()
    table.add("GET", "/a/{b}/a", "one")
    table.add("GET", "/{a}/b", "two")
    found = table.find("GET", f"/{path}")
    if found is not None:
        assert all(found[1].values())
        assert "" not in path.split("/")


@pytest.mark.requirement("S002-1")
async def test_placeholders_reach_the_handler(stand: Stand) -> None:
    answer = await stand.client.get("/v1/notes/41", headers={"x-api-key": "rk_test_reader"})
    assert answer.json()["number"] == "41"
    assert answer.json()["request"] == answer.headers["request-id"]


async def test_a_dependency_may_ask_who_is_asking(stand: Stand) -> None:
    answer = await stand.client.get("/v1/me", headers={"x-api-key": "rk_test_reader"})
    assert answer.json() == {"subject": "key_reader", "asker": "key_reader"}


@pytest.mark.parametrize("query", ["limt=10", "limit=10&expand=all", "=", "limit[]=10"])
async def test_a_misspelt_parameter_is_a_mistake_and_not_repeated(stand: Stand, query: str) -> None:
    headers = {"x-api-key": "rk_test_reader"}
    answer = await stand.client.get(f"/v1/notes?{query}", headers=headers)
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (400, "parameter_unknown", "query")
    assert "limit, starting_after" in told["detail"]
    assert "limt" not in answer.text
    control = await stand.client.get("/v1/notes?limit=10&ending_before=", headers=headers)
    assert control.json().get("code") != "parameter_unknown"


async def test_pages_follow_their_cursor(stand: Stand) -> None:
    stand.notebook.written.extend(f"n{number:02}" for number in range(25))
    headers = {"x-api-key": "rk_test_reader"}
    first = (await stand.client.get("/v1/notes?limit=10", headers=headers)).json()
    second = (
        await stand.client.get(
            f"/v1/notes?limit=20&starting_after={first['data'][-1]}", headers=headers
        )
    ).json()
    assert (first["object"], first["has_more"], len(first["data"])) == ("list", True, 10)
    assert (second["has_more"], second["data"][0], len(second["data"])) == (False, "n10", 15)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "starting_after=a&ending_before=b"]
)
async def test_a_page_that_cannot_be_is_refused(stand: Stand, query: str) -> None:
    answer = await stand.client.get(f"/v1/notes?{query}", headers={"x-api-key": "rk_test_reader"})
    assert answer.status_code == 400
    assert answer.json()["field"] in ("limit", "ending_before")
