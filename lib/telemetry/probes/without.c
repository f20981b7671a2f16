/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What stands in the place of a probe whose library was left out of this build: it says so. */
#include <hark/probe.h>

#include "telemetry/probe_internal.h"

#ifndef HARK_HAVE_NFTABLES
enum hark_probe_error
hark_probe_open_nftables(const char *family, const char *table, struct hark_host_probe *out,
			 struct hark_failure *why)
{
	(void)family;
	(void)table;
	(void)out;
	return probe_fail(why, HARK_PROBE_PLATFORM_UNSUPPORTED, 0,
			  "host.nftables was left out of this build (it needs libmnl)");
}
#endif

#ifndef HARK_HAVE_FC_METRICS
enum hark_probe_error
hark_probe_open_fc_metrics(const char *path, struct hark_host_probe *out, struct hark_failure *why)
{
	(void)path;
	(void)out;
	return probe_fail(why, HARK_PROBE_PLATFORM_UNSUPPORTED, 0,
			  "host.fc_metrics was left out of this build (it needs jansson)");
}
#endif
