"""gil_pairs.py LIBRARY : nanoseconds per drop and take of the GIL; the best of many slices."""
import ctypes
import sys
import threading

library = ctypes.PyDLL(sys.argv[1])
library.gil_pairs.restype = ctypes.c_double
# A second thread, idle: with one alone, libc's locks are cheaper than any program with threads sees.
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("%.3f" % min(library.gil_pairs(20000) for _ in range(60)))
