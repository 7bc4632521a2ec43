/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elastic addresses: they bill by the hour until they are released, used or not. There are no pages.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html
 */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define IDS_MAX	   500
#define PER_REGION 5 /* the quota of a new account */

static const char *interface_of(const struct address *address)
{
	if (address->instance)
		return address->instance->interface->base.id;
	return address->interface ? address->interface->base.id : NULL;
}

static const char *address_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct address *address = thing;

	(void)scratch;
	if (i > 0)
		return NULL;
	if (strcmp(name, "allocation-id") == 0)
		return address->base.id;
	if (strcmp(name, "public-ip") == 0)
		return address->ip;
	if (strcmp(name, "association-id") == 0)
		return address->association[0] ? address->association : NULL;
	if (strcmp(name, "instance-id") == 0)
		return address->instance ? address->instance->base.id : NULL;
	return interface_of(address); /* network-interface-id */
}

static void write_address(struct ec2_call *call, const struct address *address)
{
	struct buf *out = call->out;

	out_open(out, "item");
	out_str(out, "publicIp", address->ip);
	out_str(out, "allocationId", address->base.id);
	out_str(out, "domain", "vpc");
	if (address->instance)
		out_str(out, "instanceId", address->instance->base.id);
	if (address->association[0]) {
		out_str(out, "associationId", address->association);
		out_str(out, "networkInterfaceId", interface_of(address));
		out_str(out, "networkInterfaceOwnerId", call->cloud->account);
		out_str(out, "privateIpAddress",
			address->instance ? address->instance->private_ip
					  : address->interface->private_ip);
	}
	out_str(out, "publicIpv4Pool", "amazon");
	out_str(out, "networkBorderGroup", call->region->name);
	out_tags(out, address->base.tags.v, address->base.tags.nr);
	out_close(out, "item");
}

void act_describe_addresses(struct ec2_call *call)
{
	static const char *const known[] = { "allocation-id",
					     "public-ip",
					     "association-id",
					     "instance-id",
					     "network-interface-id",
					     "tag",
					     NULL };
	struct object *object = NULL;
	struct filters filters;
	size_t nr;
	const char **ids = params_list(call->params, "AllocationId", IDS_MAX, &nr);

	filters_read(call, known, &filters);
	for (size_t i = 0; i < nr && !params_failed(call->params); i++) {
		if (id_check(call, ids[i], "eipalloc-", "InvalidAllocationID.NotFound") == 0)
			object_need(call, ids[i]);
	}
	if (!ec2_ready(call))
		return;
	out_open(call->out, "addressesSet");
	while ((object = object_next(call->cloud, OBJECT_ADDRESS, call->region, object))) {
		bool wanted = nr == 0;

		for (size_t i = 0; i < nr; i++)
			wanted = wanted || strcmp(ids[i], object->id) == 0;
		if (!object->ended_ms && wanted &&
		    filters_match(&filters, &object->tags, address_field, object))
			write_address(call, (const void *)object);
	}
	out_close(call->out, "addressesSet");
}

void act_allocate_address(struct ec2_call *call)
{
	const char *domain = params_get(call->params, "Domain");
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct object *object = NULL;
	size_t living = 0;

	if (domain && strcmp(domain, "vpc") != 0)
		ec2_fail(call, "InvalidParameterValue", "Invalid value '%.32s' for domain.",
			 domain);
	tag_specs_read(call, 1u << OBJECT_ADDRESS, tags);
	while ((object = object_next(call->cloud, OBJECT_ADDRESS, call->region, object)))
		living += object->ended_ms == 0;
	if (living >= PER_REGION)
		ec2_fail(call, "AddressLimitExceeded",
			 "The maximum number of addresses has been reached.");
	if (ec2_ready(call)) {
		struct address *address = (void *)object_new(call->cloud, OBJECT_ADDRESS,
							     sizeof(*address), call->region, NULL);

		cloud_public_ip(call->cloud, address->ip);
		tags_copy(&address->base.tags, &tags[OBJECT_ADDRESS]);
		out_str(call->out, "publicIp", address->ip);
		out_str(call->out, "domain", "vpc");
		out_str(call->out, "allocationId", address->base.id);
		out_str(call->out, "publicIpv4Pool", "amazon");
		out_str(call->out, "networkBorderGroup", call->region->name);
	}
	tags_release(&tags[OBJECT_ADDRESS]);
}

static struct address *need_address(struct ec2_call *call, const char *id)
{
	if (params_failed(call->params) ||
	    id_check(call, id, "eipalloc-", "InvalidAllocationID.NotFound") != 0)
		return NULL;
	return (void *)object_need(call, id);
}

/* With whom: an instance, or an interface that is no instance's. */
static void read_partner(struct ec2_call *call, struct instance **instance,
			 struct interface **interface)
{
	const char *i = params_get(call->params, "InstanceId");
	const char *eni = params_get(call->params, "NetworkInterfaceId");

	if ((i != NULL) == (eni != NULL)) {
		ec2_fail(call, "InvalidParameterCombination",
			 "You must specify either an instance or a network interface");
		return;
	}
	if (i && id_check(call, i, "i-", "InvalidInstanceID.Malformed") == 0)
		*instance = (void *)object_need(call, i);
	if (*instance && !instance_live(*instance))
		ec2_fail(call, "InvalidInstanceID",
			 "The instance '%s' is not in a valid state for this operation.", i);
	if (eni && id_check(call, eni, "eni-", "InvalidNetworkInterfaceId.Malformed") == 0)
		*interface = (void *)object_need(call, eni);
	if (*interface && (*interface)->instance) {
		*instance = (*interface)->instance;
		*interface = NULL;
	}
}

void act_associate_address(struct ec2_call *call)
{
	struct address *address = need_address(call, params_need(call->params, "AllocationId"));
	bool again = params_bool(call->params, "AllowReassociation", false);
	struct instance *instance = NULL;
	struct interface *interface = NULL;

	read_partner(call, &instance, &interface);
	if (address && address->association[0] && !again)
		ec2_fail(call, "Resource.AlreadyAssociated",
			 "resource %s is already associated with associate-id %s", address->base.id,
			 address->association);
	if (!ec2_ready(call))
		return;
	address_free(address);
	address->instance = instance;
	address->interface = interface;
	cloud_new_id(call->cloud, "eipassoc", address->association);
	if (instance)
		snprintf(instance->public_ip, sizeof(instance->public_ip), "%s", address->ip);
	out_bool(call->out, "return", true);
	out_str(call->out, "associationId", address->association);
}

void act_disassociate_address(struct ec2_call *call)
{
	const char *id = params_need(call->params, "AssociationId");
	struct object *object = NULL;
	struct address *found = NULL;

	while ((object = object_next(call->cloud, OBJECT_ADDRESS, call->region, object))) {
		struct address *address = (void *)object;

		if (id[0] && strcmp(address->association, id) == 0)
			found = address;
	}
	if (!found)
		ec2_fail(call, "InvalidAssociationID.NotFound",
			 "The association ID '%.64s' does not exist", id);
	if (!ec2_ready(call))
		return;
	address_free(found);
	out_bool(call->out, "return", true);
}

void act_release_address(struct ec2_call *call)
{
	struct address *address = need_address(call, params_need(call->params, "AllocationId"));
	const char *group = params_get(call->params, "NetworkBorderGroup");

	if (group && strcmp(group, call->region->name) != 0)
		ec2_fail(call, "InvalidParameterValue",
			 "The network border group '%.64s' is not the address's", group);
	if (!ec2_ready(call))
		return;
	if (address->association[0]) {
		ec2_fail(call, "InvalidIPAddress.InUse", "Address %s is in use.", address->ip);
		return;
	}
	address->base.ended_ms = call->cloud->now_ms;
	out_bool(call->out, "return", true);
}
