"""The payments' door: take money from payers, keep it apart, give it back, and never guess.

Every command that moves money carries the caller's idempotency key: the same key and command answer
what was answered first, the same key with another command is refused, and while the first one is
still being answered a repeat is told to wait. What a provider has not said is never made up: such a
payment is `unknown` until the provider was asked and has told.
"""

from typing import Protocol

from bezant.actor import Mode
from bezant.events import Feed
from bezant.exchange import DeclineCode, MethodKind
from bezant.payments.attempt import Attempt, AttemptState, Operation
from bezant.payments.dispute import Dispute, DisputePage, DisputesOf, DisputeState, SubmitEvidence
from bezant.payments.faring import Failover, Faring, ProviderFaring
from bezant.payments.many import AttemptsOfOne, Many, ManyOf
from bezant.payments.method import (
    ChangeCustomer,
    CreateCustomer,
    Customer,
    CustomerPage,
    CustomersOf,
    PayWith,
    SavedMethod,
    SaveMethod,
)
from bezant.payments.payment import (
    CapturePayment,
    ChangePayment,
    ConfirmPayment,
    CreatePayment,
    Declined,
    NextAction,
    Payment,
    PaymentState,
    VoidPayment,
)
from bezant.payments.question import (
    Arrival,
    Arrived,
    AssetStats,
    Owed,
    PaymentPage,
    PaymentsOf,
    PostedSide,
    Posting,
    Series,
    SeriesOf,
    SeriesPoint,
    SettledAsset,
    SettleFile,
    Settlement,
    Stats,
    StatsOf,
    Step,
    WaysOf,
)
from bezant.payments.refund import Refund, RefundPage, RefundsOf, RefundState, RequestRefund
from bezant.payments.refusal import (
    AmountTooSmall,
    BookRefused,
    BookUnavailable,
    CaptureTooLarge,
    CountedBefore,
    CustomerForgotten,
    FileUnfinished,
    KeyInFlight,
    KeyReused,
    LimitExceeded,
    MalformedRules,
    MerchantsOnly,
    MethodMissing,
    NoProvider,
    NotInThisState,
    PaymentBusy,
    PlatformOnly,
    RefundTooLarge,
    StepNotOffered,
    TermsBusy,
    TermsChanged,
    TooManyAttempts,
    UnknownCustomer,
    UnknownDispute,
    UnknownMethod,
    UnknownPayment,
    UnknownPriority,
    UnknownRefund,
    UnknownTermsChange,
)
from bezant.payments.rule import (
    ChangeTerms,
    FeePreview,
    FeeRule,
    FeesFor,
    LimitRule,
    RoutingRule,
    Terms,
    TermsChange,
    TermsState,
)
from bezant.payments.transcript import Transcript

__all__ = [
    "ATTEMPTS_MAX",
    "DESCRIPTOR_CHARACTERS_MAX",
    "KEYS_KEPT_DAYS",
    "MANY_MAX",
    "METADATA_KEYS_MAX",
    "METADATA_KEY_CHARACTERS_MAX",
    "METADATA_VALUE_CHARACTERS_MAX",
    "NEVER_ARRIVED",
    "PAGE_MAX",
    "REFUNDS_OF_ONE_MAX",
    "RULES_MAX",
    "TEXT_CHARACTERS_MAX",
    "WAITING_TERMS_MAX",
    "AmountTooSmall",
    "Arrival",
    "Arrived",
    "AssetStats",
    "Attempt",
    "AttemptState",
    "AttemptsOfOne",
    "BookRefused",
    "BookUnavailable",
    "CapturePayment",
    "CaptureTooLarge",
    "ChangeCustomer",
    "ChangePayment",
    "ChangeTerms",
    "ConfirmPayment",
    "CountedBefore",
    "CreateCustomer",
    "CreatePayment",
    "Customer",
    "CustomerForgotten",
    "CustomerPage",
    "CustomersOf",
    "DeclineCode",
    "Declined",
    "Dispute",
    "DisputePage",
    "DisputeState",
    "DisputesOf",
    "Failover",
    "Faring",
    "FeePreview",
    "FeeRule",
    "FeesFor",
    "FileUnfinished",
    "KeyInFlight",
    "KeyReused",
    "LimitExceeded",
    "LimitRule",
    "MalformedRules",
    "Many",
    "ManyOf",
    "MerchantsOnly",
    "MethodKind",
    "MethodMissing",
    "NextAction",
    "NoProvider",
    "NotInThisState",
    "Operation",
    "Owed",
    "PayWith",
    "Payment",
    "PaymentBusy",
    "PaymentPage",
    "PaymentState",
    "Payments",
    "PaymentsFeed",
    "PaymentsOf",
    "PlatformOnly",
    "PostedSide",
    "Posting",
    "ProviderFaring",
    "Refund",
    "RefundPage",
    "RefundState",
    "RefundTooLarge",
    "RefundsOf",
    "RequestRefund",
    "RoutingRule",
    "SaveMethod",
    "SavedMethod",
    "Series",
    "SeriesOf",
    "SeriesPoint",
    "SettleFile",
    "SettledAsset",
    "Settlement",
    "Stats",
    "StatsOf",
    "Step",
    "StepNotOffered",
    "SubmitEvidence",
    "Terms",
    "TermsBusy",
    "TermsChange",
    "TermsChanged",
    "TermsState",
    "TooManyAttempts",
    "Transcript",
    "UnknownCustomer",
    "UnknownDispute",
    "UnknownMethod",
    "UnknownPayment",
    "UnknownPriority",
    "UnknownRefund",
    "UnknownTermsChange",
    "VoidPayment",
    "WaysOf",
]

PAGE_MAX = 100
ATTEMPTS_MAX = 254  # Of one payment: their number is the last byte of their id.
MANY_MAX = 500  # Things of one kind that are asked for by their ids.
REFUNDS_OF_ONE_MAX = 100  # Shown beside a payment; the list of refunds shows all.
KEYS_KEPT_DAYS = 30
TEXT_CHARACTERS_MAX = 500
DESCRIPTOR_CHARACTERS_MAX = 22  # The longest that card schemes print on a statement.
RULES_MAX = 1_000
WAITING_TERMS_MAX = 100  # Changes of the rules that wait for somebody's agreement.
METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 500
NEVER_ARRIVED = "never_arrived"
PROVIDER_UNAVAILABLE = "provider_unavailable"


def module_key(module: str, key: str) -> str:
    """Return an idempotency key no merchant can have taken: theirs have no spaces."""
    return f"{module} {key}"


class Payments(Protocol):
    """Payments of every merchant, through every provider."""

    async def create(self, command: CreatePayment) -> Payment:
        """Ask for money; with a method, charge it. A decline is an answer, not an error."""
        ...

    async def confirm(self, command: ConfirmPayment) -> Payment:
        """Charge a payment that waits for a way to pay, or try again after a decline."""
        ...

    async def capture(self, command: CapturePayment) -> Payment:
        """Take what is set aside, or a part of it."""
        ...

    async def void(self, command: VoidPayment) -> Payment:
        """Let go of what is set aside."""
        ...

    async def change(self, command: ChangePayment) -> Payment:
        """Change what the merchant noted on it."""
        ...

    async def payment(self, tenant: str, mode: Mode, payment: str) -> Payment:
        """Return one payment."""
        ...

    async def payments(self, query: PaymentsOf) -> PaymentPage:
        """Return a page of payments."""
        ...

    async def many(self, query: ManyOf) -> Many:
        """Return payments, customers, attempts and refunds by ids: one question for each kind."""
        ...

    async def attempts(self, tenant: str, mode: Mode, payment: str) -> tuple[Attempt, ...]:
        """Return everything that was asked of providers for a payment, oldest first."""
        ...

    async def request_refund(self, command: RequestRefund) -> Refund:
        """Give money back; above the threshold a second person has to agree first."""
        ...

    async def refund(self, tenant: str, mode: Mode, refund: str) -> Refund:
        """Return one refund."""
        ...

    async def refunds(self, query: RefundsOf) -> RefundPage:
        """Return a page of refunds."""
        ...

    async def submit_evidence(self, command: SubmitEvidence) -> Dispute:
        """Answer a dispute before its evidence is due."""
        ...

    async def dispute(self, tenant: str, mode: Mode, dispute: str) -> Dispute:
        """Return one dispute."""
        ...

    async def disputes(self, query: DisputesOf) -> DisputePage:
        """Return a page of disputes."""
        ...

    async def create_customer(self, command: CreateCustomer) -> Customer:
        """Remember a customer."""
        ...

    async def change_customer(self, command: ChangeCustomer) -> Customer:
        """Change what is known of a customer."""
        ...

    async def forget_customer(self, tenant: str, mode: Mode, customer: str) -> Customer:
        """Erase a customer's name and address and the saved methods; payments stay."""
        ...

    async def customer(self, tenant: str, mode: Mode, customer: str) -> Customer:
        """Return one customer."""
        ...

    async def customers(self, query: CustomersOf) -> CustomerPage:
        """Return a page of customers."""
        ...

    async def save_method(self, command: SaveMethod) -> SavedMethod:
        """Keep a way to pay for a customer."""
        ...

    async def method(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        """Return a saved method."""
        ...

    async def methods(self, tenant: str, mode: Mode, customer: str) -> tuple[SavedMethod, ...]:
        """Return a customer's saved methods, newest first."""
        ...

    async def drop_method(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        """Stop keeping a way to pay."""
        ...

    async def arrive(self, arrival: Arrival) -> Arrived:
        """Take a provider's event: check whose it is, store it, and act on it soon."""
        ...

    async def settle(self, command: SettleFile) -> Settlement:
        """Post a provider's settlement file to the book, once."""
        ...

    async def terms(self) -> Terms:
        """Return the rules of routing, fees and limits."""
        ...

    async def change_terms(self, command: ChangeTerms) -> TermsChange:
        """Replace the rules; where that changes fees or limits, a second person has to agree."""
        ...

    async def terms_change(self, change: str) -> TermsChange:
        """Return one change of the rules."""
        ...

    async def stats(self, query: StatsOf) -> Stats:
        """Return what a stretch of time brought."""
        ...

    async def ways(self, query: WaysOf) -> tuple[MethodKind, ...]:
        """Return with what an amount can be paid here, in the order of the choices."""
        ...

    async def faring(self, mode: Mode) -> Faring:
        """Return how providers fare, whoever's payments they were."""
        ...

    async def series(self, query: SeriesOf) -> Series:
        """Return what each hour or day brought."""
        ...

    async def postings(self, tenant: str, mode: Mode, payment: str) -> tuple[Posting, ...]:
        """Return what a payment meant to the book, oldest first."""
        ...

    async def owed(self, tenant: str, mode: Mode) -> tuple[Owed, ...]:
        """Return the balances between the platform and a merchant; the platform's own for it."""
        ...

    async def transcripts(self, tenant: str, mode: Mode, payment: str) -> tuple[Transcript, ...]:
        """Return the calls of providers that were kept: what went wrong, oldest first."""
        ...

    async def fee_preview(self, query: FeesFor) -> FeePreview:
        """Return what a payment would cost by these rules; nothing is changed."""
        ...


class PaymentsFeed(Feed, Protocol):
    """`payment.*`, `refund.*` and `dispute.*` events with a public snapshot each."""
