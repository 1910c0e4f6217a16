/* SPDX-License-Identifier: MIT */
/* What works on this machine: each capability is tried, never guessed from a version. */
#ifndef GD_DOCTOR_H
#define GD_DOCTOR_H

#include <parts.h>
#include <stdbool.h>

enum gd_health {
	GD_HEALTH_OK,
	GD_HEALTH_MISSING,
	GD_HEALTH_UNKNOWN, /* cannot be tried without rights */
};

struct gd_finding {
	enum gd_health health;
	char what[160]; /* what was found, or why not */
	char mend[240]; /* the command that mends it; empty: none does, or none is needed */
};

/* What checks are given: where our own parts are, and an empty folder that is ours. */
struct gd_doctor_scene {
	const struct gd_parts *parts;
	const char *folder;
	int is_recorded; /* a first recording was made there: 0, or the -errno why not */
	char why[160];
};

struct gd_capability {
	const char *name;
	const char *lost; /* what gildiag cannot do without it */
	bool is_needed;   /* nothing works without it */
	void (*check)(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
};

/* Ended by one without a name. */
extern const struct gd_capability gd_capabilities[];

/* The checks, by subject. */
void gd_doctor_agent(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_sampler(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_probe(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_btf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_bpf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_uprobe_multi(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_uprobe_perf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_perf_event(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_tracefs(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_cap_bpf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_cap_perfmon(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_cap_ptrace(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_cap_admin(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_lockdown(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_yama(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_seccomp(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_quota(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);
void gd_doctor_tsc(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding);

/* The finding's sentences; mend may be NULL. */
void gd_finding_set(struct gd_finding *ret_finding, enum gd_health health, const char *mend,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Reads a small file; false: it cannot be read. */
bool gd_doctor_read(const char *path, char *ret_text, size_t size_bytes);

#endif
