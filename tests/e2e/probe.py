"""Talks to gildiag-probe as gildiag does: orders on a socket."""
import os
import socket
import struct
import subprocess

import gildiag

PROBE = os.path.join(gildiag.BUILD, "libexec", "gildiag", "gildiag-probe")
MAGIC = 0x47494c4f
FOLLOW, SLOTS, STORE = 1, 2, 3


class Refused(Exception):
    """errno and the sentence for the user."""


class Probe:
    """A context manager: the probe is attached inside."""

    def __init__(self, folder, path=PROBE, prefix=(), more=(), wait=True):
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(20)
        self._process = subprocess.Popen([*prefix, path, "--session", folder, *more], stdin=theirs,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        theirs.close()
        self.pid = self._process.pid
        self._wait = wait

    def __enter__(self):
        try:
            self.answer()
        except Refused:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._ours.close()
        self.code = self._process.wait(20)
        self._process.stderr.close()

    def answer(self):
        message = self._ours.recv(4096)
        if not message:
            raise Refused(0, self._process.stderr.read().decode())
        error, = struct.unpack_from("<i", message)
        if error:
            raise Refused(-error, message[4:].split(b"\0")[0].decode())

    def order(self, what, pid=0, offset=0):
        self._ours.send(struct.pack("<IHHiIQ", MAGIC, 1, what, pid, 0, offset))

    def follow(self, pid):
        self.order(FOLLOW, pid)
        self.answer()

    def store(self):
        self.order(STORE)
        self.answer()


def why_not():
    """None where the probe can be used; else why not."""
    if not os.path.exists(PROBE):
        return "gildiag-probe was not built (clang, bpftool or libbpf-dev is missing)"
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Probe(folder):
                return None
        except Refused as refused:
            return str(refused.args[1])
