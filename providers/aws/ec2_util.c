/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/ec2.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"

const char *ec2_text(struct arena *arena, const struct _xmlNode *node, const char *path, size_t max)
{
	const char *text = xml_text(node, path);

	return text ? arena_strndup(arena, text, strnlen(text, max)) : "";
}

bool ec2_id_ok(const char *s, const char *prefix)
{
	return s && text_starts_with(s, prefix) && s[strlen(prefix)] &&
	       text_is_token(s, "-", EC2_ID_MAX);
}

bool ec2_is_instance_id(const char *text)
{
	size_t len = strlen(text);

	return text_starts_with(text, "i-") && (len == 10 || len == 19) &&
	       strspn(text + 2, "0123456789abcdef") == len - 2;
}

bool ec2_name_ok(const char *s)
{
	return s && text_is_token(s, "-.", EC2_NAME_MAX);
}

int ec2_id(const struct _xmlNode *node, const char *path, const char *prefix, const char **ret,
	   struct error *err)
{
	const char *id = xml_text(node, path);

	if (!id)
		return error_set(err, ERROR_PROTOCOL, "the reply has no '%s'", path);
	if (!ec2_id_ok(id, prefix))
		return error_set(err, ERROR_PROTOCOL, "'%s' of the reply is no identifier", path);
	*ret = id;
	return 0;
}

int ec2_number(const struct _xmlNode *node, const char *path, uint64_t max, uint64_t *ret,
	       struct error *err)
{
	const char *text = xml_text(node, path);

	if (!text || !*text) {
		*ret = 0;
		return 0;
	}
	uint64_t value = 0;
	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9' || s - text > 18)
			return error_set(err, ERROR_PROTOCOL, "'%s' of the reply is no number",
					 path);
		value = value * 10 + (uint64_t)(*s - '0');
	}
	if (value > max)
		return error_set(err, ERROR_PROTOCOL, "'%s' of the reply is out of bounds", path);
	*ret = value;
	return 0;
}

const char *ec2_tag(const struct _xmlNode *node, const char *key)
{
	const struct _xmlNode *set = xml_find(node, "tagSet");
	const struct _xmlNode *item = NULL;

	while (set && (item = xml_each(set, "item", item)) != NULL)
		if (text_equal(xml_text(item, "key"), key))
			return xml_text(item, "value");
	return NULL;
}

const char *ec2_tag_text(struct arena *arena, const struct _xmlNode *node, const char *key)
{
	const char *value = ec2_tag(node, key);

	return value ? arena_strndup(arena, value, strnlen(value, EC2_TEXT_MAX)) : "";
}

int64_t ec2_tag_time(const struct _xmlNode *node, const char *key)
{
	const char *text = ec2_tag(node, key);
	int64_t value = 0;

	if (!text || !*text || strlen(text) > 11 || strspn(text, "0123456789") != strlen(text))
		return 0;
	for (; *text; text++)
		value = value * 10 + (*text - '0');
	return value;
}

void ec2_filter(struct aws_form *form, unsigned *n, const char *name, const char *const *values,
		size_t nr)
{
	++*n;
	aws_form_addn(form, name, "Filter.%u.Name", *n);
	for (size_t i = 0; i < nr; i++)
		aws_form_addn(form, values[i], "Filter.%u.Value.%zu", *n, i + 1);
}

void ec2_filter_one(struct aws_form *form, unsigned *n, const char *name, const char *value)
{
	ec2_filter(form, n, name, &value, 1);
}

void ec2_tag_spec(struct aws_form *form, unsigned n, const char *resource,
		  const struct launch_request *request)
{
	char made[24] = "";
	const struct aws_param tags[] = {
		{ TAG_OWNER, request->owner },
		{ TAG_NAME, request->name },
		{ TAG_LAUNCH, request->launch_id },
		{ TAG_MADE, made },
	};
	unsigned nr = 0;

	if (request->made > 0)
		snprintf(made, sizeof(made), "%" PRId64, request->made);

	aws_form_addn(form, resource, "TagSpecification.%u.ResourceType", n);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!tags[i].value || !*tags[i].value)
			continue;
		nr++;
		aws_form_addn(form, tags[i].name, "TagSpecification.%u.Tag.%u.Key", n, nr);
		aws_form_addn(form, tags[i].value, "TagSpecification.%u.Tag.%u.Value", n, nr);
	}
	for (size_t i = 0; i < request->nr_tags; i++) {
		nr++;
		aws_form_addn(form, request->tags[i].key, "TagSpecification.%u.Tag.%u.Key", n, nr);
		aws_form_addn(form, request->tags[i].value, "TagSpecification.%u.Tag.%u.Value", n,
			      nr);
	}
}

void ec2_launch_name(char out[96], const char *launch_id)
{
	snprintf(out, 96, "gpucloud-%s", launch_id);
}

int ec2_launch_id_check(const char *launch_id, struct error *err)
{
	if (!launch_id || !text_is_token(launch_id, "-_", 63))
		return error_set(err, ERROR_USAGE, "'%.80s' is no launch id",
				 launch_id ? launch_id : "");
	return 0;
}

int ec2_sleep(struct provider *p, int64_t ms, struct error *err)
{
	if (clock_sleep_ms(p->env.clock, ms))
		return error_set(err, ERROR_CANCELLED, "interrupted while waiting for EC2");
	return 0;
}

void ec2_failures_add(struct ec2_failures *failures, const char *region, const struct error *err)
{
	/* One a region is enough: its other calls mostly fail for the same reason. */
	for (size_t i = 0; i < failures->nr; i++)
		if (!strcmp(failures->v[i].region, region))
			return;
	failures->v = arena_grow(failures->arena, failures->v, failures->nr, &failures->cap,
				 sizeof(*failures->v));
	failures->v[failures->nr].region = arena_strdup(failures->arena, region);
	failures->v[failures->nr].err = *err;
	failures->nr++;
}

int ec2_failures_verdict(const struct ec2_failures *failures, size_t regions, struct error *err)
{
	if (regions == 0 || failures->nr < regions)
		return 0;
	*err = failures->v[0].err;
	return -1;
}
