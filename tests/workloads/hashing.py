"""Hashing: hashing.py big|small THREADS [BUSY] (traps 4 and 5).  BUSY of the pool's workers get work."""
import sys
from concurrent.futures import ThreadPoolExecutor

from work import compute_small_hashes, compute_without_gil

body = compute_without_gil if sys.argv[1] == "big" else compute_small_hashes
threads = int(sys.argv[2])
busy = int(sys.argv[3]) if len(sys.argv) > 3 else threads
if threads == 0:
    body(0.8)
else:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(body, [0.8] * busy))
