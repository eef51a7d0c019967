"""Closing a listening socket without cutting who waits to be let in.

The system completes connections before they are accepted, and resets those that still wait when their socket is closed.
So newcomers are kept out first, by a filter that drops what begins a connection (a client tries again a second later,
at whoever listens then); what was begun is let in and answered; and then it is closed, with nobody waiting.
"""

import ctypes
import os
import socket
import struct
from typing import Final

_SO_ATTACH_FILTER: Final = 26
_SYN, _SYN_OR_ACK = 0x02, 0x12
_FILTER: Final = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # the flags of the TCP header
        (0x54, 0, 0, _SYN_OR_ACK),
        (0x15, 0, 1, _SYN),  # the first packet of a connection has SYN alone
        (0x06, 0, 0, 0),  # dropped
        (0x06, 0, 0, 0xFFFFFFFF),  # let pass
    )
)
"""A classic BPF program (`man 7 socket`, SO_ATTACH_FILTER)."""


def keep_newcomers_out(descriptor: int) -> bool:
    """Drops what begins a connection to a listening socket, in every process that has it. False: not on this system."""
    program = ctypes.create_string_buffer(_FILTER, len(_FILTER))
    filtering = struct.pack("HL", len(_FILTER) // 8, ctypes.addressof(program))
    try:
        with socket.socket(fileno=os.dup(descriptor)) as listening:
            listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)
    except OSError:
        return False
    return True
