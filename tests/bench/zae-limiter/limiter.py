"""Decisions of zae-limiter: `limiter.py load URL WORKERS SECONDS LIMIT`, `limiter.py hang URL`."""

import asyncio
import json
import os
import sys
import time
import uuid

from botocore.exceptions import BotoCoreError, ClientError
from zae_limiter import Limit, RateLimiter, RateLimitExceeded, Repository

UNLIMITED = 1_000_000_000
os.environ.update(
    AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1"
)
requests = 0


def count(**_):
    global requests
    requests += 1


async def prepare(url):
    """Creates only the table. The emulator cannot deploy the library's stack, and its functions and
    alarms decide nothing.
    """
    repository = Repository("bench", region="us-east-1", endpoint_url=url)
    await repository.create_table()
    await repository.close()


async def limiter_of(url):
    repository = await Repository.open(
        "default", stack="bench", region="us-east-1", endpoint_url=url, auto_update=False
    )
    client = await repository._get_client()
    client.meta.events.register("before-send.dynamodb", count)
    return RateLimiter(repository=repository)


async def decide(limiter, caller, limit):
    async with limiter.acquire(
        entity_id=caller, resource="api", limits=[limit], consume={"calls": 1}
    ):
        pass


async def work(limiter, caller, limit, end, counts):
    while time.monotonic() < end:
        try:
            await decide(limiter, caller, limit)
            counts["allowed"] += 1
        except RateLimitExceeded:
            counts["denied"] += 1
            await asyncio.sleep(0)
        except (BotoCoreError, ClientError):
            counts["unanswered"] += 1


async def load(url, workers, seconds, maximum):
    global requests
    await prepare(url)
    limiters = [await limiter_of(url) for _ in range(workers)]
    limit, caller = Limit.per_day("calls", maximum or UNLIMITED), str(uuid.uuid4())
    counts = {"allowed": 0, "denied": 0, "unanswered": 0}

    requests, begin = 0, time.monotonic()
    await asyncio.gather(
        *(work(limiter, caller, limit, begin + seconds, counts) for limiter in limiters)
    )
    duration_s = time.monotonic() - begin
    decisions = counts["allowed"] + counts["denied"]
    return {"decisions": decisions, "requests": requests, "seconds": duration_s, **counts}


async def hang(url):
    await prepare(url)
    limiter, limit = await limiter_of(url), Limit.per_day("calls", UNLIMITED)
    await decide(limiter, str(uuid.uuid4()), limit)

    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    try:
        await decide(limiter, str(uuid.uuid4()), limit)
        how = "as decided"
    except Exception:
        how = "an error"
    return {"seconds": time.monotonic() - begin, "how": how}


def main():
    mode, url, *numbers = sys.argv[1:]
    print(
        json.dumps(asyncio.run(load(url, *map(int, numbers)) if mode == "load" else hang(url))),
        flush=True,
    )
    os._exit(0)


main()
