/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of `hark doctor` share: one finding. */
#ifndef HARK_DOCTOR_H
#define HARK_DOCTOR_H

#define DOCTOR_TEXT_BYTES 256u

enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_finding {
	enum doctor_state state;
	char text[DOCTOR_TEXT_BYTES];
	const char *remedy; /* "" where nothing is to be done */
};

__attribute__((format(printf, 4, 5))) void doctor_find(struct doctor_finding *f,
						       enum doctor_state state, const char *remedy,
						       const char *format, ...);

/* The observers of a configuration (NULL: none) and those that the data directory remembers: their
 * modules, digests, and whether this build can run them. */
void doctor_observers(const char *data, const char *config, struct doctor_finding *f);

#endif
