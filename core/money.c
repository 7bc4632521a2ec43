/* SPDX-License-Identifier: Apache-2.0 */
#include "core/money.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

#define DECIMALS    6
#define TEXT_IN_MAX 24

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads the fraction after the point: six decimals, the seventh rounds. -1: not a number. */
static int parse_fraction(const char *p, int64_t *ret)
{
	int64_t value = 0;
	int n = 0;
	bool up = false;

	if (!*p)
		return -1;
	for (; *p; p++, n++) {
		if (!is_digit(*p))
			return -1;
		if (n < DECIMALS)
			value = value * 10 + (*p - '0');
		else if (n == DECIMALS)
			up = *p >= '5';
	}
	for (; n < DECIMALS; n++)
		value *= 10;
	*ret = value + (up ? 1 : 0);
	return 0;
}

int money_parse(const char *text, const char *what, int64_t *ret_micros, struct error *err)
{
	int64_t whole = 0, fraction = 0;
	const char *p = text;

	if (strnlen(text, TEXT_IN_MAX + 1) > TEXT_IN_MAX)
		return error_set(err, ERROR_USAGE, "%s is too long for an amount of dollars", what);
	if (!is_digit(*p))
		goto bad;
	for (; is_digit(*p); p++) {
		whole = whole * 10 + (*p - '0');
		if (whole > MONEY_MAX / USD_MICROS)
			return error_set(err, ERROR_USAGE, "%s '%s' is more than a billion dollars",
					 what, text);
	}
	if (*p == '.') {
		if (parse_fraction(p + 1, &fraction) < 0)
			goto bad;
	} else if (*p) {
		goto bad;
	}
	if (whole * USD_MICROS + fraction > MONEY_MAX)
		return error_set(err, ERROR_USAGE, "%s '%s' is more than a billion dollars", what,
				 text);
	*ret_micros = whole * USD_MICROS + fraction;
	return 0;
bad:
	return error_set(err, ERROR_USAGE, "%s '%s' is not an amount of dollars such as 7.21", what,
			 text);
}

char *money_format(char out[MONEY_TEXT_MAX], int64_t micros, int decimals)
{
	const char *sign = micros < 0 ? "-" : "";
	uint64_t value = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
	char fraction[DECIMALS + 1];

	snprintf(fraction, sizeof(fraction), "%06u", (unsigned)(value % (uint64_t)USD_MICROS));
	int n = DECIMALS;
	while (n > decimals && n > 0 && fraction[n - 1] == '0')
		n--;
	fraction[n] = '\0';
	snprintf(out, MONEY_TEXT_MAX, "%s%llu%s%s", sign,
		 (unsigned long long)(value / (uint64_t)USD_MICROS), n ? "." : "", fraction);
	return out;
}

int64_t money_round_up(int64_t micros, int64_t step)
{
	return (micros + step - 1) / step * step;
}

int64_t money_for_time(int64_t micros_per_hour, int64_t seconds)
{
	/* Hours and the rest apart, so that nothing overflows. */
	int64_t hours = seconds / 3600, rest = seconds % 3600;

	if (hours && micros_per_hour > MONEY_MAX / hours)
		return MONEY_MAX;
	int64_t sum = micros_per_hour * hours + (micros_per_hour / 3600) * rest +
		      ((micros_per_hour % 3600) * rest + 1800) / 3600;
	return sum < MONEY_MAX ? sum : MONEY_MAX;
}
