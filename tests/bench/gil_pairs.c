/* SPDX-License-Identifier: MIT */
/* For gil_pairs.py: gives the GIL back and takes it again, from C.  Built without Python's headers. */
#include "timing.h"

void *PyEval_SaveThread(void);
void PyEval_RestoreThread(void *state);
double gil_pairs(int count);

/* Nanoseconds per pair.  Context: called with the GIL held. */
double gil_pairs(int count)
{
	double began = now_ns();

	for (int i = 0; i < count; i++)
		PyEval_RestoreThread(PyEval_SaveThread());
	return (now_ns() - began) / count;
}
