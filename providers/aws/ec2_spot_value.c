/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/ec2_spot_value.h"

#include <stdbool.h>
#include <string.h>

#include "core/error.h"
#include "core/money.h"
#include "core/timefmt.h"

#define WHOLE_MAX 6 /* digits before the point that are read here: below a billion by far */
#define DECIMALS  6

#define DATE_LEN 10 /* "2020-03-20" */
#define TIME_LEN 20 /* "2020-03-20T12:00:00Z" */
#define MS_LEN	 24 /* "2020-03-20T12:00:00.000Z" */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The slow way, for everything that EC2 does not send. */
static int other_price(const char *text, int64_t *ret_micros)
{
	struct error ignored = ERROR_INIT;

	return money_parse(text, "spotPrice", ret_micros, &ignored);
}

int spot_price_parse(const char *text, size_t len, int64_t *ret_micros)
{
	static const int64_t scale[DECIMALS + 1] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
	int64_t value = 0;
	size_t whole = 0, decimals;

	while (whole < len && whole <= WHOLE_MAX && is_digit(text[whole]))
		value = value * 10 + (text[whole++] - '0');
	if (whole < 1 || whole > WHOLE_MAX || whole == len || text[whole] != '.')
		return other_price(text, ret_micros);
	decimals = len - whole - 1;
	if (decimals < 1 || decimals > DECIMALS)
		return other_price(text, ret_micros);
	for (size_t i = whole + 1; i < len; i++) {
		if (!is_digit(text[i]))
			return other_price(text, ret_micros);
		value = value * 10 + (text[i] - '0');
	}
	*ret_micros = value * scale[decimals];
	return 0;
}

static int other_time(const char *text, int64_t *ret_ms)
{
	struct error ignored = ERROR_INIT;
	int64_t ms = 0;

	if (time_parse_ms(text, "timestamp", &ms, &ignored))
		return -1;
	*ret_ms = ms;
	return 0;
}

/* Two digits, 0 to 59; -1 where they are not. */
static int sixty(const char *p)
{
	return is_digit(p[0]) && p[0] <= '5' && is_digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0')
							       : -1;
}

/* Milliseconds into the day of "T12:00:00Z" or "T12:00:00.000Z"; -1: some other way to write it. */
static int64_t clock_ms(const char *p, bool has_ms)
{
	int hour = p[1] >= '0' && p[1] <= '2' && is_digit(p[2]) ? (p[1] - '0') * 10 + (p[2] - '0')
								: -1;
	int minute = sixty(p + 4), second = sixty(p + 7), ms = 0;

	if (p[0] != 'T' || p[3] != ':' || p[6] != ':' || hour < 0 || hour > 23 || minute < 0 ||
	    second < 0)
		return -1;
	if (has_ms) {
		if (p[9] != '.' || !is_digit(p[10]) || !is_digit(p[11]) || !is_digit(p[12]))
			return -1;
		ms = (p[10] - '0') * 100 + (p[11] - '0') * 10 + (p[12] - '0');
	}
	if (p[has_ms ? 13 : 9] != 'Z')
		return -1;
	return (int64_t)(hour * 3600 + minute * 60 + second) * 1000 + ms;
}

int spot_time_parse(struct spot_day *day, const char *text, size_t len, int64_t *ret_ms)
{
	int64_t ms;

	if (len != MS_LEN && len != TIME_LEN)
		return other_time(text, ret_ms);
	ms = clock_ms(text + DATE_LEN, len == MS_LEN);
	if (ms < 0)
		return other_time(text, ret_ms);
	if (memcmp(day->text, text, DATE_LEN) != 0) {
		char date[DATE_LEN + 1];
		int64_t first;

		memcpy(date, text, DATE_LEN);
		date[DATE_LEN] = '\0';
		/* A date alone is the day's first moment. */
		if (other_time(date, &first))
			return -1;
		memcpy(day->text, date, DATE_LEN);
		day->ms = first;
	}
	*ret_ms = day->ms + ms;
	return 0;
}
