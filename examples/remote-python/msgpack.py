"""The part of msgpack that the wire protocol allows: nil, booleans, integers within 2^53, floats,
strings, binaries, lists, and maps whose keys are strings. Everything else is refused."""

import struct

DEPTH_MAX = 72
INTEGER_MAX = 2**53 - 1


class MsgpackError(Exception):
    """Bytes that are not what the protocol allows, or a value that it does not have."""


def encode(value):
    out = bytearray()
    _encode(value, out, 0)
    return bytes(out)


def decode(data):
    value, at = _decode(data, 0, 0)
    if at != len(data):
        raise MsgpackError(f"{len(data) - at} bytes after the value")
    return value


def _encode(value, out, depth):
    if depth > DEPTH_MAX:
        raise MsgpackError(f"nested deeper than {DEPTH_MAX}")
    if value is None:
        out.append(0xC0)
    elif isinstance(value, bool):
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _encode_integer(value, out)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        data = value.encode()
        _encode_head(out, len(data), (0xA0, 31), (0xD9, 0xDA, 0xDB))
        out += data
    elif isinstance(value, (bytes, bytearray)):
        _encode_head(out, len(value), None, (0xC4, 0xC5, 0xC6))
        out += value
    elif isinstance(value, (list, tuple)):
        _encode_head(out, len(value), (0x90, 15), (None, 0xDC, 0xDD))
        for item in value:
            _encode(item, out, depth + 1)
    elif isinstance(value, dict):
        _encode_head(out, len(value), (0x80, 15), (None, 0xDE, 0xDF))
        for key, item in value.items():
            if not isinstance(key, str):
                raise MsgpackError(f"a key that is no string: {key!r}")
            _encode(key, out, depth + 1)
            _encode(item, out, depth + 1)
    else:
        raise MsgpackError(f"cannot be sent: {type(value).__name__}")


def _encode_integer(value, out):
    if abs(value) > INTEGER_MAX:
        raise MsgpackError(f"an integer beyond 2^53: {value}")
    if 0 <= value <= 0x7F:
        out.append(value)
    elif -32 <= value < 0:
        out.append(value & 0xFF)
    elif value >= 0:
        out += struct.pack(">BQ", 0xCF, value)
    else:
        out += struct.pack(">Bq", 0xD3, value)


def _encode_head(out, length, fixed, heads):
    head8, head16, head32 = heads
    if fixed is not None and length <= fixed[1]:
        out.append(fixed[0] | length)
    elif head8 is not None and length <= 0xFF:
        out += struct.pack(">BB", head8, length)
    elif length <= 0xFFFF:
        out += struct.pack(">BH", head16, length)
    else:
        out += struct.pack(">BI", head32, length)


_NUMBERS = {
    0xCA: ">f", 0xCB: ">d",
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_LENGTHS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_COUNTS = {0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}


def _decode(data, at, depth):
    if depth > DEPTH_MAX:
        raise MsgpackError(f"nested deeper than {DEPTH_MAX}")
    (head,) = _take(data, at, ">B")
    at += 1
    if head <= 0x7F:
        return head, at
    if head >= 0xE0:
        return head - 0x100, at
    if head <= 0x8F:
        return _decode_map(data, at, head & 0x0F, depth)
    if head <= 0x9F:
        return _decode_list(data, at, head & 0x0F, depth)
    if head <= 0xBF:
        return _decode_text(data, at, head & 0x1F)
    if head in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[head], at
    if head in _NUMBERS:
        (value,) = _take(data, at, _NUMBERS[head])
        if isinstance(value, int) and abs(value) > INTEGER_MAX:
            raise MsgpackError("an integer beyond 2^53")
        return value, at + struct.calcsize(_NUMBERS[head])
    if head in _LENGTHS:
        (length,) = _take(data, at, _LENGTHS[head])
        at += struct.calcsize(_LENGTHS[head])
        return _decode_text(data, at, length) if head >= 0xD9 else _decode_bytes(data, at, length)
    if head in _COUNTS:
        (count,) = _take(data, at, _COUNTS[head])
        at += struct.calcsize(_COUNTS[head])
        return (_decode_list if head <= 0xDD else _decode_map)(data, at, count, depth)
    raise MsgpackError(f"0x{head:02x}: extensions are not allowed")


def _take(data, at, form):
    if at + struct.calcsize(form) > len(data):
        raise MsgpackError("it ends within a value")
    return struct.unpack_from(form, data, at)


def _decode_bytes(data, at, length):
    if at + length > len(data):
        raise MsgpackError("it ends within a value")
    return bytes(data[at : at + length]), at + length


def _decode_text(data, at, length):
    value, at = _decode_bytes(data, at, length)
    return value.decode("utf-8", "replace"), at


def _decode_list(data, at, count, depth):
    items = []
    for _ in range(count):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at


def _decode_map(data, at, count, depth):
    items = {}
    for _ in range(count):
        key, at = _decode(data, at, depth + 1)
        if not isinstance(key, str):
            raise MsgpackError("a map with a key that is no string")
        items[key], at = _decode(data, at, depth + 1)
    return items, at
