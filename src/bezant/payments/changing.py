"""What a merchant noted on a payment, changed; what it was when it was made stays stored."""

import msgspec

from bezant.payments import rules
from bezant.payments.creating import found
from bezant.payments.parts import Parts
from bezant.payments.payment import ChangePayment, Payment
from bezant.payments.store import read, write
from bezant.payments.told import microseconds, spelled


async def change(parts: Parts, command: ChangePayment) -> Payment:
    """Change a payment's description and metadata."""
    if command.description is not None:
        rules.text(command.description, "description")
    rules.metadata(command.metadata)
    seen = await found(parts, command.tenant, command.mode, command.payment)
    now = parts.clock.now()
    async with parts.database.transaction() as tx:
        row = await read.locked(tx, seen.id)
        assert row is not None, "payments are not deleted"
        facts, standing = row.facts(), row.standing()
        before = facts.metadata if standing.metadata is None else standing.metadata
        noted = rules.noted(before, command.metadata)
        standing = msgspec.structs.replace(
            standing,
            description=(
                standing.description if command.description is None else command.description
            ),
            metadata=noted,
            updated_at=microseconds(now),
        )
        await write.note(tx, seen.id, standing.description, noted, now)
    return spelled(facts, standing)
