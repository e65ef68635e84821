"""An attack on every list: a character in its question that no database stores."""

import pytest
from tests.http.stand import Stand


@pytest.mark.parametrize("query", ["limit=5&name=%00", "%00=1", "name=a%00b", "name=%2500&x=%00"])
async def test_a_nul_in_a_question_is_a_mistake_and_no_failure(stand: Stand, query: str) -> None:
    answer = await stand.client.get(f"/v1/notes?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_what_only_looks_like_a_nul_is_taken(stand: Stand) -> None:
    plain = await stand.client.get("/v1/notes")
    assert (await stand.client.get("/v1/notes?name=%2500")).status_code == plain.status_code
