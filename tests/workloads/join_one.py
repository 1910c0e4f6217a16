"""The main thread joins, or maps over a pool in which one worker computes (trap 3)."""
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from work import compute_with_gil

if "pool" in sys.argv:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(compute_with_gil, [0.8]))
else:
    worker = threading.Thread(target=compute_with_gil, args=(0.8,))
    worker.start()
    worker.join()
