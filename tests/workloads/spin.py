"""Waits for a flag by asking again and again (trap 9); with "event", by waiting for it."""
import sys
import threading
import time

done = threading.Event()
threading.Timer(0.8, done.set).start()
if "event" in sys.argv:
    done.wait()
else:
    while not done.is_set():
        time.sleep(0)
