/* SPDX-License-Identifier: MIT */
/* One session, analysed: what the renderers turn into words. */
#ifndef GD_ANALYSIS_H
#define GD_ANALYSIS_H

#include "ceilings.h"
#include "crosscheck.h"
#include "hot.h"
#include "locks.h"
#include "merge.h"
#include "verdict.h"

#define GD_ANALYSIS_LITTLE 0.05 /* of what all did: a process below does not matter */

/* What the analysis says of one process. */
struct gd_judged {
	const struct gd_process_model *process;
	struct gd_classes classes;
	struct gd_facts facts;
	struct gd_verdict verdict;
	struct gd_hots lines, functions; /* where it waits */
	struct gd_locks locks;
	const struct gd_place *where;   /* the line that the advice is about; NULL: not known */
	const struct gd_hot *where_hot; /* what was waited there; NULL: not measured by samples */
	bool is_holder;                 /* the line holds what others wait for */
};

struct gd_analysis {
	const struct gd_session_model *session;
	struct gd_judged *processes;  /* as in the session */
	double *shares;               /* of each, of what all of them did */
	const struct gd_judged *main; /* what the verdict speaks of: a process, or all as one */
	const struct gd_judged *lead; /* the process that did most */
	double unfollowed_cpu_s;      /* of children that were not followed */
	uint64_t unfollowed;          /* how many of them were waited for */
	struct gd_ceilings ceilings;
	struct gd_crosscheck crosscheck;
	double overhead; /* CPU of the sampler per second watched; NAN: not known */
};

/* Analyses a session with at least one process.  0 or -ENOMEM; memory from the session's pool. */
int gd_analyse(const struct gd_session_model *session, struct gd_analysis *ret_analysis);

#endif
