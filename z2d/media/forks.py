"""The warm program of a nursery: it does once what all its children need, and forks one for each request.

A fork takes some milliseconds, where a start takes the import of everything that is to be used. Each child is on a
leash like every other program (see `leash`): the fork becomes a session and its leash, and forks once more; that one
serves the request.

What comes over the socket (fd 0, SOCK_SEQPACKET), one message per child: a line of JSON with the leash's grace and the
limits, a newline, the request; and as file descriptors the leash's pipe, stdout, stderr and the pipe on which the
leash says its pid and, at the end, the status of the child. End of file: nobody wants children any more.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket

from z2d.media import leash

LONGEST = 1 << 20
"""Bytes of a message."""
PIPES = 3
"""stdout, stderr, status; with the leash's pipe before them."""
REFUSED = b"! "
"""Begins what is said on the status pipe when no child can be forked."""


def request() -> bytes:
    """Fork a child for each request. Returns in the children, to each its request; here it never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # each says its status itself; the kernel buries them
    gc.collect()
    gc.freeze()  # what is there already is shared with all children, as long as nobody touches it
    orders = socket.socket(fileno=0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, LONGEST, 1 + PIPES)
        if not message:
            os._exit(0)
        try:
            if os.fork() == 0:
                orders.detach()  # its number becomes the standard input
                return _on_a_leash(message, *descriptors)
        except OSError as error:  # no memory, no process left
            os.write(descriptors[-1], REFUSED + f"cannot fork: {error.strerror}\n".encode())
        for descriptor in descriptors:
            os.close(descriptor)


def _on_a_leash(message: bytes, watch: int, stdout: int, stderr: int, status: int) -> bytes:
    """Become a session and its leash, and fork the child: only that one returns."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    leash.outlive_the_others()
    os.write(status, b"%d\n" % os.getpid())
    head, _, wanted = message.partition(b"\n")
    how = json.loads(head)
    leash.set_limits(*how["limits"])
    if leash.let_go(watch):  # whoever asked does not want it any more
        os._exit(0)
    child = os.fork()
    if child == 0:
        os.close(watch)
        os.close(status)
        for number in leash.ASKS_TO_END:
            signal.signal(number, signal.SIG_DFL)
        _read_and_write(os.devnull, stdout, stderr)
        return wanted
    os.close(stdout)
    os.close(stderr)
    _read_and_write(os.devnull)
    os.write(status, b"%d\n" % leash.watch_over(child, watch, how["grace_s"]))
    os._exit(0)


def _read_and_write(nothing: str, *outputs: int) -> None:
    """Put an empty input and these outputs (nothing at all without them) in the standard places."""
    empty = os.open(nothing, os.O_RDWR)
    for standard, ours in enumerate((empty, *(outputs or (empty, empty)))):
        os.dup2(ours, standard)
    for ours in (empty, *outputs):
        os.close(ours)
