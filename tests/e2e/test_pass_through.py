"""The target gets and gives what it would without gildiag: descriptors, words, codes, signals."""
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import unittest

import gildiag
import terminal

FORMS = ("run", "record", "raw")
REPORT = re.compile(rb"^watched .*process", re.MULTILINE)

# Counts signals; SIGUSR2 makes it tell and end.
COUNTER = """
import os, signal, sys
seen = []
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGQUIT, signal.SIGCONT):
    signal.signal(number, lambda number, frame: (seen.append(number), print("got", int(number), flush=True)))
def tell(number, frame):
    print("told", [int(one) for one in seen], flush=True)
    sys.exit(7)
signal.signal(signal.SIGUSR2, tell)
print("ready", os.getpid(), flush=True)
while True:
    signal.pause()
"""


def expect_line(test, process, wanted):
    line = process.stdout.readline().decode()
    test.assertRegex(line, wanted)
    return line


class PassThrough(unittest.TestCase):
    def assert_report(self, trial, done):
        """run printed it behind everything else; the others left a recording that can be explained."""
        if trial.form == "run":
            self.assertRegex(done.stderr, REPORT)
        trial.json()

    def test_bytes_of_stdin_and_stdout_are_untouched(self):
        data = bytes(range(256)) * 3 + random.Random(1).randbytes(300000) + b"no newline at the end"
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                done = trial.run(["cat"], input=data)
                self.assertEqual((done.returncode, done.stdout == data), (0, True))
                self.assert_report(trial, done)

    def test_stderr_comes_first_and_the_report_of_run_behind_it(self):
        script = "printf 'one\\ntwo\\x01' >&2; printf out; printf three >&2"
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                done = trial.run(["bash", "-c", script])
                said = b"one\ntwo\x01three"
                self.assertEqual(done.stdout, b"out")
                self.assertTrue(done.stderr.startswith(said), done.stderr)
                rest = done.stderr[len(said):]
                if trial.form == "run":
                    self.assertRegex(rest, REPORT)
                else:
                    self.assertEqual(rest, b"")

    def test_exit_codes(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                for code in (0, 1, 42, 255):
                    done = trial.run(["sh", "-c", "exit %d" % code])
                    self.assertEqual(done.returncode, code)
                    report = trial.json(where=trial.sessions()[-1])
                    self.assertEqual(report["processes"][0]["exit"]["code"], code)

    def look(self, form, words, **popen):
        """What the program self sees, less what gildiag says that it adds: two variables."""
        with gildiag.Trial(form) as trial:
            env = dict(popen.pop("env", {}), PWD=trial.folder)
            done = trial.run([gildiag.program("self")] + words, env=env, **popen)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.decode("utf-8", "surrogateescape").replace(trial.folder, "FOLDER")
            lines = lines.replace(os.path.dirname(trial.folder), "TOP").splitlines()
        added = [line for line in lines if re.match("environment <(LD_PRELOAD|GILDIAG_SESSION)=", line)]
        return [line for line in lines if line not in added], sorted(added)

    def compare(self, words=(), **popen):
        plain, added = self.look("plain", list(words), **popen)
        self.assertEqual(added, [])
        for form in FORMS:
            with self.subTest(form=form):
                seen, added = self.look(form, list(words), **popen)
                self.assertEqual(seen, plain)
                self.assertEqual(len(added), 2, added)
        return plain

    def test_words_with_blanks_newlines_and_nothing(self):
        lines = self.compare(["", " ", "a b", "x\ny", "-o", "--", "-m", "\x1b[31m", "$HOME", "\udcff", ""])
        self.assertIn("argument 11 <>", lines)

    def test_environment_and_a_preload_that_was_there(self):
        lines = self.compare(env={"ODD": "x=y z\n\x01", "EMPTY": "", "PYTHONPATH": "/nowhere"})
        self.assertIn("environment <EMPTY=>", lines)
        other = "/lib/x86_64-linux-gnu/libutil.so.1"
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                own = gildiag.AGENT + ":" + other if trial.form == "raw" else other
                done = trial.run([gildiag.program("self")], env={"LD_PRELOAD": own})
                self.assertIn(("LD_PRELOAD=%s:%s>" % (gildiag.AGENT, other)).encode(), done.stdout)

    def test_umask_limits_and_niceness(self):
        def prepare():
            os.umask(0o137)
            os.nice(3)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, 64 << 20))
        lines = self.compare(preexec_fn=prepare)
        self.assertTrue(any("umask 137" in line for line in lines))

    def test_descriptors_that_were_open_and_no_others(self):
        reader, writer = os.pipe()
        extra = os.open("/dev/null", os.O_RDWR | os.O_APPEND)
        try:
            high = os.dup2(extra, 97)
            lines = self.compare(pass_fds=(reader, extra, high))
        finally:
            for fd in (reader, writer, extra, high):
                os.close(fd)
        self.assertTrue(any(line.startswith("fd 97 ") for line in lines), lines)

    def test_standard_descriptors_that_are_closed_stay_closed(self):
        for closed in ((0,), (2,), (0, 2)):
            with self.subTest(closed=closed):
                lines = self.compare(preexec_fn=lambda: [os.close(fd) for fd in closed])
                self.assertFalse([fd for fd in closed if any(l.startswith("fd %d " % fd) for l in lines)])

    def test_ignored_and_blocked_signals(self):
        def prepare():
            for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGUSR2, signal.SIGTSTP):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM])
        lines = self.compare(preexec_fn=prepare, restore_signals=False)
        ignored = int(next(line for line in lines if line.startswith("SigIgn")).split()[1], 16)
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            self.assertTrue(ignored & 1 << number - 1)

    def test_signals_sent_to_gildiag_reach_the_target_once(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                with trial.start([sys.executable, "-c", COUNTER]) as process:
                    expect_line(self, process, "^ready")
                    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                        process.send_signal(number)
                        expect_line(self, process, "^got %d$" % number)
                    process.send_signal(signal.SIGUSR2)
                    expect_line(self, process, r"^told \[10, 15, 2, 3\]$")
                    out, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 7)
                self.assert_report(trial, subprocess.CompletedProcess([], 7, out, err))

    def test_signals_sent_to_the_group_reach_the_target_once(self):
        """As a supervisor or timeout sends them: many a program takes the second one for "at once"."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1) * 4
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                with trial.start([sys.executable, "-c", COUNTER], start_new_session=True) as process:
                    expect_line(self, process, "^ready")
                    for number in numbers:
                        os.killpg(process.pid, number)
                        expect_line(self, process, "^got %d$" % number)
                        time.sleep(0.02)  # a second one would come now
                    process.send_signal(signal.SIGTERM)  # and one alone still comes
                    expect_line(self, process, "^got 15$")
                    os.killpg(process.pid, signal.SIGUSR2)
                    told = expect_line(self, process, "^told ")
                    out, err = process.communicate(timeout=60)
                self.assertEqual(told, "told %s\n" % [*map(int, numbers), 15])
                self.assertEqual(process.returncode, 7)
                self.assert_report(trial, subprocess.CompletedProcess([], 7, out, err))

    def test_signals_that_were_ignored_reach_a_target_that_handles_them(self):
        def ignore():
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                with trial.start([sys.executable, "-c", COUNTER], preexec_fn=ignore) as process:
                    expect_line(self, process, "^ready")
                    for number in (signal.SIGINT, signal.SIGTERM):
                        process.send_signal(number)
                        expect_line(self, process, "^got %d$" % number)
                    process.send_signal(signal.SIGUSR2)
                    process.communicate(timeout=60)
                self.assertEqual(process.returncode, 7)

    def test_a_hangup_that_was_ignored_stays_ignored(self):
        def nohup():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                with trial.start([sys.executable, "-c", COUNTER], preexec_fn=nohup) as process:
                    pid = int(expect_line(self, process, "^ready").split()[1])
                    process.send_signal(signal.SIGHUP)
                    os.kill(pid, signal.SIGHUP)
                    process.send_signal(signal.SIGUSR2)
                    expect_line(self, process, r"^told \[\]$")
                    process.communicate(timeout=60)
                self.assertEqual(process.returncode, 7)

    def test_death_by_a_signal_is_passed_on_after_the_report(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                for name in ("TERM", "KILL", "SEGV", "INT", "HUP", "ABRT", "PIPE", "USR1"):
                    done = trial.run(["sh", "-c", "ulimit -c 0; kill -%s $$" % name])
                    self.assertEqual(done.returncode, -getattr(signal, "SIG" + name), name)
                    report = trial.json(where=trial.sessions()[-1])
                    self.assertTrue(report["recording"]["complete"], name)
                    self.assertIsNone(report["processes"][0]["exit"]["code"])
                    if trial.form == "run":
                        self.assertRegex(done.stderr, REPORT)

    def test_a_signal_that_kills_the_target_from_outside(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                with trial.start([sys.executable, "-c", "print('ready', flush=True); input()"],
                                 stdin=subprocess.PIPE) as process:
                    expect_line(self, process, "^ready")
                    process.send_signal(signal.SIGTERM)
                    process.wait(60)  # communicate() would end its input first
                    out, err = process.communicate()
                self.assertEqual(process.returncode, -signal.SIGTERM)
                self.assert_report(trial, subprocess.CompletedProcess([], 0, out, err))

    def test_ended_children_are_not_lost_where_their_signal_is_ignored(self):
        def ignore():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                done = trial.run(["sh", "-c", "exit 3"], preexec_fn=ignore, restore_signals=False)
                self.assertEqual((done.returncode, done.stdout), (3, b""))
                self.assert_report(trial, done)

    def test_codes_of_env_for_what_cannot_be_started(self):
        for form in ("run", "record"):
            with gildiag.trial(self, form) as trial:
                plain = os.path.join(trial.folder, "plain")
                with open(plain, "w") as file:
                    file.write("no program\n")
                bad = os.path.join(trial.folder, "bad")
                with open(bad, "w") as file:
                    file.write("#!/nowhere/interpreter\n")
                os.chmod(bad, 0o755)
                for words, code in ((["/nowhere/program"], 127), (["no-such-program-anywhere"], 127), ([""], 127),
                                    ([plain], 126), (["/etc"], 126), ([bad], 127)):
                    env = subprocess.run(["env"] + words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                    self.assertEqual(env.returncode, code, words)
                    done = trial.run(words)
                    self.assertEqual((done.returncode, done.stdout), (code, b""), words)
                    self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
                output = os.path.join(trial.folder, "full")
                os.makedirs(os.path.join(output, "something"))
                done = trial.run(["touch", "executed"], "-o", output)
                self.assertEqual(done.returncode, 125)
                self.assertFalse(os.path.exists(os.path.join(trial.folder, "executed")))


class Terminal(unittest.TestCase):
    """The target as it sits in front of a terminal."""

    def test_a_terminal_stays_one(self):
        seen = {}
        for form in ("plain", "run", "raw"):
            with gildiag.trial(self, form) as trial:
                with terminal.Terminal(trial.words([gildiag.program("self")]), trial.environment(),
                                       trial.folder, size=(97, 31)) as screen:
                    text = screen.read_to_end()
                    self.assertEqual(screen.code(), 0, text)
                seen[trial.form] = re.findall(r"^(?:isatty|terminal|leads).*$", text, re.MULTILINE)
        self.assertIn("terminal 97 x 31, foreground 1\r", seen["plain"])
        self.assertEqual(seen["raw"], seen["plain"])
        # Under run the target is gildiag's child: it leads neither session nor group.
        self.assertEqual(seen["run"][1:], seen["plain"][1:])

    def test_ctrl_c_reaches_the_target_once(self):
        for form in ("plain", "run", "raw"):
            with gildiag.trial(self, form) as trial:
                with terminal.Terminal(trial.words([sys.executable, "-c", COUNTER]), trial.environment(),
                                       trial.folder) as screen:
                    screen.expect("ready")
                    screen.type("\x03")
                    screen.expect("got 2")
                    # gildiag handles what it got in order: had it passed the first on, it came before.
                    os.kill(screen.pid, signal.SIGUSR1)
                    screen.expect("got 10")
                    screen.type("\x1c")
                    screen.expect("got 3")
                    os.kill(screen.pid, signal.SIGUSR2)
                    screen.expect(r"told \[2, 10, 3\]")
                    rest = screen.read_to_end()
                    self.assertEqual(screen.code(), 7)
                if trial.form == "run":
                    self.assertRegex(rest, "watched .*process")

    def test_ctrl_c_ends_a_python_program_and_the_report_comes(self):
        for form in ("plain", "run", "raw"):
            with gildiag.trial(self, form) as trial:
                program = "print('ready', flush=True)\nimport time\ntime.sleep(60)"
                with terminal.Terminal(trial.words([sys.executable, "-c", program]), trial.environment(),
                                       trial.folder) as screen:
                    screen.expect("ready")
                    screen.type("\x03")
                    text = screen.read_to_end()
                    self.assertEqual(screen.code(), -signal.SIGINT, text)
                self.assertIn("KeyboardInterrupt", text)
                if trial.form == "run":
                    self.assertRegex(text, "KeyboardInterrupt(?s:.*)watched .*process")
                elif trial.form == "raw":
                    self.assertTrue(trial.json()["recording"]["complete"])

    def test_a_program_that_stops_itself_gives_the_shell_back(self):
        script = "import os, signal; print('ready', 6 * 3); os.kill(os.getpid(), signal.%s); print('went', 'on'); os._exit(7)"
        for form in ("plain", "run", "record"):
            for name in ("SIGSTOP", "SIGTSTP"):
                with gildiag.trial(self, form, signal=name) as trial:
                    words = trial.words([sys.executable, "-uc", script % name])
                    with terminal.Terminal(["bash", "--norc", "--noprofile", "-i"],
                                           dict(trial.environment(), PS1="prompt> ", HISTFILE=""),
                                           trial.folder) as screen:
                        screen.expect("prompt> ")
                        screen.type(terminal.quote(words) + "\n")
                        screen.expect("ready 18")
                        screen.expect("Stopped")
                        screen.type("fg\n")
                        screen.expect("went on")
                        screen.type("echo code $?\n")
                        screen.expect("code 7")
                        screen.type("exit\n")
                        screen.read_to_end()

    def test_ctrl_z_and_fg(self):
        for form in ("plain", "run", "raw"):
            with gildiag.trial(self, form) as trial:
                words = trial.words([sys.executable, "-c", COUNTER])
                with terminal.Terminal(["bash", "--norc", "--noprofile", "-i"],
                                       dict(trial.environment(LD_PRELOAD=None), PS1="prompt> ", HISTFILE=""),
                                       trial.folder) as screen:
                    screen.expect("prompt> ")
                    preload = "LD_PRELOAD=%s " % gildiag.AGENT if trial.form == "raw" else ""
                    screen.type(preload + terminal.quote(words) + "\n")
                    pid = int(screen.expect(r"ready (\d+)").group(1))
                    screen.type("\x1a")
                    screen.expect("Stopped")
                    terminal.wait_for_state(pid, "T")
                    screen.type("fg\n")
                    screen.expect("got 18")
                    os.kill(pid, signal.SIGUSR2)
                    screen.expect("told")
                    screen.type("echo code $?\n")
                    screen.expect("code 7")
                    screen.type("exit\n")
                    screen.read_to_end()


if __name__ == "__main__":
    unittest.main()
