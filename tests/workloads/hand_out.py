"""Twelve workers, work for two or three of them at a time, which the main thread hands out as it comes."""
import queue
import threading
import time

from wait_server import Remote

WORKERS, DELAY_MS = 12, 30

with Remote() as remote:
    work = queue.Queue()

    def body():
        connection = remote.connect()
        while work.get():
            remote.ask(DELAY_MS, connection)
        connection.close()

    threads = [threading.Thread(target=body) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for _ in range(80):
        work.put(True)
        time.sleep(0.012)
    for _ in threads:
        work.put(False)
    for thread in threads:
        thread.join()
