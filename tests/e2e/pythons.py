"""Every CPython on this machine."""
import glob
import os
import subprocess

PROBE = ("import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3], "
         "int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))), sys.implementation.name)")


class Python:
    def __init__(self, path, version, is_free_threaded, root=None):
        self.path = path
        self.version = version
        self.minor = tuple(int(part) for part in version.split(".")[:2])
        self.is_free_threaded = is_free_threaded
        self.root = root  # where it is found; None: here

    def __str__(self):
        return "%s%s (%s)" % (self.version, "t" if self.is_free_threaded else "", self.path)


def find():
    """A list of Python, oldest first.  GILDIAG_TEST_PYTHONS (paths, ':' between) narrows it."""
    chosen = os.environ.get("GILDIAG_TEST_PYTHONS")
    if chosen:
        candidates = chosen.split(":")
    else:
        root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
        candidates = sorted(glob.glob(root + "/versions/3.*/bin/python3"))
        candidates += sorted(glob.glob("/usr/bin/python3.[0-9]*") + glob.glob("/usr/local/bin/python3.[0-9]*"))
        candidates += sorted(glob.glob("/opt/python*/bin/python3"))
    found, seen = [], set()
    for path in candidates:
        real = os.path.realpath(path)
        if real in seen or not os.access(path, os.X_OK) or path.endswith("-config"):
            continue
        seen.add(real)
        try:
            words = subprocess.run([path, "-c", PROBE], stdout=subprocess.PIPE, timeout=20,
                                   stderr=subprocess.DEVNULL, text=True).stdout.split()
        except (OSError, subprocess.TimeoutExpired):
            continue
        if len(words) == 3 and words[2] == "cpython":
            found.append(Python(path, words[0], words[1] == "1"))
    return sorted(found, key=lambda python: (python.minor, python.path))


def supported(pythons):
    """Those whose GIL must be exact: 3.8 and later, with a GIL."""
    return [python for python in pythons if python.minor >= (3, 8) and not python.is_free_threaded]
