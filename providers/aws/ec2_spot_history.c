/* SPDX-License-Identifier: Apache-2.0 */
/* Spot price history: all regions and windows of time in flight together, streamed. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "providers/aws/ec2.h"
#include "providers/aws/ec2_spot_history.h"

/* Of one page. AWS sends 1000 rows; others ignore MaxResults and send all of them. */
#define SPOT_PAGE_MAX ((size_t)64 << 20)

struct asking;

/* One region: its columns, and the chains of pages that fill them. */
struct place {
	struct asking *asking;
	struct spot_region rows;
	struct ec2_lane lane;
	struct chain *chains;
	unsigned nr_chains;
};

/* One window of one region: its pages follow each other by NextToken. */
struct chain {
	struct chain *next;
	struct place *place;
	struct spot_window window;
	struct spot_page page;
	struct aws_stream stream;
	struct ec2_job job;
	const char *type; /* NULL: all of the query */
	unsigned before;  /* requests that had to come before its first */
};

struct asking {
	struct provider *p;
	const struct spot_query *query;
	const struct spot_tuning *tuning;
	int64_t now;
	struct ec2_jobs jobs;
	struct place *places;
	size_t total; /* rows */
	struct spot_stats stats;
};

static int take_page(struct ec2_job *job, const struct _xmlNode *root, struct error *err);

static void fill_form(struct chain *chain)
{
	const struct spot_query *query = chain->place->asking->query;
	struct aws_form *form = &chain->job.form;
	char since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];

	aws_form_init(form, "DescribeSpotPriceHistory", AWS_EC2_VERSION);
	if (chain->type)
		aws_form_add(form, "InstanceType.1", chain->type);
	for (size_t i = 0; i < query->nr_types && !chain->type; i++)
		aws_form_addn(form, query->types[i], "InstanceType.%zu", i + 1);
	aws_form_add(form, "ProductDescription.1", "Linux/UNIX");
	aws_form_add(form, "AvailabilityZone", query->zone);
	aws_form_add(form, "StartTime", time_format(since, chain->window.since));
	aws_form_add(form, "EndTime", time_format(until, chain->window.until));
	aws_form_addf(form, "MaxResults", "%u", chain->place->asking->tuning->page_rows);
}

/* Rows with a type or a zone that the region has never heard of are no rows, and no failure. */
static bool is_unknown(const struct error *err)
{
	return aws_error_is(err, "InvalidInstanceType*");
}

static struct chain *add_chain(struct asking *asking, struct place *place,
			       const struct spot_window *window, const char *type)
{
	struct chain *chain = xcalloc(1, sizeof(*chain));

	chain->place = place;
	chain->window = *window;
	chain->type = type;
	chain->page.region = &place->rows;
	chain->page.from_ms = window->from_ms;
	chain->page.to_ms = window->to_ms;
	chain->stream = (struct aws_stream){
		.handler = { .ctx = &chain->page, .start = spot_page_start, .end = spot_page_end },
		.restart = spot_page_restart,
		.max_bytes = SPOT_PAGE_MAX,
	};
	chain->job.region = place->rows.name;
	chain->job.page = take_page;
	chain->job.ctx = chain;
	chain->job.stream = &chain->stream;
	chain->job.lane = &place->lane;
	chain->job.excused = type ? is_unknown : NULL;
	fill_form(chain);
	chain->next = place->chains;
	place->chains = chain;
	place->nr_chains++;
	asking->stats.windows++;
	ec2_jobs_add(&asking->jobs, &chain->job);
	return chain;
}

/* n may be more than there is room for. */
static void add_windows(struct place *place, const struct spot_window *window, unsigned n,
			const char *type, unsigned before)
{
	struct asking *asking = place->asking;
	struct spot_window v[SPOT_WINDOWS_MAX];

	n = spot_window_cut(window, n < SPOT_WINDOWS_MAX ? n : SPOT_WINDOWS_MAX, asking->now, v);
	/* The newest first: it answers what most ask for. */
	for (unsigned i = n; i > 0; i--)
		add_chain(asking, place, &v[i - 1], type)->before = before;
}

/* Many pages are to come, and there is room for more windows: they take this one's place. */
static bool cut_again(struct chain *chain)
{
	struct place *place = chain->place;
	const struct spot_page *page = &chain->page;
	unsigned n;

	if (chain->job.pages != 1 || !page->next_token || !*page->next_token ||
	    place->nr_chains >= SPOT_WINDOWS_MAX)
		return false;
	n = spot_more_windows(&chain->window, page, place->asking->now, place->asking->tuning);
	if (n > SPOT_WINDOWS_MAX - place->nr_chains)
		n = SPOT_WINDOWS_MAX - place->nr_chains;
	if (n < 2)
		return false;
	spot_page_drop(&chain->page);
	add_windows(place, &chain->window, n, chain->type, chain->before + chain->job.pages);
	return true;
}

static void count(struct chain *chain)
{
	struct spot_stats *stats = &chain->place->asking->stats;
	unsigned depth = chain->before + chain->job.pages;

	stats->requests++;
	if (stats->longest < depth)
		stats->longest = depth;
}

static int take_page(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct chain *chain = job->ctx;
	struct spot_page *page = &chain->page;

	(void)root;
	count(chain);
	if (spot_page_check(page, err))
		return -1;
	if (cut_again(chain)) {
		job->done = true;
		return 0;
	}
	spot_page_keep(page);
	int rc = ec2_job_next(job, page->next_token, err);
	spot_page_drop(page);
	return rc;
}

static int check_query(const struct spot_query *query, struct error *err)
{
	for (size_t i = 0; i < query->nr_types; i++)
		if (!ec2_name_ok(query->types[i]))
			return error_set(err, ERROR_USAGE, "'%.80s' is no instance type",
					 query->types[i]);
	if (query->zone && !ec2_name_ok(query->zone))
		return error_set(err, ERROR_USAGE, "'%.80s' is no zone", query->zone);
	if (query->since < 0 || query->until < query->since)
		return error_set(err, ERROR_USAGE, "the history would end before it begins");
	return 0;
}

static void drop_chains(struct place *place)
{
	while (place->chains) {
		struct chain *chain = place->chains;

		place->chains = chain->next;
		ec2_job_release(&chain->job);
		spot_page_release(&chain->page);
		free(chain);
	}
	place->nr_chains = 0;
}

static struct spot_window whole(const struct spot_query *query)
{
	return (struct spot_window){ query->since, query->until, INT64_MIN, INT64_MAX };
}

static void open_place(struct asking *asking, struct place *place, const char *region)
{
	struct buf url = BUF_INIT;
	struct error ignored = ERROR_INIT;
	const struct spot_window window = whole(asking->query);
	int64_t ahead_ms = 0;

	if (aws_config_endpoint(&asking->p->config, "ec2", region, &url, &ignored) == 0)
		ahead_ms = http_skew_ms(asking->p->env.http, url.data);
	buf_release(&url);
	place->asking = asking;
	place->rows.query = asking->query;
	place->rows.name = region;
	place->rows.total = &asking->total;
	place->rows.latest_ms = (asking->now + SPOT_AHEAD_S) * 1000 + ahead_ms;
	place->lane.max = asking->tuning->width;
	spot_region_init(&place->rows);
	add_windows(place, &window, spot_first_windows(asking->query, asking->now, asking->tuning),
		    NULL, 0);
}

/* EC2 refuses the whole question for one type: asked each by itself, the others still answer. */
static void ask_one_by_one(struct asking *asking)
{
	const struct spot_query *query = asking->query;
	const struct spot_window window = whole(query);

	ec2_jobs_release(&asking->jobs);
	for (size_t i = 0; i < query->nr_regions && query->nr_types > 1; i++) {
		struct place *place = &asking->places[i];

		if (!place->lane.failed || !is_unknown(&place->lane.err))
			continue;
		drop_chains(place);
		spot_region_clear(&place->rows);
		place->lane = (struct ec2_lane){ .max = asking->tuning->width };
		for (size_t t = 0; t < query->nr_types; t++)
			add_windows(place, &window, 1, query->types[t], 1);
	}
	ec2_jobs_send(asking->p, &asking->jobs);
}

static void ask(struct asking *asking, struct spot_history *history, struct ec2_failures *failures)
{
	const struct spot_query *query = asking->query;
	size_t cap = 0;

	for (size_t i = 0; i < query->nr_regions; i++)
		open_place(asking, &asking->places[i], query->regions[i]);
	ec2_jobs_send(asking->p, &asking->jobs);
	ask_one_by_one(asking);
	for (size_t i = 0; i < query->nr_regions; i++) {
		struct place *place = &asking->places[i];

		if (place->lane.failed && !is_unknown(&place->lane.err))
			ec2_failures_add(failures, place->rows.name, &place->lane.err);
		else if (!place->lane.failed)
			spot_region_series(&place->rows, history, &cap);
		drop_chains(place);
		spot_region_release(&place->rows);
	}
	ec2_jobs_release(&asking->jobs);
}

static int by_place(const void *a, const void *b)
{
	const struct spot_series *x = a, *y = b;
	int rc = strcmp(x->region, y->region);

	if (!rc)
		rc = strcmp(x->type, y->type);
	return rc ? rc : strcmp(x->zone.name, y->zone.name);
}

int ec2_spot_history_tuned(struct provider *p, const struct spot_query *query,
			   const struct spot_tuning *tuning, struct spot_stats *stats,
			   struct spot_history *ret, struct error *err)
{
	struct spot_history history = { 0 };
	struct ec2_failures failures = { .arena = &history.arena };
	struct asking asking = { .p = p, .query = query, .tuning = tuning };

	*stats = (struct spot_stats){ 0 };
	if (check_query(query, err))
		return -1;
	if (query->nr_types == 0 || query->nr_regions == 0) {
		*ret = history;
		return 0;
	}
	asking.now = clock_now_ms(p->env.clock) / 1000;
	asking.places = xcalloc(query->nr_regions, sizeof(*asking.places));
	ask(&asking, &history, &failures);
	*stats = asking.stats;
	free(asking.places);
	if (ec2_failures_verdict(&failures, query->nr_regions, err)) {
		arena_release(&history.arena);
		return -1;
	}
	if (history.nr)
		qsort(history.v, history.nr, sizeof(*history.v), by_place);
	history.failures = failures.v;
	history.nr_failures = failures.nr;
	*ret = history;
	return 0;
}

int aws_spot_history(struct provider *p, const struct spot_query *query, struct spot_history *ret,
		     struct error *err)
{
	struct spot_stats stats;

	return ec2_spot_history_tuned(p, query, &spot_tuning_default, &stats, ret, err);
}
