/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/own.h"

#include <math.h>

#include "core/error.h"

int own_break_even(const struct own *own, int64_t rate, double *ret_hours, struct error *err)
{
	if (own->price <= 0)
		return error_set(err, ERROR_USAGE, "the price to buy it must be above 0");
	if (own->running_cost < 0)
		return error_set(err, ERROR_USAGE, "what it costs to run is below 0");
	if (rate <= 0)
		return error_set(err, ERROR_USAGE, "the price to rent it must be above 0");
	*ret_hours = rate > own->running_cost
			     ? (double)own->price / (double)(rate - own->running_cost)
			     : (double)INFINITY;
	return 0;
}
