"""Waits for a child that computes, or waits: children.py run|waits|lines|poll|helpers [clean].

run, waits: subprocess.run; lines: what it writes, now and then; poll: Popen.wait with a timeout, which polls up to Python 3.14 (trap 11); helpers:
a multiprocessing.Queue whose feeder thread sends, and a child that computes (trap 32).  With "clean"
the child's environment is, so nobody follows it (trap 12).
"""
import multiprocessing
import os
import subprocess
import sys

from work import compute_with_gil

CODE = "from work import compute_with_gil; compute_with_gil(0.9)"


def child(queue):
    for seconds in iter(queue.get, None):
        compute_with_gil(seconds)


def main():
    env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(__file__)))
    if "clean" in sys.argv:
        env = {k: v for k, v in env.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
    if sys.argv[1] == "run":
        subprocess.run([sys.executable, "-c", CODE], env=env, check=True)
    elif sys.argv[1] == "waits":
        subprocess.run(["sleep", "0.9"], env=env, check=True)
    elif sys.argv[1] == "lines":
        script = "i=0; while [ $i -lt 20 ]; do sleep 0.05; echo $i; i=$((i + 1)); done"
        with subprocess.Popen(["sh", "-c", script], env=env, stdout=subprocess.PIPE) as writer:
            assert len(list(writer.stdout)) == 20
    elif sys.argv[1] == "poll":
        subprocess.Popen([sys.executable, "-c", CODE], env=env).wait(timeout=30)
    else:
        queue = multiprocessing.Queue()
        worker = multiprocessing.Process(target=child, args=(queue,))
        worker.start()
        for seconds in [0.1] * 9 + [None]:
            queue.put(seconds)
        worker.join()


if __name__ == "__main__":
    main()
