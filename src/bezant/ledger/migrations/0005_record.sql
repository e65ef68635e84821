-- Everything else, one command at a time: openings and changes of accounts, and the life of holds.
--
-- Answers: 0 accepted; 1 this id is in the book already; 2 it was refused before; 3 unknown account; 4 frozen;
-- 5 closed; 6 insufficient funds; 8 unknown hold; 9 the hold is over; 10 less than that remains of it;
-- 11 the account is not empty; 12 not expired yet; 13 a hold that would be over at once; 14 a balance with too many
-- digits.
CREATE FUNCTION ledger.record(
    p_book integer, p_at timestamptz, p_kind smallint, p_idem uuid, p_request bigint, p_subject bigint,
    p_reference text, p_reason text, p_metadata jsonb,
    a_id bigint[],  -- The accounts, the one that matters first; an opening brings its own.
    l_amount numeric[],  -- With p_all, signs only: what remains of the hold is the amount.
    p_held numeric,  -- How much a hold sets aside.
    p_all boolean,
    p_tenant uuid, p_type smallint, p_owner text, p_chart text,
    p_state smallint, p_floor numeric, p_unlimited boolean,
    p_payee bigint, p_expires timestamptz,
    OUT id bigint, OUT recorded_at timestamptz, OUT answer smallint, OUT account bigint, OUT available numeric
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    legs constant integer := greatest(cardinality(a_id), 1);
    most constant numeric := 1e32 - 1;  -- Of a balance, and of what is held on an account.
    turn ledger.batch;
    hold ledger.hold;
    remaining numeric;
    used numeric := 0;  -- How much of the hold this command uses up.
    room numeric;  -- How much more becomes available on an account; less, if negative.
    natural_balance numeric;
    balances numeric[];
    helds numeric[];
    floors numeric[];
    states smallint[];
    tail bytea;
BEGIN
    turn := ledger.turn(p_book, p_at);
    recorded_at := turn.recorded_at;
    id := turn.first;
    answer := CASE
        WHEN EXISTS (SELECT FROM ledger.transfer AS t WHERE t.idem = p_idem) THEN 1
        WHEN EXISTS (SELECT FROM ledger.refusal AS r WHERE r.idem = p_idem) THEN 2
        ELSE 0
    END;
    IF answer > 0 THEN
        RETURN;
    END IF;

    IF p_kind = 7 THEN  -- opening
        account := (p_book::bigint << 40) + nextval('ledger.account_number');
        INSERT INTO ledger.account (id, tenant, type, owner, chart, metadata)
        VALUES (account, p_tenant, p_type, p_owner, p_chart, p_metadata);
        tail := ledger.account_bytes(account, p_tenant, p_type, p_owner, p_chart, p_metadata);
        a_id := ARRAY[account];
        l_amount := ARRAY[0];
        balances := ARRAY[0];
        helds := ARRAY[0];
        floors := ARRAY[p_floor];
        states := ARRAY[CASE WHEN p_type IN (1, 5) THEN 4 ELSE 0 END];
    ELSE
        SELECT
            array_agg(e.balance ORDER BY a.p), array_agg(e.held ORDER BY a.p), array_agg(e.floor ORDER BY a.p),
            array_agg(e.state ORDER BY a.p)
        INTO balances, helds, floors, states
        FROM unnest(a_id) WITH ORDINALITY AS a (id, p)
        LEFT JOIN LATERAL (
            SELECT z.balance, z.held, z.floor, z.state
            FROM ledger.entry AS z
            WHERE z.account = a.id
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS e ON a.id >> 40 = p_book;
    END IF;

    IF p_kind IN (4, 5, 6) THEN  -- capture, void, expiry
        SELECT h.* INTO hold FROM ledger.hold AS h WHERE h.id = p_subject AND h.account = a_id[1];
        SELECT s.remaining INTO remaining
        FROM ledger.hold_step AS s
        WHERE s.hold = p_subject
        ORDER BY s.transfer DESC
        LIMIT 1;
        used := CASE WHEN p_all THEN remaining ELSE abs(l_amount[1]) END;
        answer := CASE
            WHEN hold.id IS NULL THEN 8
            WHEN remaining = 0 THEN 9
            WHEN p_kind = 4 AND hold.expires_at <= recorded_at THEN 9
            WHEN used > remaining THEN 10
            WHEN p_kind = 6 AND (hold.expires_at IS NULL OR hold.expires_at > recorded_at) THEN 12
            ELSE 0
        END;
        IF p_all THEN
            FOR j IN 1..legs LOOP
                l_amount[j] := l_amount[j] * remaining;
            END LOOP;
        END IF;
        tail := ledger.step_bytes(p_subject, id, remaining - used);
    ELSIF p_kind = 3 THEN
        answer := CASE WHEN p_expires <= recorded_at THEN 13 ELSE 0 END;
        used := -p_held;
        tail := ledger.hold_bytes(id, a_id[1], p_payee, p_held, p_expires)
            || ledger.step_bytes(id, id, p_held);
    END IF;

    FOR j IN 1..legs LOOP
        EXIT WHEN answer > 0;
        account := a_id[j];
        IF states[j] IS NULL THEN
            answer := 3;
        ELSIF states[j] & 3 = 2 OR (states[j] & 3 = 1 AND p_kind IN (3, 4)) THEN
            answer := 3 + (states[j] & 3);
        ELSE
            balances[j] := balances[j] + l_amount[j];
            room := CASE WHEN states[j] < 4 THEN l_amount[j] ELSE -l_amount[j] END;
            IF j = 1 THEN
                helds[j] := helds[j] - used;
                room := room + used;
            END IF;
            natural_balance := CASE WHEN states[j] < 4 THEN balances[j] ELSE -balances[j] END;
            IF room < 0 AND natural_balance - helds[j] < floors[j] THEN
                answer := 6;
                available := natural_balance - helds[j] - floors[j] - room;
            ELSIF abs(balances[j]) > most OR helds[j] > most THEN
                answer := 14;
            END IF;
        END IF;
    END LOOP;

    IF p_kind = 8 AND answer = 0 THEN  -- change
        IF p_state = 2 AND (balances[1] <> 0 OR helds[1] <> 0) THEN
            answer := 11;
        END IF;
        states[1] := (states[1] & 4) + coalesce(p_state, states[1] & 3);
        floors[1] := CASE WHEN p_unlimited THEN NULL ELSE coalesce(p_floor, floors[1]) END;
    END IF;
    IF answer > 0 THEN
        IF answer NOT IN (3, 8, 12, 13) THEN
            INSERT INTO ledger.refusal (idem, request, code, account, available, refused_at)
            VALUES (p_idem, p_request, answer, account, available, recorded_at)
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN;
    END IF;

    IF p_kind = 3 THEN
        INSERT INTO ledger.hold (id, account, payee, amount, expires_at)
        VALUES (id, a_id[1], p_payee, p_held, p_expires);
        INSERT INTO ledger.hold_step (hold, transfer, remaining) VALUES (id, id, p_held);
    ELSIF p_kind IN (4, 5, 6) THEN
        INSERT INTO ledger.hold_step (hold, transfer, remaining) VALUES (p_subject, id, remaining - used);
    END IF;
    PERFORM ledger.append(
        turn, 1, ARRAY[1], ARRAY[p_kind], ARRAY[p_idem], ARRAY[p_request], ARRAY[1], ARRAY[legs],
        ARRAY[p_subject], ARRAY[NULL::timestamptz], ARRAY[NULL::uuid], ARRAY[p_reference], ARRAY[p_reason],
        ARRAY[CASE WHEN p_kind <> 7 THEN p_metadata END], a_id, array_fill(1, ARRAY[legs]),
        ARRAY(SELECT generate_series(1, legs)), l_amount, balances, helds, floors, states, tail
    );
END
$$;

-- A book is opened once, by whoever needs it first.
CREATE FUNCTION ledger.open_book(
    p_asset text, p_exponent smallint, p_mode text, p_merchant_group text, p_at timestamptz
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
AS $$
DECLARE
    found integer;
BEGIN
    PERFORM pg_advisory_xact_lock(7001, 0);
    SELECT b.id INTO found
    FROM ledger.book AS b
    WHERE b.asset = p_asset AND b.mode = p_mode AND b.merchant_group = p_merchant_group;
    IF found IS NULL THEN
        INSERT INTO ledger.book (id, asset, exponent, mode, merchant_group, opened_at)
        SELECT coalesce(max(b.id), 0) + 1, p_asset, p_exponent, p_mode, p_merchant_group, p_at
        FROM ledger.book AS b
        RETURNING ledger.book.id INTO found;
    END IF;
    RETURN found;
END
$$;

-- Remember that linked transfers were refused; their own transaction was rolled back. Under the turn of a book that
-- each of them writes to, so that none of them is being accepted elsewhere in the same moment.
CREATE FUNCTION ledger.refuse(
    p_book integer, p_idem uuid[], p_request bigint[], p_code smallint, p_account bigint, p_available numeric,
    p_at timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7001, p_book);
    INSERT INTO ledger.refusal (idem, request, code, account, available, refused_at)
    SELECT i.idem, i.request, p_code, p_account, p_available, p_at
    FROM unnest(p_idem, p_request) AS i (idem, request)
    WHERE NOT EXISTS (SELECT FROM ledger.transfer AS t WHERE t.idem = ANY(p_idem))
    ORDER BY i.idem
    ON CONFLICT DO NOTHING;
END
$$;

-- Refusals are kept for as long as an idempotency key is.
CREATE FUNCTION ledger.forget_refusals(p_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
AS $$
    WITH gone AS (DELETE FROM ledger.refusal AS r WHERE r.refused_at < p_before RETURNING 1)
    SELECT count(*) FROM gone;
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM public;
GRANT EXECUTE ON FUNCTION
    ledger.post_batch, ledger.record, ledger.open_book, ledger.refuse, ledger.forget_refusals
TO bezant_ledger;
