-- What both ways into the book share: waiting for the turn to write, and writing.

-- The writer's turn, one at a time a book: no deadlock, no gap, and every later statement sees all earlier batches.
-- Answers the batch that may now be written, its hash still that of the batch before it.
CREATE FUNCTION ledger.turn(p_book integer, p_at timestamptz) RETURNS ledger.batch
LANGUAGE plpgsql SET search_path = ledger, pg_temp
AS $$
DECLARE
    head ledger.batch;
BEGIN
    PERFORM pg_advisory_xact_lock(7001, p_book);
    SELECT b.book, b.id + 1, b.last + 1, b.last, b.hash, greatest(p_at, b.recorded_at), NULL
    INTO head FROM ledger.batch AS b WHERE b.book = p_book ORDER BY b.first DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT
            k.id, 1, (k.id::bigint << 40) + 1, k.id::bigint << 40,
            ledger.genesis(k.id, k.asset, k.exponent, k.mode, k.merchant_group, k.opened_at), p_at, NULL
        INTO head FROM ledger.book AS k WHERE k.id = p_book;
    END IF;
    RETURN head;
END
$$;

-- Write the accepted commands (those with a number) of a batch: transfers, entries and the chain's next link.
-- c_… arrays have an element a command, l_… arrays one a leg, a_id the distinct accounts, and l_at the position of
-- each leg's account in it. `tail` is what the batch's accounts, holds and steps add to the chain.
CREATE FUNCTION ledger.append(
    turn ledger.batch, accepted integer, c_number integer[],
    c_kind smallint[], c_idem uuid[], c_request bigint[], c_from integer[], c_legs integer[], c_subject bigint[],
    c_occurred timestamptz[], c_link uuid[], c_reference text[], c_reason text[], c_metadata jsonb[],
    a_id bigint[], l_number integer[], l_at integer[], l_amount numeric[], l_balance numeric[], l_held numeric[],
    l_floor numeric[], l_state smallint[], tail bytea
) RETURNS void
LANGUAGE plpgsql SET search_path = ledger, pg_temp
AS $$
DECLARE
    before constant bigint := turn.first - 1;
    transfers bytea;
    entries bytea;
    total numeric;
BEGIN
    WITH written AS (
        INSERT INTO ledger.transfer (
            id, idem, request, one, two, kind, more, subject, occurred_at, link, reference, reason, metadata
        )
        SELECT
            before + c_number[i], c_idem[i], c_request[i], a_id[l_at[c_from[i]]],
            CASE WHEN c_legs[i] > 1 THEN a_id[l_at[c_from[i] + 1]] END, c_kind[i],
            CASE WHEN c_legs[i] > 2 THEN (
                SELECT array_agg(a_id[l_at[k]] ORDER BY k)
                FROM generate_series(c_from[i] + 2, c_from[i] + c_legs[i] - 1) AS k
            ) END,
            c_subject[i], c_occurred[i], c_link[i], c_reference[i], c_reason[i], c_metadata[i]
        FROM generate_series(1, cardinality(c_number)) AS i
        WHERE c_number[i] > 0
        ORDER BY c_idem[i]  -- So that two books that meet the same ids never wait for each other in a circle.
        RETURNING id, ledger.transfer_bytes(
            id, idem, request, kind, one, two, more, subject, occurred_at, link, reference, reason, metadata
        ) AS bytes
    )
    SELECT string_agg(bytes, ''::bytea ORDER BY id) INTO transfers FROM written;

    WITH written AS (
        INSERT INTO ledger.entry (account, transfer, amount, balance, held, floor, state)
        SELECT
            a_id[l_at[j]], before + l_number[j], l_amount[j], l_balance[j], l_held[j], l_floor[j], l_state[j]
        FROM generate_series(1, cardinality(l_at)) AS j
        WHERE l_number[j] > 0
        RETURNING transfer, account, amount, ledger.entry_bytes(
            account, transfer, amount, balance, held, floor, state
        ) AS bytes
    )
    SELECT string_agg(bytes, ''::bytea ORDER BY transfer, account), sum(amount) INTO entries, total FROM written;
    IF total <> 0 THEN  -- Its callers made sure of it, transfer by transfer; a book that does not balance is none.
        RAISE EXCEPTION 'the debits of a batch are not its credits' USING ERRCODE = 'BZ001';
    END IF;

    INSERT INTO ledger.batch (book, id, first, last, hash, recorded_at)
    VALUES (
        turn.book, turn.id, turn.first, before + accepted,
        sha256(
            turn.hash || int4send(turn.book) || int8send(turn.id) || int8send(turn.first)
            || int8send(before + accepted) || timestamptz_send(turn.recorded_at)
            || transfers || entries || coalesce(tail, ''::bytea)
        ),
        turn.recorded_at
    );
END
$$;
