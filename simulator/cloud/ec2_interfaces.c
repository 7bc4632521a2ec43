/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interfaces: those of instances, and those made by themselves, which hold on to their
 * security groups.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html
 */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/ec2.h"
#include "simulator/cloud/rules.h"

#define IDS_MAX	     500
#define PAGE_DEFAULT 500
#define TEXT_LEN_MAX 255

static const char *status_of(const struct interface *interface)
{
	return interface->instance ? "in-use" : "available";
}

static const char *interface_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct interface *interface = thing;
	const struct instance *instance = interface->instance;
	struct group *const *groups = instance ? instance->groups : interface->groups;
	size_t nr = instance ? instance->nr_groups : interface->nr_groups;

	(void)scratch;
	if (strcmp(name, "group-id") == 0)
		return i < nr ? groups[i]->base.id : NULL;
	if (i > 0)
		return NULL;
	if (strcmp(name, "network-interface-id") == 0)
		return interface->base.id;
	if (strcmp(name, "status") == 0)
		return status_of(interface);
	if (strcmp(name, "availability-zone") == 0)
		return interface->base.zone->name;
	if (strcmp(name, "description") == 0)
		return interface->description ? interface->description : "";
	return instance ? instance->base.id : NULL; /* attachment.instance-id */
}

static void write_groups(struct buf *out, const struct interface *interface)
{
	const struct instance *instance = interface->instance;
	struct group *const *groups = instance ? instance->groups : interface->groups;
	size_t nr = instance ? instance->nr_groups : interface->nr_groups;

	out_open(out, "groupSet");
	for (size_t i = 0; i < nr; i++) {
		out_open(out, "item");
		out_str(out, "groupId", groups[i]->base.id);
		out_str(out, "groupName", groups[i]->name);
		out_close(out, "item");
	}
	out_close(out, "groupSet");
}

static void write_attachment(struct ec2_call *call, const struct interface *interface)
{
	struct buf *out = call->out;

	out_open(out, "attachment");
	out_strf(out, "attachmentId", "eni-attach-%s", interface->base.id + strlen("eni-"));
	out_str(out, "instanceId", interface->instance->base.id);
	out_str(out, "instanceOwnerId", call->cloud->account);
	out_int(out, "deviceIndex", 0);
	out_str(out, "status", "attached");
	out_time_ms(out, "attachTime", interface->base.began_ms);
	out_bool(out, "deleteOnTermination", true);
	out_close(out, "attachment");
}

static void write_interface(struct ec2_call *call, const struct interface *interface)
{
	struct buf *out = call->out;
	char id[CLOUD_ID_MAX];

	out_str(out, "networkInterfaceId", interface->base.id);
	subnet_id(call->cloud, interface->base.zone, id);
	out_str(out, "subnetId", id);
	vpc_id(call->cloud, call->region, id);
	out_str(out, "vpcId", id);
	out_str(out, "availabilityZone", interface->base.zone->name);
	out_str(out, "description", interface->description ? interface->description : "");
	out_str(out, "ownerId", call->cloud->account);
	out_bool(out, "requesterManaged", false);
	out_str(out, "status", status_of(interface));
	out_str(out, "macAddress", interface->mac);
	out_str(out, "privateIpAddress",
		interface->instance ? interface->instance->private_ip : interface->private_ip);
	out_bool(out, "sourceDestCheck", true);
	write_groups(out, interface);
	if (interface->instance)
		write_attachment(call, interface);
	out_str(out, "interfaceType", "interface");
	out_tags(out, interface->base.tags.v, interface->base.tags.nr);
}

void act_describe_interfaces(struct ec2_call *call)
{
	static const char *const known[] = { "network-interface-id",
					     "status",
					     "availability-zone",
					     "description",
					     "group-id",
					     "attachment.instance-id",
					     "tag",
					     NULL };
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	const char **ids = params_list(call->params, "NetworkInterfaceId", IDS_MAX, &nr);

	params_bool(call->params, "IncludeManagedResources", false);
	page_read(call, 5, 1000, PAGE_DEFAULT, &page);
	filters_read(call, known, &filters);
	for (size_t i = 0; i < nr && !params_failed(call->params); i++) {
		if (id_check(call, ids[i], "eni-", "InvalidNetworkInterfaceId.Malformed") == 0)
			object_need(call, ids[i]);
	}
	if (!ec2_ready(call))
		return;
	out_open(call->out, "networkInterfaceSet");
	while ((object = object_next(call->cloud, OBJECT_INTERFACE, call->region, object))) {
		bool wanted = nr == 0;

		for (size_t i = 0; i < nr; i++)
			wanted = wanted || strcmp(ids[i], object->id) == 0;
		if (object->ended_ms || !wanted || (int64_t)object->index < page.from ||
		    !filters_match(&filters, &object->tags, interface_field, object))
			continue;
		if (written++ == page.max)
			break;
		out_open(call->out, "item");
		write_interface(call, (const void *)object);
		out_close(call->out, "item");
	}
	out_close(call->out, "networkInterfaceSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}

static const struct place_zone *zone_of_subnet(struct ec2_call *call, const char *subnet)
{
	char mine[CLOUD_ID_MAX];

	for (size_t i = 0; i < call->region->nr_zones && !call->cloud->config.no_default_vpc; i++) {
		subnet_id(call->cloud, &call->region->zones[i], mine);
		if (strcmp(mine, subnet) == 0)
			return &call->region->zones[i];
	}
	ec2_fail(call, "InvalidSubnetID.NotFound", "The subnet ID '%.64s' does not exist", subnet);
	return NULL;
}

static struct interface *interface_new(struct ec2_call *call, const struct place_zone *zone,
				       struct group *const *groups, size_t nr)
{
	struct interface *interface = (void *)object_new(call->cloud, OBJECT_INTERFACE,
							 sizeof(*interface), call->region, zone);

	for (size_t i = 0; i < nr; i++)
		interface->groups[interface->nr_groups++] = groups[i];
	cloud_private_ip(call->cloud, call->region, zone, interface->private_ip);
	snprintf(interface->mac, sizeof(interface->mac), "0a:ff:d7:00:%02x:%02x",
		 (unsigned)(interface->base.index / 256 % 256),
		 (unsigned)(interface->base.index % 256));
	return interface;
}

/* The same token again: the same interface. */
static struct interface *find_token(const struct ec2_call *call, const char *token)
{
	struct object *object = NULL;

	while (token[0] &&
	       (object = object_next(call->cloud, OBJECT_INTERFACE, call->region, object))) {
		struct interface *interface = (void *)object;

		if (strcmp(interface->token, token) == 0)
			return interface;
	}
	return NULL;
}

void act_create_interface(struct ec2_call *call)
{
	const char *subnet = params_need(call->params, "SubnetId");
	const struct place_zone *zone = zone_of_subnet(call, subnet);
	const char *description = params_get(call->params, "Description");
	const char *token = token_read(call);
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct group *groups[GROUPS_MAX];
	size_t nr;
	const char **ids = params_list(call->params, "SecurityGroupId", GROUPS_MAX, &nr);

	if (description && strlen(description) > TEXT_LEN_MAX)
		ec2_fail(call, "InvalidParameterValue", "The description is over %d characters",
			 TEXT_LEN_MAX);
	for (size_t i = 0; i < nr && !params_failed(call->params); i++)
		groups[i] = group_need(call, ids[i], NULL);
	tag_specs_read(call, 1u << OBJECT_INTERFACE, tags);
	if (ec2_ready(call)) {
		struct interface *interface = find_token(call, token);

		if (!interface) {
			interface = interface_new(call, zone, groups, nr);
			interface->description = description ? xstrdup(description) : NULL;
			snprintf(interface->token, sizeof(interface->token), "%s", token);
			tags_copy(&interface->base.tags, &tags[OBJECT_INTERFACE]);
		}
		out_open(call->out, "networkInterface");
		write_interface(call, interface);
		out_close(call->out, "networkInterface");
		if (token[0])
			out_str(call->out, "clientToken", token);
	}
	tags_release(&tags[OBJECT_INTERFACE]);
}

/* An address that was associated with it is so no more. */
static void drop_addresses(struct ec2_call *call, const struct interface *interface)
{
	struct object *object = NULL;

	while ((object = object_next(call->cloud, OBJECT_ADDRESS, call->region, object))) {
		struct address *address = (void *)object;

		if (address->interface == interface)
			address_free(address);
	}
}

void act_delete_interface(struct ec2_call *call)
{
	const char *id = params_need(call->params, "NetworkInterfaceId");
	struct interface *interface = NULL;

	if (!params_failed(call->params) &&
	    id_check(call, id, "eni-", "InvalidNetworkInterfaceId.Malformed") == 0)
		interface = (void *)object_need(call, id);
	if (!ec2_ready(call))
		return;
	if (interface->instance) {
		ec2_fail(call, "InvalidParameterValue",
			 "Network interface '%s' is currently in use.", id);
		return;
	}
	drop_addresses(call, interface);
	interface->base.ended_ms = call->cloud->now_ms;
	out_bool(call->out, "return", true);
}
