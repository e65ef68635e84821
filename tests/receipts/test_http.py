"""Receipts over HTTP: for merchants by their keys, for payers by a link and nothing else."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import httpx2
import pytest
from tests.receipts.office import A_DAY, ANN, BOB, NAME, Office

from bezant.actor import Actor, Caller, Mode
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import Role
from bezant.identity.rules import member_permissions
from bezant.receipts.http import routes
from bezant.receipts.http.page import POLICY, STYLE
from bezant.receipts.http.pdf import writable
from bezant.telemetry.metrics import Meters

pytestmark = pytest.mark.requirement("S000-10")


class Callers:
    """Knows people by tenant and role."""

    def known(self, credential: Credential) -> Actor | None:
        tenant, _, role = credential.secret.reveal().partition(" ")
        merchant = {"ann": ANN, "bob": BOB, "operator": "platform"}[tenant]
        may = member_permissions(Role(role), merchant)
        return Actor(Caller.KEY, "key_1", merchant, Mode.TEST, may, role)

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


@pytest.fixture
async def client(office: Office) -> AsyncIterator[httpx2.AsyncClient]:
    ground = Ground(
        Callers(), MemoryLimits(monotonic), Meters(), office.till.ids, Health(office.clock)
    )
    edge = build(routes(office.receipts), service="receipts", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://pay.test") as client:
        yield client


async def ask(
    client: httpx2.AsyncClient,
    path: str,
    method: str = "GET",
    *,
    by: str = "ann admin",
    body: Any = None,
) -> httpx2.Response:
    headers = {"x-api-key": by} if by else {}
    return await client.request(method, path, json=body, headers=headers)


async def receipt_of(office: Office, client: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    payment = office.till.paid(**more)
    await office.record()
    found = (await ask(client, f"/v1/receipts?payment={payment}")).json()["data"]
    assert len(found) == 1
    return found[0]


async def test_a_merchant_finds_a_receipt_and_takes_its_file(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client)
    assert receipt["amount"] == {"amount": "19.99", "asset": "EUR"}
    one = await ask(client, f"/v1/receipts/{receipt['id']}")
    assert one.json() == receipt
    file = await ask(client, f"/v1/receipts/{receipt['id']}/file")
    assert file.headers["content-disposition"].endswith(f'{receipt["id"]}.receipt.json"')
    assert (await office.judged(file.text)).code == 0
    some = await ask(client, f"/v1/receipts/{receipt['id']}/file?show=amount,created")
    found = await office.judged(some.text)
    assert (found.code, "merchant" in str(found.found["receipt"])) == (0, False)


async def test_roles_and_merchants_are_kept_apart(office: Office, client: httpx2.AsyncClient):
    receipt = await receipt_of(office, client)
    place = f"/v1/receipts/{receipt['id']}"
    for path in (place, f"{place}/file", f"{place}/pdf"):
        assert (await ask(client, path)).status_code == 200
        assert (await ask(client, path, by="ann auditor")).status_code == 200
        assert (await ask(client, path, by="bob admin")).status_code == 404
        assert (await ask(client, path, by="")).status_code == 401
    for path in (f"{place}/sign", f"{place}/erase"):
        assert (await ask(client, path, "POST", by="ann support")).status_code == 403
        assert (await ask(client, path, "POST", by="bob admin")).status_code == 404
        assert (await ask(client, path, "POST")).status_code == 200
    full = {"form": "full"}
    settings = "/v1/receipt_settings"
    assert (await ask(client, settings, "PUT", by="ann finance", body=full)).status_code == 403
    assert (await ask(client, settings, "PUT", body=full)).json()["form"] == "full"
    assert (await ask(client, settings, by="bob admin")).json()["form"] == "compact"
    assert (await ask(client, "/v1/receipts", by="bob admin")).json()["data"] == []


async def test_what_cannot_be_is_refused_with_its_reason(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client)
    cases = [
        (f"/v1/receipts/{receipt['id']}/file?show=colour", 400, "unknown_receipt_field"),
        ("/v1/receipts/rcp_1", 404, "unknown_receipt"),
        ("/v1/receipts/rcp_1/pdf", 404, "unknown_receipt"),
        ("/v1/receipts?outcome=lucky", 400, None),
        (f"/v1/receipts?ending_before={receipt['id']}", 400, None),
        ("/v1/receipts?starting_after=pay_1", 404, "unknown_receipt"),
        ("/v1/reports/receipts?period=yearly", 400, None),
    ]
    for path, status, code in cases:
        answer = await ask(client, path)
        assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
        assert code in (None, answer.json()["code"]), answer.text
    wrong = await ask(client, "/v1/receipt_settings", "PUT", body={"form": "none"})
    assert wrong.status_code == 400


async def test_signed_in_full_and_erased(office: Office, client: httpx2.AsyncClient):
    receipt = await receipt_of(office, client)
    place = f"/v1/receipts/{receipt['id']}"
    assert (await ask(client, f"{place}/sign", "POST")).json()["forms"] == ["compact", "full"]
    await office.record()
    file = (await ask(client, f"{place}/file")).text
    assert (await office.judged(file)).found["signed_with"] == ["ES256", "ML-DSA-87"]
    assert (await ask(client, f"{place}/erase", "POST")).json()["receipts"] == 1
    assert (await ask(client, place)).json()["erased"] is True
    page = await client.get(receipt["link"])
    assert "erased because somebody asked" in page.text
    assert "19.99" not in page.text


async def test_days_are_summed_up_for_who_may_read_reports(
    office: Office, client: httpx2.AsyncClient
):
    await receipt_of(office, client)
    office.clock.move(A_DAY)
    await office.reporting.sum_up()
    (report,) = (await ask(client, "/v1/reports/receipts?period=daily")).json()["data"]
    assert report["lines"] == [
        {
            "merchant": ANN, "about": "payment", "outcome": "succeeded", "receipts": 1,
            "amount": {"amount": "19.99", "asset": "EUR"},
        }
    ]  # fmt: skip
    others = (await ask(client, "/v1/reports/receipts", by="bob admin")).json()["data"]
    assert others[0]["lines"] == []
    everybody = (await ask(client, "/v1/reports/receipts", by="operator auditor")).json()["data"]
    assert len(everybody[0]["lines"]) == 1
    assert (await ask(client, "/v1/reports/receipts", by="ann support")).status_code == 403


async def test_the_payers_page_tells_the_whole_story_without_an_account(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client, description="<b>Chairs</b> & more")
    page = await client.get(receipt["link"])
    assert page.status_code == 200
    text = page.text
    for words in (
        "✓ Paid", "19.99", "EUR", "Ann &amp; Sons &lt;Books&gt;",
        "&lt;b&gt;Chairs&lt;/b&gt; &amp; more", "20 November 2026, 12:00:00 UTC",
        "Checked, and valid", "Signed with ES256", "Test mode: no real money moved",
        "anyone can check it without us",
    ):  # fmt: skip
        assert words in text, words
    assert NAME not in text  # Whatever a merchant is called, it is text.
    assert "<b>" not in text


AFTERWARDS = "Something happened to this afterwards"


async def told_of(office: Office, client: httpx2.AsyncClient, payment: str) -> dict[str, str]:
    """Return the page of each receipt of a payment, by what it is about: `refund 1 succeeded`."""
    await office.record()
    found = (await ask(client, f"/v1/receipts?payment={payment}")).json()["data"]
    return {
        f"{one['about']} {(one['refund'] or '')[-1:]} {one['outcome']}": (
            await client.get(one["link"])
        ).text
        for one in found
    }


async def test_an_older_receipt_tells_what_happened_to_the_money_afterwards(
    office: Office, client: httpx2.AsyncClient
):
    payment = office.till.paid()
    other = office.till.paid()
    before = (await told_of(office, client, payment))["payment  succeeded"]
    for number, state, amount in (
        (1, "succeeded", "5.00 EUR"), (2, "rejected", "1.00 EUR"), (3, "failed", "2.00 EUR"),
        (4, "succeeded", "3.00 EUR"),
    ):  # fmt: skip
        office.clock.move(A_DAY)
        office.till.tell(
            f"refund.{state}", state, amount, payment=payment, refund="re_" + str(number) * 32
        )
    pages = await told_of(office, client, payment)

    assert "given back" not in before
    paid = pages["payment  succeeded"]
    assert "✓ Paid" in paid
    assert "5.00 EUR of this was given back on 21 November 2026" in paid
    assert "3.00 EUR of this was given back on 24 November 2026" in paid
    assert paid.count("given back") == 2  # Refunds that moved nothing change nothing.
    links = re.findall(r'<a href="(/receipts/[^"]+)">Its receipt</a>', paid)
    followed = [(await client.get(link)).text for link in links]
    assert followed == [pages["refund 1 succeeded"], pages["refund 4 succeeded"]]
    # A receipt of a refund is not about the others, and another payment is about neither.
    for page in (*followed, (await told_of(office, client, other))["payment  succeeded"]):
        assert "Its receipt" not in page
        assert AFTERWARDS not in page


async def test_that_a_refund_came_back_is_told_on_its_receipt_and_the_payments(
    office: Office, client: httpx2.AsyncClient
):
    payment, refund = office.till.paid(), "re_" + "1" * 32
    office.clock.move(A_DAY)
    office.till.tell("refund.succeeded", "succeeded", payment=payment, refund=refund)
    paid = (await told_of(office, client, payment))["payment  succeeded"]
    office.clock.move(A_DAY)
    office.till.tell("refund.came_back", "failed", payment=payment, refund=refund)
    pages = await told_of(office, client, payment)

    assert "given back on 21 November" in paid
    assert "given back on 21 November" not in pages["payment  succeeded"]
    told = pages["refund 1 succeeded"]
    assert "Afterwards, on 22 November 2026, 12:00:00 UTC: Refund failed." in told
    assert "Its receipt" not in pages["refund 1 failed"]


async def test_whoever_is_not_shown_everything_learns_only_that_there_is_more(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client)
    partly = receipt["link"] + "?show=amount,about,outcome"
    before = (await client.get(partly)).text
    office.clock.move(A_DAY)
    office.till.tell(
        "refund.succeeded", "succeeded", "4.99 EUR", payment=receipt["payment"], refund="re_1"
    )
    await office.record()
    shown = (await client.get(partly)).text
    paper = (await client.get(receipt["link"] + "/pdf")).content
    await ask(client, f"/v1/receipts/{receipt['id']}/erase", "POST")
    erased = (await client.get(receipt["link"])).text

    assert AFTERWARDS not in before
    for page in (shown, erased):
        assert AFTERWARDS in page
        assert "4.99" not in page
        assert "Its receipt" not in page
    assert "4.99 EUR of this was given back" in streams(paper)[0].decode("cp1252")


async def test_the_page_runs_no_script_and_fetches_nothing(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client)
    page = await client.get(receipt["link"])
    policy = page.headers["content-security-policy"]
    assert policy == POLICY
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    for what in ("<script", " on", "src=", "http://", "https://", "style=", "url(", "@import"):
        assert what not in page.text.replace("style>", ""), what
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in page.headers["cache-control"]
    assert page.headers["x-robots-tag"] == "noindex"
    # Nothing is wider than a telephone: the one fixed width is a maximum, and long words break.
    assert re.findall(r"[^-]width:\s*\d+px", STYLE) == []
    assert "overflow-wrap:anywhere" in STYLE


async def test_the_links_on_the_page_lead_to_the_files(office: Office, client: httpx2.AsyncClient):
    receipt = await receipt_of(office, client)
    for show, hidden in (("", 0), ("?show=amount,outcome,about,decided", 1)):
        page = await client.get(receipt["link"] + show)
        places = re.findall(r'href="(/receipts/[^"]+)"', page.text)
        file, pdf = [await client.get(place.replace("&amp;", "&")) for place in places]
        found = await office.judged(file.text)
        assert found.code == 0
        assert bool(found.found["hidden_fields"]) == bool(hidden)
        assert pdf.headers["content-type"] == "application/pdf"
        assert ("signed and not shown here" in page.text) == bool(hidden)
        assert (ANN in page.text) == (not hidden)


async def test_a_wrong_link_leads_nowhere_and_tells_nothing(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client)
    wrong = receipt["link"][:-1] + ("A" if receipt["link"][-1] != "A" else "B")
    page = await client.get(wrong)
    assert page.status_code == 404
    assert "There is no receipt here" in page.text
    assert page.headers["content-security-policy"] == POLICY
    assert "19.99" not in page.text
    assert (await client.get(f"{wrong}/file")).status_code == 404
    assert (await client.get(f"{wrong}/pdf")).status_code == 404


def streams(document: bytes) -> list[bytes]:
    found = re.findall(rb"stream\n(.*?)\nendstream", document, re.DOTALL)
    return [zlib.decompress(one) for one in found]


async def test_on_paper_it_says_the_same_and_carries_the_file(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client, description="Stühle (zwei) \\ Ελληνικά")
    document = (await ask(client, f"/v1/receipts/{receipt['id']}/pdf")).content
    marks, attached = streams(document)
    said = marks.decode("cp1252")
    for words in ("(Paid)", "(19.99 EUR)", "Checked, and valid", "20 November 2026"):
        assert words in said, words
    assert "Ann & Sons <Books>" in said
    assert "see the file in this document" in said  # Greek letters are not in these fonts.
    assert (await office.judged(attached.decode())).code == 0
    dark = re.findall(r"0\.08 0\.09 0\.17 rg \d+ \d+ 3 3 re f", said)
    assert len(dark) > 300  # The code that leads back.


async def test_paper_that_does_not_show_everything_leads_to_nothing_else(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client, description="For Mr Jones")
    for place in (f"/v1/receipts/{receipt['id']}", receipt["link"]):
        document = (await ask(client, f"{place}/pdf?show=amount,created")).content
        marks, attached = streams(document)
        assert "(19.99 EUR)" in marks.decode("cp1252")
        assert b" 3 3 re f" not in marks, "its code would lead to what is hidden"
        assert (await office.judged(attached.decode())).code == 0
        whole = streams((await ask(client, f"{place}/pdf")).content)[0]
        assert whole.count(b" 3 3 re f") > 300


async def test_the_document_is_a_sound_pdf(office: Office, client: httpx2.AsyncClient):
    receipt = await receipt_of(office, client, description="(((" * 30)
    document = (await ask(client, f"/v1/receipts/{receipt['id']}/pdf")).content
    assert document.startswith(b"%PDF-1.7\n")
    start = int(document.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    table = document[start:].split(b"trailer")[0].splitlines()
    assert table[0] == b"xref"
    places = [int(line[:10]) for line in table[3:]]
    assert len(places) == int(table[1].split()[1]) - 1
    for number, place in enumerate(places, 1):
        assert document[place:].startswith(b"%d 0 obj\n" % number)
    for head, content in re.findall(
        rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", document, re.DOTALL
    ):
        assert int(head) == len(content)
    marks = streams(document)[0]
    for line in re.findall(rb"Td \((.*)\) Tj", marks):
        assert not re.search(rb"(?<!\\)[()]", re.sub(rb"\\\\", b"", line)), line


def test_letters_outside_of_western_europe_are_known_to_be_missing():
    assert writable("Stühle für 5 €")
    assert not writable("Ελληνικά")


async def test_the_file_names_no_link_and_the_list_answers_json(
    office: Office, client: httpx2.AsyncClient
):
    receipt = await receipt_of(office, client)
    file = (await ask(client, f"/v1/receipts/{receipt['id']}/file")).text
    assert receipt["link"].rsplit("/", 1)[1] not in file
    assert json.loads(file).keys() == {"receipt", "disclosures", "proof", "opening"}
    assert receipt["link"].startswith("https://pay.test/receipts/")
