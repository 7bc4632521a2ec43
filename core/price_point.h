/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of a price: it holds from `time` until the next change (right-continuous). A change
 * to PRICE_GAP says that nothing is known from there to the next one: what was never asked, or no
 * longer could be, is not guessed.
 */
#ifndef GPUCLOUD_CORE_PRICE_POINT_H
#define GPUCLOUD_CORE_PRICE_POINT_H

#include <stdint.h>

#define PRICE_GAP INT64_C(-1) /* the same as MONEY_UNKNOWN */

struct price_point {
	int64_t time;   /* Unix seconds */
	int64_t micros; /* micro-dollars per hour, or PRICE_GAP */
};

#endif
