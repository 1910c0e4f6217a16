"""Runs gildiag in its two forms and reads the report."""
import contextlib
import glob
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("GILDIAG_BUILD", os.path.join(ROOT, "build-dev")))
TOOL = os.path.join(BUILD, "bin", "gildiag")
AGENT = os.path.join(BUILD, "lib", "gildiag", "libgildiag-agent.so")
SAMPLER = os.path.join(BUILD, "libexec", "gildiag", "gildiag-sampler")
WORKLOADS = os.path.join(ROOT, "tests", "workloads")
EXAMPLES = os.path.join(ROOT, "examples")
PROGRAMS = os.path.join(BUILD, "tests", "workloads")
BEHAVIOUR = os.path.join(BUILD, "tests", "programs")
PROGRAM_SOURCES = os.path.join(ROOT, "tests", "programs")
FORMS = ("run", "raw")

# A shell's background job, or nohup's, begins with these ignored, and would hand that on to all programs.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


class Result:
    """What a program and gildiag said: report is a dict, or None with the error in message."""

    def __init__(self, code, out, err, report, message):
        self.code, self.out, self.err, self.report, self.message = code, out, err, report, message


def clean_environment(**more):
    # SUDO_*: tests that root runs by sudo are root's all the same.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GILDIAG_", "SUDO_")) and k != "LD_PRELOAD"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env.update(more)
    return env


def watch(command, form, cwd=WORKLOADS, timeout=60, stdin=subprocess.DEVNULL, root=None, options=(), **more):
    """Runs command under gildiag, inside root if there is one, then reports it as JSON.

    form: "run" or "raw"; options are those of record.
    """
    with tempfile.TemporaryDirectory() as folder:
        recording = os.path.join(folder, "recording")
        if form == "raw":
            # The session is made in the working directory: the workload runs in an empty one.
            more.update(LD_PRELOAD=AGENT, XDG_RUNTIME_DIR=folder)
            os.mkdir(recording)
            for name in os.listdir(cwd):
                os.symlink(os.path.join(cwd, name), os.path.join(recording, name))
            cwd = recording
        words, env = command, clean_environment(**more)
        if root:
            # chroot itself is not to be watched: it would make the session, and the sampler, outside.
            inside = ["%s=%s" % (name, env.pop(name)) for name in more]
            words = ["chroot", root, "env", "--chdir=" + cwd, *inside, *command]
        if form == "run":
            words = [TOOL, "record", "-o", recording, *options, "--", *words]
        done = subprocess.run(words, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout)
        reported = subprocess.run([TOOL, "report", "-f", "json", recording], env=clean_environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        report = json.loads(reported.stdout) if reported.returncode == 0 else None
        return Result(done.returncode, done.stdout, done.stderr, report,
                      reported.stderr.decode("utf-8", "replace"))


# What a program is kept at until somebody looks at it from outside; then it runs as ever.  One that
# runs already has started: what it imports is there.
GATE = """import runpy, sys
import argparse, asyncio, concurrent.futures, hashlib, multiprocessing.pool, selectors, socket, subprocess, threading
print("up", flush=True)
sys.stdin.readline()
sys.argv = sys.argv[1:]
if sys.argv[0] == "-m":
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    sys.path[0] = __import__("os").path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
SHELL_GATE = ["sh", "-c", "echo up; read go; exec \"$@\"", "sh"]


def watch_from_outside(command, is_python, cwd=WORKLOADS, timeout=60):
    """Runs command without an agent, with gildiag record -p on it from before its first line on."""
    words = [command[0], "-c", GATE, *command[1:]] if is_python else [*SHELL_GATE, *command]
    return watch_gated(words, cwd, timeout)


def watch_gated(words, cwd=WORKLOADS, timeout=60):
    """The same of a program that says a line and waits for one by itself."""
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
            words, cwd=cwd, env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) as target:
        recording = os.path.join(folder, "recording")
        target.stdout.readline()
        with subprocess.Popen([TOOL, "record", "-o", recording, "-p", str(target.pid)], stderr=subprocess.PIPE,
                              env=clean_environment()) as recorder:
            while not os.path.exists(os.path.join(recording, "probe")) and recorder.poll() is None:
                time.sleep(0.001)
            out, err = target.communicate(b"go\n", timeout=timeout)
            recorder.wait(timeout)
            said = recorder.stderr.read().decode()
        reported = subprocess.run([TOOL, "report", "-f", "json", recording], env=clean_environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        report = json.loads(reported.stdout) if reported.returncode == 0 else None
        return Result(target.returncode, out, err, report, said + reported.stderr.decode("utf-8", "replace"))


class Trial:
    """One program in one form, in a new folder of its own; the recording lies in gildiag.data there.

    form: "run" (gildiag run), "record" (gildiag record), "raw" (LD_PRELOAD) or "plain" (unwatched).
    A context manager: at its end nothing of gildiag may still run for this folder.
    """

    def __init__(self, form, folder=None, options=()):
        self.form = form
        self.options = options  # of run and record
        self._top = tempfile.mkdtemp(prefix="gildiag-trial-")
        self.folder = os.path.join(self._top, folder or "work")
        os.makedirs(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        left = self.wait_for_samplers()
        shutil.rmtree(self._top, ignore_errors=True)
        if left and not error[0]:
            raise AssertionError("the sampler outlives its targets: %s" % left)

    def words(self, command, *options):
        if self.form in ("run", "record"):
            return [TOOL, self.form, *self.options, *options, "--", *command]
        return list(command)

    def environment(self, **more):
        env = clean_environment(XDG_RUNTIME_DIR=self._top, TMPDIR=self._top)
        if self.form == "raw":
            env["LD_PRELOAD"] = AGENT
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    def start(self, command, *options, env=None, **popen):
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        popen.setdefault("cwd", self.folder)
        return subprocess.Popen(self.words(command, *options), env=self.environment(**(env or {})),
                                **popen)

    def run(self, command, *options, timeout=60, input=None, **popen):
        """Returns a CompletedProcess; its output is bytes."""
        if input is not None:
            popen["stdin"] = subprocess.PIPE
        with self.start(command, *options, **popen) as process:
            try:
                out, err = process.communicate(input, timeout=timeout)
            except BaseException:
                process.kill()
                raise
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def report(self, *options, where=None):
        return subprocess.run([TOOL, "report", *options, where or self.folder], timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=clean_environment(LC_ALL="C.UTF-8"))

    def json(self, *options, where=None):
        """The report as a dict; an AssertionError with gildiag's sentence where there is none."""
        done = self.report("-f", "json", *options, where=where)
        if done.returncode != 0:
            raise AssertionError("no report: " + done.stderr.decode("utf-8", "replace"))
        return json.loads(done.stdout)

    def text(self, *options, where=None):
        done = self.report(*options, where=where)
        if done.returncode != 0:
            raise AssertionError("no report: " + done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode()

    def sessions(self, folder=None):
        return sorted(glob.glob(os.path.join(folder or self.folder, "gildiag.data", "*")))

    def samplers(self):
        """PIDs of samplers that work for a folder under ours."""
        return samplers_for(self._top)

    def sampler(self, timeout=10):
        """The PID of the only one.  It is seen a moment after the target has gone on: look again."""
        end = time.monotonic() + timeout
        while not (found := self.samplers()) and time.monotonic() < end:
            os.sched_yield()
        if len(found) != 1:
            raise AssertionError("there is not one sampler: %s" % found)
        return found[0]

    def wait_for_samplers(self, timeout=10):
        """Waits for their end; returns the PIDs of those that did not."""
        end = time.monotonic() + timeout
        while left := self.samplers():
            if not all(wait_for_end(pid, max(0, end - time.monotonic())) for pid in left):
                break
        return left


@contextlib.contextmanager
def trial(test, form, options=(), **about):
    """A Trial that is a subtest."""
    with test.subTest(form=form, **about), Trial(form, options=options) as one:
        yield one


def unprivileged_sources(report):
    """Who wrote the recording; the eBPF probe is there where the tests run with rights."""
    return [source for source in report["recording"]["sources"] if source != "probe"]


def samplers_for(folder):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and os.path.basename(words[0]) == b"gildiag-sampler" and \
                words[2].startswith(os.fsencode(os.path.realpath(folder))):
            found.append(int(path.split("/")[2]))
    return sorted(found)


def wait_for_end(pid, timeout=10):
    """Waits for the end of a process that need not be our child; False: it still runs."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


def program(name):
    """A program of tests/programs."""
    return os.path.join(BEHAVIOUR, name)


def cause(report, name, pid=None):
    """Count and wall seconds of a cause (the names of recording.h, in small letters), all threads."""
    count, wall = 0, 0.0
    for thread in report["threads"]:
        if pid is None or thread["pid"] == pid:
            entry = thread["causes"].get(name, {})
            count += entry.get("count", 0)
            wall += entry.get("wall_s", 0.0)
    return count, wall
