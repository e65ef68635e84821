"""The description names everything a listener answers, and the pages need nobody else."""

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some
from tests.http.stand import Notebook, note_routes, standing

from bezant.errors import every_error
from bezant.gateway.description import describe, to_yaml
from bezant.gateway.pages import ASSETS
from bezant.http.routes import Routes


@pytest.mark.requirement("S002-8", "S001-4")
async def test_both_spellings_say_the_same() -> None:
    async with standing() as stand:
        told = await stand.client.get("/openapi.json")
        spelled = await stand.client.get("/openapi.yaml")
    assert told.headers["content-type"] == "application/json"
    assert spelled.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(spelled.text) == told.json()
    assert told.json()["openapi"].startswith("3.1.")


@pytest.mark.catalogue("T60")
def test_every_route_of_both_lanes_is_described() -> None:
    document = json.loads(json.dumps(describe("Notes", [note_routes(Notebook())])))
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        ("POST", "/v1/fast"),
        ("POST", "/v1/strict"),
        ("POST", "/v1/ordinary"),
        ("POST", "/v1/keyed"),
        ("GET", "/v1/notes/{number}"),
        ("GET", "/v1/notes"),
        ("GET", "/v1/me"),
        ("DELETE", "/v1/notes/{number}"),
    }
    names = [operation["operationId"] for operation in operations.values()]
    for operation in operations.values():
        assert operation["x-permission"] in ("notes.read", "notes.write")
        assert operation["security"] == [{"apiKey": []}, {"bearer": []}]
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert "422" not in operation["responses"]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere() -> None:
    document = json.dumps(describe("Notes", [note_routes(Notebook())]))
    schemas = json.loads(document)["components"]["schemas"]
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', document))
    assert {"Problem", "NoteBody", "NoteAnswer", "AmountBody", "Note"} <= referred
    assert referred <= set(schemas)
    assert "HTTPValidationError" not in schemas
    assert schemas["NoteBody"]["additionalProperties"] is False


def test_idempotency_is_described() -> None:
    paths = json.loads(json.dumps(describe("Notes", [note_routes(Notebook())])))["paths"]

    def required(path: str) -> list[bool]:
        parameters = paths[path]["post"].get("parameters", [])
        return [one["required"] for one in parameters if one["name"] == "Idempotency-Key"]

    assert required("/v1/fast") == [False]
    assert required("/v1/strict") == [True]
    assert required("/v1/keyed") == [True]
    assert required("/v1/ordinary") == []


def test_nothing_is_described_without_routes() -> None:
    assert describe("Empty", [Routes("empty")])["paths"] == {}


@pytest.mark.requirement("S002-8")
async def test_each_service_has_a_description_of_its_own() -> None:
    services = {"notes": frozenset({"notes"}), "other": frozenset({"other"})}
    async with standing(services=services) as stand:
        own = yaml.safe_load((await stand.client.get("/services/notes/openapi.yaml")).text)
        empty = yaml.safe_load((await stand.client.get("/services/other/openapi.yaml")).text)
        unknown = await stand.client.get("/services/nothing/openapi.yaml")
    assert "/v1/fast" in own["paths"]
    assert empty["paths"] == {}
    assert unknown.status_code == 404


@pytest.mark.requirement("S001-4")
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/errors"])
async def test_a_page_fetches_nothing_from_elsewhere_and_runs_no_script_of_its_own(
    path: str,
) -> None:
    async with standing() as stand:
        page = await stand.client.get(path)
        linked = re.findall(r'(?:src|href)="([^"#]*)"', page.text)
        answers = {link: await stand.client.get(link) for link in linked}
    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert linked
    assert all(link.startswith("/assets/") for link in linked)
    assert {answer.status_code for answer in answers.values()} == {200}
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert not re.search(r"\son[a-z]+=", page.text)


@pytest.mark.requirement("S001-4")
async def test_the_page_for_reading_has_every_operation_and_field_without_a_script() -> None:
    async with standing() as stand:
        page = (await stand.client.get("/redoc")).text
        document = (await stand.client.get("/openapi.json")).json()
    assert "<script" not in page
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}</code>" in page
    for name, schema in document["components"]["schemas"].items():
        assert f"id='schema-{name}'" in page
        assert all(f"<code>{field}</code>" in page for field in schema.get("properties", {}))
    anchors = set(re.findall(r"id='([^']+)'", page))
    assert set(re.findall(r"href='#([^']+)'", page)) <= anchors


async def test_assets_are_kept_by_browsers_and_only_those_beside_us_are_served() -> None:
    async with standing() as stand:
        first = await stand.client.get("/assets/pages.css")
        again = await stand.client.get(
            "/assets/pages.css", headers={"if-none-match": first.headers["etag"]}
        )
        refused = [
            await stand.client.get(f"/assets/{name}")
            for name in ("nothing.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "app.py")
        ]
    assert first.headers["content-type"].startswith("text/css")
    assert (again.status_code, again.content) == (304, b"")
    assert {answer.status_code for answer in refused} == {404}


def test_what_is_vendored_has_its_licence_beside_it() -> None:
    vendored = sorted(path.name.removesuffix(".min.js") for path in ASSETS.glob("*.min.js"))
    licences = {
        "noble-post-quantum": ("noble", "MIT"),
        "openapi-explorer": (None, "Apache License"),
    }
    assert vendored == sorted(licences)
    for name, (file, licence) in licences.items():
        assert licence in (ASSETS / f"{file or name}.LICENSE").read_text()


async def test_the_page_of_errors_has_every_code() -> None:
    async with standing() as stand:
        page = (await stand.client.get("/errors")).text
    codes = {error.code for error in every_error()} - {"error"}
    assert len(codes) > 30
    assert all(f'id="{code}"' in page for code in codes)


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(max_size=8),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(some.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=15,
    )
)
def test_yaml_reads_back_what_was_written(data: object) -> None:
    assert yaml.safe_load(to_yaml(data)) == data
