"""How a port is called: how long a call may take, and whether it may be repeated.

Every method of every port is one of two: `repeatable`, because a command carries its client's id or
a question changes nothing; or `once`, because it spends something, counts something, or would
answer otherwise the second time. A far call that may have arrived is never sent again if its method
is not declared repeatable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DEADLINE_SECONDS = 5.0
SLOW_SECONDS = 1.5  # Slower than this, a call counts against its peer although it will be answered.


@dataclass(frozen=True, slots=True)
class Manners:
    """The manners of one port."""

    deadline_seconds: float = DEADLINE_SECONDS
    deadlines: Mapping[str, float] = field(default_factory=dict[str, float])
    """By method, where it is not the ordinary one."""
    repeatable: frozenset[str] = frozenset()
    """Methods that may be sent again when nobody knows whether they arrived."""
    once: frozenset[str] = frozenset()
    """Methods that must not be sent a second time."""
    slow_seconds: float = SLOW_SECONDS

    def deadline_of(self, method: str) -> float:
        """Return how many seconds a call of this method may take."""
        return self.deadlines.get(method, self.deadline_seconds)

    def slow_of(self, method: str) -> float:
        """Return after how many seconds a call of this method is slow: longer for long ones."""
        return max(self.slow_seconds, self.deadlines.get(method, 0) / 2)


ORDINARY: Final = Manners()
_FEED: Final = Manners(repeatable=frozenset({"read"}))
_PASSWORD_SECONDS: Final = 10.0  # Passwords are checked slowly, and few at a time.
_OUTSIDE_SECONDS: Final = 20.0  # Another issuer is asked for up to three things, 5 s each.


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MANNERS: Final[Mapping[str, Manners]] = {
    "approvals.Approvals": Manners(
        repeatable=_names("propose approve reject spend approval approvals"),
    ),
    "approvals.ApprovalsFeed": _FEED,
    "audit.Audit": Manners(
        repeatable=_names("note_requests request requests events event forget note_verification"),
        once=_names("note_start"),  # It would have started twice.
    ),
    "audit.TransparencyLog": Manners(
        repeatable=_names("checkpoint tile bundle inclusion consistency keys integrity"),
    ),
    "identity.Identity": Manners(
        deadlines=dict.fromkeys(
            ("log_in", "change_password", "accept_invitation"), _PASSWORD_SECONDS
        ),
        repeatable=_names(
            "end_client registered_client registered_clients create_signer revoke_signer signer "
            "signers revoke_certificate partner_authority revoked_partners identify_certificate "
            "change_role role roles create_merchant change_merchant merchant merchants invitations "
            "members change_member log_out switch_session sessions revoke_key key keys identify "
            "generation rechecks note_uses"
        ),
        # Secrets that are told once, links that work once, proofs that are spent, failures that are
        # counted; and what the second time is told that it exists, or is gone.
        once=_names(
            "register_client register_client_key issue_certificate identify_signed create_role "
            "end_role invite cancel_invitation accept_invitation remove_member log_in end_session "
            "change_password create_key rotate_key revoke_keys check_proof"
        ),
    ),
    "identity.IdentityFeed": _FEED,
    # A code, a refresh token, a proof and a step of a login are spent by being shown: shown again,
    # a refresh token ends its whole family.
    "identity.OpenIdProvider": Manners(
        deadlines={
            "sign_in": _PASSWORD_SECONDS,
            "begin_outside": _OUTSIDE_SECONDS,
            "finish_outside": _OUTSIDE_SECONDS,
            "import_realm": 30.0,  # Every person in it has a password.
        },
        repeatable=_names("signing_keys realm interaction import_realm realms clients signed_in"),
        once=_names(
            "push authorize sign_in sign_in_by_passkey prove_more begin_outside finish_outside "
            "decide begin_device enter_device_code tokens introspect revoke profile sign_out"
        ),
    ),
    # Letters that are sent, codes and challenges that are spent, failures that are counted.
    "identity.People": Manners(
        deadlines=dict.fromkeys(
            ("sign_up", "confirm_address", "begin_login", "step_up", "set_new_password"),
            _PASSWORD_SECONDS,
        ),
        repeatable=_names("security mails consents"),
        once=_names(
            "sign_up confirm_address begin_login finish_login ask_passkey log_in_by_passkey "
            "begin_passkey register_passkey remove_passkey begin_codes confirm_codes remove_codes "
            "renew_recovery step_up end_sessions tokens_of ask_new_password set_new_password "
            "end_consent"
        ),
    ),
    "keys.Keys": Manners(
        # A token may take its time to make a key, or to come back.
        deadlines={"declare": 30.0, "rotate": 60.0, "destroy": 30.0},
        repeatable=_names(
            "declare sign verify macs seal seal_for open public_keys plan plans destroy shred "
            "inventory history status accesses capabilities"
        ),
        once=_names("rotate"),
    ),
    "keys.KeysFeed": _FEED,
    "ledger.Ledger": Manners(
        deadlines={
            "post_batch": 15.0,  # A thousand transfers may wait behind a thousand others.
            "trial_balance": 60.0,
            "report": 60.0,
            "reconcile": 300.0,  # It reads every entry of the book.
        },
        repeatable=_names(
            "open_account chart_account change_account post post_batch post_linked rehearse "
            "reverse place_hold capture_hold void_hold account accounts transfer transfers hold "
            "balance statement trial_balance report reconcile ledgers"
        ),
    ),
    "ledger.LedgerFeed": _FEED,
    "orders.Orders": Manners(
        deadlines={"confirm": 80.0},  # A payment's, and what the order notes before and after.
        repeatable=_names(
            "create_order order orders open_session session sessions confirm expire_session "
            "create_link link links close_link payer framed_by checkout_settings "
            "change_checkout_settings"
        ),
        once=_names("open_link"),  # Whoever follows a link has no key: each time is a session.
    ),
    "orders.OrdersFeed": _FEED,
    # A provider may take its time, and there may be three of them. All of it is safe to repeat.
    "payments.Payments": Manners(
        deadlines={
            "create": 75.0,
            "confirm": 75.0,
            "capture": 45.0,
            "void": 45.0,
            "request_refund": 45.0,
            "submit_evidence": 45.0,
            "settle": 300.0,
        },
        repeatable=_names(
            "create confirm capture void change payment payments many attempts request_refund "
            "refund refunds submit_evidence dispute disputes create_customer change_customer "
            "forget_customer customer customers save_method method methods drop_method arrive "
            "settle terms terms_change stats ways faring series postings owed transcripts "
            "fee_preview"
        ),
        once=_names("change_terms"),  # Every time is a proposal of its own.
    ),
    "payments.PaymentsFeed": _FEED,
    "receipts.Receipts": Manners(
        repeatable=_names(
            "receipt receipts file follow_link sign_in_full settings change_settings erase reports"
        ),
    ),
    "receipts.ReceiptsFeed": _FEED,
    # A provider may take its time, and a card's code can be used once only.
    "vault.Vault": Manners(
        deadlines={"send": 60.0}, repeatable=_names("card forget"), once=_names("send")
    ),
    "vault.CardDoor": Manners(once=_names("tokenise")),
    "webhooks.Webhooks": Manners(
        deadlines={"resend_many": 15.0},
        repeatable=_names(
            "change_endpoint delete_endpoint endpoint endpoints deliveries delivery resend "
            "resend_many queue event events place events_after trigger"
        ),
        once=_names("create_endpoint rotate_secret"),  # Secrets that are told once.
    ),
    "webhooks.WebhooksFeed": _FEED,
}


def port_name(port: type) -> str:
    """Name a port by its module and class, such as `ledger.Ledger`: the key of every table here."""
    home = port.__module__.split(".")
    return f"{home[1] if home[0] == 'bezant' else home[-1]}.{port.__name__}"


def manners_of(port: type) -> Manners:
    """Return a port's manners; nothing is repeated of one that declared none."""
    return MANNERS.get(port_name(port), ORDINARY)
