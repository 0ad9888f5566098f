"""An interpreter of classic BPF, to see what a system-call filter answers without installing it."""

from __future__ import annotations

import struct

_LOAD, _AND, _RETURN, _JUMP = 0x20, 0x54, 0x06, 0x05
_MASK = 0xFFFF_FFFF


def run(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """Return what a filter answers to a system call; see seccomp(2) for `struct seccomp_data`.

    Args:
        program: instructions of 8 bytes, in the byte order of this machine.
        audit: the number of the machine's ABI.
        number: the system call.
        arguments: up to six of 64 bits; the rest are 0.
    """
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number & _MASK, audit, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator = position = 0
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        if code == _LOAD:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == _AND:
            accumulator &= value
        elif code == _RETURN:
            return int(value)
        elif code == _JUMP:
            position += value
        else:
            position += if_true if _holds(code, accumulator, value) else if_false


def _holds(code: int, accumulator: int, value: int) -> bool:
    tests = {
        0x15: accumulator == value,
        0x25: accumulator > value,
        0x35: accumulator >= value,
        0x45: bool(accumulator & value),
    }
    return tests[code]
