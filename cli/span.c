/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/span.h"

#include <string.h>

#include "core/error.h"
#include "core/timefmt.h"

#define DIGITS_MAX 10

int span_parse(const char *text, const char *what, int64_t most_s, int64_t *ret_s,
	       struct error *err)
{
	size_t digits = strspn(text, "0123456789");
	char at_most[TIME_TEXT_MAX];
	int64_t value = 0;

	if (digits > 0 && !text[digits] && digits <= DIGITS_MAX) {
		for (const char *p = text; *p; p++)
			value = value * 10 + (*p - '0');
	} else if (duration_parse(text, what, &value, err) < 0) {
		return error_set(err, ERROR_USAGE,
				 "%s '%.40s' is no length of time: seconds, or 90s, 10m, 1h30m",
				 what, text);
	}
	if (value < 1 || value > most_s)
		return error_set(err, ERROR_USAGE, "%s '%.40s' is not between 1 s and %s", what,
				 text, duration_format(at_most, most_s));
	*ret_s = value;
	return 0;
}
