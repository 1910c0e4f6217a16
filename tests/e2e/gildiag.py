"""Runs gildiag in its two forms and reads the report."""
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("GILDIAG_BUILD", os.path.join(ROOT, "build-dev")))
TOOL = os.path.join(BUILD, "bin", "gildiag")
AGENT = os.path.join(BUILD, "lib", "gildiag", "libgildiag-agent.so")
SAMPLER = os.path.join(BUILD, "libexec", "gildiag", "gildiag-sampler")
WORKLOADS = os.path.join(ROOT, "tests", "workloads")
EXAMPLES = os.path.join(ROOT, "examples")
PROGRAMS = os.path.join(BUILD, "tests", "workloads")
FORMS = ("run", "raw")


class Result:
    """What a program and gildiag said: report is a dict, or None with the error in message."""

    def __init__(self, code, out, err, report, message):
        self.code, self.out, self.err, self.report, self.message = code, out, err, report, message


def clean_environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GILDIAG_") and k != "LD_PRELOAD"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env.update(more)
    return env


def watch(command, form, cwd=WORKLOADS, timeout=60, stdin=subprocess.DEVNULL, **more):
    """Runs command under gildiag in the given form, then reports it as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        recording = os.path.join(folder, "recording")
        if form == "run":
            words = [TOOL, "record", "-o", recording, "--"] + command
            env = clean_environment(**more)
        else:
            # The session is made in the working directory: the workload runs in an empty one.
            words = command
            env = clean_environment(LD_PRELOAD=AGENT, XDG_RUNTIME_DIR=folder, **more)
            os.mkdir(recording)
            for name in os.listdir(cwd):
                os.symlink(os.path.join(cwd, name), os.path.join(recording, name))
            cwd = recording
        done = subprocess.run(words, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout)
        reported = subprocess.run([TOOL, "report", "-f", "json", recording], env=clean_environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        report = json.loads(reported.stdout) if reported.returncode == 0 else None
        return Result(done.returncode, done.stdout, done.stderr, report,
                      reported.stderr.decode("utf-8", "replace"))
