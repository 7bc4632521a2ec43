/* SPDX-License-Identifier: Apache-2.0 */
/* One change of a price: it holds from `time` until the next change (right-continuous). */
#ifndef GPUCLOUD_CORE_PRICE_POINT_H
#define GPUCLOUD_CORE_PRICE_POINT_H

#include <stdint.h>

struct price_point {
	int64_t time;   /* Unix seconds */
	int64_t micros; /* micro-dollars per hour */
};

#endif
