"""A server: servers.py idle|busy (trap 38).  Its clients, if any, are another process, unwatched."""
import os
import socketserver
import subprocess
import sys
import threading
import time

CLIENT = """
import socket, sys, time
end = time.time() + 0.9
while time.time() < end:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as c:
        c.sendall(b"x")
        c.recv(10)
"""


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(10)
        sum(i * i % 7 for i in range(20000))
        self.request.sendall(b"y")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", 0), Handler) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    if sys.argv[1] == "busy":
        clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
        subprocess.run([sys.executable, "-c", CLIENT, str(server.server_address[1])], env=clean)
    else:
        time.sleep(0.01)  # the main thread of a server sleeps, or joins
        threading.Timer(1.2, server.shutdown).start()
        thread.join()
    server.shutdown()
