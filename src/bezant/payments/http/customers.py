"""Customers and their saved ways to pay over HTTP."""

from typing import Annotated, Final

from fastapi import Query, Response

from bezant.http.idempotency import Idempotency
from bezant.http.pages import CreatedQuery, Page, PageQuery
from bezant.http.routes import Asker, RequiredKey, Routes
from bezant.payments.http import answers as a
from bezant.payments.http.lists import Notes, pairs
from bezant.payments.port import (
    ChangeCustomer,
    CreateCustomer,
    CustomersOf,
    Payments,
    SaveMethod,
)

READ: Final = "customers.read"
WRITE: Final = "customers.write"
KEYED: Final = Idempotency.REQUIRED


def add(routes: Routes, port: Payments) -> None:
    """Add the routes of customers and saved methods."""
    _customers(routes, port)
    _methods(routes, port)


def _customers(routes: Routes, port: Payments) -> None:
    @routes.post("/v1/customers", permission=WRITE, idempotency=KEYED)
    async def create(
        body: a.CustomerBody, asker: Asker, key: RequiredKey, response: Response
    ) -> a.CustomerModel:
        """Remember a customer."""
        made = await port.create_customer(
            CreateCustomer(key, asker.tenant, asker.mode, body.name, body.email, body.metadata)
        )
        say(response, replayed=made.replayed)
        return a.CustomerModel.model_validate(made)

    @routes.get("/v1/customers", permission=READ)
    async def customers(
        asker: Asker,
        page: PageQuery,
        created: CreatedQuery,
        email: str | None = None,
        metadata: Notes = None,
        query: Annotated[str, Query(description="In name, e-mail")] = "",
    ) -> Page[a.CustomerModel]:
        """List customers, newest first."""
        found = await port.customers(
            CustomersOf(
                asker.tenant, asker.mode, email, page.limit, page.starting_after, created.since,
                created.until, pairs(metadata), query, page.ending_before,
            )
        )  # fmt: skip
        return Page(
            data=[a.CustomerModel.model_validate(one) for one in found.customers],
            has_more=found.has_more,
        )

    @routes.get("/v1/customers/{customer}", permission=READ)
    async def customer(customer: str, asker: Asker) -> a.CustomerModel:
        """Return one customer."""
        found = await port.customer(asker.tenant, asker.mode, customer)
        return a.CustomerModel.model_validate(found)

    @routes.patch("/v1/customers/{customer}", permission=WRITE)
    async def change(customer: str, body: a.ChangeCustomerBody, asker: Asker) -> a.CustomerModel:
        """Change what is known of a customer."""
        command = ChangeCustomer(
            asker.tenant, asker.mode, customer, body.name, body.email, body.metadata
        )
        return a.CustomerModel.model_validate(await port.change_customer(command))

    @routes.delete("/v1/customers/{customer}", permission=WRITE)
    async def forget(customer: str, asker: Asker) -> a.CustomerModel:
        """Erase a customer's name and address and the saved methods; payments stay."""
        erased = await port.forget_customer(asker.tenant, asker.mode, customer)
        return a.CustomerModel.model_validate(erased)


def _methods(routes: Routes, port: Payments) -> None:
    @routes.post("/v1/payment_methods", permission=WRITE, idempotency=KEYED)
    async def save(
        body: a.SaveMethodBody, asker: Asker, key: RequiredKey, response: Response
    ) -> a.SavedMethodModel:
        """Keep a way to pay for a customer."""
        made = await port.save_method(
            SaveMethod(
                key, asker.tenant, asker.mode, body.customer, body.kind, body.card, body.facts,
                body.label,
            )
        )  # fmt: skip
        say(response, replayed=made.replayed)
        return a.SavedMethodModel.model_validate(made)

    @routes.get("/v1/payment_methods/{method}", permission=READ)
    async def method(method: str, asker: Asker) -> a.SavedMethodModel:
        """Return one saved way to pay."""
        found = await port.method(asker.tenant, asker.mode, method)
        return a.SavedMethodModel.model_validate(found)

    @routes.get("/v1/customers/{customer}/payment_methods", permission=READ)
    async def methods(customer: str, asker: Asker) -> a.SavedMethodsModel:
        """Return a customer's saved ways to pay, newest first."""
        found = await port.methods(asker.tenant, asker.mode, customer)
        return a.SavedMethodsModel(data=[a.SavedMethodModel.model_validate(one) for one in found])

    @routes.delete("/v1/payment_methods/{method}", permission=WRITE)
    async def drop(method: str, asker: Asker) -> a.SavedMethodModel:
        """Keep a way to pay no longer."""
        dropped = await port.drop_method(asker.tenant, asker.mode, method)
        return a.SavedMethodModel.model_validate(dropped)


def say(response: Response, *, replayed: bool) -> None:
    """Say that an answer repeats an earlier one, as the fast lane does by itself."""
    if replayed:
        response.headers["idempotent-replayed"] = "true"
