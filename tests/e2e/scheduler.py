"""The scheduler's word by another instrument than ours: bpftrace on the same tracepoints."""
import json
import shutil
import subprocess

SCRIPT = """
tracepoint:sched:sched_switch {
  if (strncmp(args->prev_comm, "NAME", LENGTH) == 0) {
    if (@on[args->prev_pid]) { @cpu_ns[args->prev_pid] = @cpu_ns[args->prev_pid] + nsecs - @on[args->prev_pid]; }
    @on[args->prev_pid] = (uint64)0;
    if (args->prev_state == 0 || args->prev_state >= 256) { @queued[args->prev_pid] = nsecs; }
  }
  if (strncmp(args->next_comm, "NAME", LENGTH) == 0) {
    if (@queued[args->next_pid]) {
      @queue_ns[args->next_pid] = @queue_ns[args->next_pid] + nsecs - @queued[args->next_pid];
    }
    @queued[args->next_pid] = (uint64)0;
    @on[args->next_pid] = nsecs;
  }
}
tracepoint:sched:sched_waking /strncmp(args->comm, "NAME", LENGTH) == 0/ {
  if (@on[args->pid] == 0 && @queued[args->pid] == 0) { @queued[args->pid] = nsecs; }
}
"""


def find_bpftrace():
    return shutil.which("bpftrace")


class Witness:
    """with Witness("comm") as witness: ...; witness.cpu_s[tid], witness.queue_s[tid] afterwards."""

    def __init__(self, comm):
        self._script = SCRIPT.replace("NAME", comm[:15]).replace("LENGTH", str(len(comm[:15])))

    def __enter__(self):
        self._process = subprocess.Popen(
            ["bpftrace", "-f", "json", "-e", self._script + " BEGIN { printf(\"ready\"); }"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        for line in self._process.stdout:
            if "ready" in line:
                return self
        raise AssertionError("bpftrace did not start: " + self._process.stderr.read())

    def __exit__(self, *_):
        self._process.send_signal(2)
        out, _ = self._process.communicate(timeout=30)
        maps = {}
        for line in out.splitlines():
            if not line.startswith("{"):
                continue
            entry = json.loads(line)
            if entry["type"] == "map":
                maps.update(entry["data"])
        self.cpu_s = {int(k): v / 1e9 for k, v in maps.get("@cpu_ns", {}).items()}
        self.queue_s = {int(k): v / 1e9 for k, v in maps.get("@queue_ns", {}).items()}
