"""Letters to people: what each says, and how it waits until it is sent.

A letter is written in the transaction in which its reason happens, sealed before that. It says what
happened and what to do if that was not you; a code that lets somebody in stands in one letter only.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from bezant.db.database import Tx
from bezant.identity.desk import SEALING_KEY, Desk
from bezant.identity.store import sign_up as store
from bezant.identity.store.sign_up import MailRow
from bezant.keys.port import Sealed
from bezant.secret import Secret

_NOT_YOU: Final = (
    "If that was you, there is nothing to do. If it was not, sign in, end all sessions and change "
    "your password."
)


class Kind(StrEnum):
    """What letters are about."""

    CONFIRM = "confirm_address"
    KNOWN = "already_known"
    JOIN = "confirm_joining"
    CHANGED = "security_changed"
    COPIED = "passkey_copied"
    DEVICE = "new_device"
    FORGOTTEN = "password_forgotten"
    INVITED = "invitation"


class Letter(msgspec.Struct, frozen=True):
    """To whom a letter goes, and what it says."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """A letter that can be put into the post."""

    kind: Kind
    letter: Letter


def confirm(to: str, link: str, code: Secret[str], base: str) -> Written:
    """Ask whoever reads this address whether they signed up. Nothing that was typed stands in the
    letter: it would say to anybody whatever a stranger wants them to read from us.
    """
    text = (
        f"Hello,\n\nto finish signing up, open this page within a day:\n\n"
        f"{link}#{code.reveal()}\n\nor go to {link} and type this code:\n\n{code.reveal()}\n\n"
        f"If you did not sign up at {base}, do nothing: without the code nothing happens.\n"
    )
    return Written(Kind.CONFIRM, Letter(to, "Confirm your address", text))


def join(to: str, link: str, code: Secret[str], base: str) -> Written:
    """Ask somebody who is known elsewhere on this installation whether they want to join here."""
    text = (
        f"Hello,\n\nsomebody signed up at {base} with your address. You sign in there already; if "
        f"it was you, open this page within a day to be a customer as well:\n\n"
        f"{link}#{code.reveal()}\n\nYour password stays the one you have, whatever was typed.\n"
        "If it was not you, do nothing.\n"
    )
    return Written(Kind.JOIN, Letter(to, "Confirm that you want to join", text))


def known(to: str, base: str) -> Written:
    """Tell somebody that they need not sign up."""
    text = (
        f"Hello,\n\nsomebody signed up at {base} with your address. You have an account there "
        "already: sign in with the password you have.\nIf it was not you, do nothing.\n"
    )
    return Written(Kind.KNOWN, Letter(to, "You have an account already", text))


def forgotten(to: str, link: str, code: Secret[str], base: str) -> Written:
    """Let somebody who can read this set a new password."""
    text = (
        f"Hello,\n\nsomebody asked to set a new password for you at {base}. If it was you, open "
        f"this page within an hour:\n\n{link}#{code.reveal()}\n\nor go to {link} and type this "
        f"code:\n\n{code.reveal()}\n\nIf it was not you, do nothing: your password stays.\n"
    )
    return Written(Kind.FORGOTTEN, Letter(to, "A new password", text))


def invited(to: str, link: str, code: Secret[str], base: str) -> Written:
    """Let somebody become a member. Who invites them and where is not said: either is a name that
    whoever invites could have chosen to say anything with.
    """
    text = (
        f"Hello,\n\nyou were invited to work at {base}. Open this page within a week and choose a "
        f"name and a password:\n\n{link}#{code.reveal()}\n\nor go to {link} and type this code:"
        f"\n\n{code.reveal()}\n\nIf you do not know what this is about, do nothing: without the "
        "code nothing happens.\n"
    )
    return Written(Kind.INVITED, Letter(to, "Your invitation", text))


def changed(to: str, what: str, base: str) -> Written:
    """Tell somebody that how they sign in has changed."""
    text = f"Hello,\n\n{what} at {base}.\n\n{_NOT_YOU}\n"
    return Written(Kind.CHANGED, Letter(to, "How you sign in has changed", text))


def copied(to: str, name: str, base: str) -> Written:
    """Tell somebody that a passkey of theirs counted backwards."""
    text = (
        f"Hello,\n\nyour passkey “{name}” at {base} was used in a way that says there may be a "
        "copy of it. It opens nothing any more. Remove it, and register a new one.\n"
    )
    return Written(Kind.COPIED, Letter(to, "A passkey of yours may have been copied", text))


def device(to: str, agent: str, address: str, base: str) -> Written:
    """Tell somebody that they signed in on a device not seen before."""
    text = (
        f"Hello,\n\nyou signed in at {base} on a device that was not seen there before:\n\n"
        f"{agent or 'a program that says nothing of itself'}, from {address or 'somewhere'}\n\n"
        f"{_NOT_YOU}\n"
    )
    return Written(Kind.DEVICE, Letter(to, "A new device", text))


class Letters(Desk):
    """The part of the service that writes letters and keeps secrets sealed."""

    async def _stamped(self, written: Written) -> MailRow:
        """Return a letter ready for the post; the post is part of a transaction, sealing is not."""
        mail = self._ids.uuid()
        sealed = await self._sealed(msgspec.json.encode(written.letter), b"mail " + mail.bytes)
        return MailRow(mail, written.kind, sealed, self._clock.now(), 0, None)

    async def _post(self, tx: Tx, row: MailRow) -> None:
        await store.add_mail(tx, row)

    async def _letter(self, row: MailRow) -> Letter:
        assert row.sealed is not None
        opened = await self._unsealed(row.sealed, b"mail " + row.id.bytes)
        return msgspec.json.decode(opened, type=Letter)

    async def _sealed(self, plain: bytes, bound_to: bytes) -> bytes:
        return (await self._keys.seal(SEALING_KEY, plain, bound_to)).to_bytes()

    async def _unsealed(self, stored: bytes, bound_to: bytes) -> bytes:
        return await self._keys.open(Sealed.from_bytes(stored), bound_to)
