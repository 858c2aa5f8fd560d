"""What was tried for goals that are missed, and the floor of each. Only shown for a missed goal, or for one that was not
measured."""

EMBEDDED = (
    "2,460 instructions per decision, governor 390. Governor returns one number. Tollgate also returns the state of each "
    "limit and an id for refunds, and counts the day. Tried: one lookup, no allocation, one piece of memory per caller. "
    "Floor: about 2,000 without copies of the decision. The keyed hash, which protects against floods of similar keys, "
    "and the clock alone take 340."
)
GROWTH = (
    "100,000 callers take 30 MB, more than the processor's caches. Governor falls by more. Tried: the state of a caller "
    "in one place of 304 bytes, with its hash. Floor: each decision waits for the memory of its caller."
)
GATEWAY = (
    "90 to 100 µs of processor time per request, nginx 17. Tried: no task per request, events written as text without "
    "a tree of values, a log in batches, connections driven by the request itself (−12 %, not kept, because a "
    "maintained pool is worth more), another allocator (−2 to −6 %). Floor: the kernel's part is 32 µs at this rate, "
    "and an authorizer's event, decision and response take 12 µs."
)
ZIP = (
    "Compressed, the limiter has 4.0 MB of code, 1.0 MB of tables for cryptography, time zones and encodings, and 0.6 MB "
    "for unwinding. Tried: level `z` for all dependencies (−0.2 MB), which makes decisions slower. Floor: the AWS SDK "
    "and TLS are in every function."
)

REMARKS: dict[str, str] = {
    "embedded decisions ÷ governor, one limit": EMBEDDED,
    "embedded decisions, 100,000 keys ÷ 10 keys": GROWTH,
    "local gateway ÷ nginx, requests per second": GATEWAY,
    "zip for arm64, MB: authorizer": ZIP,
    "zip for arm64, MB: limiter": ZIP,
}
