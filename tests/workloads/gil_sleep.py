"""Native code that sleeps: gil_sleep.py held|free.  PyDLL keeps the GIL, CDLL lets it go (trap 7)."""
import ctypes
import sys
import threading
import time

library = ctypes.PyDLL(None) if sys.argv[1] == "held" else ctypes.CDLL(None)
stop = time.monotonic() + 0.9


def native():
    while time.monotonic() < stop:
        library.usleep(20000)


def ticker():
    while time.monotonic() < stop:
        time.sleep(0.001)


threads = [threading.Thread(target=native), threading.Thread(target=ticker)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
