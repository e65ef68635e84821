-- What it calls is stable, so only a stable function is put in place: the feed is told three times as fast.
ALTER FUNCTION payments.money(numeric, integer, text) STABLE;
