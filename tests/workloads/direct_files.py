"""Reads from the disk itself, past the cache, one piece after another."""
import mmap
import os
import tempfile
import time

SIZE, PIECE = 8 << 20, 256 << 10

with tempfile.NamedTemporaryFile(dir=os.environ.get("GILDIAG_TEST_DISK", ".")) as file:
    file.write(os.urandom(SIZE))
    file.flush()
    os.fsync(file.fileno())
    direct = os.open(file.name, os.O_RDONLY | os.O_DIRECT)
    piece = mmap.mmap(-1, PIECE)  # aligned
    end = time.monotonic() + 0.9
    while time.monotonic() < end:
        for offset in range(0, SIZE, PIECE):
            os.preadv(direct, [piece], offset)
