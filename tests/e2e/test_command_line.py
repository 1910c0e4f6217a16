"""Bad input: one clear sentence, the right code, nothing executed, nothing overwritten."""
import glob
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import unittest

import gildiag
import terminal
import test_storage

OWN_COLORS = re.compile("\x1b\\[[01]m")
HOSTILE = "ev\x1b]0;owned\x07il\x1b[31m\u202e\x9b2J\r\n\x08"


def call(*words, **popen):
    popen.setdefault("stdin", subprocess.DEVNULL)
    popen.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([gildiag.TOOL, *words], stderr=subprocess.PIPE, timeout=60,
                          env=gildiag.clean_environment(LC_ALL="C.UTF-8"), **popen)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.trial = gildiag.Trial("record")
        self.addCleanup(self.trial.__exit__, None)
        self.folder = self.trial.folder

    def record(self):
        """A small, good recording; returns its folder and the only file of a process in it."""
        recording = os.path.join(self.folder, "recording")
        done = self.trial.run(["true"], "-o", recording)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        (name,) = [name for name in os.listdir(recording) if name[0].isdigit()]
        return recording, os.path.join(recording, name)

    def assert_sentence(self, done, code, pattern, out=b""):
        self.assertEqual((done.returncode, done.stdout), (code, out), done.stderr)
        lines = done.stderr.decode().splitlines()
        self.assertRegex(lines[0], "^gildiag: .*" + pattern)
        if code == 1:
            self.assertEqual(len(lines), 1, lines)
        self.assertNotIn(b"\x1b", done.stderr)

    # ---- Words

    def test_usage(self):
        touch = ["touch", os.path.join(self.folder, "executed")]
        for words, pattern in (
                ([], "name a command"), ([""], "no command"), (["walk"], "no command walk"), (["--walk"], "no command"),
                (["run"], "name a program"), (["run", "--"], "name a program"), (["run", "-m"], "name a program"),
                (["record"], "name a program"), (["record", "-v", "--", *touch], "no option -v"),
                (["run", "--fast", "--", *touch], "no option --fast"), (["run", "-z", *touch], "no option -z"),
                (["run", "-o"], "-o needs a value"), (["run", "--output"], "--output needs a value"),
                (["run", "-f", "xml", "--", *touch], "no format xml"), (["run", "-f", "", "--", *touch], "no format"),
                (["report", "-f", "xml"], "no format xml"), (["report", "--nothing"], "no option --nothing"),
                (["report", "--last", "soon"], "--last needs a time"), (["report", "--last", "-5s"], "--last needs"),
                (["report", "-l", "5x"], "--last needs"), (["report", "--last", ""], "--last needs"),
                (["report", "one", "two"], "one recording, not 2"), (["report", "-o"], "-o needs a value")):
            with self.subTest(words=words):
                self.assert_sentence(call(*words, cwd=self.folder), 2, pattern)
        self.assertEqual(os.listdir(self.folder), [])

    def test_help_and_version(self):
        for words in (["--help"], ["-h"], ["help"], ["run", "--help"], ["record", "-h"], ["report", "--help"],
                      ["--version"], ["-V"], ["run", "-h", "--", "false"]):
            done = call(*words, cwd=self.folder)
            self.assertEqual((done.returncode, done.stderr), (0, b""), words)
            self.assertIn(b"gildiag", done.stdout)
        self.assertEqual(os.listdir(self.folder), [])

    # ---- What report is given

    def test_what_is_no_recording(self):
        os.mkfifo(os.path.join(self.folder, "fifo"))
        os.mkdir(os.path.join(self.folder, "empty"))
        os.mkdir(os.path.join(self.folder, "marked"))
        with open(os.path.join(self.folder, "marked", "gildiag.session"), "w") as file:
            file.write("gildiag session 1\n")
        for name, pattern in (("missing", "cannot read"), ("", "cannot read"), ("fifo", "is a file"),
                              ("/dev/null", "is a file"), ("/etc/passwd", "is a file"), ("empty", "no recording in"),
                              ("marked", "is empty"), ("/proc/self/fd/77", "cannot read"),
                              ("d" * 300, "cannot read"), ("d/" * 3000, "cannot read")):
            with self.subTest(name=name[:20]):
                self.assert_sentence(call("report", name, cwd=self.folder), 1, pattern)

    def test_truncated(self):
        recording, path = self.record()
        with open(path, "rb") as file:
            good = file.read()
        self.assertEqual(call("report", recording).returncode, 0)
        for size in [0, 1, 7, 8, 63, 64, 65, 100, 255, 256, 1000, len(good) // 2, len(good) - 1]:
            with open(path, "wb") as file:
                file.write(good[:size])
            with self.subTest(size=size):
                self.assert_sentence(call("report", recording), 1, "no recording of gildiag|truncated or damaged")

    def test_foreign_newer_and_damaged_on_purpose(self):
        recording, path = self.record()
        with open(path, "rb") as file:
            good = file.read()

        def put(offset, form, *values):
            image = bytearray(good)
            struct.pack_into("<" + form, image, offset, *values)
            return bytes(image)
        for image, pattern in ((b"", "no recording"), (b"hello\n" * 100, "no recording"),
                               (b"\x7fELF" + bytes(4000), "no recording"), (put(0, "8s", b"gildiag\0"), "no recording"),
                               (put(8, "H", 2), "a newer gildiag"), (put(8, "H", 0), "an older gildiag"),
                               (put(8, "H", 65535), "a newer gildiag"), (put(16, "B", 2), "another kind of machine"),
                               (put(12, "H", 0), "damaged"), (put(12, "H", 65535), "damaged"),
                               (put(14, "H", 0), "damaged"), (put(14, "H", 65535), "damaged"),
                               (put(64 + 8, "Q", 1 << 63), "damaged"), (put(64 + 16, "I", 0xffffffff), "damaged"),
                               (put(64 + 4, "I", 0), "damaged"), (put(64 + 4, "I", 0xffffffff), "damaged")):
            with open(path, "wb") as file:
                file.write(image)
            with self.subTest(pattern=pattern):
                self.assert_sentence(call("report", recording), 1, pattern)
        # A younger minor version is read as far as it is known.
        with open(path, "wb") as file:
            file.write(put(10, "H", 77))
        self.assertEqual(call("report", recording).returncode, 0)

    def test_damaged_at_random(self):
        recording, path = self.record()
        with open(path, "rb") as file:
            good = file.read()
        dice = random.Random(20)
        for _ in range(150):
            image = bytearray(good)
            for _ in range(dice.choice((1, 4, 64))):
                at = dice.randrange(min(len(image), dice.choice((256, 2048, len(image)))))
                image[at] = dice.choice((0, 0xff, 0x80, 0x1b, image[at] ^ 1 << dice.randrange(8)))
            with open(path, "wb") as file:
                file.write(image)
            for options in ((), ("-v",), ("-f", "json")):
                done = call("report", *options, recording)
                self.assertIn(done.returncode, (0, 1), (done, bytes(image[:512])))
                self.assertNotIn(b"\x1b", done.stdout + done.stderr)
                if done.returncode == 1:
                    self.assertEqual((done.stdout, done.stderr.count(b"\n")), (b"", 1), done)

    def test_one_bad_file_among_good_ones(self):
        recording, path = self.record()
        with open(os.path.join(recording, "99999.1"), "w") as file:
            file.write("nonsense")
        os.mkfifo(os.path.join(recording, "99999.2"))
        os.mkdir(os.path.join(recording, "99999.3"))
        os.symlink(path, os.path.join(recording, "99999.4"))
        text = call("report", recording).stdout.decode()
        self.assertIn("4 files of this recording could not be read", text)
        self.assertIn("1 process", text)

    def test_links_are_not_followed(self):
        recording, path = self.record()
        elsewhere = os.path.join(self.folder, "elsewhere")
        os.rename(path, elsewhere)
        os.symlink(elsewhere, path)
        self.assert_sentence(call("report", recording), 1, "cannot read")
        marker = os.path.join(recording, "gildiag.session")
        os.rename(marker, elsewhere)
        os.symlink(elsewhere, marker)
        self.assert_sentence(call("report", recording), 1, "no recording in")

    def test_somebody_elses(self):
        reason = test_storage.why_not_nobody()
        if reason:
            self.skipTest(reason)
        recording, path = self.record()
        for folder in (os.path.dirname(self.folder), self.folder):
            os.chmod(folder, 0o755)
        words = test_storage.nobody(gildiag.TOOL, "report", recording)
        for mode, pattern in ((None, "cannot read|no recording in"), (0o755, "cannot read|belongs to another user")):
            if mode:
                os.chmod(recording, mode)
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=gildiag.clean_environment())
            self.assert_sentence(done, 1, pattern)
        for name in os.listdir(recording):
            os.chmod(os.path.join(recording, name), 0o644)
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=gildiag.clean_environment())
        self.assert_sentence(done, 1, "belongs to another user")

    # ---- What is already there

    def test_nothing_is_overwritten(self):
        recording, _ = self.record()
        there = os.path.join(self.folder, "there")
        with open(there, "w") as file:
            file.write("precious")
        os.mkdir(os.path.join(self.folder, "full"))
        shutil.copy(there, os.path.join(self.folder, "full", "there"))
        os.symlink("nowhere", os.path.join(self.folder, "dangling"))
        os.mkdir(os.path.join(self.folder, "empty"))
        os.symlink("empty", os.path.join(self.folder, "link"))
        for output in ("there", "full", "dangling", "", "no/such/folder"):
            with self.subTest(output=output):
                self.assert_sentence(call("report", "-o", output, recording, cwd=self.folder), 1, "cannot write")
                for command in ("run", "record"):
                    done = call(command, "-o", output, "--", "touch", "executed", cwd=self.folder)
                    self.assert_sentence(done, 125, "not empty|no folder|cannot make")
                    self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assert_sentence(call("record", "-o", "link", "--", "touch", "executed", cwd=self.folder), 125, "no folder")
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ["dangling", "empty", "full", "link", "recording", "there"])
        with open(there) as file:
            self.assertEqual(file.read(), "precious")
        self.assertEqual(os.listdir(os.path.join(self.folder, "full")), ["there"])
        # An empty folder may be used, a new file written.
        self.assertEqual(call("record", "-o", "empty", "--", "true", cwd=self.folder).returncode, 0)
        self.assertEqual(call("report", "-o", "new", "empty", cwd=self.folder).returncode, 0)

    def test_output_that_cannot_be_written(self):
        recording, _ = self.record()
        for options in ((), ("-f", "json")):
            with open("/dev/full", "w") as full:
                done = call("report", *options, recording, stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_only_recordings_of_gildiag_are_removed(self):
        """run and record keep the newest ten, and what is not theirs."""
        data = os.path.join(self.folder, "gildiag.data")
        os.mkdir(data)
        with open(os.path.join(data, "notes"), "w") as file:
            file.write("precious")
        os.mkdir(os.path.join(data, "20200101T000000.1"))
        for _ in range(12):
            self.assertEqual(self.trial.run(["true"]).returncode, 0)
        with open(os.path.join(data, "20200101T000000.1", "mine"), "w") as file:
            file.write("precious")
        marked = glob.glob(os.path.join(data, "*", "gildiag.session"))
        self.assertEqual(len(marked), 10)
        self.assertTrue(os.path.exists(os.path.join(data, "notes")))
        self.assertTrue(os.path.exists(os.path.join(data, "20200101T000000.1", "mine")))

    # ---- Hostile names

    def hostile_recording(self):
        """Command, script and thread are called what a terminal would obey."""
        script = os.path.join(self.folder, HOSTILE.replace("\n", "") + ".py")
        with open(script, "w") as file:
            file.write("open('/proc/self/comm', 'w').write('\\x1b[31mred')\n"
                       "import time\nend = time.time() + 0.4\nwhile time.time() < end: pass\n")
        recording = os.path.join(self.folder, "hostile")
        done = self.trial.run(["bash", "-c", "exec -a \"$0\" '%s' -S \"$1\"" % sys.executable, HOSTILE, script],
                              "-o", recording)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return recording

    def assert_tame(self, text):
        for letter in OWN_COLORS.sub("", text):
            self.assertTrue(letter in "\n" or letter.isprintable(), "%r in %r" % (letter, text))

    def test_hostile_names_reach_no_terminal(self):
        recording = self.hostile_recording()
        for options in ([], ["-v"]):
            done = call("report", *options, recording)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assert_tame(done.stdout.decode())
            self.assertIn("\\xc2\\x9b2J", done.stdout.decode())
            with terminal.Terminal([gildiag.TOOL, "report", *options, recording],
                                   gildiag.clean_environment(LC_ALL="C.UTF-8"), self.folder) as screen:
                self.assert_tame(screen.read_to_end().replace("\r\n", "\n"))
                self.assertEqual(screen.code(), 0)
        report = self.trial.json(where=recording)
        self.assertIn("\x1b[31mred", [thread["name"] for thread in report["threads"]])
        raw = call("report", "-f", "json", recording).stdout
        self.assertNotIn(b"\x1b", raw)

    def test_hostile_names_of_recordings_reach_no_terminal(self):
        """Somebody puts a folder with a name of his choice where report looks."""
        evil = os.path.join(self.folder, "gildiag.data", HOSTILE)
        os.makedirs(evil)
        with open(os.path.join(evil, "gildiag.session"), "w") as file:
            file.write("gildiag session 1\n")
        for content in (None, b"nonsense"):
            if content:
                with open(os.path.join(evil, "1.1"), "wb") as file:
                    file.write(content)
            for words in (["report"], ["report", "."], ["report", evil]):
                done = call(*words, cwd=self.folder)
                self.assertEqual(done.returncode, 1)
                self.assert_tame(done.stderr.decode())
                self.assertEqual(done.stderr.count(b"\n"), 1)


if __name__ == "__main__":
    unittest.main()
