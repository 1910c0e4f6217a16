"""Runs a workload beside burners on the same CPU: burners.py COUNT CMD... (trap 18).

The burners are unwatched processes; everything shares one CPU, so the share of each is known.
"""
import os
import subprocess
import sys

count = int(sys.argv[1])
cpu = max(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cpu})
clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"], env=clean)
           for _ in range(count)]
try:
    code = subprocess.call(sys.argv[2:])
finally:
    for burner in burners:
        burner.kill()
        burner.wait()
sys.exit(code)
