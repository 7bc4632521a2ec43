/* SPDX-License-Identifier: Apache-2.0 */
/* The security group of a launch: SSH's port and those asked for, to the caller's blocks only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"
#include "providers/ingress.h"

/* A group made a moment ago may not be known everywhere yet. */
#define SETTLE_TRIES 5

#define BLOCKS_MAX 60 /* AWS takes 60 rules a group and direction */

int ec2_group_check(const struct launch_request *request, struct error *err)
{
	if (ingress_check(request, err) < 0)
		return -1;
	if ((request->nr_ports + 1) * request->nr_from > BLOCKS_MAX)
		return error_set(err, ERROR_USAGE,
				 "too many ports and blocks: a security group takes %d rules",
				 BLOCKS_MAX);
	return 0;
}

void ec2_group_form(const struct launch_request *request, const char *vpc, struct aws_form *form)
{
	char name[96];

	ec2_launch_name(name, request->launch_id);
	aws_form_init(form, "CreateSecurityGroup", AWS_EC2_VERSION);
	aws_form_add(form, "GroupName", name);
	aws_form_addf(form, "GroupDescription", "gpucloud launch %s", request->launch_id);
	aws_form_add(form, "VpcId", vpc);
	ec2_tag_spec(form, 1, "security-group", request);
}

static bool block_is_new(const struct launch_request *request, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(request->from[j], request->from[i]))
			return false;
	return true;
}

static void add_rule(struct aws_form *form, unsigned n, uint16_t port)
{
	aws_form_addn(form, "tcp", "IpPermissions.%u.IpProtocol", n);
	for (int i = 0; i < 2; i++) {
		char value[8];
		snprintf(value, sizeof(value), "%u", (unsigned)port);
		aws_form_addn(form, value, "IpPermissions.%u.%s", n, i ? "ToPort" : "FromPort");
	}
}

static void add_block(struct aws_form *form, unsigned n, unsigned *v4, unsigned *v6,
		      const char *block)
{
	if (strchr(block, ':'))
		aws_form_addn(form, block, "IpPermissions.%u.Ipv6Ranges.%u.CidrIpv6", n, ++*v6);
	else
		aws_form_addn(form, block, "IpPermissions.%u.IpRanges.%u.CidrIp", n, ++*v4);
}

bool ec2_ingress_form(const struct launch_request *request, const char *group,
		      struct aws_form *form)
{
	unsigned n = 0;

	aws_form_init(form, "AuthorizeSecurityGroupIngress", AWS_EC2_VERSION);
	aws_form_add(form, "GroupId", group);
	for (size_t i = 0; i <= request->nr_ports && request->nr_from; i++) {
		unsigned v4 = 0, v6 = 0;
		uint16_t port = ingress_port(request, i);
		if (!port)
			continue;
		add_rule(form, ++n, port);
		for (size_t j = 0; j < request->nr_from; j++)
			if (block_is_new(request, j))
				add_block(form, n, &v4, &v6, request->from[j]);
	}
	return n > 0;
}

/* Sends a form whose reply does not matter; waits for a new group to be known everywhere. */
static int send_settled(struct provider *p, const char *region, const struct aws_form *form,
			struct error *err)
{
	for (int try = 1;; try++) {
		struct xml xml;
		if (aws_query(p, "ec2", region, form, &xml, err) == 0) {
			xml_release(&xml);
			return 0;
		}
		if (!aws_error_is(err, "InvalidGroup*.NotFound") || try == SETTLE_TRIES)
			return -1;
		if (ec2_sleep(p, 500 << try, err))
			return -1;
	}
}

void ec2_rule_form(struct aws_form *form, uint16_t port, const char *block)
{
	unsigned v4 = 0, v6 = 0;

	add_rule(form, 1, port);
	add_block(form, 1, &v4, &v6, block);
}

/* A request with one rule too many adds none of them: then one by one. */
static int open_each(struct provider *p, const struct launch_request *request, const char *group,
		     struct error *err)
{
	for (size_t i = 0; i <= request->nr_ports; i++) {
		uint16_t port = ingress_port(request, i);
		for (size_t j = 0; port && j < request->nr_from; j++) {
			struct aws_form form;
			if (!block_is_new(request, j))
				continue;
			aws_form_init(&form, "AuthorizeSecurityGroupIngress", AWS_EC2_VERSION);
			aws_form_add(&form, "GroupId", group);
			ec2_rule_form(&form, port, request->from[j]);
			int rc = send_settled(p, request->region, &form, err);
			aws_form_release(&form);
			if (rc && !aws_error_is(err, "InvalidPermission.Duplicate"))
				return -1;
		}
	}
	return 0;
}

static int open_ports(struct provider *p, const struct launch_request *request, const char *group,
		      struct error *err)
{
	struct aws_form form;
	int rc = 0;

	if (ec2_ingress_form(request, group, &form))
		rc = send_settled(p, request->region, &form, err);
	aws_form_release(&form);
	if (rc && aws_error_is(err, "InvalidPermission.Duplicate"))
		rc = open_each(p, request, group, err);
	return rc;
}

/* --- the group itself ---------------------------------------------------------------------- */

struct lookup {
	const struct launch_request *request;
	char *ret; /* EC2_ID_MAX + 1 bytes */
	bool found, foreign;
};

static int take_group(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct lookup *lookup = job->ctx;
	char name[96];
	const struct _xmlNode *set = xml_find(root, "securityGroupInfo");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'securityGroupInfo'");
	ec2_launch_name(name, lookup->request->launch_id);
	while ((item = xml_each(set, "item", item)) != NULL) {
		const char *id;
		if (!text_equal(xml_text(item, "groupName"), name))
			continue;
		if (ec2_id(item, "groupId", "sg-", &id, err))
			return -1;
		if (!text_equal(ec2_tag(item, TAG_LAUNCH), lookup->request->launch_id)) {
			lookup->foreign = true;
			continue;
		}
		snprintf(lookup->ret, EC2_ID_MAX + 1, "%s", id);
		lookup->found = true;
	}
	return 0;
}

static int look_up(struct provider *p, struct lookup *lookup, const char *name, const char *vpc,
		   struct error *err)
{
	struct ec2_job job = { .region = lookup->request->region,
			       .page = take_group,
			       .ctx = lookup };
	unsigned n = 0;

	aws_form_init(&job.form, "DescribeSecurityGroups", AWS_EC2_VERSION);
	ec2_filter_one(&job.form, &n, "group-name", name);
	ec2_filter_one(&job.form, &n, "vpc-id", vpc);
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	return rc;
}

/* The group of an earlier try of this launch. One that only has the name is somebody else's. */
static int find_group(struct provider *p, const struct launch_request *request, const char *vpc,
		      char ret[EC2_ID_MAX + 1], struct error *err)
{
	char name[96];
	struct lookup lookup = { .request = request, .ret = ret };

	ec2_launch_name(name, request->launch_id);
	for (int try = 1; try <= SETTLE_TRIES; try++) {
		if (look_up(p, &lookup, name, vpc, err))
			return -1;
		if (lookup.found)
			return 0;
		if (lookup.foreign)
			break;
		if (try < SETTLE_TRIES && ec2_sleep(p, 500 << try, err))
			return -1;
	}
	return error_set(err, ERROR_CONFLICT, "security group '%s' exists, but is not ours: %s",
			 name, lookup.foreign ? "it lacks our tag" : "it cannot be seen");
}

int ec2_group_make(struct provider *p, const struct launch_request *request, const char *vpc,
		   char ret_id[EC2_ID_MAX + 1], struct error *err)
{
	struct aws_form form;
	struct xml xml = { NULL };
	const char *id;

	ec2_group_form(request, vpc, &form);
	int rc = aws_query(p, "ec2", request->region, &form, &xml, err);
	aws_form_release(&form);
	if (rc == 0) {
		rc = ec2_id(xml_root(&xml), "groupId", "sg-", &id, err);
		if (rc == 0)
			snprintf(ret_id, EC2_ID_MAX + 1, "%s", id);
		xml_release(&xml);
	} else if (aws_error_is(err, "InvalidGroup.Duplicate")) {
		rc = find_group(p, request, vpc, ret_id, err);
	}
	return rc ? rc : open_ports(p, request, ret_id, err);
}
