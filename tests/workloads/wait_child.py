"""Waits for one child that computes, and that nobody follows: its environment is clean."""
import os
import subprocess
import sys

clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
subprocess.run([sys.executable, "-c", "sum(i * i for i in range(8000000))"], env=clean)
