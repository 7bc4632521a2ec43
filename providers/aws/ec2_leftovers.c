/* SPDX-License-Identifier: Apache-2.0 */
/* Everything but instances that carries our tags: every kind in every region, asked at once. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define LEFTOVERS_MAX 100000 /* of one query */
#define PAGE_SIZE     "500"

/* A snapshot that an image is made of cannot go before the image. */
struct part {
	const char *region, *snapshot, *image;
};

struct listing {
	const struct leftover_query *query;
	struct leftover_list list;
	size_t cap;
	struct part *parts;
	size_t nr_parts, cap_parts;
};

/* One kind in one region. */
struct question {
	struct listing *listing;
	const struct ec2_leftover_kind *kind;
	const char *region;
};

static void take_parts(struct listing *listing, const struct _xmlNode *item,
		       const struct leftover *image)
{
	const struct _xmlNode *set = xml_find(item, "blockDeviceMapping"), *disk = NULL;
	struct arena *arena = &listing->list.arena;

	while (set && (disk = xml_each(set, "item", disk)) != NULL) {
		const char *id = xml_text(disk, "ebs/snapshotId");

		if (!ec2_id_ok(id, "snap-") || listing->nr_parts == LEFTOVERS_MAX)
			continue;
		listing->parts = arena_grow(arena, listing->parts, listing->nr_parts,
					    &listing->cap_parts, sizeof(*listing->parts));
		listing->parts[listing->nr_parts++] =
			(struct part){ image->region, arena_strdup(arena, id), image->id };
	}
}

static int take_page(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	const struct question *question = job->ctx;
	struct listing *listing = question->listing;
	struct leftover_list *list = &listing->list;
	const struct _xmlNode *set = xml_find(root, question->kind->set);
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no '%s'", question->kind->set);
	while ((item = xml_each(set, "item", item)) != NULL) {
		struct leftover leftover;
		int rc = ec2_leftover_parse(question->kind, item, question->region, &list->arena,
					    &leftover, err);

		if (rc < 0)
			return -1;
		if (rc == 0 || (listing->query->launch_id &&
				strcmp(listing->query->launch_id, leftover.launch_id) != 0))
			continue;
		if (list->nr == LEFTOVERS_MAX)
			return error_set(err, ERROR_PROTOCOL, "the reply has more than %d items",
					 LEFTOVERS_MAX);
		list->v = arena_grow(&list->arena, list->v, list->nr, &listing->cap,
				     sizeof(*list->v));
		list->v[list->nr++] = leftover;
		if (leftover.kind == LEFTOVER_IMAGE)
			take_parts(listing, item, &leftover);
	}
	return 0;
}

static void fill_form(struct aws_form *form, const struct ec2_leftover_kind *kind,
		      const char *launch_id)
{
	unsigned n = 0;

	aws_form_init(form, kind->action, AWS_EC2_VERSION);
	if (kind->mine)
		aws_form_add(form, "Owner.1", "self");
	if (launch_id)
		ec2_filter_one(form, &n, "tag:" TAG_LAUNCH, launch_id);
	else
		ec2_filter_one(form, &n, "tag-key", TAG_LAUNCH);
	if (kind->state)
		ec2_filter_one(form, &n, "state", kind->state);
	if (kind->paged)
		aws_form_add(form, "MaxResults", PAGE_SIZE);
}

/* 0, or -1 with the first error where nothing at all was answered. */
static int ask(struct provider *p, struct listing *listing, struct ec2_failures *failures,
	       struct error *err)
{
	const struct leftover_query *query = listing->query;
	size_t n = query->nr_regions * EC2_LEFTOVER_KINDS, failed = 0;
	struct ec2_job *jobs = xcalloc(n + 1, sizeof(*jobs));
	struct question *questions = xcalloc(n + 1, sizeof(*questions));

	for (size_t i = 0; i < n; i++) {
		const char *region = query->regions[i / EC2_LEFTOVER_KINDS];

		questions[i] =
			(struct question){ listing, &ec2_leftover_kinds[i % EC2_LEFTOVER_KINDS],
					   i % EC2_LEFTOVER_KINDS
						   ? questions[i - 1].region
						   : arena_strdup(&listing->list.arena, region) };
		jobs[i].region = region;
		jobs[i].page = take_page;
		jobs[i].ctx = &questions[i];
		fill_form(&jobs[i].form, questions[i].kind, query->launch_id);
	}
	ec2_jobs_run(p, jobs, n);
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].rc)
			ec2_failures_add(failures, jobs[i].region, &jobs[i].err);
		failed += jobs[i].rc != 0;
		ec2_job_release(&jobs[i]);
	}
	free(jobs);
	free(questions);
	if (n == 0 || failed < n)
		return 0;
	*err = failures->v[0].err;
	return -1;
}

static int by_place(const void *a, const void *b)
{
	const struct leftover *x = a, *y = b;
	int order = strcmp(x->region, y->region);

	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	return order ? order : strcmp(x->id, y->id);
}

static int by_snapshot(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = strcmp(x->region, y->region);

	return order ? order : strcmp(x->snapshot, y->snapshot);
}

/* Sorted, each once (pages may overlap), and snapshots tied to their images. */
static void put_in_order(struct listing *listing)
{
	struct leftover_list *list = &listing->list;
	size_t kept = 0;

	if (list->nr)
		qsort(list->v, list->nr, sizeof(*list->v), by_place);
	if (listing->nr_parts)
		qsort(listing->parts, listing->nr_parts, sizeof(*listing->parts), by_snapshot);
	for (size_t i = 0; i < list->nr; i++) {
		struct leftover *leftover = &list->v[i];

		if (kept && by_place(&list->v[kept - 1], leftover) == 0)
			continue;
		if (leftover->kind == LEFTOVER_SNAPSHOT && listing->nr_parts) {
			const struct part wanted = { leftover->region, leftover->id, NULL };
			const struct part *part =
				bsearch(&wanted, listing->parts, listing->nr_parts,
					sizeof(*listing->parts), by_snapshot);
			if (part)
				leftover->attached = part->image;
		}
		list->v[kept++] = *leftover;
	}
	list->nr = kept;
}

int aws_leftovers(struct provider *p, const struct leftover_query *query, struct leftover_list *ret,
		  struct error *err)
{
	struct listing listing = { .query = query };
	struct ec2_failures failures = { .arena = &listing.list.arena };

	if (query->launch_id && ec2_launch_id_check(query->launch_id, err))
		return -1;
	if (ask(p, &listing, &failures, err)) {
		arena_release(&listing.list.arena);
		return -1;
	}
	put_in_order(&listing);
	listing.list.failures = failures.v;
	listing.list.nr_failures = failures.nr;
	*ret = listing.list;
	return 0;
}
