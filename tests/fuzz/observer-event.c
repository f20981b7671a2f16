/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events by the one reader and by the other (tests/unit/observer): both say the same of any bytes.
 */
#include <string.h>

#include "fuzz.h"
#include "unit/observer/event_oracle.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char ours[HARK_OBSERVER_EVENT_STORAGE], its[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_text json = { (const char *)data, size };
	struct hark_observer_event a, b;
	enum hark_observer_error got;

	if (data == NULL)
		return 0;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	got = hark_observer_event_of(json, ours, &a);
	FUZZ_CLAIM(got == event_oracle(json, its, &b));
	FUZZ_CLAIM(event_oracle_same(&a, &b));
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(got != HARK_OBSERVER_OK ||
		   a.cell.size == 0); /* wrong: there are events of cells */
#endif
	return 0;
}
