/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeInstances as it comes in, one instance at a time: a page never lies in memory as a whole. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define INSTANCES_MAX 100000 /* of one query */

/* One with 32 network interfaces takes 60 KiB, and a page has 500. */
#define PAGE_BYTES ((size_t)64 << 20)

/* Below the root, which has depth 0. */
static const char *const path[] = { "reservationSet", "item", "instancesSet", "item" };

#define INSTANCE ((int)ARRAY_SIZE(path)) /* depth of an instance */

/* Servers that do not know a filter send everything: what was asked is asked again here. */
static bool matches(const struct instance_query *query, const struct instance *instance)
{
	bool any = query->nr_ids || query->name || query->launch_id || query->token;
	bool found = query->nr_ids == 0;

	for (size_t i = 0; i < query->nr_ids && !found; i++)
		found = !strcmp(query->ids[i], instance->id);
	if (!found || (!any && !*instance->launch_id))
		return false;
	if (!query->with_gone && instance->state == INSTANCE_GONE)
		return false;
	return (!query->name || !strcmp(query->name, instance->name)) &&
	       (!query->owner || !strcmp(query->owner, instance->owner)) &&
	       (!query->launch_id || !strcmp(query->launch_id, instance->launch_id)) &&
	       (!query->token || !strcmp(query->token, instance->token));
}

static int take(struct ec2_instance_reader *reader, const struct _xmlNode *item, struct error *err)
{
	struct instance instance;

	if (ec2_instance_parse(item, reader->region, reader->arena, &instance, err))
		return -1;
	if (!matches(reader->query, &instance))
		return 0;
	if (*reader->total == INSTANCES_MAX)
		return error_set(err, ERROR_PROTOCOL, "the reply has more than %d instances",
				 INSTANCES_MAX);
	reader->v = xgrow(reader->v, reader->nr, &reader->cap, sizeof(*reader->v));
	reader->v[reader->nr++] = instance;
	++*reader->total;
	return 0;
}

static int on_start(void *ctx, const char *name, int depth)
{
	struct ec2_instance_reader *reader = ctx;

	if (reader->rc)
		return 0;
	if (depth > 0 && depth == reader->within + 1 && depth <= INSTANCE &&
	    strcmp(name, path[depth - 1]) == 0) {
		reader->within = depth;
		reader->seen_set = true;
	}
	if (reader->within == INSTANCE && xml_part_start(reader->part, name) < 0)
		reader->rc = error_set(&reader->err, ERROR_PROTOCOL,
				       "an instance of the reply has too many elements");
	return 0;
}

/* What is wrong with an instance is told once the page has been read. */
static int on_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct ec2_instance_reader *reader = ctx;
	const struct _xmlNode *item;

	if (reader->rc)
		return 0;
	if (reader->within == INSTANCE) {
		item = xml_part_end(reader->part, text, len);
		if (item)
			reader->rc = take(reader, item, &reader->err);
	} else if (depth == 1 && strcmp(name, "nextToken") == 0 && !reader->next) {
		reader->next = xstrndup(text, len);
	}
	if (depth > 0 && depth == reader->within)
		reader->within--;
	return 0;
}

/* What is known of the page that is being read. */
static void forget_page(struct ec2_instance_reader *reader)
{
	xml_part_clear(reader->part);
	free(reader->next);
	reader->next = NULL;
	reader->seen_set = false;
	reader->within = reader->rc = 0;
}

static void on_restart(void *ctx)
{
	struct ec2_instance_reader *reader = ctx;

	*reader->total -= reader->nr - reader->nr_before;
	reader->nr = reader->nr_before;
	forget_page(reader);
}

static int take_page(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct ec2_instance_reader *reader = job->ctx;
	int rc;

	(void)root;
	if (reader->rc) {
		*err = reader->err;
		return -1;
	}
	if (!reader->seen_set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'reservationSet'");
	reader->nr_before = reader->nr;
	rc = ec2_job_next(job, reader->next, err);
	forget_page(reader);
	return rc;
}

void ec2_instance_reader_open(struct ec2_instance_reader *reader, struct ec2_job *job)
{
	reader->part = xml_part_new();
	reader->stream = (struct aws_stream){
		.handler = { .ctx = reader, .start = on_start, .end = on_end },
		.restart = on_restart,
		.max_bytes = PAGE_BYTES,
	};
	job->stream = &reader->stream;
	job->page = take_page;
	job->ctx = reader;
}

void ec2_instance_reader_release(struct ec2_instance_reader *reader)
{
	xml_part_free(reader->part);
	free(reader->next);
	free(reader->v);
	*reader = (struct ec2_instance_reader){ .region = NULL };
}
