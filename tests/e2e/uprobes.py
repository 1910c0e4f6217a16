"""The kernel's word: uprobes through tracefs."""
import os
import re
import subprocess

MOUNTS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
GROUP = "gdtest%d" % os.getpid()
LINE = re.compile(r"^\s*.*-(\d+)\s+\[\d+\]\s+\S+\s+(\d+\.\d+): (\w+): ")


def find_tracefs():
    """The mounted tracefs, mounting it if we may; None without rights or support."""
    if os.geteuid() != 0:
        return None
    for path in MOUNTS:
        if os.path.exists(path + "/uprobe_events"):
            return path
    os.makedirs(MOUNTS[0], exist_ok=True)
    subprocess.run(["mount", "-t", "tracefs", "nodev", MOUNTS[0]], stderr=subprocess.DEVNULL)
    return MOUNTS[0] if os.path.exists(MOUNTS[0] + "/uprobe_events") else None


class Uprobes:
    """with Uprobes(tracefs, {"take": ("p", path, offset), ...}) as probes: ...; probes.events()"""

    def __init__(self, tracefs, probes):
        self.tracefs, self.probes = tracefs, probes
        self.instance = "%s/instances/%s" % (tracefs, GROUP)

    def write(self, name, text, flags=os.O_TRUNC):
        fd = os.open(name, os.O_WRONLY | flags)  # open(.., os.O_APPEND) would seek, which tracefs refuses
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def __enter__(self):
        for name, (kind, path, offset) in self.probes.items():
            self.write(self.tracefs + "/uprobe_events",
                       "%s:%s/%s %s:%#x\n" % (kind, GROUP, name, path, offset), os.O_APPEND)
        os.mkdir(self.instance)
        self.write(self.instance + "/trace_clock", "mono")
        self.write(self.instance + "/buffer_size_kb", "16384")
        self.write(self.instance + "/events/%s/enable" % GROUP, "1")
        return self

    def __exit__(self, *_):
        self.write(self.instance + "/events/%s/enable" % GROUP, "0")
        os.rmdir(self.instance)
        for name, (kind, _, _) in self.probes.items():
            self.write(self.tracefs + "/uprobe_events", "-:%s/%s\n" % (GROUP, name), os.O_APPEND)

    def events(self, tids):
        """[(seconds, tid, name)] of these threads, in order."""
        found = []
        self.write(self.instance + "/tracing_on", "0")  # or this reader, a Python too, feeds itself
        with open(self.instance + "/trace") as trace:
            for line in trace:
                match = LINE.match(line)
                if match and int(match.group(1)) in tids:
                    found.append((float(match.group(2)), int(match.group(1)), match.group(3)))
        return sorted(found)
