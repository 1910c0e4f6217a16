"""Seconds: two processes that talk in small messages, over a socket, line by line.  On one CPU: on
two, it is luck how deep each of them sleeps."""
import os
import socket
import time

MESSAGES = 6000

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
here, there = socket.socketpair()
child = os.fork()
if child == 0:
    here.close()
    with there, there.makefile("rwb") as lines:
        for line in lines:
            lines.write(line.upper())
            lines.flush()
    os._exit(0)
there.close()
with here.makefile("rwb") as lines:
    began = time.perf_counter()
    for n in range(MESSAGES):
        lines.write(b"message %d\n" % n)
        lines.flush()
        lines.readline()
    spent = time.perf_counter() - began
here.close()
os.waitpid(child, 0)
print("%.6f" % spent)
