"""Writes to the disk and waits for it after every piece."""
import os
import tempfile
import time

end = time.monotonic() + 0.9
with tempfile.NamedTemporaryFile(dir=os.environ.get("GILDIAG_TEST_DISK", ".")) as file:
    while time.monotonic() < end:
        file.write(b"x" * 65536)
        file.flush()
        os.fsync(file.fileno())
