"""A known schedule: mix.py ROUNDS GIL_MS FREE_MS WAIT_MS [THREADS].

Each round computes with the GIL, computes without it, and waits for a socket.
"""
import sys
import threading

from wait_server import Remote
from work import compute_with_gil, compute_without_gil

rounds, gil_ms, free_ms, wait_ms = (float(word) for word in sys.argv[1:5])
threads = int(sys.argv[5]) if len(sys.argv) > 5 else 0


def body(remote):
    connection = remote.connect()
    for _ in range(int(rounds)):
        if gil_ms:
            compute_with_gil(gil_ms / 1000)
        if free_ms:
            compute_without_gil(free_ms / 1000)
        if wait_ms:
            remote.ask(wait_ms, connection)
    connection.close()


with Remote() as remote:
    pool = [threading.Thread(target=body, args=(remote,)) for _ in range(threads)]
    for thread in pool:
        thread.start()
    if not pool:
        body(remote)
    for thread in pool:
        thread.join()
