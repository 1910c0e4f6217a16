"""Where nothing, or little, can be written: the target is unharmed, one sentence or less data."""
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import unittest

import gildiag

FORMS = ("run", "record", "raw")
WAITER = ["sh", "-c", "echo ready; read line; exit 4"]


def nobody(*words):
    """Runs words as somebody who is not root."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *words]


def why_not_nobody():
    if os.geteuid() != 0:
        return "not root: nobody else to be"
    if not shutil.which("setpriv"):
        return "setpriv is not installed"
    for path in (gildiag.AGENT, gildiag.TOOL, gildiag.SAMPLER):
        if subprocess.run(nobody("test", "-r", path), stderr=subprocess.DEVNULL).returncode != 0:
            return "another user cannot read " + path
    return None


class Storage(unittest.TestCase):
    def assert_unharmed(self, trial, done, code=0, out=b"fine\n"):
        """Same code and output; on stderr nothing but what gildiag says, one line where it fails."""
        self.assertEqual((done.returncode, done.stdout), (code, out), done.stderr)
        if trial.form != "run":
            self.assertLessEqual(done.stderr.count(b"\n"), 1 if trial.form == "record" else 0, done.stderr)
        for line in done.stderr.splitlines():
            if trial.form == "record":
                self.assertTrue(line.startswith(b"gildiag: "), done.stderr)

    def assert_report_or_sentence(self, trial, where=None):
        done = trial.report(where=where)
        if done.returncode != 0:
            self.assertEqual((done.returncode, done.stdout, done.stderr.count(b"\n")), (1, b"", 1), done.stderr)
            self.assertTrue(done.stderr.startswith(b"gildiag: "), done.stderr)
        return done.returncode == 0

    # ---- Folders

    def test_permissions(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                trial.run(["true"], preexec_fn=lambda: os.umask(0))
                trial.wait_for_samplers()
                (session,) = trial.sessions()
                for folder in (session, os.path.dirname(session)):
                    self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
                names = os.listdir(session)
                self.assertTrue(names)
                for name in names:
                    self.assertEqual(stat.S_IMODE(os.lstat(os.path.join(session, name)).st_mode), 0o600, name)

    def unwritable(self, form, env, expect):
        reason = why_not_nobody()
        if reason:
            self.skipTest(reason)
        with gildiag.trial(self, form, env=env) as trial:
            top = os.path.dirname(trial.folder)
            os.chmod(top, 0o755)
            os.chmod(trial.folder, 0o555)
            places = {}
            for name in ("runtime", "temporary"):
                places[name] = os.path.join(top, name)
                os.mkdir(places[name])
                os.chown(places[name], 65534, 65534)
            given = ["%s=%s" % (key, places.get(value, value)) for key, value in env.items()]
            given += ["LD_PRELOAD=" + gildiag.AGENT] if form == "raw" else []
            with gildiag.Trial("plain") as plain:
                done = plain.run(nobody("env", *given, *trial.words(["sh", "-c", "echo fine"])), cwd=trial.folder)
            self.assert_unharmed(trial, done)
            trial.wait_for_samplers()
            self.assertEqual(os.listdir(trial.folder), [])
            self.assertEqual(len(trial.sessions(places[expect])), 1)
            # report looks there too, without being told.
            looked = subprocess.run(nobody("env", *given[:len(env)], gildiag.TOOL, "report"), cwd=trial.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env=gildiag.clean_environment())
            self.assertEqual((looked.returncode, looked.stderr), (0, b""))

    def test_an_unwritable_folder(self):
        for form in ("record", "raw"):
            self.unwritable(form, {"XDG_RUNTIME_DIR": "runtime", "TMPDIR": "temporary"}, "runtime")
            self.unwritable(form, {"XDG_RUNTIME_DIR": "/nowhere", "TMPDIR": "temporary"}, "temporary")
            self.unwritable(form, {"XDG_RUNTIME_DIR": "", "TMPDIR": "temporary"}, "temporary")

    def test_a_folder_that_is_gone(self):
        for form in ("record", "raw"):
            with gildiag.trial(self, form) as trial:
                gone = os.path.join(trial.folder, "gone")

                def leave():
                    os.mkdir(gone)
                    os.chdir(gone)
                    os.rmdir(gone)
                done = trial.run(["sh", "-c", "echo fine"], preexec_fn=leave)
                self.assertEqual((done.returncode, done.stdout), (0, b"fine\n"))
                # XDG_RUNTIME_DIR of a Trial is the folder above.
                self.assertEqual(len(trial.sessions(os.path.dirname(trial.folder))), 1)
                self.assertTrue(trial.json(where=os.path.dirname(trial.folder))["recording"]["complete"])

    def test_a_long_path(self):
        for form in FORMS:
            for length in (90, 200, 900):
                folder = "/".join(["d" * 89] * (length // 90))
                with gildiag.Trial(form, folder) as trial, self.subTest(form=form, length=length):
                    with trial.start(WAITER, stdin=subprocess.PIPE) as process:
                        self.assertEqual(process.stdout.readline(), b"ready\n")
                        # The target, the sampler and the report all find the socket.
                        self.assertFalse(trial.json()["recording"]["complete"])
                        process.communicate(b"\n", timeout=60)
                        self.assertEqual(process.returncode, 4)
                    trial.wait_for_samplers()
                    self.assertEqual(trial.json()["processes"][0]["exit"]["code"], 4)

    def test_a_path_that_is_too_long(self):
        """Longer than an agent can hold: recorded elsewhere, or refused where it was asked for."""
        for form in FORMS:
            folder = "/".join(["d" * 199] * 7)
            with gildiag.Trial(form, folder) as trial, self.subTest(form=form):
                done = trial.run(["sh", "-c", "echo fine; exit 4"])
                self.assert_unharmed(trial, done, 4)
                trial.wait_for_samplers()
                self.assertEqual(trial.sessions(), [])
                report = trial.json(where=trial.environment()["TMPDIR"])
                self.assertEqual(report["processes"][0]["exit"]["code"], 4)
                if form != "raw":
                    done = trial.run(["touch", "executed"], "-o", "here")
                    self.assertEqual((done.returncode, done.stdout, done.stderr.count(b"\n")), (125, b"", 1))
                    self.assertEqual(os.listdir(trial.folder), [])

    def test_the_recording_is_removed_while_it_is_made(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                with trial.start(WAITER, stdin=subprocess.PIPE) as process:
                    self.assertEqual(process.stdout.readline(), b"ready\n")
                    for session in trial.sessions():
                        shutil.rmtree(session)
                    out, err = process.communicate(b"\n", timeout=60)
                self.assertEqual((process.returncode, out), (4, b""))
                self.assertEqual(err.count(b"\n"), 1 if form == "run" else 0, err)
                trial.wait_for_samplers()
                self.assertFalse(self.assert_report_or_sentence(trial))

    # ---- Space

    @unittest.skipUnless(os.geteuid() == 0, "not root: no small file system")
    def test_a_full_disk(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "gildiag-test", trial.folder],
                                         stderr=subprocess.PIPE)
                if mounted.returncode != 0:
                    self.skipTest("mount does not work here: " + mounted.stderr.decode())
                try:
                    done = trial.run(["sh", "-c", "echo fine; exit 4"])
                    self.assertEqual((done.returncode, done.stdout), (4, b"fine\n"))
                    self.assertEqual(done.stderr.count(b"\n"), 1 if form == "run" else 0, done.stderr)
                    trial.wait_for_samplers()
                    self.assertFalse(self.assert_report_or_sentence(trial))
                    for session in trial.sessions():
                        self.assertEqual([name for name in os.listdir(session) if name.endswith((".new", ".own"))],
                                         [])
                finally:
                    subprocess.run(["umount", "-l", trial.folder], check=True)

    @unittest.skipUnless(os.geteuid() == 0, "not root: no small file system")
    def test_a_disk_that_fills_up_meanwhile(self):
        """The copy that was made before stays, and is said to be old."""
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "gildiag-test", trial.folder],
                                         stderr=subprocess.PIPE)
                if mounted.returncode != 0:
                    self.skipTest("mount does not work here: " + mounted.stderr.decode())
                try:
                    with trial.start(WAITER, stdin=subprocess.PIPE) as process:
                        self.assertEqual(process.stdout.readline(), b"ready\n")
                        self.assertFalse(trial.json()["recording"]["complete"])
                        with self.assertRaises(OSError), open(trial.folder + "/full", "wb", buffering=0) as file:
                            while file.write(b"x" * 4096):
                                pass
                        process.communicate(b"\n", timeout=60)
                        self.assertEqual(process.returncode, 4)
                    trial.wait_for_samplers()
                    report = trial.json()
                    self.assertFalse(report["recording"]["complete"])
                    self.assertIsNone(report["processes"][0]["exit"]["code"])
                    self.assertIn("incomplete", trial.text())
                finally:
                    subprocess.run(["umount", "-l", trial.folder], check=True)

    def test_limits(self):
        """Small limits on files, descriptors, memory, processes: less data at most."""
        limits = [(resource.RLIMIT_FSIZE, size) for size in (0, 1, 4096, 70000)]
        limits += [(resource.RLIMIT_NOFILE, count) for count in (4, 5, 6, 8, 10, 12, 16)]
        limits += [(resource.RLIMIT_AS, size << 20) for size in (40, 80, 120)]
        limits += [(resource.RLIMIT_NPROC, 0), (resource.RLIMIT_MEMLOCK, 0), (resource.RLIMIT_STACK, 65536)]
        program = [gildiag.program("children"), "goes-on"]
        for limit, value in limits:
            def lower():
                resource.setrlimit(limit, (value, value))
            with gildiag.Trial("plain") as trial:
                plain = trial.run(program, preexec_fn=lower)
            self.assertEqual(plain.returncode, 0, (limit, value, plain))
            for with_sampler in (True, False):
                with gildiag.trial(self, "raw", limit=limit, value=value, with_sampler=with_sampler) as trial:
                    # Blocking or not is a property that a descriptor shares with everybody who has it.
                    reader, writer = os.pipe()
                    done = trial.run(program, preexec_fn=lower, stdout=writer,
                                     env={} if with_sampler else {"GILDIAG_NO_SAMPLER": "1"})
                    self.assertTrue(os.get_blocking(writer))
                    os.close(writer)
                    with open(reader, "rb") as said:
                        self.assertEqual((done.returncode, said.read(), done.stderr), (0, plain.stdout, b""))
                    trial.wait_for_samplers()
                    self.assert_report_or_sentence(trial)

    def test_a_limit_on_memory_is_the_targets_alone(self):
        """All but the interpreter's own: our addresses would not fit beside it."""
        program = [sys.executable, "-S", "-c", "print(len(bytearray(200 << 20)))"]
        for limit, value in ((resource.RLIMIT_AS, 300 << 20), (resource.RLIMIT_DATA, 230 << 20)):
            def lower():
                resource.setrlimit(limit, (value, value))
            for form in FORMS:
                with gildiag.trial(self, form, limit=limit) as trial:
                    done = trial.run(program, preexec_fn=lower)
                    self.assert_unharmed(trial, done, out=b"209715200\n")
            for form in ("record", "raw"):
                with gildiag.trial(self, form, limit=limit) as trial:
                    name = {resource.RLIMIT_AS: "-v", resource.RLIMIT_DATA: "-d"}[limit]
                    words = ["bash", "-c", 'ulimit %s %d; "$@"; exit $?' % (name, value >> 10), "bash"]
                    done = trial.run(words + program)
                    self.assert_unharmed(trial, done, out=b"209715200\n")
                    trial.wait_for_samplers()
                    self.assertEqual(trial.json()["recording"]["lost"]["processes"], 1)

    def test_a_core_is_about_the_target(self):
        with open("/proc/sys/kernel/core_pattern") as file:
            if file.read().strip() != "core":
                self.skipTest("cores do not come into the working directory")
        sizes = {}
        for form in ("plain", "record", "raw"):
            with gildiag.trial(self, form) as trial:
                done = trial.run(["bash", "-c", "ulimit -c unlimited; kill -SEGV $$"])
                self.assertEqual(done.returncode, -signal.SIGSEGV)
                (core,) = [name for name in os.listdir(trial.folder) if name.startswith("core")]
                sizes[form] = os.stat(os.path.join(trial.folder, core)).st_size
        self.assertLess(max(sizes.values()), sizes["plain"] + (1 << 20), sizes)

    def test_a_limit_on_files_that_comes_later(self):
        for with_sampler in (True, False):
            with gildiag.trial(self, "raw", with_sampler=with_sampler) as trial:
                done = trial.run(["bash", "-c", "ulimit -f 1; echo fine; exit 4"],
                                 env={} if with_sampler else {"GILDIAG_NO_SAMPLER": "1"})
                self.assert_unharmed(trial, done, 4)
                trial.wait_for_samplers()
                self.assertEqual(self.assert_report_or_sentence(trial), with_sampler)

    # ---- Roots and descriptors

    @unittest.skipUnless(os.geteuid() == 0, "not root: cannot chroot")
    def test_chroot(self):
        for form in FORMS:
            for with_sampler in (True, False):
                with gildiag.trial(self, form, with_sampler=with_sampler, options=["--probe=off"]) as trial:
                    done = trial.run([gildiag.program("surroundings"), "chroots"],
                                     env={} if with_sampler else {"GILDIAG_NO_SAMPLER": "1"})
                    self.assertEqual((done.returncode, done.stdout), (37, b"elsewhere\n"), done.stderr)
                    trial.wait_for_samplers()
                    self.assertEqual(self.assert_report_or_sentence(trial), with_sampler)

    def test_everything_closed(self):
        for form in ("record", "raw"):
            for with_sampler in (True, False):
                with gildiag.trial(self, form, with_sampler=with_sampler) as trial:
                    done = trial.run([gildiag.program("surroundings"), "closes-all"],
                                     env={} if with_sampler else {"GILDIAG_NO_SAMPLER": "1"})
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (38, b"", b""))
                    trial.wait_for_samplers()
                    report = trial.json()
                    self.assertEqual(report["processes"][0]["exit"]["code"], 38)
                    self.assertGreaterEqual(gildiag.cause(report, "sleep")[1], 0.01)

    @unittest.skipUnless(os.geteuid() == 0, "not root: cannot become somebody else")
    def test_rights_given_up(self):
        """A daemon that starts as root: with the sampler whole, without it at least unharmed."""
        for form in FORMS:
            for with_sampler in (True, False):
                with gildiag.trial(self, form, with_sampler=with_sampler, options=["--probe=off"]) as trial:
                    done = trial.run([gildiag.program("surroundings"), "becomes-nobody"],
                                     env={} if with_sampler else {"GILDIAG_NO_SAMPLER": "1"})
                    self.assertEqual((done.returncode, done.stdout), (39, b"nobody\n"), done.stderr)
                    trial.wait_for_samplers()
                    self.assertEqual(self.assert_report_or_sentence(trial), with_sampler)


if __name__ == "__main__":
    unittest.main()
