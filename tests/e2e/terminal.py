"""A program in front of a pseudo-terminal, with a session of its own."""
import fcntl
import os
import pty
import re
import select
import shlex
import struct
import termios
import time


class Terminal:
    def __init__(self, words, env, folder, size=(80, 24)):
        self.seen = ""
        self._status = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
                os.chdir(folder)
                os.execvpe(words[0], words, env)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        os.close(self._fd)
        if self._status is None:
            os.kill(self.pid, 9)
            self.code()

    def _read(self, timeout):
        """More of the screen; "" at its end."""
        if not select.select([self._fd], [], [], timeout)[0]:
            raise AssertionError("nothing more came; the screen: %r" % self.seen)
        try:
            return os.read(self._fd, 65536).decode("utf-8", "replace")
        except OSError:  # EIO: the last process has closed it
            return ""

    def expect(self, pattern, timeout=30):
        """Waits for it and takes it and what came before off the screen."""
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            more = self._read(timeout)
            if not more:
                raise AssertionError("%r did not come: %r" % (pattern, self.seen))
            self.seen += more

    def read_to_end(self, timeout=30):
        while True:
            more = self._read(timeout)
            if not more:
                text, self.seen = self.seen, ""
                return text
            self.seen += more

    def type(self, text):
        os.write(self._fd, text.encode())

    def code(self):
        """As subprocess has it: negative for a death by signal."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status


def quote(words):
    """One line of shell, whatever is in the words."""
    return " ".join(shlex.quote(word) if "\n" not in word else
                    "$'%s'" % word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
                    for word in words)


def wait_for_state(pid, letter, timeout=30):
    """Looks until the kernel says so: a stop is told to nobody but the parent."""
    end = time.monotonic() + timeout
    while True:
        with open("/proc/%d/stat" % pid) as file:
            seen = file.read().rpartition(")")[2].split()[0]
        if seen == letter:
            return
        if time.monotonic() > end:
            raise AssertionError("process %d is %s, not %s" % (pid, seen, letter))
        os.sched_yield()
