"""What was tried for goals that are missed, and the floor of each. Only shown for a missed goal, or for one that was not
measured.
"""

STARTUP = (
    "After the loader's relocations (0.5 million instructions), a function reads the endpoint rules of each AWS service "
    "(0.4 million) and copies the settings of its clients. Tried: authorities as constants, which were 19.6 million "
    "instructions; one client of DynamoDB; routes that the first request builds. Floor: the rules are text inside the AWS "
    "SDK, which parses it for each client. Clients that the first event creates would meet the goal and delay the first "
    "response, for which Lambda gives a function less processor time than for its start."
)
AUTHORIZER_STARTUP = (
    "It also parses its policy and signing keys, and reads the blocks from the store before its first event. Otherwise "
    "the first call would wait for them. The rest is as for the limiter."
)
RS256 = (
    "A new token takes 10 µs more than the check of its signature: 4 for the call itself, as for a cached token, and 6 to "
    "read and copy the claims. Tried: one pass over the event, one serialization of the response. Floor: 1.44, which is "
    "the check and a call whose token has no claims."
)
EMBEDDED = (
    "A decision takes 2,460 instructions, and governor's takes 390. Governor returns one number. Tollgate also returns the "
    "state of each limit and an id for refunds, and counts the day. Tried: one lookup, no allocation, one piece of memory "
    "per caller. Floor: about 2,000 without copies of the decision. The keyed hash, which protects against floods of "
    "similar keys, and the clock alone take 340."
)
GROWTH = (
    "100,000 callers take 30 MB, more than the processor's caches. Governor's rate falls by more. Tried: the state of a "
    "caller in one place of 304 bytes, with its hash. Floor: each decision waits for the memory of its caller."
)
GATEWAY = (
    "A request takes 80 to 100 µs of processor time, and nginx takes 16. Tried: no task per request, events written as "
    "text without a tree of values, a log in batches, another allocator (2 to 6 % less time), and connections to the "
    "backend that the request itself drives (12 % less time), for which we prefer the pool of a maintained library. Floor: "
    "the kernel's part is 32 µs at this rate, and an authorizer's event, decision and response take 12 µs."
)
GATEWAY_P99 = (
    "At equal load, a request waits behind others five times as long, because each of them takes five times the processor "
    "time: see the row above."
)
ZIP = (
    "Of the limiter, 4.0 MB are code, 1.0 MB tables for cryptography, time zones and encodings, and 0.6 MB for unwinding, "
    "all compressed. Tried: level `z` for all dependencies (0.2 MB less), which makes decisions slower. Floor: the AWS "
    "SDK and TLS are in every function."
)

REMARKS: dict[str, str] = {
    "startup ÷ empty function: authorizer": AUTHORIZER_STARTUP,
    "startup ÷ empty function: limiter": STARTUP,
    "startup ÷ empty function: metrics-publisher": STARTUP,
    "startup ÷ empty function: alb-sync": STARTUP,
    "new RS256 token ÷ signature only": RS256,
    "embedded decisions ÷ governor, one limit": EMBEDDED,
    "embedded decisions, 100,000 keys ÷ 10 keys": GROWTH,
    "local gateway ÷ nginx, requests per second": GATEWAY,
    "local gateway ÷ nginx, p99": GATEWAY_P99,
    "zip for arm64, MB: authorizer": ZIP,
    "zip for arm64, MB: composer": ZIP,
    "zip for arm64, MB: limiter": ZIP,
}
