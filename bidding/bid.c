/* SPDX-License-Identifier: Apache-2.0 */
#include "bidding/bid.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/money.h"

#define PERCENT_UNIT INT64_C(1000000) /* struct bid: millionths of 1 % */
#define PERCENT_MAX  (1000 * PERCENT_UNIT)
#define DOLLARS_MAX  (10000 * USD_MICROS)
#define WHOLE	     (100 * PERCENT_UNIT) /* 100 %: all of the on-demand price */
#define SHOWN_MAX    32

const int bid_rungs[BID_RUNG_NR] = { 51, 76, 101 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The text as it may be shown: short, and nothing that acts on a terminal. */
static const char *shown(const char *text, char out[SHOWN_MAX + 4])
{
	size_t n = 0;

	for (; text[n] && n < SHOWN_MAX; n++)
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	snprintf(out + n, 4, "%s", text[n] ? "..." : "");
	return out;
}

static int refuse(const char *text, const char *why, struct error *err)
{
	char buf[SHOWN_MAX + 4];

	error_set(err, ERROR_USAGE, "bid '%s' %s", shown(text, buf), why);
	return error_hint(err, "say a share of the on-demand price, such as 51%%, or dollars an "
			       "hour, such as 7.21");
}

/*
 * Digits with at most one point between them, in millionths; more than six decimals round half up.
 * Stops growing above `max`, so that any number of digits is read safely. -1: no such number.
 */
static int read_number(const char *text, size_t len, int64_t max, int64_t *ret)
{
	int64_t whole = 0, part = 0, unit = 1000000;
	size_t i = 0;

	if (!len || !is_digit(text[0]) || !is_digit(text[len - 1]))
		return -1;
	for (; i < len && is_digit(text[i]); i++)
		if (whole <= max)
			whole = whole * 10 + (text[i] - '0');
	if (i < len && text[i++] != '.')
		return -1;
	for (; i < len; i++) {
		if (!is_digit(text[i]))
			return -1;
		if (unit > 1) {
			unit /= 10;
			part += (text[i] - '0') * unit;
		} else if (unit == 1) {
			part += text[i] >= '5';
			unit = 0;
		}
	}
	*ret = whole > max ? INT64_MAX : whole * 1000000 + part;
	return 0;
}

static const char *why_no_number(const char *text, size_t len)
{
	if (!len)
		return text[0] ? "has no number before the %" : "is empty";
	if (strpbrk(text, " \t\r\n"))
		return "has a blank in it";
	if (text[0] == '-')
		return "must be above 0";
	if (strchr(text, ','))
		return "has a comma in it: write a point";
	return "is neither a share of on demand nor dollars an hour";
}

int bid_parse(const char *text, struct bid *ret, struct error *err)
{
	size_t len = strlen(text);
	bool percent = len && text[len - 1] == '%';
	int64_t max = percent ? PERCENT_MAX : DOLLARS_MAX;
	int64_t value;

	if (percent)
		len--;
	if (read_number(text, len, max, &value) < 0)
		return refuse(text, why_no_number(text, len), err);
	if (value <= 0)
		return refuse(text, "must be above 0", err);
	if (value > max)
		return refuse(text,
			      percent ? "is above 1000% of on demand"
				      : "is above 10000 dollars an hour",
			      err);
	*ret = (struct bid){ .percent = percent, .value = value };
	return 0;
}

/* Rounds up, in two steps so that 1000 % of MONEY_MAX does not overflow. */
static int64_t share_of(int64_t price, int64_t share)
{
	int64_t rest = (price % WHOLE) * share;

	return price / WHOLE * share + rest / WHOLE + (rest % WHOLE ? 1 : 0);
}

int bid_resolve(const struct bid *bid, int64_t on_demand, int64_t *ret, struct error *err)
{
	int64_t cap = bid->value;

	if (bid->value <= 0 || bid->value > (bid->percent ? PERCENT_MAX : DOLLARS_MAX))
		return error_set(err, ERROR_USAGE, "the bid is out of range");
	if (bid->percent) {
		if (on_demand <= 0) {
			error_set(err, ERROR_NOT_FOUND,
				  "the on-demand price is not known, so no share of it can be bid");
			return error_hint(err, "bid dollars an hour instead, such as --bid 1.50");
		}
		if (on_demand > MONEY_MAX)
			return error_set(err, ERROR_USAGE, "the on-demand price is out of range");
		cap = share_of(on_demand, bid->value);
	}
	cap = money_round_up(cap, BID_STEP);
	if (cap > MONEY_MAX)
		return error_set(err, ERROR_USAGE,
				 "the bid comes to more than a billion dollars an hour");
	*ret = cap;
	return 0;
}
