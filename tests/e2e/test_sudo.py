"""Under sudo the target is the invoking user's, and so is the recording; the probe alone is root's."""
import glob
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import unittest

import gildiag
import probe

USER = pwd.getpwnam("daemon")
GROUPS = {USER.pw_gid} | set(os.getgrouplist(USER.pw_name, USER.pw_gid))
AS_USER = ["setpriv", "--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--init-groups"]
# A setting of sudo's that is there for this call only: no file of the machine is changed.
MAY_SUDO = ["unshare", "-m", "sh", "-c",
            "mount -t tmpfs -o mode=755 none /etc/sudoers.d && (umask 337; echo '%s ALL=(ALL) NOPASSWD: ALL' "
            ">/etc/sudoers.d/test) && exec \"$@\"" % USER.pw_name, "sh"]
TARGET = ["sh", "-c", "grep -E '^(Uid|Gid|Groups|CapPrm|CapEff):' /proc/self/status; echo HOME $HOME; sleep 0.3; "
                      "echo mine >made; exit 7"]


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("not root: who is to become somebody else?")


def by_hand(*words):
    return ["env", "SUDO_UID=%d" % USER.pw_uid, "SUDO_GID=%d" % USER.pw_gid, *words]


def by_sudo(*words):
    return [*MAY_SUDO, *AS_USER, "sudo", "-n", *words]


class Sudo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chown(self.folder, USER.pw_uid, USER.pw_gid)

    def call(self, words, **more):
        return subprocess.run(words, cwd=self.folder, env=gildiag.clean_environment(**more), timeout=60, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ways(self):
        yield by_hand
        if not shutil.which("sudo"):
            self.skipTest("sudo is not installed")
        if self.call(by_sudo("true")).returncode:
            self.skipTest("sudo does not work here")
        yield by_sudo

    def reported_by_its_user(self):
        """The report as JSON, and that all of the recording is the user's own."""
        recording, = glob.glob(self.folder + "/gildiag.data/*")
        for path in [self.folder + "/gildiag.data", recording, *glob.glob(recording + "/*")]:
            st = os.lstat(path)
            self.assertEqual((path, st.st_uid, st.st_gid), (path, USER.pw_uid, USER.pw_gid))
        done = self.call([*AS_USER, gildiag.TOOL, "report", "-f", "json"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        shutil.rmtree(self.folder + "/gildiag.data")
        return json.loads(done.stdout)

    def check_target(self, done):
        said = dict(line.split(None, 1) for line in done.stdout.splitlines())
        self.assertEqual(said["Uid:"].split(), [str(USER.pw_uid)] * 4)
        self.assertEqual(said["Gid:"].split(), [str(USER.pw_gid)] * 4)
        self.assertEqual(set(map(int, said["Groups:"].split())), GROUPS)
        self.assertEqual({int(said[name], 16) for name in ("CapPrm:", "CapEff:")}, {0})
        self.assertEqual(done.returncode, 7)
        self.assertEqual(os.stat(self.folder + "/made").st_uid, USER.pw_uid)
        os.unlink(self.folder + "/made")

    def test_target_and_recording_are_the_user_s_and_the_probe_follows(self):
        wish = "--probe=" + ("off" if probe.why_not() else "on")
        for way in self.ways():
            for command in ("run", "record"):
                with self.subTest(way=way.__name__, command=command):
                    done = self.call(way(gildiag.TOOL, command, wish, "--", *TARGET))
                    self.check_target(done)
                    self.assertEqual(done.stderr.count("under sudo the target runs as daemon"), 1)
                    report = self.reported_by_its_user()
                    sources = ["agent", "sampler"] + ["probe"] * (wish == "--probe=on")
                    self.assertEqual(report["recording"]["sources"], sources)
                    if wish == "--probe=on":
                        waits = [c for t in report["threads"] for c in t["scheduler"]["causes"].values()]
                        self.assertGreater(sum(c["blocked_s"] for c in waits), 0.29)

    def test_what_the_agent_cannot_watch_is_the_user_s_too(self):
        static = self.folder + "/static"
        source = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"%d\\n\", getuid()); return 7; }"
        subprocess.run(["gcc", "-static", "-xc", "-", "-o", static], input=source, text=True, check=True)
        done = self.call(by_hand(gildiag.TOOL, "run", "--", static))
        self.assertEqual((done.returncode, done.stdout), (7, "%d\n" % USER.pw_uid))

    def test_the_target_s_environment_is_sudo_s(self):
        done = self.call(by_hand(gildiag.TOOL, "record", "--", *TARGET), HOME="/nowhere")
        self.assertIn("HOME /nowhere\n", done.stdout)

    def test_a_place_that_only_root_may_write_is_not_written(self):
        with tempfile.TemporaryDirectory() as roots:
            os.chmod(roots, 0o755)
            done = self.call(by_hand(gildiag.TOOL, "record", "-o", roots + "/r", "--", "true"))
            self.assertEqual(done.returncode, 125)
            self.assertIn("cannot make %s/r: Permission denied" % roots, done.stderr)
            self.assertEqual(os.listdir(roots), [])

    def test_a_process_that_runs_already_is_root_s_to_follow_and_the_user_s_to_read(self):
        reason = probe.why_not()
        if reason:
            self.skipTest(reason)
        with subprocess.Popen(["sh", "-c", "while sleep 0.05; do :; done"]) as roots:
            done = self.call(by_hand(gildiag.TOOL, "record", "-p", str(roots.pid), "-d", "0.5"))
            roots.terminate()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.reported_by_its_user()["recording"]["sources"], ["probe"])

    def test_once_it_is_attached_the_probe_is_the_user_without_any_right(self):
        reason = probe.why_not()
        if reason:
            self.skipTest(reason)
        with probe.Probe(self.folder, more=["--as", str(USER.pw_uid)]) as one:
            with open("/proc/%d/status" % one.pid) as file:
                status = dict(line.split(":\t") for line in file if ":\t" in line)
        self.assertEqual(status["Uid"].split(), [str(USER.pw_uid)] * 4)
        self.assertEqual({int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}, {0})

    def test_root_without_sudo_stays_root(self):
        for more in ({}, {"SUDO_UID": "0", "SUDO_GID": "0"}, {"SUDO_UID": "x", "SUDO_GID": "1"}, {"SUDO_UID": "1"}):
            with self.subTest(**more):
                done = self.call([gildiag.TOOL, "record", "--", "id", "-u"], **more)
                self.assertEqual((done.stdout, done.stderr), ("0\n", ""))

    def test_an_ordinary_user_with_such_variables_stays_himself(self):
        done = self.call([*AS_USER, gildiag.TOOL, "record", "--", "id", "-u"], SUDO_UID="2", SUDO_GID="2")
        self.assertEqual((done.stdout, done.stderr), ("%d\n" % USER.pw_uid, ""))


if __name__ == "__main__":
    unittest.main()
