/* SPDX-License-Identifier: Apache-2.0 */
/* The regions this account may use: DescribeRegions without AllRegions. */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "providers/aws/ec2.h"

#define REGIONS_MAX 256

struct regions_ctx {
	struct region_list *list;
	size_t cap;
	const char *home; /* the region that was asked */
};

static int take_regions(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct regions_ctx *ctx = job->ctx;
	struct region_list *list = ctx->list;
	const struct _xmlNode *set = xml_find(root, "regionInfo");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'regionInfo'");
	while ((item = xml_each(set, "item", item)) != NULL) {
		const char *name = xml_text(item, "regionName");
		if (!ec2_name_ok(name))
			return error_set(err, ERROR_PROTOCOL,
					 "'regionName' of the reply is no region");
		/* Not asked for, but some endpoints list regions that are switched off too, or those
		 * of other partitions, where these credentials mean nothing. */
		if (text_equal(xml_text(item, "optInStatus"), "not-opted-in") ||
		    !aws_same_partition(name, ctx->home))
			continue;
		if (list->nr == REGIONS_MAX)
			return error_set(err, ERROR_PROTOCOL, "the reply has more than %d regions",
					 REGIONS_MAX);
		list->v = arena_grow(&list->arena, list->v, list->nr, &ctx->cap, sizeof(*list->v));
		list->v[list->nr++] = arena_strdup(&list->arena, name);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int ask(struct provider *p, const char *region, struct region_list *ret, struct error *err)
{
	struct region_list list = { 0 };
	struct regions_ctx ctx = { .list = &list, .home = region };
	struct ec2_job job = { .region = region, .page = take_regions, .ctx = &ctx };

	aws_form_init(&job.form, "DescribeRegions", AWS_EC2_VERSION);
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	if (rc) {
		arena_release(&list.arena);
		return -1;
	}
	if (list.nr)
		qsort(list.v, list.nr, sizeof(*list.v), by_name);
	*ret = list;
	return 0;
}

/*
 * Any region can tell the others. The oldest one is asked first, so that listing works where no
 * region is set, or one that does not exist; an account that may not use it is asked at home.
 */
int aws_regions(struct provider *p, struct region_list *ret, struct error *err)
{
	static const char oldest[] = "us-east-1";
	const char *home = aws_config_region_or_default(&p->config);
	struct error why = ERROR_INIT;

	if (!aws_same_partition(home, oldest))
		return ask(p, home, ret, err);
	if (ask(p, oldest, ret, &why) == 0)
		return 0;
	if (strcmp(home, oldest) != 0 && why.kind == ERROR_AUTH && ask(p, home, ret, err) == 0)
		return 0;
	*err = why;
	return -1;
}
