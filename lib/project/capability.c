/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "project/capability.h"

const struct capability *const capabilities[HARK_OBSERVER_TOKEN_COUNT] = {
	[HARK_OBSERVER_TOKEN_PG_WRITE] = &capability_rows,
	[HARK_OBSERVER_TOKEN_METRIC_EMIT] = &capability_metrics,
	[HARK_OBSERVER_TOKEN_KMS_RECEIPT] = &capability_receipts,
	[HARK_OBSERVER_TOKEN_LOG] = &capability_log,
};
