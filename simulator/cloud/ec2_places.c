/* SPDX-License-Identifier: Apache-2.0 */
/* Regions, zones, and the network that every account finds ready in a region. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define LIST_MAX 100
#define VPC_CIDR "172.31.0.0/16"

static bool listed(const char *const *v, size_t nr, const char *text)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(v[i], text) == 0)
			return true;
	}
	return nr == 0;
}

static const char *region_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct place_region *region = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "region-name") == 0)
		return region->name;
	if (strcmp(name, "opt-in-status") == 0)
		return region->opt_in;
	snprintf(scratch, 64, "ec2.%s.amazonaws.com", region->name);
	return scratch;
}

void act_describe_regions(struct ec2_call *call)
{
	static const char *const known[] = { "region-name", "endpoint", "opt-in-status", NULL };
	bool all = params_bool(call->params, "AllRegions", false);
	struct filters filters;
	size_t nr, nr_names;
	const struct place_region *regions = place_regions(&nr);
	const char **names = params_list(call->params, "RegionName", LIST_MAX, &nr_names);

	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr_names; i++) {
		const struct place_region *region = place_region_find(names[i]);

		if (!region || (!all && !place_region_enabled(region))) {
			ec2_fail(call, "InvalidParameterValue", "Invalid region provided: %.64s",
				 names[i]);
			return;
		}
	}
	out_open(call->out, "regionInfo");
	for (size_t i = 0; i < nr; i++) {
		const struct place_region *region = &regions[i];

		if ((!all && !place_region_enabled(region)) ||
		    !listed(names, nr_names, region->name) ||
		    !filters_match(&filters, NULL, region_field, region))
			continue;
		out_open(call->out, "item");
		out_str(call->out, "regionName", region->name);
		out_strf(call->out, "regionEndpoint", "ec2.%s.amazonaws.com", region->name);
		out_str(call->out, "optInStatus", region->opt_in);
		out_close(call->out, "item");
	}
	out_close(call->out, "regionInfo");
}

struct zone_view {
	const struct place_region *region;
	const struct place_zone *zone;
	const struct cloud *cloud;
};

static const char *zone_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct zone_view *view = thing;

	(void)scratch;
	if (i > 0)
		return NULL;
	if (strcmp(name, "zone-name") == 0)
		return view->zone->name;
	if (strcmp(name, "zone-id") == 0)
		return view->zone->id;
	if (strcmp(name, "region-name") == 0 || strcmp(name, "group-name") == 0)
		return view->region->name;
	if (strcmp(name, "state") == 0)
		return "available";
	if (strcmp(name, "opt-in-status") == 0)
		return "opt-in-not-required";
	return "availability-zone"; /* zone-type */
}

static void write_zone(struct buf *out, const struct zone_view *view)
{
	out_open(out, "item");
	out_str(out, "zoneName", view->zone->name);
	out_str(out, "zoneId", view->zone->id);
	out_str(out, "zoneState", "available");
	out_str(out, "zoneType", "availability-zone");
	out_str(out, "regionName", view->region->name);
	out_str(out, "groupName", view->region->name);
	out_str(out, "networkBorderGroup", view->region->name);
	out_str(out, "optInStatus", "opt-in-not-required");
	out_str(out, "messageSet", "");
	out_close(out, "item");
}

void act_describe_zones(struct ec2_call *call)
{
	static const char *const known[] = { "zone-name", "zone-id",	   "region-name", "state",
					     "zone-type", "opt-in-status", "group-name",  NULL };
	struct filters filters;
	size_t nr_names, nr_ids;
	const char **names = params_list(call->params, "ZoneName", LIST_MAX, &nr_names);
	const char **ids = params_list(call->params, "ZoneId", LIST_MAX, &nr_ids);

	params_bool(call->params, "AllAvailabilityZones", false);
	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr_names; i++) {
		if (!place_zone_find(call->region, names[i]))
			ec2_fail(call, "InvalidParameterValue",
				 "Invalid availability zone: [%.64s]", names[i]);
	}
	for (size_t i = 0; i < nr_ids; i++) {
		if (!place_zone_find_id(call->region, ids[i]))
			ec2_fail(call, "InvalidParameterValue",
				 "Invalid availability zone-id: [%.64s]", ids[i]);
	}
	out_open(call->out, "availabilityZoneInfo");
	for (size_t i = 0; i < call->region->nr_zones; i++) {
		struct zone_view view = { call->region, &call->region->zones[i], call->cloud };

		if (listed(names, nr_names, view.zone->name) &&
		    listed(ids, nr_ids, view.zone->id) &&
		    filters_match(&filters, NULL, zone_field, &view))
			write_zone(call->out, &view);
	}
	out_close(call->out, "availabilityZoneInfo");
}

static const char *vpc_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct zone_view *view = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "vpc-id") == 0) {
		vpc_id(view->cloud, view->region, scratch);
		return scratch;
	}
	if (strcmp(name, "cidr") == 0)
		return VPC_CIDR;
	if (strcmp(name, "state") == 0)
		return "available";
	return "true"; /* is-default */
}

void act_describe_vpcs(struct ec2_call *call)
{
	static const char *const known[] = { "vpc-id", "cidr",	    "state", "is-default",
					     "tag",    "isDefault", NULL };
	struct zone_view view = { call->region, NULL, call->cloud };
	const struct tag_set no_tags = { 0 };
	char id[CLOUD_ID_MAX];
	struct filters filters;
	struct page page;
	size_t nr;
	const char **ids = params_list(call->params, "VpcId", LIST_MAX, &nr);

	page_read(call, 5, 1000, 1000, &page);
	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	vpc_id(call->cloud, call->region, id);
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(ids[i], id) != 0 || call->cloud->config.no_default_vpc)
			ec2_fail(call, "InvalidVpcID.NotFound", "The vpc ID '%.64s' does not exist",
				 ids[i]);
	}
	out_open(call->out, "vpcSet");
	if (!call->cloud->config.no_default_vpc &&
	    filters_match(&filters, &no_tags, vpc_field, &view)) {
		out_open(call->out, "item");
		out_str(call->out, "vpcId", id);
		out_str(call->out, "ownerId", call->cloud->account);
		out_str(call->out, "state", "available");
		out_str(call->out, "cidrBlock", VPC_CIDR);
		out_str(call->out, "instanceTenancy", "default");
		out_bool(call->out, "isDefault", true);
		out_close(call->out, "item");
	}
	out_close(call->out, "vpcSet");
}

static const char *subnet_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct zone_view *view = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "subnet-id") == 0) {
		subnet_id(view->cloud, view->zone, scratch);
		return scratch;
	}
	if (strcmp(name, "vpc-id") == 0) {
		vpc_id(view->cloud, view->region, scratch);
		return scratch;
	}
	if (strcmp(name, "availability-zone") == 0 || strcmp(name, "availabilityZone") == 0)
		return view->zone->name;
	if (strcmp(name, "availability-zone-id") == 0)
		return view->zone->id;
	if (strcmp(name, "state") == 0)
		return "available";
	return "true"; /* default-for-az, defaultForAz, map-public-ip-on-launch */
}

static void write_subnet(struct buf *out, const struct zone_view *view)
{
	size_t nth = (size_t)(view->zone - view->region->zones);
	char id[CLOUD_ID_MAX];

	out_open(out, "item");
	subnet_id(view->cloud, view->zone, id);
	out_str(out, "subnetId", id);
	out_strf(out, "subnetArn", "arn:aws:ec2:%s:%s:subnet/%s", view->region->name,
		 view->cloud->account, id);
	out_str(out, "state", "available");
	out_str(out, "ownerId", view->cloud->account);
	vpc_id(view->cloud, view->region, id);
	out_str(out, "vpcId", id);
	out_strf(out, "cidrBlock", "172.31.%zu.0/20", nth * 16);
	out_int(out, "availableIpAddressCount", 4091);
	out_str(out, "availabilityZone", view->zone->name);
	out_str(out, "availabilityZoneId", view->zone->id);
	out_bool(out, "defaultForAz", true);
	out_bool(out, "mapPublicIpOnLaunch", true);
	out_bool(out, "assignIpv6AddressOnCreation", false);
	out_close(out, "item");
}

static bool is_subnet(const struct ec2_call *call, const char *id)
{
	char mine[CLOUD_ID_MAX];

	for (size_t i = 0; i < call->region->nr_zones; i++) {
		subnet_id(call->cloud, &call->region->zones[i], mine);
		if (strcmp(mine, id) == 0)
			return !call->cloud->config.no_default_vpc;
	}
	return false;
}

void act_describe_subnets(struct ec2_call *call)
{
	static const char *const known[] = { "subnet-id",
					     "vpc-id",
					     "availability-zone",
					     "availabilityZone",
					     "availability-zone-id",
					     "state",
					     "default-for-az",
					     "defaultForAz",
					     "map-public-ip-on-launch",
					     "tag",
					     NULL };
	const struct tag_set no_tags = { 0 };
	char id[CLOUD_ID_MAX];
	struct filters filters;
	struct page page;
	size_t nr;
	const char **ids = params_list(call->params, "SubnetId", LIST_MAX, &nr);

	page_read(call, 5, 1000, 1000, &page);
	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr; i++) {
		if (!is_subnet(call, ids[i]))
			ec2_fail(call, "InvalidSubnetID.NotFound",
				 "The subnet ID '%.64s' does not exist", ids[i]);
	}
	out_open(call->out, "subnetSet");
	for (size_t i = 0; !call->cloud->config.no_default_vpc && i < call->region->nr_zones; i++) {
		struct zone_view view = { call->region, &call->region->zones[i], call->cloud };

		subnet_id(call->cloud, view.zone, id);
		if (listed(ids, nr, id) && filters_match(&filters, &no_tags, subnet_field, &view))
			write_subnet(call->out, &view);
	}
	out_close(call->out, "subnetSet");
}
