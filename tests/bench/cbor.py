"""Decodes the part of CBOR (RFC 8949) that the AWS SDK sends."""

import struct

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
INDEFINITE_LENGTH = 31
BREAK = 0xFF
FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
SIMPLE_VALUES = {20: False, 21: True, 22: None}


def loads(data: bytes) -> object:
    return decode_item(data, 0)[0]


def decode_item(data: bytes, offset: int) -> tuple[object, int]:
    """Returns the item at an offset, and the offset after it."""
    major, minor = data[offset] >> 5, data[offset] & 31
    offset += 1
    if major == SIMPLE:
        if minor in FLOATS:
            form, size = FLOATS[minor]
            return struct.unpack(form, data[offset : offset + size])[0], offset + size
        return SIMPLE_VALUES[minor], offset
    if minor == INDEFINITE_LENGTH:
        return decode_indefinite(data, offset, major)

    argument, offset = decode_argument(data, offset, minor)
    if major in (UNSIGNED, NEGATIVE):
        return argument if major == UNSIGNED else -1 - argument, offset
    if major in (BYTES, TEXT):
        content = data[offset : offset + argument]
        return content if major == BYTES else content.decode(), offset + argument
    if major == TAG:
        return decode_item(data, offset)
    return decode_items(data, offset, argument, major)


def decode_argument(data: bytes, offset: int, minor: int) -> tuple[int, int]:
    if minor < 24:
        return minor, offset
    size = 1 << (minor - 24)
    return int.from_bytes(data[offset : offset + size]), offset + size


def decode_items(data: bytes, offset: int, count: int, major: int) -> tuple[object, int]:
    values = []
    for _ in range(2 * count if major == MAP else count):
        value, offset = decode_item(data, offset)
        values.append(value)
    return collect(values, major), offset


def decode_indefinite(data: bytes, offset: int, major: int) -> tuple[object, int]:
    values = []
    while data[offset] != BREAK:
        value, offset = decode_item(data, offset)
        values.append(value)
    return collect(values, major), offset + 1


def collect(values: list, major: int) -> object:
    return dict(zip(values[::2], values[1::2], strict=True)) if major == MAP else values
