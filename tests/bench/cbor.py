"""Just enough of CBOR (RFC 8949) to read what the AWS SDK sends."""

import struct

FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
SIMPLE = {20: False, 21: True, 22: None}


def loads(data: bytes):
    return item(data, 0)[0]


def item(data: bytes, place: int):
    """The item at a place, and the place after it."""
    major, minor = data[place] >> 5, data[place] & 31
    place += 1
    if major == 7:
        if minor in FLOATS:
            form, size = FLOATS[minor]
            return struct.unpack(form, data[place : place + size])[0], place + size
        return SIMPLE[minor], place
    if minor == 31:
        return endless(data, place, major)
    number, place = argument(data, place, minor)
    if major in (0, 1):
        return number if major == 0 else -1 - number, place
    if major in (2, 3):
        text = data[place : place + number]
        return text if major == 2 else text.decode(), place + number
    if major == 6:
        return item(data, place)
    return several(data, place, number, major)


def argument(data: bytes, place: int, minor: int) -> tuple[int, int]:
    if minor < 24:
        return minor, place
    size = 1 << (minor - 24)
    return int.from_bytes(data[place : place + size]), place + size


def several(data: bytes, place: int, count: int, major: int):
    values = []
    for _ in range(count * (major - 3)):
        value, place = item(data, place)
        values.append(value)
    return together(values, major), place


def endless(data: bytes, place: int, major: int):
    values = []
    while data[place] != 0xFF:
        value, place = item(data, place)
        values.append(value)
    return together(values, major), place + 1


def together(values: list, major: int):
    return dict(zip(values[::2], values[1::2], strict=True)) if major == 5 else values
