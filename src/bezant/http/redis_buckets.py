"""Token buckets in Redis. What is lost there was a count of requests, and nothing else.

A script takes from many buckets in one step, by the time of Redis, so that clocks of gateways that
differ make no difference. All keys share one slot, so a cluster takes them as well.
"""

from collections.abc import Mapping
from typing import Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bezant.errors import Unavailable
from bezant.http.joint_limits import PATIENCE_SECONDS, Taken
from bezant.secret import Secret

PREFIX: Final = "{bezant-limits}"
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local left = {}
for i, key in ipairs(KEYS) do
    local full = tonumber(ARGV[3 * i - 2])
    local a_second = full / tonumber(ARGV[3 * i - 1])
    local kept = redis.call('HMGET', key, 'tokens', 'at')
    local tokens = tonumber(kept[1] or '') or full
    local passed = math.max(0, now - (tonumber(kept[2] or '') or now))
    tokens = math.min(full, tokens + passed * a_second) - tonumber(ARGV[3 * i])
    tokens = math.max(-full, math.min(full, tokens))
    left[i] = string.format('%.6f', tokens)
    redis.call('HSET', key, 'tokens', left[i], 'at', string.format('%.6f', now))
    redis.call('PEXPIRE', key, math.ceil((full - tokens) / a_second * 1000) + 1000)
end
return left
"""


class RedisBuckets:
    """Implements `Store` on one Redis."""

    def __init__(self, address: Secret[str]) -> None:
        self._redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            address.reveal(),
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=2,
        )
        self._script = self._redis.register_script(_SCRIPT)

    async def settle(self, taken: Mapping[str, Taken]) -> Mapping[str, float]:
        """Take from buckets and return what is left of each, or raise `Unavailable`."""
        if not taken:
            await self.ping()
            return {}
        arguments = [
            number
            for one in taken.values()
            for number in (one.rule.requests, one.rule.window_seconds, one.cost)
        ]
        keys = [f"{PREFIX}{bucket}" for bucket in taken]
        try:
            told = cast("list[bytes]", await self._script(keys=keys, args=arguments))
            return dict(zip(taken, map(float, told), strict=True))
        except (RedisError, OSError, ValueError, TypeError):
            raise Unavailable from None

    async def ping(self) -> None:
        """Return if Redis answers, else raise `Unavailable`."""
        try:
            await self._redis.ping()  # pyright: ignore[reportUnknownMemberType]
        except (RedisError, OSError):
            raise Unavailable from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()
