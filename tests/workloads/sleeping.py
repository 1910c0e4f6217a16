"""Sleeps: sleeping.py THREADS; 0 is the main thread, one sleep after another."""
import sys
import threading
import time


def body():
    for _ in range(30):
        time.sleep(0.03)


threads = [threading.Thread(target=body) for _ in range(int(sys.argv[1]))]
for thread in threads:
    thread.start()
if not threads:
    body()
for thread in threads:
    thread.join()
