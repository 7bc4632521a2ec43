/* SPDX-License-Identifier: Apache-2.0 */
/* One instance as RunInstances and DescribeInstances show it. */
#include <stdio.h>
#include <string.h>

#include "simulator/cloud/ec2.h"

void state_write(struct buf *out, const char *name, int code)
{
	out_open(out, name);
	out_int(out, "code", code);
	out_str(out, "name", state_name(code));
	out_close(out, name);
}

static void write_groups(struct buf *out, const struct instance *instance)
{
	out_open(out, "groupSet");
	for (size_t i = 0; i < instance->nr_groups; i++) {
		out_open(out, "item");
		out_str(out, "groupId", instance->groups[i]->base.id);
		out_str(out, "groupName", instance->groups[i]->name);
		out_close(out, "item");
	}
	out_close(out, "groupSet");
}

void reservation_open(struct ec2_call *call, const struct instance *first)
{
	out_str(call->out, "reservationId", first->reservation);
	out_str(call->out, "ownerId", call->cloud->account);
	out_str(call->out, "groupSet", ""); /* groups outside a VPC: none today */
	out_open(call->out, "instancesSet");
}

void reservation_close(struct ec2_call *call)
{
	out_close(call->out, "instancesSet");
}

static const char *public_name(const struct instance *instance, char out[96])
{
	const char *region = instance->base.region->name;
	char dashed[IP_TEXT_MAX];

	out[0] = '\0';
	if (!instance->public_ip[0])
		return out;
	if (strncmp(instance->public_ip, "127.", 4) == 0) { /* no name leads to this computer */
		snprintf(out, 96, "%s", instance->public_ip);
		return out;
	}
	snprintf(dashed, sizeof(dashed), "%s", instance->public_ip);
	for (char *c = dashed; *c; c++)
		*c = *c == '.' ? '-' : *c;
	if (strcmp(region, "us-east-1") == 0)
		snprintf(out, 96, "ec2-%s.compute-1.amazonaws.com", dashed);
	else
		snprintf(out, 96, "ec2-%s.%s.compute.amazonaws.com", dashed, region);
	return out;
}

static const char *private_name(const struct instance *instance, char out[96])
{
	const char *region = instance->base.region->name;
	char dashed[IP_TEXT_MAX];

	out[0] = '\0';
	if (!instance->private_ip[0])
		return out;
	snprintf(dashed, sizeof(dashed), "%s", instance->private_ip);
	for (char *c = dashed; *c; c++)
		*c = *c == '.' ? '-' : *c;
	if (strcmp(region, "us-east-1") == 0)
		snprintf(out, 96, "ip-%s.ec2.internal", dashed);
	else
		snprintf(out, 96, "ip-%s.%s.compute.internal", dashed, region);
	return out;
}

static void write_interface(struct ec2_call *call, const struct instance *instance)
{
	const struct interface *interface = instance->interface;
	struct buf *out = call->out;
	char id[CLOUD_ID_MAX], name[96];

	out_open(out, "networkInterfaceSet");
	out_open(out, "item");
	out_str(out, "networkInterfaceId", interface->base.id);
	subnet_id(call->cloud, instance->base.zone, id);
	out_str(out, "subnetId", id);
	vpc_id(call->cloud, instance->base.region, id);
	out_str(out, "vpcId", id);
	out_str(out, "ownerId", call->cloud->account);
	out_str(out, "status", "in-use");
	out_str(out, "macAddress", interface->mac);
	out_str(out, "privateIpAddress", instance->private_ip);
	out_str(out, "privateDnsName", private_name(instance, name));
	out_bool(out, "sourceDestCheck", true);
	write_groups(out, instance);
	out_open(out, "attachment");
	out_int(out, "deviceIndex", 0);
	out_str(out, "status", instance->state == STATE_PENDING ? "attaching" : "attached");
	out_time_ms(out, "attachTime", instance->base.began_ms);
	out_bool(out, "deleteOnTermination", true);
	out_close(out, "attachment");
	if (instance->public_ip[0]) {
		out_open(out, "association");
		out_str(out, "publicIp", instance->public_ip);
		out_str(out, "publicDnsName", public_name(instance, name));
		out_str(out, "ipOwnerId", "amazon");
		out_close(out, "association");
	}
	out_str(out, "interfaceType", "interface");
	out_close(out, "item");
	out_close(out, "networkInterfaceSet");
}

static void write_disks(struct ec2_call *call, const struct instance *instance)
{
	struct object *object = &call->cloud->objects[instance->base.index][0];
	struct buf *out = call->out;

	out_open(out, "blockDeviceMapping");
	while ((object = object_next(call->cloud, OBJECT_VOLUME, call->region, object))) {
		const struct volume *volume = (void *)object;

		/* its volumes were made right after it, before any other instance */
		if (volume->instance != instance)
			break;
		out_open(out, "item");
		out_str(out, "deviceName", volume->device.name);
		out_open(out, "ebs");
		out_str(out, "volumeId", object->id);
		out_str(out, "status", instance->state == STATE_PENDING ? "attaching" : "attached");
		out_time_ms(out, "attachTime", object->began_ms);
		out_bool(out, "deleteOnTermination", volume->device.delete_on_termination);
		out_close(out, "ebs");
		out_close(out, "item");
	}
	out_close(out, "blockDeviceMapping");
}

static void write_network(struct ec2_call *call, const struct instance *instance)
{
	struct buf *out = call->out;
	char id[CLOUD_ID_MAX];

	subnet_id(call->cloud, instance->base.zone, id);
	out_str(out, "subnetId", id);
	vpc_id(call->cloud, instance->base.region, id);
	out_str(out, "vpcId", id);
	out_str(out, "privateIpAddress", instance->private_ip);
	if (instance->public_ip[0])
		out_str(out, "ipAddress", instance->public_ip);
	out_bool(out, "sourceDestCheck", true);
	write_groups(out, instance);
	write_disks(call, instance);
	write_interface(call, instance);
}

static void write_options(struct buf *out, const struct instance *instance)
{
	out_open(out, "metadataOptions");
	out_str(out, "state", instance->state == STATE_PENDING ? "pending" : "applied");
	out_str(out, "httpTokens", instance->http_tokens);
	out_int(out, "httpPutResponseHopLimit", instance->http_hops);
	out_str(out, "httpEndpoint", instance->http_endpoint);
	out_str(out, "httpProtocolIpv6", instance->http_ipv6);
	out_str(out, "instanceMetadataTags", instance->metadata_tags);
	out_close(out, "metadataOptions");
	out_open(out, "monitoring");
	out_str(out, "state", instance->monitoring ? "enabled" : "disabled");
	out_close(out, "monitoring");
}

static void write_reasons(struct buf *out, const struct instance *instance)
{
	out_str(out, "reason", instance->reason);
	if (instance->state == STATE_PENDING) {
		out_open(out, "stateReason");
		out_str(out, "code", "pending");
		out_str(out, "message", "pending");
		out_close(out, "stateReason");
	} else if (instance->reason_code[0]) {
		out_open(out, "stateReason");
		out_str(out, "code", instance->reason_code);
		out_str(out, "message", instance->reason_message);
		out_close(out, "stateReason");
	}
}

void instance_write(struct ec2_call *call, const struct instance *instance)
{
	struct buf *out = call->out;
	char name[96];

	out_open(out, "item");
	out_str(out, "instanceId", instance->base.id);
	out_str(out, "imageId", instance->image_id);
	state_write(out, "instanceState", instance->state);
	out_str(out, "privateDnsName", private_name(instance, name));
	out_str(out, "dnsName", public_name(instance, name));
	write_reasons(out, instance);
	out_str(out, "keyName", instance->key_name);
	out_int(out, "amiLaunchIndex", instance->launch_index);
	out_str(out, "instanceType", instance->type->name);
	out_time_ms(out, "launchTime", instance->started_ms / 1000 * 1000);
	out_open(out, "placement");
	out_str(out, "availabilityZone", instance->base.zone->name);
	out_str(out, "availabilityZoneId", instance->base.zone->id);
	out_str(out, "groupName", "");
	out_str(out, "tenancy", "default");
	out_close(out, "placement");
	out_str(out, "architecture", instance->type->arch);
	out_str(out, "rootDeviceType", "ebs");
	out_str(out, "rootDeviceName", instance->image->root_device);
	out_str(out, "virtualizationType", "hvm");
	out_str(out, "hypervisor", "xen");
	out_str(out, "clientToken", instance->token ? instance->token : "");
	out_bool(out, "ebsOptimized", instance->ebs_optimized);
	out_bool(out, "enaSupport", true);
	if (instance->request) {
		out_str(out, "instanceLifecycle", "spot");
		out_str(out, "spotInstanceRequestId", instance->request->base.id);
	}
	if (!instance->base.ended_ms)
		write_network(call, instance);
	write_options(out, instance);
	out_tags(out, instance->base.tags.v, instance->base.tags.nr);
	out_close(out, "item");
}
