"""The payments behind their port."""

from collections.abc import Mapping

from bezant.actor import Mode
from bezant.approvals.port import Approvals
from bezant.exchange import MethodKind
from bezant.payments import fees, routing, rules
from bezant.payments.amending import Amending
from bezant.payments.approving import Approving
from bezant.payments.arriving import Arriving
from bezant.payments.asking import Questions
from bezant.payments.attempt import Attempt
from bezant.payments.carrying import Carrier
from bezant.payments.changing import change
from bezant.payments.concluding import Conclusions
from bezant.payments.creating import Creating
from bezant.payments.customers import Customers
from bezant.payments.dispute import Dispute, DisputePage, DisputesOf, SubmitEvidence
from bezant.payments.disputing import Disputing
from bezant.payments.elsewhere import Elsewhere
from bezant.payments.exchanging import Exchanges
from bezant.payments.faring import Faring
from bezant.payments.following import Following
from bezant.payments.giving_up import GivingUp
from bezant.payments.many import Many, ManyOf
from bezant.payments.method import (
    ChangeCustomer,
    CreateCustomer,
    Customer,
    CustomerPage,
    CustomersOf,
    SavedMethod,
    SaveMethod,
)
from bezant.payments.parts import Parts
from bezant.payments.payment import (
    CapturePayment,
    ChangePayment,
    ConfirmPayment,
    CreatePayment,
    Payment,
    VoidPayment,
)
from bezant.payments.question import (
    Arrival,
    Arrived,
    Owed,
    PaymentPage,
    PaymentsOf,
    Posting,
    Series,
    SeriesOf,
    SettleFile,
    Settlement,
    Stats,
    StatsOf,
    WaysOf,
)
from bezant.payments.refund import Refund, RefundPage, RefundsOf, RequestRefund
from bezant.payments.refunding import Refunding, Thresholds
from bezant.payments.repeating import Repeats
from bezant.payments.returning import Returning
from bezant.payments.rule import ChangeTerms, FeePreview, FeesFor, Terms, TermsChange
from bezant.payments.ruling import check
from bezant.payments.settling import Settling
from bezant.payments.showing import Showing
from bezant.payments.together import Together
from bezant.payments.transcribing import Transcribing
from bezant.payments.transcript import Transcript
from bezant.payments.walk import Walk
from bezant.psp.port import WebhookCheck


class PaymentsService:
    """Takes commands and questions to the part that knows."""

    def __init__(
        self,
        parts: Parts,
        approvals: Approvals,
        checks: Mapping[str, WebhookCheck],
        thresholds: Thresholds,
    ) -> None:
        self._parts = parts
        repeats = Repeats(parts)
        self._transcribing = Transcribing(parts.database, parts.clock, parts.ids, parts.redaction)
        exchanges = Exchanges(parts, self._transcribing)
        conclusions = Conclusions(parts)
        returning = Returning(parts)
        carrier = Carrier(parts, exchanges, conclusions)
        self._creating = Creating(parts, carrier, repeats)
        self._following = Following(parts, carrier, repeats)
        self._approving = Approving(parts, exchanges, returning, approvals)
        self._amending = Amending(parts, approvals)
        self._refunding = Refunding(parts, exchanges, returning, self._approving, thresholds)
        self._customers = Customers(parts)
        self._questions = Questions(parts)
        self._showing = Showing(parts, self._questions)
        self._together = Together(parts)
        self._walk = Walk(parts, exchanges, conclusions, self._following, returning)
        self._giving_up = GivingUp(parts, exchanges, self._walk)
        self._disputing = Disputing(parts)
        self._arriving = Arriving(
            parts, checks, self._walk, conclusions, returning, self._disputing
        )
        self._settling = Settling(parts, Elsewhere(parts, self._walk, returning, self._disputing))

    def start(self) -> None:
        """Begin to write."""
        self._parts.gathered.start()
        self._transcribing.start()

    async def close(self) -> None:
        """Write what is queued and let go of the sessions."""
        await self._arriving.stop()
        await self._parts.gathered.stop()
        await self._transcribing.stop()

    @property
    def queued(self) -> int:
        """How many writes wait."""
        return self._parts.gathered.queued

    async def walk(self) -> int:
        """Look after what has not ended and is due."""
        return await self._walk.step()

    async def expire(self) -> int:
        """Let go of authorizations whose time is over."""
        return await self._walk.expire()

    async def take_up_approved(self) -> int:
        """Begin refunds, and put rules in force, that were approved."""
        refunds = await self._approving.take_up_approved()
        return refunds + await self._amending.take_up_approved()

    async def act_on_arrivals(self) -> int:
        """Act on providers' events that are due."""
        return await self._arriving.step()

    async def book_disputes(self) -> int:
        """Book disputes that the book would not take before."""
        return await self._disputing.book_again()

    async def create(self, command: CreatePayment) -> Payment:
        return await self._creating.create(command)

    async def confirm(self, command: ConfirmPayment) -> Payment:
        return await self._creating.confirm(command)

    async def capture(self, command: CapturePayment) -> Payment:
        return await self._following.capture(command)

    async def void(self, command: VoidPayment) -> Payment:
        if not command.unpaid_only:
            await self._giving_up.before_void(command)
        return await self._following.void(command)

    async def change(self, command: ChangePayment) -> Payment:
        return await change(self._parts, command)

    async def payment(self, tenant: str, mode: Mode, payment: str) -> Payment:
        return await self._questions.payment(tenant, mode, payment)

    async def payments(self, query: PaymentsOf) -> PaymentPage:
        return await self._questions.payments(query)

    async def attempts(self, tenant: str, mode: Mode, payment: str) -> tuple[Attempt, ...]:
        return await self._questions.attempts(tenant, mode, payment)

    async def request_refund(self, command: RequestRefund) -> Refund:
        return await self._refunding.request(command)

    async def refund(self, tenant: str, mode: Mode, refund: str) -> Refund:
        return await self._questions.refund(tenant, mode, refund)

    async def refunds(self, query: RefundsOf) -> RefundPage:
        return await self._questions.refunds(query)

    async def submit_evidence(self, command: SubmitEvidence) -> Dispute:
        return await self._disputing.submit(command)

    async def dispute(self, tenant: str, mode: Mode, dispute: str) -> Dispute:
        return await self._disputing.one(tenant, mode, dispute)

    async def disputes(self, query: DisputesOf) -> DisputePage:
        return await self._disputing.page(query)

    async def arrive(self, arrival: Arrival) -> Arrived:
        return await self._arriving.arrive(arrival)

    async def settle(self, command: SettleFile) -> Settlement:
        return await self._settling.settle(command)

    async def create_customer(self, command: CreateCustomer) -> Customer:
        return await self._customers.create(command)

    async def change_customer(self, command: ChangeCustomer) -> Customer:
        return await self._customers.change(command)

    async def forget_customer(self, tenant: str, mode: Mode, customer: str) -> Customer:
        return await self._customers.forget(tenant, mode, customer)

    async def forget_the_rest(self) -> int:
        """End what somebody began and nobody ended: customers who are forgotten in part."""
        return await self._customers.forget_the_rest()

    async def seal_kept(self) -> int:
        """Seal what an earlier release kept open of saved ways to pay."""
        return await self._customers.seal_kept()

    async def customer(self, tenant: str, mode: Mode, customer: str) -> Customer:
        return await self._customers.one(tenant, mode, customer)

    async def customers(self, query: CustomersOf) -> CustomerPage:
        return await self._customers.page(query)

    async def save_method(self, command: SaveMethod) -> SavedMethod:
        return await self._customers.save(command)

    async def method(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        return await self._customers.method(tenant, mode, method)

    async def methods(self, tenant: str, mode: Mode, customer: str) -> tuple[SavedMethod, ...]:
        return await self._customers.methods(tenant, mode, customer)

    async def drop_method(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        return await self._customers.drop(tenant, mode, method)

    async def terms(self) -> Terms:
        return await self._amending.current()

    async def change_terms(self, command: ChangeTerms) -> TermsChange:
        return await self._amending.change(command)

    async def terms_change(self, change: str) -> TermsChange:
        return await self._amending.one(change)

    async def stats(self, query: StatsOf) -> Stats:
        return await self._questions.stats(query)

    async def ways(self, query: WaysOf) -> tuple[MethodKind, ...]:
        return routing.ways(query, self._parts.open_in(query.mode))

    async def faring(self, mode: Mode) -> Faring:
        return await self._questions.faring(mode)

    async def series(self, query: SeriesOf) -> Series:
        return await self._showing.series(query)

    async def postings(self, tenant: str, mode: Mode, payment: str) -> tuple[Posting, ...]:
        return await self._showing.postings(tenant, mode, payment)

    async def owed(self, tenant: str, mode: Mode) -> tuple[Owed, ...]:
        return await self._showing.owed(tenant, mode)

    async def transcripts(self, tenant: str, mode: Mode, payment: str) -> tuple[Transcript, ...]:
        return await self._questions.transcripts(tenant, mode, payment)

    async def many(self, query: ManyOf) -> Many:
        return await self._together.many(query)

    async def fee_preview(self, query: FeesFor) -> FeePreview:
        rules.amount(query.amount)
        check(self._parts, Terms((), query.fees))
        fees.known_priority(query.fees, query.priority)
        return fees.preview(query)
