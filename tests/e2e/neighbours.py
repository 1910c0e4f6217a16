"""A machine that others use too: what they take of it, and asking again while they take much."""
import os
import resource
import time

# A miss is tried once more, and every miss is noted.  While neighbours take a good part of the
# machine, "wants more CPU" is the truth: such a try does not count, and is repeated until the
# machine is quiet enough.
TRIES = 2
DISTURBED = 0.08  # of the machine's CPU time, taken by others meanwhile
DISTURBED_TRIES = 20


def cpu_of_others():
    """Seconds of CPU that were spent on this machine so far by processes that are not ours."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    ours = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return ((user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") -
            sum(usage.ru_utime + usage.ru_stime for usage in ours))


def ask_until_believed(ask, note):
    """
    ask() returns None when the answer is right, else what was said.  The result is the same: what
    was said last when it was wrong often enough to be believed.
    """
    said, misses, disturbed = "", 0, 0
    while misses < TRIES and disturbed < DISTURBED_TRIES:
        began, others = time.monotonic(), cpu_of_others()
        said = ask()
        if said is None:
            return None
        share = (cpu_of_others() - others) / (time.monotonic() - began) / os.cpu_count()
        note("%s (others took %.0f %% of the CPUs)" % (said, 100 * share))
        if share > DISTURBED:
            disturbed += 1
            time.sleep(0.5 * disturbed)
        else:
            misses += 1
    return said
