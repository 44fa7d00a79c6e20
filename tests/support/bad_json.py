"""Bodies that are no JSON, or none that everybody reads alike."""

from __future__ import annotations

from typing import Final

from headpond_api.body import MAX_DEPTH

BAD: Final = {
    "empty": b"",
    "blank": b"  ",
    "cut": b'{"type": "mark-attendance"',
    "two values": b"{} {}",
    "single quotes": b"{'type': 1}",
    "trailing comma": b'{"a": 1,}',
    "comment": b'{"a": 1} // one',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [Infinity]}',
    "minus Infinity": b'{"a": -Infinity}',
    "infinite number": b'{"a": 1e999}',
    "lone high surrogate": rb'{"a": "\ud800"}',
    "lone low surrogate": rb'{"a": "\udc00 and more text"}',
    "surrogate as a key": rb'{"\ud800 and more text": 1}',
    "surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "not UTF-8": b'{"a": "\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "control character": b'{"a": "\x00"}',
    "integer over 64 bits": b'{"a": {"b/c": [0, 18446744073709551616]}}',
    "integer under 64 bits": b'{"a": -9223372036854775809}',
    "integer of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "key twice": b'{"type": "a", "type": "b"}',
    "key twice, further down": b'{"a": ["x:y", {"b": 1, "b": 1}]}',
    "key twice, once escaped": rb'{"ab": 1, "\u0061b": 2}',
    "deep arrays": b"[" * 100_000,
    "deep and closed": b"[" * 900 + b"]" * 900,
    "deep objects": b'{"a":' * 500 + b"1" + b"}" * 500,
    "a little too deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
}
