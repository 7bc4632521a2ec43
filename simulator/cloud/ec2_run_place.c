/* SPDX-License-Identifier: Apache-2.0 */
/* Where a launch goes: subnet or zone, and the security groups of its interface. */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/rules.h"
#include "simulator/cloud/run.h"

#define INTERFACE "NetworkInterface.1"

static const struct place_zone *zone_of_subnet(struct ec2_call *call, const char *id)
{
	char mine[CLOUD_ID_MAX];

	if (id_check(call, id, "subnet-", "InvalidSubnetID.Malformed") != 0)
		return NULL;
	for (size_t i = 0; i < call->region->nr_zones; i++) {
		subnet_id(call->cloud, &call->region->zones[i], mine);
		if (strcmp(mine, id) == 0 && !call->cloud->config.no_default_vpc)
			return &call->region->zones[i];
	}
	ec2_fail(call, "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", id);
	return NULL;
}

static const struct place_zone *asked_zone(struct ec2_call *call)
{
	const char *name = params_get(call->params, "Placement.AvailabilityZone");
	const char *id = params_get(call->params, "Placement.AvailabilityZoneId");
	const struct place_zone *zone = NULL;

	if (name && id)
		ec2_fail(call, "InvalidParameterCombination",
			 "AvailabilityZone and AvailabilityZoneId cannot both be given");
	else if (name)
		zone = place_zone_find(call->region, name);
	else if (id)
		zone = place_zone_find_id(call->region, id);
	if ((name || id) && !zone)
		ec2_fail(call, "InvalidParameterValue", "Invalid availability zone: [%.64s]",
			 name ? name : id);
	return zone;
}

/* Nobody said where: the first zone that has the type and room for it. */
static const struct place_zone *any_zone(struct ec2_call *call, const struct type_spec *type)
{
	const struct place_zone *first = NULL;

	for (size_t i = 0; i < call->region->nr_zones; i++) {
		const struct place_zone *zone = &call->region->zones[i];

		if (!market_has(call->cloud->config.market, type->name, zone->name))
			continue;
		if (!first)
			first = zone;
		if (!fault_no_capacity(call->cloud, type->name, zone->name, call->cloud->now_ms))
			return zone;
	}
	return first;
}

static void read_groups(struct ec2_call *call, struct run_spec *spec, const char *list,
			bool by_name)
{
	size_t nr;
	const char **v = params_list(call->params, list, GROUPS_MAX, &nr);

	for (size_t i = 0; i < nr; i++) {
		struct group *group =
			group_need(call, by_name ? NULL : v[i], by_name ? v[i] : NULL);

		if (!group)
			return;
		if (spec->nr_groups == GROUPS_MAX) {
			ec2_fail(call, "SecurityGroupsPerInstanceLimitExceeded",
				 "More than %d security groups", GROUPS_MAX);
			return;
		}
		spec->groups[spec->nr_groups++] = group;
	}
}

static void default_group(struct ec2_call *call, struct run_spec *spec)
{
	if (spec->nr_groups == 0 && !params_failed(call->params)) {
		struct group *group = group_need(call, NULL, "default");

		if (group)
			spec->groups[spec->nr_groups++] = group;
	}
}

/* The interface may be described in full, but then not at the top level too. */
static const char *read_interface(struct ec2_call *call, struct run_spec *spec)
{
	struct sim_params *params = call->params;
	const char *subnet = params_get(params, "SubnetId");

	spec->public_ip = true;
	read_groups(call, spec, "SecurityGroupId", false);
	read_groups(call, spec, "SecurityGroup", true);
	if (!params_has_prefix(params, "NetworkInterface."))
		return subnet;
	if (subnet || spec->nr_groups)
		ec2_fail(call, "InvalidParameterCombination",
			 "Network interfaces and an instance-level subnet ID or security groups "
			 "may not be specified on the same request");
	if (params_count(params, "NetworkInterface", 2) != 1)
		ec2_fail(call, "InvalidParameterValue",
			 "Exactly one network interface is possible");
	params_need(params, INTERFACE ".DeviceIndex");
	params_int(params, INTERFACE ".DeviceIndex", 0, 0, 0);
	params_bool(params, INTERFACE ".DeleteOnTermination", true);
	spec->public_ip = params_bool(params, INTERFACE ".AssociatePublicIpAddress", true);
	read_groups(call, spec, INTERFACE ".SecurityGroupId", false);
	return params_get(params, INTERFACE ".SubnetId");
}

void run_read_place(struct ec2_call *call, struct run_spec *spec)
{
	const char *subnet = read_interface(call, spec);
	const struct place_zone *asked = asked_zone(call), *zone = asked;

	if (subnet && !params_failed(call->params)) {
		zone = zone_of_subnet(call, subnet);
		if (zone && asked && zone != asked)
			ec2_fail(call, "InvalidParameterValue",
				 "The subnet '%s' is in %s, not in the requested %s", subnet,
				 zone->name, asked->name);
	}
	if (params_failed(call->params))
		return;
	if (!subnet && call->cloud->config.no_default_vpc) {
		ec2_fail(call, "VPCIdNotSpecified",
			 "No default VPC for this user. GroupName is only supported for "
			 "EC2-Classic and default VPC.");
		return;
	}
	default_group(call, spec);
	spec->zone = zone ? zone : any_zone(call, spec->type);
	if (!spec->zone ||
	    !market_has(call->cloud->config.market, spec->type->name, spec->zone->name))
		ec2_fail(call, "Unsupported",
			 "Your requested instance type (%s) is not supported in your requested "
			 "Availability Zone (%s).",
			 spec->type->name, spec->zone ? spec->zone->name : call->region->name);
}
