/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `hark verify` prints: tables for a person, or one JSON object. */
#ifndef HARK_VERIFY_SHOW_H
#define HARK_VERIFY_SHOW_H

#include <hark/verify.h>

/* So many findings of one weight are shown in a table; with --json all are. */
#define SHOW_FINDINGS_MAX 100u

/* Findings that are kept for the table: those that decide, and the others. */
struct show_list {
	struct hark_finding *kept;
	size_t count;
	uint64_t more;
};

struct show {
	bool as_json;
	bool progress; /* stderr is a terminal: draw a bar there */
	bool has_bar;
	uint64_t told;
	struct show_list decisive;
	struct show_list others;
};

/* hark_finding_fn and hark_progress_fn; the context is a struct show. */
void show_finding(void *context, const struct hark_finding *f);
void show_progress(void *context, const char *name, uint64_t done, uint64_t all);
/* All that there is to say at the end. */
void show_answer(struct show *s, const struct hark_verifier *v, enum hark_answer answer);
void show_finish(struct show *s);

#endif
