/* SPDX-License-Identifier: Apache-2.0 */
/* Instances: list by tag over all regions at once. A bad field must never hide an instance. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/aws/ec2.h"

#define TAGS_MAX  50
#define PAGE_SIZE "500" /* a thousand in one region come in two round trips */

static enum instance_state state_of(const struct _xmlNode *item)
{
	static const struct {
		const char *name;
		enum instance_state state;
	} states[] = {
		{ "pending", INSTANCE_PENDING },      { "running", INSTANCE_RUNNING },
		{ "shutting-down", INSTANCE_ENDING }, { "terminated", INSTANCE_GONE },
		{ "stopping", INSTANCE_STOPPING },    { "stopped", INSTANCE_STOPPED },
	};
	const char *name = xml_text(item, "instanceState/name");

	for (size_t i = 0; name && i < ARRAY_SIZE(states); i++)
		if (!strcmp(states[i].name, name))
			return states[i].state;
	return INSTANCE_UNKNOWN;
}

static int64_t parse_time(const char *text)
{
	int64_t s;
	struct error bad;

	return text && *text && !time_parse(text, "time", &s, &bad) ? s : 0;
}

/* "User initiated (2020-01-01 00:00:00 GMT)" tells when. */
static int64_t reason_time(const char *reason)
{
	const char *open = reason ? strrchr(reason, '(') : NULL;
	char text[] = "2020-01-01T00:00:00Z";

	if (!open || strnlen(open + 1, 23) < 23)
		return 0;
	if (strncmp(open + 20, " GMT)", 5) != 0 && strncmp(open + 20, " UTC)", 5) != 0)
		return 0;
	if (open[11] != ' ')
		return 0;
	memcpy(text, open + 1, 10);
	memcpy(text + 11, open + 12, 8);
	return parse_time(text);
}

static const char *address(struct arena *arena, const struct _xmlNode *item, const char *path)
{
	const char *text = xml_text(item, path);
	struct in6_addr v6;
	struct in_addr v4;

	if (!text || (inet_pton(AF_INET, text, &v4) != 1 && inet_pton(AF_INET6, text, &v6) != 1))
		return "";
	return arena_strdup(arena, text);
}

static const char *name_or_empty(struct arena *arena, const struct _xmlNode *item, const char *path)
{
	const char *text = xml_text(item, path);

	return ec2_name_ok(text) ? arena_strdup(arena, text) : "";
}

/* All that carry our prefix; EC2 has at most 50 tags on anything. */
static void fill_tags(const struct _xmlNode *item, struct arena *arena, struct instance *ret)
{
	const struct _xmlNode *set = xml_find(item, "tagSet");
	const struct _xmlNode *one = NULL;
	struct tag *tags = NULL;
	size_t nr = 0, cap = 0;

	while (set && nr < TAGS_MAX && (one = xml_each(set, "item", one)) != NULL) {
		const char *key = xml_text(one, "key"), *value = xml_text(one, "value");

		if (!key || !value || !text_starts_with(key, TAG_PREFIX))
			continue;
		tags = arena_grow(arena, tags, nr, &cap, sizeof(*tags));
		tags[nr++] = (struct tag){
			.key = arena_strndup(arena, key, strnlen(key, EC2_TEXT_MAX)),
			.value = arena_strndup(arena, value, strnlen(value, EC2_TEXT_MAX)),
		};
	}
	ret->tags = tags;
	ret->nr_tags = nr;
}

static void fill_reason(const struct _xmlNode *item, struct arena *arena, struct instance *ret)
{
	const char *message = xml_text(item, "stateReason/message");
	const char *path = message && *message ? "stateReason/message" : "reason";

	ret->reason = ec2_text(arena, item, path, EC2_TEXT_MAX);
	/* Of a stopped one it is when it was stopped. */
	if (ret->state != INSTANCE_PENDING && ret->state != INSTANCE_RUNNING)
		ret->ended = reason_time(xml_text(item, "reason"));
}

int ec2_instance_parse(const struct _xmlNode *item, const char *region, struct arena *arena,
		       struct instance *ret, struct error *err)
{
	const char *id;

	if (ec2_id(item, "instanceId", "i-", &id, err))
		return -1;
	struct instance instance = {
		.provider = "aws",
		.region = arena_strdup(arena, region),
		.zone = { name_or_empty(arena, item, "placement/availabilityZone"),
			  name_or_empty(arena, item, "placement/availabilityZoneId") },
		.id = arena_strdup(arena, id),
		.type = ec2_text(arena, item, "instanceType", EC2_NAME_MAX),
		.state = state_of(item),
		.spot = text_equal(xml_text(item, "instanceLifecycle"), "spot"),
		.spot_request = name_or_empty(arena, item, "spotInstanceRequestId"),
		.public_ip = address(arena, item, "ipAddress"),
		.private_ip = address(arena, item, "privateIpAddress"),
		.image = name_or_empty(arena, item, "imageId"),
		.key_name = ec2_text(arena, item, "keyName", EC2_TEXT_MAX),
		.launched = parse_time(xml_text(item, "launchTime")),
		.name = ec2_tag_text(arena, item, TAG_NAME),
		.owner = ec2_tag_text(arena, item, TAG_OWNER),
		.launch_id = ec2_tag_text(arena, item, TAG_LAUNCH),
		.token = ec2_text(arena, item, "clientToken", EC2_ID_MAX),
		.hostkey = ec2_tag_text(arena, item, TAG_HOSTKEY),
		.expires = ec2_tag_time(item, TAG_EXPIRES),
	};
	fill_reason(item, arena, &instance);
	fill_tags(item, arena, &instance);
	*ret = instance;
	return 0;
}

/* --- listing ------------------------------------------------------------------------------- */

static bool is_listed(const struct instance_list *list, const struct instance *instance)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->v[i].id, instance->id) &&
		    !strcmp(list->v[i].region, instance->region))
			return true;
	return false;
}

/* A chunk of ids may bring what another has brought. */
static void add_read(struct instance_list *list, size_t *cap,
		     const struct ec2_instance_reader *reader)
{
	for (size_t i = 0; i < reader->nr; i++) {
		if (reader->query->nr_ids && is_listed(list, &reader->v[i]))
			continue;
		list->v = arena_grow(&list->arena, list->v, list->nr, cap, sizeof(*list->v));
		list->v[list->nr++] = reader->v[i];
	}
}

static void add_tag_filter(struct aws_form *form, unsigned *n, const char *key, const char *value)
{
	char name[64];

	snprintf(name, sizeof(name), "tag:%s", key);
	if (value)
		ec2_filter_one(form, n, name, value);
}

static void fill_form(struct aws_form *form, const struct instance_query *query,
		      const char *const *ids, size_t nr_ids)
{
	static const char *const alive[] = { "pending", "running", "shutting-down", "stopping",
					     "stopped" };
	unsigned n = 0;

	aws_form_init(form, "DescribeInstances", AWS_EC2_VERSION);
	/* Ids go into a filter: one that does not exist is then missing, and no error. */
	if (nr_ids)
		ec2_filter(form, &n, "instance-id", ids, nr_ids);
	add_tag_filter(form, &n, TAG_NAME, query->name);
	add_tag_filter(form, &n, TAG_OWNER, query->owner);
	add_tag_filter(form, &n, TAG_LAUNCH, query->launch_id);
	if (query->token)
		ec2_filter_one(form, &n, "client-token", query->token);
	if (!nr_ids && !query->name && !query->launch_id && !query->token)
		ec2_filter_one(form, &n, "tag-key", TAG_LAUNCH);
	if (!query->with_gone)
		ec2_filter(form, &n, "instance-state-name", alive, ARRAY_SIZE(alive));
	aws_form_add(form, "MaxResults", PAGE_SIZE);
}

static void ask(struct provider *p, const struct instance_query *query, struct instance_list *list,
		struct ec2_failures *failures)
{
	size_t chunks = query->nr_ids ? (query->nr_ids + EC2_FILTER_MAX - 1) / EC2_FILTER_MAX : 1;
	size_t n = query->nr_regions * chunks;
	struct ec2_job *jobs = xcalloc(n + 1, sizeof(*jobs));
	struct ec2_instance_reader *readers = xcalloc(n + 1, sizeof(*readers));
	size_t total = 0, cap = 0;

	for (size_t i = 0; i < n; i++) {
		size_t from = i % chunks * EC2_FILTER_MAX;
		size_t nr_ids = query->nr_ids - from;
		if (nr_ids > EC2_FILTER_MAX)
			nr_ids = EC2_FILTER_MAX;
		jobs[i].region = query->regions[i / chunks];
		readers[i] = (struct ec2_instance_reader){
			.region = jobs[i].region,
			.query = query,
			.arena = &list->arena,
			.total = &total,
		};
		ec2_instance_reader_open(&readers[i], &jobs[i]);
		fill_form(&jobs[i].form, query, query->nr_ids ? query->ids + from : NULL, nr_ids);
	}
	ec2_jobs_run(p, jobs, n);
	for (size_t i = 0; i < n; i++) {
		/* One that failed half-way has still told some of what it holds. */
		add_read(list, &cap, &readers[i]);
		if (jobs[i].rc)
			ec2_failures_add(failures, jobs[i].region, &jobs[i].err);
		ec2_instance_reader_release(&readers[i]);
		ec2_job_release(&jobs[i]);
	}
	free(readers);
	free(jobs);
}

static int by_launch(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	if (x->launched != y->launched)
		return x->launched < y->launched ? -1 : 1;
	return strcmp(x->id, y->id);
}

int aws_instances(struct provider *p, const struct instance_query *query, struct instance_list *ret,
		  struct error *err)
{
	struct instance_list list = { 0 };
	struct ec2_failures failures = { .arena = &list.arena };

	for (size_t i = 0; i < query->nr_ids; i++)
		if (!ec2_id_ok(query->ids[i], "i-"))
			return error_set(err, ERROR_USAGE, "'%.80s' is no instance id",
					 query->ids[i]);
	ask(p, query, &list, &failures);
	if (ec2_failures_verdict(&failures, query->nr_regions, err)) {
		arena_release(&list.arena);
		return -1;
	}
	if (list.nr)
		qsort(list.v, list.nr, sizeof(*list.v), by_launch);
	list.failures = failures.v;
	list.nr_failures = failures.nr;
	*ret = list;
	return 0;
}
