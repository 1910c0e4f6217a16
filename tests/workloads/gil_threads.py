"""Four threads compute in pure Python (trap 2); with "low", by the _thread module."""
import _thread
import sys
import threading

from work import compute_with_gil


def by_threading(count, seconds):
    threads = [threading.Thread(target=compute_with_gil, args=(seconds,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_low_level(count, seconds):
    done = [_thread.allocate_lock() for _ in range(count)]

    def body(lock):
        compute_with_gil(seconds)
        lock.release()

    for lock in done:
        lock.acquire()
        _thread.start_new_thread(body, (lock,))
    for lock in done:
        lock.acquire()


(by_low_level if "low" in sys.argv else by_threading)(4, 0.8)
