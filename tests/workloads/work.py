"""Pieces of work of a known kind, for workloads whose schedule is known."""
import hashlib
import time

_big = b"x" * (4 << 20)
_small = b"x" * 1024


def compute_with_gil(seconds):
    """Pure Python until the time is over."""
    end = time.perf_counter() + seconds
    n = 0
    while time.perf_counter() < end:
        for i in range(500):
            n = (n * 31 + i) % 65521
    return n


def compute_without_gil(seconds):
    """Hashes large buffers: hashlib lets the GIL go above 2047 bytes."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        hashlib.sha256(_big).digest()


def compute_small_hashes(seconds):
    """Hashes 1 KiB buffers: too small for hashlib to let the GIL go."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(50):
            hashlib.sha256(_small).digest()
