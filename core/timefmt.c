/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timefmt.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/mem.h"

#define DAY_S	   86400
#define YEAR_S	   (INT64_C(365) * DAY_S)
#define SPAN_MAX   (100 * YEAR_S)
#define TEXT_LIMIT 40

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits; -1 where they are not. */
static int digits(const char **p, int n)
{
	int value = 0;

	for (; n; n--, (*p)++) {
		if (!is_digit(**p))
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static bool take(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, or -1 where there is no such day. */
static int64_t days_from_date(int year, int month, int day)
{
	static const unsigned char length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1)
		return -1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (day > length[month - 1] + (month == 2 && leap ? 1 : 0))
		return -1;
	int64_t y = year - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
	for (int m = 1; m < month; m++)
		days += length[m - 1] + (m == 2 && leap ? 1 : 0);
	return days + day - 1;
}

/* "Z" or "+hh:mm"; the rest of the text must be used up. */
static int parse_offset(const char *p, int64_t *ret_s)
{
	*ret_s = 0;
	if (*p == 'Z' || *p == 'z')
		return p[1] ? -1 : 0;
	if (*p != '+' && *p != '-')
		return -1;
	int sign = *p++ == '-' ? -1 : 1;
	int hour = digits(&p, 2);
	if (!take(&p, ':'))
		return -1;
	int minute = digits(&p, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || *p)
		return -1;
	*ret_s = sign * (hour * 3600 + minute * 60);
	return 0;
}

static int parse_fraction(const char **p, int *ret_ms)
{
	int n = 0, ms = 0;

	for (; is_digit(**p); (*p)++, n++)
		if (n < 3)
			ms = ms * 10 + (**p - '0');
	if (n < 1 || n > 9)
		return -1;
	for (; n < 3; n++)
		ms *= 10;
	*ret_ms = ms;
	return 0;
}

static int parse(const char *p, int64_t *ret_ms)
{
	int year = digits(&p, 4);
	if (year < 0 || !take(&p, '-'))
		return -1;
	int month = digits(&p, 2);
	if (month < 0 || !take(&p, '-'))
		return -1;
	int day = digits(&p, 2);
	int64_t days = day < 0 ? -1 : days_from_date(year, month, day);
	if (days < 0)
		return -1;
	if (!*p) {
		*ret_ms = days * DAY_S * 1000;
		return 0;
	}
	if (*p != 'T' && *p != 't' && *p != ' ')
		return -1;
	p++;
	int hour = digits(&p, 2);
	if (hour < 0 || !take(&p, ':'))
		return -1;
	int minute = digits(&p, 2);
	if (minute < 0 || !take(&p, ':'))
		return -1;
	int second = digits(&p, 2), ms = 0;
	if (second < 0 || hour > 23 || minute > 59 || second > 60)
		return -1;
	if (take(&p, '.') && parse_fraction(&p, &ms) < 0)
		return -1;
	int64_t offset;
	if (parse_offset(p, &offset) < 0)
		return -1;
	if (second == 60) /* a leap second is the last instant of its minute */
		second = 59;
	*ret_ms = (days * DAY_S + hour * 3600 + minute * 60 + second - offset) * 1000 + ms;
	return 0;
}

int time_parse_ms(const char *text, const char *what, int64_t *ret_ms, struct error *err)
{
	if (strnlen(text, TEXT_LIMIT + 1) > TEXT_LIMIT || parse(text, ret_ms) < 0)
		return error_set(err, ERROR_USAGE,
				 "%s '%.40s' is not a time such as 2020-03-20T12:00:00Z", what,
				 text);
	return 0;
}

int time_parse(const char *text, const char *what, int64_t *ret_s, struct error *err)
{
	int64_t ms;

	if (time_parse_ms(text, what, &ms, err) < 0)
		return -1;
	*ret_s = ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
	return 0;
}

static int64_t unit_seconds(char c)
{
	switch (c) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DAY_S;
	case 'w':
		return 7 * DAY_S;
	case 'y':
		return YEAR_S;
	default:
		return 0;
	}
}

int duration_parse(const char *text, const char *what, int64_t *ret_s, struct error *err)
{
	int64_t total = 0, last_unit = INT64_MAX;
	const char *p = text;

	if (!*p)
		goto bad;
	while (*p) {
		int64_t value = 0;

		if (!is_digit(*p))
			goto bad;
		for (; is_digit(*p); p++) {
			value = value * 10 + (*p - '0');
			if (value > SPAN_MAX)
				goto bad;
		}
		int64_t unit = unit_seconds(*p);
		/* Units from large to small, each once: "1h30m", not "30m1h". */
		if (!unit || unit >= last_unit || value > SPAN_MAX / unit)
			goto bad;
		last_unit = unit;
		total += value * unit;
		p++;
	}
	if (total < 1 || total > SPAN_MAX)
		goto bad;
	*ret_s = total;
	return 0;
bad:
	return error_set(err, ERROR_USAGE,
			 "%s '%.40s' is not a length of time such as 90d, 12h or 1h30m", what,
			 text);
}

int time_parse_ago(const char *text, const char *what, int64_t now, int64_t *ret_s,
		   struct error *err)
{
	struct error ignored = ERROR_INIT;
	int64_t span, value;

	if (strcmp(text, "now") == 0) {
		*ret_s = now;
		return 0;
	}
	if (duration_parse(text, what, &span, &ignored) == 0) {
		*ret_s = now > span ? now - span : 0;
		return 0;
	}
	if (time_parse(text, what, &value, &ignored) == 0) {
		*ret_s = value;
		return 0;
	}
	return error_set(
		err, ERROR_USAGE,
		"%s '%.40s' is neither a time (2020-03-20T12:00:00Z), a span back from now "
		"(90d, 12h), nor 'now'",
		what, text);
}

/* Years that are no four digits (a hostile or broken clock) print as the bare number. */
static bool split(char out[TIME_TEXT_MAX], int64_t s, struct tm *ret)
{
	time_t t = (time_t)s;

	if (gmtime_r(&t, ret) && ret->tm_year >= -1900 && ret->tm_year <= 9999 - 1900)
		return true;
	snprintf(out, TIME_TEXT_MAX, "%lld", (long long)s);
	return false;
}

char *time_format(char out[TIME_TEXT_MAX], int64_t s)
{
	struct tm tm;

	if (split(out, s, &tm))
		strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

char *time_format_date(char out[TIME_TEXT_MAX], int64_t s)
{
	struct tm tm;

	if (split(out, s, &tm))
		strftime(out, TIME_TEXT_MAX, "%Y-%m-%d", &tm);
	return out;
}

char *time_format_basic(char out[TIME_TEXT_MAX], int64_t s)
{
	struct tm tm;

	if (split(out, s, &tm))
		strftime(out, TIME_TEXT_MAX, "%Y%m%dT%H%M%SZ", &tm);
	return out;
}

char *duration_format(char out[TIME_TEXT_MAX], int64_t s)
{
	if (s < 0)
		s = 0;
	long long d = s / DAY_S, h = s / 3600 % 24, m = s / 60 % 60;

	if (s < 60)
		snprintf(out, TIME_TEXT_MAX, "%lld s", (long long)s);
	else if (s < 3600)
		snprintf(out, TIME_TEXT_MAX, "%lld min", m);
	else if (s < DAY_S)
		snprintf(out, TIME_TEXT_MAX, m ? "%lld h %lld min" : "%lld h", h, m);
	else
		snprintf(out, TIME_TEXT_MAX, h ? "%lld d %lld h" : "%lld d", d, h);
	return out;
}

int64_t time_parse_http(const char *text)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const char *p = text;
	bool known = false;
	int month = 0;

	for (size_t i = 0; i < ARRAY_SIZE(days); i++)
		known |= strncmp(p, days[i], 3) == 0;
	if (!known || strlen(text) != 29)
		return -1;
	p += 3;
	if (!take(&p, ',') || !take(&p, ' '))
		return -1;
	int day = digits(&p, 2);
	if (!take(&p, ' '))
		return -1;
	for (int i = 0; i < 12; i++)
		if (strncmp(p, months[i], 3) == 0)
			month = i + 1;
	p += 3;
	if (!month || !take(&p, ' '))
		return -1;
	int year = digits(&p, 4);
	if (!take(&p, ' '))
		return -1;
	int hour = digits(&p, 2), minute = take(&p, ':') ? digits(&p, 2) : -1;
	int second = take(&p, ':') ? digits(&p, 2) : -1;
	int64_t date = day < 0 || year < 0 ? -1 : days_from_date(year, month, day);
	if (date < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 60 || strcmp(p, " GMT") != 0)
		return -1;
	return date * DAY_S + hour * 3600 + minute * 60 + second;
}
