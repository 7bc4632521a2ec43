/* SPDX-License-Identifier: Apache-2.0 */
/* Tags on whatever has an id. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define IDS_MAX	     1000
#define PAGE_DEFAULT 1000

struct tag_change {
	struct object **objects;
	size_t nr_objects;
	struct cloud_tag *tags; /* borrowed; value NULL: none was given */
	size_t nr_tags;
};

/* ResourceId.N and Tag.N. */
static void read_change(struct ec2_call *call, struct tag_change *change)
{
	struct sim_params *params = call->params;
	const char **ids = params_list(params, "ResourceId", IDS_MAX, &change->nr_objects);

	change->nr_tags = params_count(params, "Tag", IDS_MAX);
	change->objects =
		arena_alloc(&params->arena, (change->nr_objects + 1) * sizeof(struct object *));
	change->tags = arena_alloc(&params->arena, (change->nr_tags + 1) * sizeof(*change->tags));
	if (change->nr_objects == 0)
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter resourceIdSet");
	for (size_t i = 0; i < change->nr_tags; i++) {
		const char *key = params_need(params, params_name(params, "Tag.%zu.Key", i + 1));
		const char *value = params_get(params, params_name(params, "Tag.%zu.Value", i + 1));

		if (params_failed(params) || tag_check(call, key, value ? value : "") != 0)
			return;
		change->tags[i].key = arena_strdup(&params->arena, key);
		change->tags[i].value = arena_strdup(&params->arena, value);
	}
	for (size_t i = 0; i < change->nr_objects && !params_failed(params); i++)
		change->objects[i] = object_need(call, ids[i]);
}

/* Whether all would fit, before any is set. */
static void check_room(struct ec2_call *call, const struct tag_change *change)
{
	for (size_t i = 0; i < change->nr_objects && !params_failed(call->params); i++) {
		size_t nr = change->objects[i]->tags.nr;

		for (size_t n = 0; n < change->nr_tags; n++)
			nr += tags_get(&change->objects[i]->tags, change->tags[n].key) ? 0 : 1;
		if (nr > TAGS_MAX)
			ec2_fail(call, "TagLimitExceeded",
				 "The maximum number of Tags for a resource has been reached.");
	}
}

void act_create_tags(struct ec2_call *call)
{
	struct tag_change change;

	read_change(call, &change);
	if (change.nr_tags == 0)
		ec2_fail(call, "MissingParameter", "The request must contain the parameter tagSet");
	check_room(call, &change);
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < change.nr_objects; i++) {
		for (size_t n = 0; n < change.nr_tags; n++)
			tags_set(&change.objects[i]->tags, change.tags[n].key,
				 change.tags[n].value ? change.tags[n].value : "");
	}
	out_bool(call->out, "return", true);
}

/* Without tags all are dropped; with a value only where it is that one. */
static void drop_tags(struct object *object, const struct tag_change *change)
{
	if (change->nr_tags == 0)
		tags_release(&object->tags);
	for (size_t n = 0; n < change->nr_tags; n++) {
		const struct cloud_tag *tag = &change->tags[n];

		if (!tag->value || text_equal(tags_get(&object->tags, tag->key), tag->value))
			tags_drop(&object->tags, tag->key);
	}
}

void act_delete_tags(struct ec2_call *call)
{
	struct tag_change change;

	read_change(call, &change);
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < change.nr_objects; i++)
		drop_tags(change.objects[i], &change);
	out_bool(call->out, "return", true);
}

struct tag_view {
	const struct object *object;
	const struct cloud_tag *tag;
};

static const char *tag_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct tag_view *view = thing;

	(void)scratch;
	if (i > 0)
		return NULL;
	if (strcmp(name, "key") == 0)
		return view->tag->key;
	if (strcmp(name, "value") == 0)
		return view->tag->value;
	if (strcmp(name, "resource-id") == 0)
		return view->object->id;
	return object_kind_name(view->object->kind);
}

static bool shows_tags(const struct ec2_call *call, const struct object *object)
{
	const void *whole = object;

	if (object->region != call->region)
		return false;
	if (object->kind == OBJECT_INSTANCE)
		return instance_visible(call->cloud, whole);
	return object->kind == OBJECT_SPOT_REQUEST || !object->ended_ms;
}

/* Tags of one object; false when the page is full. */
static bool write_tags(struct ec2_call *call, const struct object *object,
		       const struct filters *filters, size_t max, size_t *written)
{
	size_t before = *written;

	for (size_t i = 0; i < object->tags.nr; i++) {
		struct tag_view view = { object, &object->tags.v[i] };

		/* an object's tags stay on one page, so that a token need only name an object */
		if (!filters_match(filters, NULL, tag_field, &view))
			continue;
		if (before >= max)
			return false;
		out_open(call->out, "item");
		out_str(call->out, "resourceId", object->id);
		out_str(call->out, "resourceType", object_kind_name(object->kind));
		out_str(call->out, "key", view.tag->key);
		out_str(call->out, "value", view.tag->value);
		out_close(call->out, "item");
		(*written)++;
	}
	return true;
}

void act_describe_tags(struct ec2_call *call)
{
	static const char *const known[] = { "key", "value", "resource-id", "resource-type", NULL };
	struct cloud *cloud = call->cloud;
	struct filters filters;
	struct page page;
	size_t written = 0, i;

	page_read(call, 5, 1000, PAGE_DEFAULT, &page);
	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	out_open(call->out, "tagSet");
	for (i = (size_t)page.from; i < cloud->nr_objects; i++) {
		if (shows_tags(call, cloud->objects[i]) &&
		    !write_tags(call, cloud->objects[i], &filters, page.max, &written))
			break;
	}
	out_close(call->out, "tagSet");
	if (i < cloud->nr_objects)
		page_next(call, (int64_t)i, 0);
}
