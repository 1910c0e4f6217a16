"""Eight threads share a cache whose lock is held while a slow backend is asked: one at a time."""
import socket
import threading
import time

lock = threading.Lock()
cache = {}


def serve(end):
    while end.recv(16):
        time.sleep(0.004)
        end.sendall(b"answer")


def refresh(connection, key):
    with lock:
        connection.sendall(b"question")
        cache[key] = connection.recv(16)


def lookup(key):
    with lock:
        return cache.get(key)


def work(connection):
    for key in range(30):
        refresh(connection, key)
        lookup(key)


near, far = socket.socketpair()
threading.Thread(target=serve, args=(far,), daemon=True).start()
threads = [threading.Thread(target=work, args=(near,)) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
