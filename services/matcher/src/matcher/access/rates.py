"""Requests a second, a token bucket a key: kept in Valkey for all API processes, in this one while Valkey is down."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock

import redis

from matcher.access.caller import Caller
from matcher.errors import ApiError
from needledrop.log import get_logger

log = get_logger(__name__)
BURST_S = 10.0
"""A key that was quiet may send as much at once as in so many seconds."""
TIMEOUT_S = 0.25
PAUSE_S = 5.0
# Milliseconds until a token is there, 0 where one was taken. The server's own clock, so that processes need not agree.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or burst
tokens = math.min(burst, tokens + math.max(0, now - (tonumber(kept[2]) or now)) * rate / 1000)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) * 1000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst * 1000 / rate) + 1000)
return wait
"""


class RateLimits:
    """Safe to share between threads."""

    def __init__(self, redis_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        client = redis.Redis.from_url(redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._take = client.register_script(_TAKE)
        self._clock = clock
        self._down_until = -math.inf
        self._buckets: dict[str, _Bucket] = {}
        self._lock = Lock()

    def spend(self, caller: Caller) -> None:
        """Count one request; `ApiError(rate_limited)` with Retry-After where the key has made too many."""
        if caller.key_id is None or not caller.rate_per_s:
            return
        wait_s = self._wait_s(str(caller.key_id), caller.rate_per_s, max(1.0, caller.rate_per_s * BURST_S))
        if wait_s > 0:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate_limited",
                f"this key may make {caller.rate_per_s:g} requests a second",
                {"Retry-After": str(max(1, math.ceil(wait_s)))},
            )

    def _wait_s(self, key: str, rate: float, burst: float) -> float:
        if self._clock() >= self._down_until:
            try:
                return int(self._take(keys=[f"needledrop:rate:{key}"], args=[rate, burst])) / 1000
            except redis.RedisError as error:
                log.warning("rates are counted in this process", reason=type(error).__name__)
                self._down_until = self._clock() + PAUSE_S
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(burst, self._clock()))
            return bucket.take(rate, burst, self._clock())


@dataclass
class _Bucket:
    tokens: float
    at: float

    def take(self, rate: float, burst: float, now: float) -> float:
        """Seconds until a token is there, 0 where one was taken."""
        self.tokens = min(burst, self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return 0
