/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded prices from text. The files come from outside: each field is checked and named. */
#include "simulator/cloud/market.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

/* Hourly prices of ondemand.csv are us-east-1's; these regions ask the same. */
static const char *const same_price_regions[] = { "us-east-1", "us-east-2", "us-west-2" };

struct lines {
	const char *at, *end;
	const char *name;
	int number;
};

/* The next line without its end, at most 127 bytes, in out. 0: no more; -1: too long or binary. */
static int next_line(struct lines *lines, char out[128], struct error *err)
{
	const char *nl;
	size_t n;

	if (lines->at == lines->end)
		return 0;
	lines->number++;
	nl = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	n = (size_t)((nl ? nl : lines->end) - lines->at);
	if (n > 0 && lines->at[n - 1] == '\r')
		n--;
	if (n >= 128 || memchr(lines->at, '\0', n))
		return error_set(err, ERROR_CONFIG, "'%s' line %d: not a line of prices",
				 lines->name, lines->number);
	memcpy(out, lines->at, n);
	out[n] = '\0';
	lines->at = nl ? nl + 1 : lines->end;
	return 1;
}

static int header(struct lines *lines, const char *expected, struct error *err)
{
	char line[128];
	int rc = next_line(lines, line, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || strcmp(line, expected) != 0)
		return error_set(err, ERROR_CONFIG, "'%s' line 1: expected the header '%s'",
				 lines->name, expected);
	return 0;
}

/* Splits "a,b"; the line keeps both. */
static int split(const struct lines *lines, char *line, char **ret_second, struct error *err)
{
	char *comma = strchr(line, ',');

	if (!comma || strchr(comma + 1, ','))
		return error_set(err, ERROR_CONFIG, "'%s' line %d: expected two fields",
				 lines->name, lines->number);
	*comma = '\0';
	*ret_second = comma + 1;
	return 0;
}

static int price_of(const struct lines *lines, const char *text, int64_t *ret, struct error *err)
{
	struct error why = ERROR_INIT;

	if (money_parse(text, "price", ret, &why) || *ret <= 0)
		return error_set(err, ERROR_CONFIG, "'%s' line %d: bad price '%.40s'", lines->name,
				 lines->number, text);
	return 0;
}

static int time_of(const struct lines *lines, const char *text, int64_t *ret, struct error *err)
{
	char *end;
	long long t = strtoll(text, &end, 10);

	/* Digits only, at most the year 9999: no sign, no blanks, no overflow. */
	if (text[0] < '0' || text[0] > '9' || *end || t > 253402300799LL)
		return error_set(err, ERROR_CONFIG, "'%s' line %d: bad time '%.40s'", lines->name,
				 lines->number, text);
	*ret = t;
	return 0;
}

struct series {
	struct price_point *v;
	size_t nr, cap;
};

static int read_series(struct lines *lines, int64_t shift, struct series *series, struct error *err)
{
	char line[128], *price = NULL;
	int rc;

	if (header(lines, "unix_s,price_usd_per_h", err))
		return -1;
	while ((rc = next_line(lines, line, err)) > 0) {
		struct price_point point;

		if (split(lines, line, &price, err) || time_of(lines, line, &point.time, err) ||
		    price_of(lines, price, &point.micros, err))
			return -1;
		point.time += shift;
		if (series->nr > 0 && point.time <= series->v[series->nr - 1].time)
			return error_set(err, ERROR_CONFIG,
					 "'%s' line %d: time is not after the line before",
					 lines->name, lines->number);
		if (series->nr == MARKET_SERIES_MAX)
			return error_set(err, ERROR_CONFIG, "'%s': more than %d prices",
					 lines->name, MARKET_SERIES_MAX);
		series->v = xgrow(series->v, series->nr, &series->cap, sizeof(*series->v));
		series->v[series->nr++] = point;
	}
	if (rc == 0 && series->nr == 0)
		return error_set(err, ERROR_CONFIG, "'%s': no prices", lines->name);
	return rc;
}

int market_parse_prices(struct market *market, const char *name, const char *type, const char *zone,
			const char *text, size_t len, int64_t shift, struct error *err)
{
	struct lines lines = { .at = text, .end = text + len, .name = name };
	struct series series = { 0 };
	int rc = read_series(&lines, shift, &series, err);

	if (rc == 0)
		rc = market_add_recorded(market, type, zone, series.v, series.nr, err);
	free(series.v);
	return rc;
}

int market_parse_on_demand(struct market *market, const char *name, const char *text, size_t len,
			   struct error *err)
{
	struct lines lines = { .at = text, .end = text + len, .name = name };
	char line[128], *price = NULL;
	int rc;

	if (header(&lines, "instance_type,usd_per_hour", err))
		return -1;
	while ((rc = next_line(&lines, line, err)) > 0) {
		int64_t micros;

		if (split(&lines, line, &price, err) || price_of(&lines, price, &micros, err))
			return -1;
		for (size_t i = 0; i < ARRAY_SIZE(same_price_regions); i++)
			market_set_on_demand(market, line, same_price_regions[i], micros);
	}
	return rc;
}
