"""One thread computes beside 16 daemon threads that wait for a queue (trap 1)."""
import queue
import threading

from work import compute_with_gil

tasks = queue.Queue()
for _ in range(16):
    threading.Thread(target=tasks.get, daemon=True).start()
compute_with_gil(0.8)
