"""A prefork server: prefork.py idle|busy (trap 31).  Workers accept on one socket; mostly nobody comes."""
import os
import socket
import subprocess
import sys
import time

CLIENT = """
import socket, sys, time
end = time.time() + 0.9
while time.time() < end:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as c:
        c.sendall(b"x")
        c.recv(10)
"""

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
workers = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        while True:
            connection, _ = listener.accept()
            if connection.recv(10) == b"q":
                os._exit(0)
            sum(i * i % 7 for i in range(20000))
            connection.sendall(b"y")
            connection.close()
    workers.append(pid)
if sys.argv[1] == "busy":
    clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
    subprocess.run([sys.executable, "-c", CLIENT, str(listener.getsockname()[1])], env=clean)
else:
    # The master of a server waits for its workers' ends.
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.2)"], env={}).wait()
for _ in workers:
    with socket.create_connection(listener.getsockname()) as connection:
        connection.sendall(b"q")
        time.sleep(0.01)
for pid in workers:
    os.waitpid(pid, 0)
