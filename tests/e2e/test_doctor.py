"""gildiag doctor: each capability is taken away, and is then named with what mends it."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import gildiag
import probe

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
NAMES = ["agent", "sampler", "TSC", "CPU quota", "seccomp", "yama", "eBPF probe", "BTF", "BPF", "CAP_BPF",
         "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "uprobe multi-link", "uprobe by perf", "perf_event",
         "tracepoints", "lockdown"]
LINE = re.compile(r"^(ok|missing|unknown) +(.{18}) (.*)$")


class Finding:
    def __init__(self, health, what):
        self.health, self.what, self.lost, self.mend = health, what, None, None


def examine(prefix=(), tool=gildiag.TOOL):
    """(exit code, {name: Finding})"""
    done = subprocess.run([*prefix, tool, "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=gildiag.clean_environment(), cwd="/", timeout=60)
    found = {}
    for line in done.stdout.splitlines():
        match = LINE.match(line)
        if match:
            last = found[match.group(2).strip()] = Finding(match.group(1), match.group(3))
        else:
            key, _, text = line.strip().partition(": ")
            setattr(last, key, text)
    return done.returncode, found


class Doctor(unittest.TestCase):
    def test_every_capability_has_a_line_and_what_is_missing_says_what_that_costs(self):
        for prefix in ([], NOBODY) if os.geteuid() == 0 else ([],):
            code, found = examine(prefix)
            self.assertEqual(code, 0)
            self.assertEqual(list(found), NAMES)
            for name, finding in found.items():
                with self.subTest(prefix=prefix, name=name):
                    self.assertTrue(finding.what)
                    self.assertEqual(finding.health == "ok", finding.lost is None)
                    self.assertFalse(finding.health == "ok" and finding.mend)

    def test_it_leaves_nothing_behind(self):
        before = set(os.listdir("/tmp"))
        examine()
        # Other tests run beside this one, with folders of their own.
        new = set(os.listdir("/tmp")) - before
        self.assertEqual([name for name in new if name.startswith("gildiag-doctor")], [])

    def test_arguments_are_refused(self):
        done = subprocess.run([gildiag.TOOL, "doctor", "x"], stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)

    def copy(self, *leave_out):
        """Another gildiag, incomplete or not."""
        top = tempfile.mkdtemp(prefix="doctor-test-")
        self.addCleanup(shutil.rmtree, top)
        os.chmod(top, 0o755)
        for path in ("bin/gildiag", "libexec/gildiag/gildiag-sampler", "libexec/gildiag/gildiag-probe",
                     "lib/gildiag/libgildiag-agent.so"):
            source, target = os.path.join(gildiag.BUILD, path), os.path.join(top, path)
            if os.path.basename(path) not in leave_out and os.path.exists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(source, target)
        return top

    def test_without_an_agent_nothing_works_and_the_exit_code_says_so(self):
        code, found = examine(tool=self.copy("libgildiag-agent.so") + "/bin/gildiag")
        self.assertEqual(code, 1)
        self.assertEqual(found["agent"].health, "missing")
        self.assertIn("build or install gildiag whole", found["agent"].what)

    def test_a_gildiag_without_the_probe_says_how_to_build_it(self):
        code, found = examine(tool=self.copy("gildiag-probe") + "/bin/gildiag")
        self.assertEqual(code, 0)
        self.assertEqual(found["eBPF probe"].health, "missing")
        self.assertIn("libbpf-dev", found["eBPF probe"].mend)


@unittest.skipUnless(os.geteuid() == 0, "not root: rights cannot be given or taken")
class Rights(unittest.TestCase):
    copy = Doctor.copy

    def setUp(self):
        reason = probe.why_not()
        if reason:
            self.skipTest(reason)

    def test_an_ordinary_user_is_told_a_command_that_mends_it(self):
        tool = self.copy() + "/bin/gildiag"
        _, before = examine(NOBODY, tool)
        for name in ("eBPF probe", "CAP_BPF", "CAP_PERFMON"):
            self.assertEqual(before[name].health, "missing")
            self.assertEqual(before[name].mend, before["eBPF probe"].mend)
        words = before["eBPF probe"].mend.split()
        self.assertEqual(words[:2], ["sudo", "setcap"])
        subprocess.run(words[1:], check=True)
        _, after = examine(NOBODY, tool)
        for name in ("eBPF probe", "CAP_BPF", "CAP_PERFMON"):
            self.assertEqual(after[name].health, "ok", name)

    def test_a_capability_that_was_dropped_is_missing(self):
        _, found = examine(["setpriv", "--bounding-set", "-perfmon,-sys_admin"])
        self.assertEqual([found[n].health for n in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN", "eBPF probe")],
                         ["ok", "missing", "missing", "missing"])

    def test_a_kernel_without_btf_is_named(self):
        _, found = examine(["unshare", "-m", "sh", "-c", "mount -t tmpfs nodev /sys/kernel/btf && exec \"$0\" \"$@\""])
        self.assertEqual(found["BTF"].health, "missing")
        self.assertEqual(found["eBPF probe"].health, "missing")
        self.assertIn("BTF", found["eBPF probe"].what)

    def test_tracefs_that_is_not_mounted_is_named_and_the_probe_does_without(self):
        _, found = examine(["unshare", "-m", "sh", "-c",
                            "mount -t tmpfs nodev /sys/kernel/tracing && exec \"$0\" \"$@\""])
        self.assertEqual((found["tracepoints"].health, found["eBPF probe"].health), ("missing", "ok"))
        self.assertIn("mount -t tracefs", found["tracepoints"].mend)

    def test_a_quota_that_cannot_be_read_is_named(self):
        _, found = examine(["unshare", "-m", "sh", "-c", "mount -t tmpfs nodev /sys/fs/cgroup && exec \"$0\" \"$@\""])
        self.assertEqual(found["CPU quota"].health, "missing")


if __name__ == "__main__":
    unittest.main()
