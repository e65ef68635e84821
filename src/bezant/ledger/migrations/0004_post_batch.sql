-- Postings and reversals, many at a time. Every command is decided in order, each for itself, against the balances
-- that the commands before it left.
--
-- Answers, a number a command: 0 accepted; 1 this id is in the book already; 2 it was refused before;
-- 3 unknown account; 4 frozen; 5 closed; 6 insufficient funds; 7 reversed already; 14 a balance with too many digits.
--
-- Plans are made while the tables are young and kept: without `enable_seqscan = off` they read whole tables until
-- the first autoanalyze.
CREATE FUNCTION ledger.post_batch(
    p_book integer, p_at timestamptz,
    c_kind smallint[], c_idem uuid[], c_request bigint[], c_from integer[], c_legs integer[],
    c_subject bigint[], c_occurred timestamptz[], c_link uuid[], c_reference text[], c_reason text[],
    c_metadata jsonb[], a_id bigint[], l_at integer[], l_amount numeric[],
    OUT first bigint, OUT recorded_at timestamptz, OUT answers smallint[], OUT accounts bigint[],
    OUT available numeric[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    commands constant integer := cardinality(c_kind);
    legs constant integer := cardinality(l_at);
    most constant numeric := 1e32 - 1;  -- Of a balance. Found here, an overflow spoils no other command.
    turn ledger.batch;
    accepted integer := 0;
    low integer;
    high integer;
    fault smallint;
    x integer;
    amount numeric;
    balance numeric;
    seen uuid[];
    refused uuid[];
    reversed bigint[];
    balances numeric[];
    helds numeric[];
    floors numeric[];
    states smallint[];
    c_number integer[] := array_fill(0, ARRAY[commands]);
    l_number integer[] := array_fill(0, ARRAY[legs]);
    l_balance numeric[] := array_fill(0::numeric, ARRAY[legs]);
    l_held numeric[];
    l_floor numeric[];
    l_state smallint[];
BEGIN
    turn := ledger.turn(p_book, p_at);
    first := turn.first;
    recorded_at := turn.recorded_at;
    answers := array_fill(0::smallint, ARRAY[commands]);
    accounts := ARRAY[NULL::bigint];  -- An array begins at the first element that is set, and these begin at 1.
    available := ARRAY[NULL::numeric];

    SELECT
        array_agg(coalesce(e.balance, 0) ORDER BY a.p), array_agg(e.held ORDER BY a.p),
        array_agg(e.floor ORDER BY a.p), array_agg(e.state ORDER BY a.p)
    INTO balances, helds, floors, states
    FROM unnest(a_id) WITH ORDINALITY AS a (id, p)
    LEFT JOIN LATERAL (
        SELECT z.balance, z.held, z.floor, z.state
        FROM ledger.entry AS z
        WHERE z.account = a.id
        ORDER BY z.transfer DESC
        LIMIT 1
    ) AS e ON a.id >> 40 = p_book;
    SELECT array_agg(t.idem) INTO seen FROM ledger.transfer AS t WHERE t.idem = ANY(c_idem);
    SELECT array_agg(r.idem) INTO refused FROM ledger.refusal AS r WHERE r.idem = ANY(c_idem);
    IF 2 = ANY(c_kind) THEN
        SELECT array_agg(t.subject) INTO reversed
        FROM ledger.transfer AS t
        WHERE t.kind = 2 AND t.subject = ANY(c_subject);
    END IF;

    FOR i IN 1..commands LOOP
        IF c_idem[i] = ANY(seen) THEN
            answers[i] := 1;
            CONTINUE;
        ELSIF c_idem[i] = ANY(refused) THEN
            answers[i] := 2;
            CONTINUE;
        END IF;
        fault := CASE WHEN c_kind[i] = 2 AND c_subject[i] = ANY(reversed) THEN 7 ELSE 0 END;
        low := c_from[i];
        high := low + c_legs[i] - 1;
        FOR j IN low..high LOOP
            EXIT WHEN fault > 0;
            x := l_at[j];
            amount := l_amount[j];
            IF states[x] IS NULL THEN
                fault := 3;
            ELSIF states[x] & 3 > 0 THEN
                fault := 3 + (states[x] & 3);
            ELSE
                balance := balances[x] + amount;
                IF floors[x] IS NOT NULL THEN
                    IF states[x] < 4 THEN
                        IF amount < 0 AND balance - helds[x] < floors[x] THEN
                            fault := 6;
                            available[i] := balances[x] - helds[x] - floors[x];
                        END IF;
                    ELSIF amount > 0 AND -balance - helds[x] < floors[x] THEN
                        fault := 6;
                        available[i] := -balances[x] - helds[x] - floors[x];
                    END IF;
                END IF;
                IF fault = 0 AND abs(balance) > most THEN
                    fault := 14;
                END IF;
            END IF;
            IF fault = 0 THEN
                balances[x] := balance;
                l_balance[j] := balance;
            ELSE
                accounts[i] := a_id[x];
                high := j - 1;  -- These legs are taken back below.
            END IF;
        END LOOP;
        IF fault = 0 THEN
            accepted := accepted + 1;
            c_number[i] := accepted;
            FOR j IN low..high LOOP
                l_number[j] := accepted;
            END LOOP;
            IF c_kind[i] = 2 THEN
                reversed := reversed || c_subject[i];
            END IF;
        ELSE
            answers[i] := fault;
            IF fault <> 7 THEN
                FOR j IN low..high LOOP
                    balances[l_at[j]] := balances[l_at[j]] - l_amount[j];
                END LOOP;
            END IF;
        END IF;
    END LOOP;

    IF accepted < commands THEN
        INSERT INTO ledger.refusal (idem, request, code, account, available, refused_at)
        SELECT c.idem, c.request, c.answer, accounts[c.p], available[c.p], recorded_at
        FROM unnest(c_idem, c_request, answers) WITH ORDINALITY AS c (idem, request, answer, p)
        WHERE c.answer > 3
        ORDER BY c.idem
        ON CONFLICT DO NOTHING;  -- Another book refused the same id in the same moment.
    END IF;
    IF accepted > 0 THEN
        SELECT
            array_agg(helds[l.at] ORDER BY l.p), array_agg(floors[l.at] ORDER BY l.p),
            array_agg(states[l.at] ORDER BY l.p)
        INTO l_held, l_floor, l_state
        FROM unnest(l_at) WITH ORDINALITY AS l (at, p);
        PERFORM ledger.append(
            turn, accepted, c_number, c_kind, c_idem, c_request, c_from, c_legs, c_subject, c_occurred, c_link,
            c_reference, c_reason, c_metadata, a_id, l_number, l_at, l_amount, l_balance, l_held, l_floor, l_state,
            NULL
        );
    END IF;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM public;
GRANT EXECUTE ON FUNCTION ledger.post_batch TO bezant_ledger;
