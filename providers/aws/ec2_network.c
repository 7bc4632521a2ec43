/* SPDX-License-Identifier: Apache-2.0 */
/* Where an instance is plugged in: the subnet that was named, or the zone's default one. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "providers/aws/ec2.h"

struct found {
	struct ec2_subnet subnet;
	char zone[EC2_NAME_MAX + 1];
	bool any;
};

/* Keeps the first subnet that is up. */
static int take_subnets(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct found *found = job->ctx;
	const struct _xmlNode *set = xml_find(root, "subnetSet");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'subnetSet'");
	while (!found->any && (item = xml_each(set, "item", item)) != NULL) {
		const char *id, *vpc, *zone = xml_text(item, "availabilityZone");
		if (ec2_id(item, "subnetId", "subnet-", &id, err) ||
		    ec2_id(item, "vpcId", "vpc-", &vpc, err))
			return -1;
		if (!ec2_name_ok(zone))
			return error_set(err, ERROR_PROTOCOL,
					 "'availabilityZone' of the reply is no zone");
		const char *state = xml_text(item, "state");
		if (state && strcmp(state, "available") != 0)
			continue;
		snprintf(found->subnet.id, sizeof(found->subnet.id), "%s", id);
		snprintf(found->subnet.vpc, sizeof(found->subnet.vpc), "%s", vpc);
		snprintf(found->zone, sizeof(found->zone), "%s", zone);
		found->any = true;
	}
	return 0;
}

/* zone NULL: the default subnet of any zone; id not NULL: that one. */
static int ask(struct provider *p, const char *region, const char *id, const char *zone,
	       struct found *found, struct error *err)
{
	struct ec2_job job = { .region = region, .page = take_subnets, .ctx = found };
	unsigned n = 0;

	aws_form_init(&job.form, "DescribeSubnets", AWS_EC2_VERSION);
	if (id) {
		aws_form_add(&job.form, "SubnetId.1", id);
	} else {
		if (zone)
			ec2_filter_one(&job.form, &n, "availability-zone", zone);
		ec2_filter_one(&job.form, &n, "default-for-az", "true");
	}
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	return rc;
}

static int named_subnet(struct provider *p, const struct launch_request *request,
			struct ec2_subnet *ret, struct error *err)
{
	struct found found = { .any = false };

	if (!ec2_id_ok(request->subnet, "subnet-"))
		return error_set(err, ERROR_USAGE, "'%.80s' is no subnet id", request->subnet);
	if (ask(p, request->region, request->subnet, NULL, &found, err))
		return -1;
	if (!found.any || strcmp(found.subnet.id, request->subnet) != 0)
		return error_set(err, ERROR_NOT_FOUND, "no subnet '%s' in %s that is up",
				 request->subnet, request->region);
	if (request->zone && strcmp(found.zone, request->zone) != 0) {
		error_set(err, ERROR_USAGE, "subnet '%s' is in zone %s, not in %s", request->subnet,
			  found.zone, request->zone);
		return error_hint(err, "launch with --zone %s, or name another subnet", found.zone);
	}
	*ret = found.subnet;
	return 0;
}

/* No default subnet in the zone: say which command mends that. */
static int no_subnet(struct provider *p, const struct launch_request *request, struct error *err)
{
	struct found elsewhere = { .any = false };

	if (ask(p, request->region, NULL, NULL, &elsewhere, err))
		return -1;
	error_set(err, ERROR_CONFIG, "zone %s has no default subnet", request->zone);
	if (elsewhere.any)
		return error_hint(err,
				  "make one: aws ec2 create-default-subnet --region %s "
				  "--availability-zone %s; or name one with --subnet",
				  request->region, request->zone);
	return error_hint(err,
			  "make a default network: aws ec2 create-default-vpc --region %s; or name "
			  "a subnet with --subnet",
			  request->region);
}

int ec2_subnet_find(struct provider *p, const struct launch_request *request,
		    struct ec2_subnet *ret, struct error *err)
{
	struct found found = { .any = false };

	if (request->subnet)
		return named_subnet(p, request, ret, err);
	if (ask(p, request->region, NULL, request->zone, &found, err))
		return -1;
	if (!found.any || (request->zone && strcmp(found.zone, request->zone) != 0))
		return no_subnet(p, request, err);
	*ret = found.subnet;
	return 0;
}
