-- A payment that was given up may be paid after all: its session is found, and counts as a use of its link again.
CREATE INDEX checkout_session_freed ON checkout_session (payment)
WHERE link_id IS NOT NULL AND NOT uses_link AND payment <> '';
