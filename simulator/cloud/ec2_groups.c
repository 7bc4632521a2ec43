/* SPDX-License-Identifier: Apache-2.0 */
/* Security groups of the default VPC. Rules: ec2_rules.c. */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/ec2.h"
#include "simulator/cloud/rules.h"

#define LIST_MAX     200
#define TEXT_MAX_LEN 255
#define TEXT_CHARS   " ._-:/()#,@[]+=&;{}!$*"

static struct group *find_group(const struct ec2_call *call, const char *name)
{
	struct object *object = NULL;

	while ((object = object_next(call->cloud, OBJECT_GROUP, call->region, object))) {
		struct group *group = (void *)object;

		if (!object->ended_ms && strcmp(group->name, name) == 0)
			return group;
	}
	return NULL;
}

struct group *group_need(struct ec2_call *call, const char *id, const char *name)
{
	struct group *group;

	if (id) {
		if (id_check(call, id, "sg-", "InvalidGroupId.Malformed") != 0)
			return NULL;
		group = (void *)object_find(call->cloud, OBJECT_GROUP, call->region, id);
		if (group && !group->base.ended_ms)
			return group;
		ec2_fail(call, "InvalidGroup.NotFound", "The security group '%s' does not exist",
			 id);
		return NULL;
	}
	if (!name) {
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter groupName or groupId");
		return NULL;
	}
	group = find_group(call, name);
	if (!group)
		ec2_fail(call, "InvalidGroup.NotFound",
			 "The security group '%.64s' does not exist in default VPC", name);
	return group;
}

static int check_text(struct ec2_call *call, const char *what, const char *text)
{
	if (text_is_token(text, TEXT_CHARS, TEXT_MAX_LEN))
		return 0;
	return ec2_fail(call, "InvalidParameterValue",
			"Value (%.64s) for parameter %s is invalid. At most 255 of a-z, A-Z, 0-9 "
			"and %s",
			text, what, TEXT_CHARS);
}

static void check_new_group(struct ec2_call *call, const char *name, const char *description,
			    const char *vpc)
{
	char default_vpc[CLOUD_ID_MAX];

	vpc_id(call->cloud, call->region, default_vpc);
	if (params_failed(call->params) || check_text(call, "GroupName", name) != 0 ||
	    check_text(call, "GroupDescription", description) != 0)
		return;
	if (text_starts_with(name, "sg-"))
		ec2_fail(call, "InvalidParameterValue",
			 "Value (%s) for parameter GroupName is invalid. It cannot begin with sg-",
			 name);
	else if (!vpc && call->cloud->config.no_default_vpc)
		ec2_fail(call, "VPCIdNotSpecified", "No default VPC for this user");
	else if (vpc && (call->cloud->config.no_default_vpc || strcmp(vpc, default_vpc) != 0))
		ec2_fail(call, "InvalidVpcID.NotFound", "The vpc ID '%.64s' does not exist", vpc);
	else if (find_group(call, name))
		ec2_fail(call, "InvalidGroup.Duplicate",
			 "The security group '%s' already exists for VPC '%s'", name, default_vpc);
}

void act_create_group(struct ec2_call *call)
{
	const char *name = params_need(call->params, "GroupName");
	const char *description = params_need(call->params, "GroupDescription");
	const char *vpc = params_get(call->params, "VpcId");
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct group *group;

	tag_specs_read(call, 1u << OBJECT_GROUP, tags);
	check_new_group(call, name, description, vpc);
	if (ec2_ready(call)) {
		group = (void *)object_new(call->cloud, OBJECT_GROUP, sizeof(*group), call->region,
					   NULL);
		group->name = xstrdup(name);
		group->description = xstrdup(description);
		tags_copy(&group->base.tags, &tags[OBJECT_GROUP]);
		out_bool(call->out, "return", true);
		out_str(call->out, "groupId", group->base.id);
		out_tags(call->out, group->base.tags.v, group->base.tags.nr);
		out_strf(call->out, "securityGroupArn", "arn:aws:ec2:%s:%s:security-group/%s",
			 call->region->name, call->cloud->account, group->base.id);
	}
	tags_release(&tags[OBJECT_GROUP]);
}

struct group_view {
	const struct ec2_call *call;
	const struct group *group;
};

static const char *group_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct group_view *view = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "group-name") == 0)
		return view->group->name;
	if (strcmp(name, "group-id") == 0)
		return view->group->base.id;
	if (strcmp(name, "description") == 0)
		return view->group->description;
	vpc_id(view->call->cloud, view->call->region, scratch);
	return scratch;
}

static void write_group(struct ec2_call *call, const struct group *group)
{
	struct buf *out = call->out;
	char vpc[CLOUD_ID_MAX];

	vpc_id(call->cloud, call->region, vpc);
	out_open(out, "item");
	out_str(out, "ownerId", call->cloud->account);
	out_str(out, "groupId", group->base.id);
	out_str(out, "groupName", group->name);
	out_str(out, "groupDescription", group->description);
	out_str(out, "vpcId", vpc);
	out_strf(out, "securityGroupArn", "arn:aws:ec2:%s:%s:security-group/%s", call->region->name,
		 call->cloud->account, group->base.id);
	rules_write(out, group);
	out_tags(out, group->base.tags.v, group->base.tags.nr);
	out_close(out, "item");
}

/* The groups asked for by id or name, each of which must exist. */
static bool read_wanted(struct ec2_call *call, struct group **wanted, size_t *ret_nr)
{
	size_t nr_ids, nr_names, nr = 0;
	const char **ids = params_list(call->params, "GroupId", LIST_MAX, &nr_ids);
	const char **names = params_list(call->params, "GroupName", LIST_MAX, &nr_names);

	for (size_t i = 0; i < nr_ids && !params_failed(call->params); i++)
		wanted[nr++] = group_need(call, ids[i], NULL);
	for (size_t i = 0; i < nr_names && !params_failed(call->params); i++)
		wanted[nr++] = group_need(call, NULL, names[i]);
	*ret_nr = nr;
	return !params_failed(call->params);
}

void act_describe_groups(struct ec2_call *call)
{
	static const char *const known[] = { "group-name", "group-id", "description",
					     "vpc-id",	   "tag",      NULL };
	struct group *wanted[2 * LIST_MAX];
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	bool all;

	page_read(call, 5, 1000, 1000, &page);
	filters_read(call, known, &filters);
	if (!read_wanted(call, wanted, &nr) || !ec2_ready(call))
		return;
	all = nr == 0;
	out_open(call->out, "securityGroupInfo");
	while ((object = object_next(call->cloud, OBJECT_GROUP, call->region, object))) {
		struct group *group = (void *)object;
		struct group_view view = { call, group };
		bool named = all;

		for (size_t i = 0; i < nr; i++)
			named = named || wanted[i] == group;
		if (object->ended_ms || !named || (int64_t)object->index < page.from ||
		    !filters_match(&filters, &object->tags, group_field, &view))
			continue;
		if (written++ == page.max) {
			out_close(call->out, "securityGroupInfo");
			page_next(call, (int64_t)object->index, 0);
			return;
		}
		write_group(call, group);
	}
	out_close(call->out, "securityGroupInfo");
}

void act_authorize_ingress(struct ec2_call *call)
{
	const char *id = params_get(call->params, "GroupId");
	const char *name = params_get(call->params, "GroupName");
	struct group *group = group_need(call, id, name);
	size_t nr_old = group ? group->nr_rules : 0;

	/* rules are added to the group as they are read, and taken back where one is wrong */
	if (group)
		rules_read(call, group);
	if (!ec2_ready(call)) {
		if (group)
			rules_cut(group, nr_old);
		return;
	}
	out_bool(call->out, "return", true);
	rules_write_new(call, group, nr_old);
	group_changed(call->cloud, group);
}

void act_revoke_ingress(struct ec2_call *call)
{
	const char *id = params_get(call->params, "GroupId");
	const char *name = params_get(call->params, "GroupName");
	struct group *group = group_need(call, id, name);
	struct group named = { .nr_rules = 0 };

	if (group)
		rules_read(call, &named);
	if (ec2_ready(call)) {
		rules_drop(call, group, &named);
		if (!params_failed(call->params)) {
			out_bool(call->out, "return", true);
			group_changed(call->cloud, group);
		}
	}
	rules_cut(&named, 0);
}

void act_delete_group(struct ec2_call *call)
{
	const char *id = params_get(call->params, "GroupId");
	const char *name = params_get(call->params, "GroupName");
	struct group *group = group_need(call, id, name);

	if (!ec2_ready(call))
		return;
	if (group->base.builtin) {
		ec2_fail(
			call, "CannotDelete",
			"the specified group: \"%s\" name: \"default\" cannot be deleted by a user",
			group->base.id);
	} else if (group_in_use(call->cloud, group)) {
		ec2_fail(call, "DependencyViolation", "resource %s has a dependent object",
			 group->base.id);
	} else {
		group->base.ended_ms = call->cloud->now_ms;
		out_bool(call->out, "return", true);
		out_str(call->out, "groupId", group->base.id);
	}
}
