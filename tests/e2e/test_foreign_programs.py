"""What cannot be watched runs as if gildiag were not there; what brings its own libraries, watched."""
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import gildiag
import test_storage

SOURCE = os.path.join(gildiag.PROGRAM_SOURCES, "foreign.c")

# How to build it, the Debian package that it takes, and what gildiag says.
KINDS = (
    ("static", ["gcc", "-static"], "libc6-dev", "is linked statically"),
    ("static-pie", ["gcc", "-static-pie"], "libc6-dev", "is linked statically"),
    ("musl", ["musl-gcc"], "musl-tools", "uses another libc"),
    ("musl-static", ["musl-gcc", "-static"], "musl-tools", "is linked statically"),
    ("32-bit", ["gcc", "-m32"], "gcc-multilib", "is no x86-64 program"),
    ("asan", ["gcc", "-fsanitize=address"], "libasan8", "brings a sanitizer"),
    ("tsan", ["gcc", "-fsanitize=thread"], "libtsan2", "brings a sanitizer"),
)


class Built(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="gildiag-foreign-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        os.chmod(cls.folder, 0o755)

    def build(self, name, compiler, package, sources=(SOURCE,), libraries=()):
        path = os.path.join(self.folder, name)
        if os.path.exists(path):
            return path
        if not shutil.which(compiler[0]):
            self.skipTest("%s is not installed (package %s)" % (compiler[0], package))
        done = subprocess.run([*compiler, "-O1", "-D_GNU_SOURCE", "-o", path, *sources, "-pthread", *libraries],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            self.skipTest("%s does not work here (package %s): %s" % (
                " ".join(compiler), package, done.stdout.decode().splitlines()[-1]))
        return path

    def assert_unwatched(self, words, sentence, **popen):
        """run and record: one sentence, then everything as it would be; nothing is recorded."""
        for end in ("0", "41", "255", "-15", "-10"):
            with gildiag.Trial("plain") as trial:
                plain = trial.run([*words, end, "", "a b\n"], input=b"in\0put", **popen)
            # gildiag dies of the target's signal after what it had to do; the code is the same.
            self.assertEqual(plain.returncode, int(end))
            for form in ("run", "record"):
                with gildiag.Trial(form) as trial:
                    done = trial.run([*words, end, "", "a b\n"], input=b"in\0put", **popen)
                    self.assertEqual((done.returncode, done.stdout), (plain.returncode, plain.stdout))
                    first, _, rest = done.stderr.partition(b"\n")
                    self.assertRegex(first.decode(), "^gildiag: .* %s.*unwatched$" % sentence)
                    self.assertEqual(rest, plain.stderr)
                    self.assertEqual(trial.sessions(), [])


class Unwatched(Built):
    def test_kinds(self):
        for name, compiler, package, sentence in KINDS:
            with self.subTest(kind=name):
                self.assert_unwatched([self.build(name, compiler, package)], sentence)

    def test_as_children(self):
        """The agent keeps out of those that it would break, and counts them."""
        spawn = "import os, sys; os._exit(os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[1] >> 8)"
        run = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
        for name, compiler, package, _ in KINDS:
            if "static" in name:
                continue
            for starter in (["sh", "-c", '"$0" "$@"; exit $?'], ["env"],
                            ["env", "PATH=/nowhere::" + self.folder], [sys.executable, "-S", "-c", spawn],
                            [sys.executable, "-S", "-c", run]):
                with self.subTest(kind=name, starter=starter[-1]):
                    path = self.build(name, compiler, package)
                    # Without a slash it is looked for in PATH.
                    words = [*starter, name if "PATH=" in starter[-1] else path, "41"]
                    with gildiag.Trial("plain") as trial:
                        plain = trial.run(words, input=b"input")
                    self.assertEqual(plain.returncode, 41)
                    for form in ("record", "raw"):
                        with gildiag.Trial(form) as trial:
                            done = trial.run(words, input=b"input")
                            self.assertEqual((done.returncode, done.stdout, done.stderr),
                                             (41, plain.stdout, plain.stderr))
                            trial.wait_for_samplers()
                            self.assertEqual(trial.json()["recording"]["lost"]["processes"], 1)

    def test_where_the_agent_cannot_be_loaded(self):
        """The loader would say so: nothing is handed on, and the children are counted."""
        with gildiag.trial(self, "raw") as trial:
            agent = os.path.join(trial.folder, "libgildiag-agent.so")
            shutil.copy(gildiag.AGENT, agent)
            done = trial.run(["sh", "-c", 'rm "$1"; /bin/echo one; env echo two; exec /bin/echo three', "sh", agent],
                             env={"LD_PRELOAD": agent})
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"one\ntwo\nthree\n", b""))
            self.assertEqual(trial.json()["recording"]["lost"]["processes"], 3)

    @unittest.skipUnless(os.geteuid() == 0, "not root: cannot chroot")
    def test_another_root(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("/bin/dash", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
                os.makedirs(root + os.path.dirname(name), exist_ok=True)
                shutil.copy(name, root + name)
            for form in ("record", "raw"):
                with gildiag.trial(self, form) as trial:
                    done = trial.run(["sh", "-c", 'chroot "$1" /bin/dash -c "echo in; exit 5"; exit $?', "sh", root])
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (5, b"in\n", b""))
                    trial.wait_for_samplers()
                    self.assertEqual(trial.json()["recording"]["lost"]["processes"], 1)

    def test_a_script_for_such_a_program(self):
        interpreter = self.build("static", ["gcc", "-static"], "libc6-dev")
        script = os.path.join(self.folder, "script")
        with open(script, "w") as file:
            file.write("#! %s\n" % interpreter)
        os.chmod(script, 0o755)
        with gildiag.Trial("run") as trial:
            done = trial.run([script])
        self.assertRegex(done.stderr.splitlines()[0].decode(), "linked statically.*unwatched$")
        self.assertEqual(done.stdout, b"preload none\n")

    @unittest.skipUnless(os.geteuid() == 0, "not root: cannot give a program rights")
    def test_programs_that_gain_rights(self):
        plain = self.build("plain", ["gcc"], "gcc")
        for name, owner, mode in (("setuid", 65534, stat.S_ISUID), ("setgid", 0, stat.S_ISGID)):
            path = os.path.join(self.folder, name)
            shutil.copy(plain, path)
            os.chown(path, owner, 65534)
            os.chmod(path, 0o755 | mode)
            with self.subTest(name=name):
                self.assert_unwatched([path], "gains rights")
        reason = test_storage.why_not_nobody()
        if reason:
            self.skipTest(reason)
        path = os.path.join(self.folder, "root")
        shutil.copy(plain, path)
        os.chmod(path, 0o4755)
        with gildiag.Trial("plain") as trial:
            done = trial.run(test_storage.nobody(gildiag.TOOL, "run", "--", path, "41"), cwd=self.folder)
        self.assertEqual(done.returncode, 41)
        self.assertRegex(done.stderr.splitlines()[0].decode(), "gains rights.*unwatched$")

    def test_raw_where_nothing_can_be_preloaded(self):
        """The loader's business: a static program ignores it, one of 32 bits complains and goes on."""
        for name, compiler, package, _ in KINDS:
            if name not in ("static", "static-pie", "musl-static", "32-bit"):
                continue
            with self.subTest(kind=name):
                path = self.build(name, compiler, package)
                with gildiag.Trial("raw") as trial:
                    done = trial.run([path, "41"], input=b"input")
                    self.assertEqual(done.returncode, 41)
                    self.assertTrue(done.stdout.startswith(b"input"))
                    self.assertEqual(trial.sessions(), [])


class Watched(Built):
    """Programs with allocators and sanitizers of their own, which the agent must get along with."""

    def compare(self, words, **env):
        with gildiag.Trial("plain") as trial:
            plain = trial.run(words)
        self.assertNotIn(plain.returncode, (98, 99))
        for form in ("record", "raw"):
            with gildiag.Trial(form) as trial:
                given = dict(env)
                if form == "raw" and "LD_PRELOAD" in env:
                    given["LD_PRELOAD"] = gildiag.AGENT + ":" + env["LD_PRELOAD"]
                done = trial.run(words, env=given)
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (plain.returncode, plain.stdout, plain.stderr))
                self.assertTrue(trial.json()["recording"]["complete"])

    def test_allocators(self):
        found = 0
        for package, library in (("libjemalloc2", "libjemalloc.so.2"),
                                 ("libtcmalloc-minimal4", "libtcmalloc_minimal.so.4")):
            for program in ("threads", "signals"):
                source = os.path.join(gildiag.PROGRAM_SOURCES, program + ".c")
                with self.subTest(library=library, program=program):
                    path = self.build(program + "-" + package, ["gcc", "-Wno-error"], package, (source,),
                                      ("-Wl,--no-as-needed", "-l:" + library))
                    for case in ("destructors", "many") if program == "threads" else ("ticking",):
                        self.compare([path, case])
                    # Preloaded too, behind the agent as run puts it.
                    if program == "threads":
                        self.compare([gildiag.program(program), case], LD_PRELOAD=library)
                    found += 1
        self.assertTrue(found or not shutil.which("gcc"))

    def test_a_sanitizer_that_is_linked_in(self):
        """Nothing tells it from outside; the agent is behind its wrappers and must not mind."""
        for name in ("threads", "locks"):
            source = os.path.join(gildiag.PROGRAM_SOURCES, name + ".c")
            with self.subTest(program=name):
                path = self.build(name + "-asan", ["gcc", "-fsanitize=address", "-static-libasan"], "libasan8",
                                  (source,))
                for case in ("destructors", "at-exit") if name == "threads" else ("kinds", "queue"):
                    with gildiag.Trial("plain") as trial:
                        plain = trial.run([path, case])
                    for form in ("record", "raw"):
                        with gildiag.Trial(form) as trial:
                            done = trial.run([path, case])
                            self.assertEqual((done.returncode, done.stdout, done.stderr),
                                             (plain.returncode, plain.stdout, plain.stderr))


if __name__ == "__main__":
    unittest.main()
