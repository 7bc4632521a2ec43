/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more address in the security group of a launch: whoever logs in from elsewhere. Only the group
 * that the launch made is touched, known by its name and its tag; and of its rules only those are
 * ever removed whose description says that an address was added here, for the same owner.
 *
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "providers/aws/ec2.h"
#include "providers/ingress.h"

#define OURS	   "gpucloud admit " /* and the owner, and when: Unix seconds */
#define RULES_READ 256		     /* of one group; AWS allows 60 unless asked for more */
#define CIDR_MAX   64

/* A rule that was added here before, for this owner. */
struct own_rule {
	char cidr[CIDR_MAX];
	int64_t added; /* Unix s */
};

struct group_look {
	const struct admit_request *request;
	struct ingress_block block;
	char id[EC2_ID_MAX + 1];
	bool found, admits;
	struct own_rule rules[RULES_READ];
	size_t nr_rules;
};

/* "gpucloud admit ada 1767225600", of this owner: when it was added, or -1. */
static int64_t own_since(const struct admit_request *request, const char *description)
{
	size_t len = strlen(request->owner);
	const char *p = description;

	if (!p || !text_starts_with(p, OURS))
		return -1;
	p += strlen(OURS);
	if (strncmp(p, request->owner, len) != 0 || p[len] != ' ')
		return -1;
	p += len + 1;
	if (!*p || strlen(p) > 12 || strspn(p, "0123456789") != strlen(p))
		return -1;
	return strtoll(p, NULL, 10);
}

static void take_range(struct group_look *look, const struct _xmlNode *range, const char *member,
		       bool our_port)
{
	const char *cidr = xml_text(range, member);
	struct ingress_block block;

	if (!ingress_block_read(cidr, &block))
		return;
	look->admits |= ingress_block_holds(&block, &look->block);
	int64_t added = own_since(look->request, xml_text(range, "description"));
	if (!our_port || added < 0 || block.bits != block.most || strlen(cidr) >= CIDR_MAX ||
	    look->nr_rules == RULES_READ)
		return;
	struct own_rule *rule = &look->rules[look->nr_rules++];
	snprintf(rule->cidr, sizeof(rule->cidr), "%s", cidr);
	rule->added = added;
}

/* All rules of one protocol and one range of ports. */
static int take_permission(struct group_look *look, const struct _xmlNode *item, struct error *err)
{
	const char *protocol = xml_text(item, "ipProtocol");
	const struct _xmlNode *v4 = xml_find(item, "ipRanges"), *v6 = xml_find(item, "ipv6Ranges");
	const struct _xmlNode *range = NULL;
	uint64_t from = 0, to = 65535, port = look->request->port;
	bool tcp = text_equal(protocol, "tcp");

	if (!tcp && !text_equal(protocol, "-1"))
		return 0;
	if (tcp && (ec2_number(item, "fromPort", 65535, &from, err) ||
		    ec2_number(item, "toPort", 65535, &to, err)))
		return -1;
	if (port < from || port > to)
		return 0;
	bool our_port = tcp && from == port && to == port;
	while (v4 && (range = xml_each(v4, "item", range)) != NULL)
		take_range(look, range, "cidrIp", our_port);
	while (v6 && (range = xml_each(v6, "item", range)) != NULL)
		take_range(look, range, "cidrIpv6", our_port);
	return 0;
}

static int take_groups(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct group_look *look = job->ctx;
	char name[96];
	const struct _xmlNode *set = xml_find(root, "securityGroupInfo");
	const struct _xmlNode *item = NULL, *permission = NULL;
	const char *id;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'securityGroupInfo'");
	ec2_launch_name(name, look->request->launch_id);
	while ((item = xml_each(set, "item", item)) != NULL) {
		/* One that has the name alone, or the tag alone, is somebody else's. */
		if (look->found || !text_equal(xml_text(item, "groupName"), name) ||
		    !text_equal(ec2_tag(item, TAG_LAUNCH), look->request->launch_id))
			continue;
		if (ec2_id(item, "groupId", "sg-", &id, err))
			return -1;
		snprintf(look->id, sizeof(look->id), "%s", id);
		look->found = true;
		const struct _xmlNode *permissions = xml_find(item, "ipPermissions");
		while (permissions && (permission = xml_each(permissions, "item", permission)))
			if (take_permission(look, permission, err))
				return -1;
	}
	return 0;
}

static int look_up(struct provider *p, struct group_look *look, struct error *err)
{
	struct ec2_job job = { .region = look->request->region, .page = take_groups, .ctx = look };
	char name[96];
	unsigned n = 0;

	ec2_launch_name(name, look->request->launch_id);
	aws_form_init(&job.form, "DescribeSecurityGroups", AWS_EC2_VERSION);
	ec2_filter_one(&job.form, &n, "group-name", name);
	ec2_filter_one(&job.form, &n, "tag:" TAG_LAUNCH, look->request->launch_id);
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	if (rc == 0 && !look->found)
		rc = error_set(err, ERROR_NOT_FOUND,
			       "%s has no security group that gpucloud made for it",
			       look->request->instance);
	return rc;
}

/* `excused` is an error that means it is so already. */
static int change(struct provider *p, const struct group_look *look, const char *action,
		  const char *cidr, const char *description, const char *excused, struct error *err)
{
	struct aws_form form;
	struct xml reply = { 0 };
	struct error why = ERROR_INIT;

	aws_form_init(&form, action, AWS_EC2_VERSION);
	aws_form_add(&form, "GroupId", look->id);
	ec2_rule_form(&form, look->request->port, cidr);
	aws_form_addn(&form, description, "IpPermissions.1.%s.1.Description",
		      strchr(cidr, ':') ? "Ipv6Ranges" : "IpRanges");
	int rc = aws_query(p, "ec2", look->request->region, &form, &reply, &why);
	xml_release(&reply);
	aws_form_release(&form);
	if (rc == 0)
		return 1;
	if (aws_error_is(&why, excused))
		return 0;
	*err = why;
	return -1;
}

static int by_age(const void *a, const void *b)
{
	const struct own_rule *x = a, *y = b;

	if (x->added != y->added)
		return x->added < y->added ? -1 : 1;
	return strcmp(x->cidr, y->cidr);
}

/* A laptop that moves every day must not fill the group: the oldest go, which may come again. */
static int make_room(struct provider *p, struct group_look *look, unsigned *removed,
		     struct error *err)
{
	qsort(look->rules, look->nr_rules, sizeof(*look->rules), by_age);
	for (size_t i = 0; i + ADMIT_MOST <= look->nr_rules; i++) {
		int rc = change(p, look, "RevokeSecurityGroupIngress", look->rules[i].cidr, NULL,
				"InvalidPermission.NotFound", err);
		if (rc < 0)
			return -1;
		*removed += (unsigned)rc;
	}
	return 0;
}

static int check(const struct admit_request *request, struct ingress_block *block,
		 struct error *err)
{
	if (ec2_launch_id_check(request->launch_id, err))
		return -1;
	if (!text_is_label(request->owner) || !*request->owner || !request->port)
		return error_set(err, ERROR_USAGE, "an address needs an owner and a port");
	if (!ingress_block_read(request->cidr, block) || block->bits != block->most)
		return error_set(err, ERROR_USAGE, "'%.60s' is not one address", request->cidr);
	return 0;
}

int aws_admit(struct provider *p, const struct admit_request *request, struct admit_result *ret,
	      struct error *err)
{
	struct group_look look = { .request = request };
	struct admit_result result = { .added = false };
	char description[160];

	if (check(request, &look.block, err) || look_up(p, &look, err))
		return -1;
	if (!look.admits) {
		snprintf(description, sizeof(description), OURS "%s %" PRId64, request->owner,
			 clock_now_ms(p->env.clock) / 1000);
		if (make_room(p, &look, &result.removed, err))
			return -1;
		int rc = change(p, &look, "AuthorizeSecurityGroupIngress", request->cidr,
				description, "InvalidPermission.Duplicate", err);
		if (rc < 0)
			return -1;
		result.added = rc > 0;
	}
	*ret = result;
	return 0;
}
