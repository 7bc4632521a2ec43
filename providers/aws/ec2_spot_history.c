/* SPDX-License-Identifier: Apache-2.0 */
/* Spot price history: all regions in flight together, page by page, streamed. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/timefmt.h"
#include "providers/aws/ec2.h"
#include "providers/aws/ec2_spot_rows.h"

/* Of one page. AWS sends 1000 rows; others ignore MaxResults and send all of them. */
#define SPOT_PAGE_MAX ((size_t)64 << 20)

static int take_page(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct spot_rows *rows = job->ctx;

	(void)root;
	if (spot_rows_page(rows, err))
		return -1;
	int rc = ec2_job_next(job, rows->next_token, err);
	free(rows->next_token);
	rows->next_token = NULL;
	return rc;
}

static void fill_form(struct aws_form *form, const struct spot_query *query)
{
	char since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];

	aws_form_init(form, "DescribeSpotPriceHistory", AWS_EC2_VERSION);
	for (size_t i = 0; i < query->nr_types; i++)
		aws_form_addn(form, query->types[i], "InstanceType.%zu", i + 1);
	aws_form_add(form, "ProductDescription.1", "Linux/UNIX");
	aws_form_add(form, "AvailabilityZone", query->zone);
	aws_form_add(form, "StartTime", time_format(since, query->since));
	aws_form_add(form, "EndTime", time_format(until, query->until));
	aws_form_add(form, "MaxResults", "1000");
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

static int by_place(const void *a, const void *b)
{
	const struct spot_series *x = a, *y = b;
	int rc = strcmp(x->region, y->region);

	if (!rc)
		rc = strcmp(x->type, y->type);
	return rc ? rc : strcmp(x->zone.name, y->zone.name);
}

/* Rows with a type or a zone that the region has never heard of are no rows, and no failure. */
static bool is_unknown(const struct error *err)
{
	return aws_error_is(err, "InvalidInstanceType*");
}

static void ask(struct provider *p, const struct spot_query *query, struct spot_rows *rows,
		struct spot_history *history, struct ec2_failures *failures)
{
	size_t n = query->nr_regions, total = 0, cap = 0;
	struct ec2_job *jobs = xcalloc(n + 1, sizeof(*jobs));
	struct aws_stream *streams = xcalloc(n + 1, sizeof(*streams));

	for (size_t i = 0; i < n; i++) {
		rows[i].query = query;
		rows[i].region = query->regions[i];
		rows[i].total = &total;
		streams[i].handler.ctx = &rows[i];
		streams[i].handler.start = spot_rows_start;
		streams[i].handler.end = spot_rows_end;
		streams[i].restart = spot_rows_restart;
		streams[i].max_bytes = SPOT_PAGE_MAX;
		jobs[i].region = query->regions[i];
		jobs[i].page = take_page;
		jobs[i].ctx = &rows[i];
		jobs[i].stream = &streams[i];
		fill_form(&jobs[i].form, query);
	}
	ec2_jobs_run(p, jobs, n);
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].rc && !is_unknown(&jobs[i].err))
			ec2_failures_add(failures, jobs[i].region, &jobs[i].err);
		else if (!jobs[i].rc)
			spot_rows_series(&rows[i], history, &cap);
		spot_rows_release(&rows[i]);
		ec2_job_release(&jobs[i]);
	}
	free(jobs);
	free(streams);
}

int aws_spot_history(struct provider *p, const struct spot_query *query, struct spot_history *ret,
		     struct error *err)
{
	struct spot_history history = { 0 };

	if (check_query(query, err))
		return -1;
	if (query->nr_types == 0 || query->nr_regions == 0) {
		*ret = history;
		return 0;
	}
	struct ec2_failures failures = { .arena = &history.arena };
	struct spot_rows *rows = xcalloc(query->nr_regions, sizeof(*rows));
	ask(p, query, rows, &history, &failures);
	free(rows);
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
