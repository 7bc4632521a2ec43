/* SPDX-License-Identifier: Apache-2.0 */
#include "spot_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/aws/aws.h"

const char *const spot_server_regions[SPOT_SERVER_REGIONS] = { "ap-south-1", "eu-west-1",
							       "us-east-1", "us-west-2" };

#define SERIES_MAX 32 /* of one region */

/* --- the question -------------------------------------------------------------------------- */

struct question {
	char *region;
	char *types[8];
	size_t nr_types;
	int64_t since_ms, until_ms;
	size_t max;
	char *token;
};

static int64_t ms_of(const char *text)
{
	struct error err = ERROR_INIT;
	int64_t s = 0;

	assert_int_equal(time_parse(text, "time", &s, &err), 0);
	return s * 1000;
}

static void take_param(struct question *question, const char *name, const char *value)
{
	if (text_starts_with(name, "InstanceType.")) {
		assert_true(question->nr_types < ARRAY_SIZE(question->types));
		question->types[question->nr_types++] = xstrdup(value);
	} else if (!strcmp(name, "StartTime")) {
		question->since_ms = ms_of(value);
	} else if (!strcmp(name, "EndTime")) {
		question->until_ms = ms_of(value);
	} else if (!strcmp(name, "MaxResults")) {
		question->max = strtoul(value, NULL, 10);
	} else if (!strcmp(name, "NextToken")) {
		question->token = xstrdup(value);
	}
}

static void read_question(const struct http_request *request, struct question *ret)
{
	const char *body = request->body, *end = body + request->body_len;
	const char *region = strstr(request->url, "ec2.") + 4;

	*ret = (struct question){ .region = xstrndup(region, strcspn(region, ".")) };
	while (body < end) {
		const char *stop = memchr(body, '&', (size_t)(end - body));
		struct buf pair = BUF_INIT;

		if (!stop)
			stop = end;
		assert_int_equal(url_decode(&pair, body, (size_t)(stop - body), true), 0);
		char *mark = strchr(pair.data, '=');
		assert_non_null(mark);
		*mark = '\0';
		take_param(ret, pair.data, mark + 1);
		buf_release(&pair);
		body = stop + 1;
	}
}

static void free_question(struct question *question)
{
	for (size_t i = 0; i < question->nr_types; i++)
		free(question->types[i]);
	free(question->region);
	free(question->token);
}

static bool asks_for(const struct question *question, const char *type)
{
	for (size_t i = 0; i < question->nr_types; i++)
		if (!strcmp(question->types[i], type))
			return true;
	return false;
}

/* --- the answer ---------------------------------------------------------------------------- */

static enum spot_order sorting; /* qsort passes nothing on */

static unsigned hash(const struct server_row *row)
{
	uint64_t x = (uint64_t)row->ms * 2654435761u + row->seq * 40503u;

	for (const char *p = row->zone; *p; p++)
		x = x * 31 + (unsigned char)*p;
	return (unsigned)((x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 33);
}

static int newest_first(const struct server_row *x, const struct server_row *y)
{
	if (x->ms != y->ms)
		return x->ms < y->ms ? 1 : -1;
	return x->seq < y->seq ? 1 : -1;
}

static int by_order(const void *a, const void *b)
{
	const struct server_row *x = *(const struct server_row *const *)a;
	const struct server_row *y = *(const struct server_row *const *)b;
	int rc = 0;

	if (sorting == SPOT_OLDEST)
		return -newest_first(x, y);
	if (sorting == SPOT_BY_ZONE)
		rc = strcmp(x->zone, y->zone);
	else if (sorting == SPOT_SHUFFLED && hash(x) != hash(y))
		rc = hash(x) < hash(y) ? -1 : 1;
	return rc ? rc : newest_first(x, y);
}

static bool same_series(const struct server_row *a, const struct server_row *b)
{
	return !strcmp(a->zone, b->zone) && !strcmp(a->type, b->type);
}

static bool in_window(const struct spot_server *server, const struct question *question,
		      const struct server_row *row)
{
	return row->ms >= question->since_ms &&
	       (row->ms < question->until_ms ||
		(row->ms == question->until_ms && !server->open_end));
}

/* The last of each series before the window. */
static void add_before(const struct server_row **before, size_t *nr, const struct server_row *row)
{
	size_t i = 0;

	while (i < *nr && !same_series(before[i], row))
		i++;
	if (i == *nr) {
		assert_true(*nr < SERIES_MAX);
		before[(*nr)++] = row;
	} else if (newest_first(row, before[i]) < 0) {
		before[i] = row;
	}
}

static const struct server_row **find_rows(const struct spot_server *server,
					   const struct question *question, size_t *ret_nr)
{
	const struct server_row **v = xcalloc(server->nr + 1, sizeof(struct server_row *));
	const struct server_row *before[SERIES_MAX];
	size_t nr = 0, nr_before = 0;

	for (size_t i = 0; i < server->nr; i++) {
		const struct server_row *row = &server->rows[i];

		if (strcmp(row->region, question->region) != 0 ||
		    (!server->ignores_types && !asks_for(question, row->type)))
			continue;
		if (server->ignores_times || in_window(server, question, row))
			v[nr++] = row;
		else if (row->ms < question->since_ms)
			add_before(before, &nr_before, row);
	}
	for (size_t i = 0; i < nr_before; i++)
		v[nr++] = before[i];
	sorting = server->order;
	qsort(v, nr, sizeof(*v), by_order);
	*ret_nr = nr;
	return v;
}

static void print_row(struct buf *out, const struct server_row *row)
{
	char time[TIME_TEXT_MAX];

	time_format(time, row->ms / 1000);
	buf_addf(out,
		 "<item><instanceType>%s</instanceType><productDescription>Linux/UNIX"
		 "</productDescription><spotPrice>%lld.%06lld</spotPrice><timestamp>%.19s.%03dZ"
		 "</timestamp><availabilityZone>%s</availabilityZone></item>\n",
		 row->type, (long long)(row->micros / 1000000), (long long)(row->micros % 1000000),
		 time, (int)(row->ms % 1000), row->zone);
}

static void print_page(const struct spot_server *server, const struct question *question,
		       struct buf *out)
{
	const char *token = question->token ? question->token : server->empty_pages ? "e0" : "t0";
	size_t nr, at = strtoul(token + 1, NULL, 10);

	if (server->circle || server->endless) {
		at = question->token ? at + 1 : 0;
		buf_addf(out, "<spotPriceHistorySet/><nextToken>c%zu</nextToken>",
			 server->circle ? at % server->circle : at);
		return;
	}
	if (*token == 'e') {
		buf_addf(out, "<spotPriceHistorySet/><nextToken>t%zu</nextToken>", at);
		return;
	}
	const struct server_row **v = find_rows(server, question, &nr);
	size_t end = server->ignores_max || at + question->max > nr ? nr : at + question->max;
	buf_addstr(out, "<spotPriceHistorySet>");
	for (; at < end; at++)
		print_row(out, v[at]);
	buf_addstr(out, "</spotPriceHistorySet>");
	/* The end is an empty token, or none. */
	if (at < nr)
		buf_addf(out, "<nextToken>%c%zu</nextToken>", server->empty_pages ? 'e' : 't', at);
	else if (nr % 2)
		buf_addstr(out, "<nextToken/>");
	free(v);
}

/* --- the transport ------------------------------------------------------------------------- */

static size_t region_index(const struct question *question)
{
	size_t i = 0;

	while (strcmp(spot_server_regions[i], question->region) != 0)
		assert_true(++i < SPOT_SERVER_REGIONS);
	return i;
}

static const char *error_of(struct spot_server *server, const struct question *question)
{
	unsigned count = ++server->of_region[region_index(question)];

	server->requests++;
	if (server->throttle_every && server->requests % server->throttle_every == 0)
		return "RequestLimitExceeded";
	if (server->throttled && !strcmp(server->throttled, question->region) &&
	    count > server->throttled_after)
		return "RequestLimitExceeded";
	if (server->unknown && !strcmp(server->unknown_in, question->region) &&
	    asks_for(question, server->unknown))
		return "InvalidInstanceType";
	return NULL;
}

static void answer(struct spot_server *server, struct http_attempt *attempt)
{
	struct question question;
	struct buf out = BUF_INIT;

	read_question(&attempt->request, &question);
	const char *code = error_of(server, &question);
	attempt->response->received_ms = server->cloud.now_ms;
	attempt->response->status = !code ? 200 : *code == 'R' ? 503 : 400;
	if (code) {
		buf_addf(&attempt->response->body,
			 "<Response><Errors><Error><Code>%s</Code><Message>no</Message></Error>"
			 "</Errors></Response>",
			 code);
	} else {
		buf_addstr(&out, "<R>");
		print_page(server, &question, &out);
		buf_addstr(&out, "</R>");
		attempt->sink_fed = true;
		attempt->rc = attempt->sink(attempt->sink_ctx, out.data, out.len, attempt->err);
	}
	buf_release(&out);
	free_question(&question);
}

static void perform(void *ctx, struct http_attempt **attempts, size_t n)
{
	struct spot_server *server = ctx;
	unsigned together[SPOT_SERVER_REGIONS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct question question;

		read_question(&attempts[i]->request, &question);
		unsigned count = ++together[region_index(&question)];
		if (count > server->most_of_region)
			server->most_of_region = count;
		free_question(&question);
		answer(server, attempts[i]);
	}
	server->cloud.now_ms += 10;
}

void spot_server_init(struct spot_server *server)
{
	struct fake_cloud *cloud = &server->cloud;
	struct error err = ERROR_INIT;

	memset(server, 0, sizeof(*server));
	fake_cloud_init(cloud);
	aws_close(cloud->p);
	http_free(cloud->env.http);
	cloud->env.http = http_new((struct http_transport){ .ctx = server, .perform = perform },
				   &cloud->clock, &cloud->rng);
	assert_int_equal(aws_open(&cloud->env, &cloud->p, &err), 0);
}

void spot_server_release(struct spot_server *server)
{
	fake_cloud_release(&server->cloud);
	free(server->rows);
}

void spot_server_add(struct spot_server *server, const struct server_row *row)
{
	server->rows = xgrow(server->rows, server->nr, &server->cap, sizeof(*server->rows));
	server->rows[server->nr] = *row;
	server->rows[server->nr].seq = (unsigned)server->nr;
	server->nr++;
}
