/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: they bill until they are deleted, whatever became of their instance.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVolume.html
 */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define IDS_MAX	     500
#define PAGE_DEFAULT 500
#define GIB_MAX	     65536
#define GP3_IOPS     3000
#define GP3_MIBS     125

static const char *status_of(const struct cloud *cloud, const struct volume *volume)
{
	if (volume->base.ended_ms)
		return "deleting";
	if (cloud->now_ms < volume->ready_ms)
		return "creating";
	return volume->instance ? "in-use" : "available";
}

struct volume_view {
	const struct cloud *cloud;
	const struct volume *volume;
};

static const char *volume_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct volume_view *view = thing;
	const struct volume *volume = view->volume;

	if (i > 0)
		return NULL;
	if (strcmp(name, "volume-id") == 0)
		return volume->base.id;
	if (strcmp(name, "status") == 0)
		return status_of(view->cloud, volume);
	if (strcmp(name, "availability-zone") == 0)
		return volume->base.zone->name;
	if (strcmp(name, "volume-type") == 0)
		return volume->device.type;
	if (strcmp(name, "attachment.instance-id") == 0)
		return volume->instance ? volume->instance->base.id : NULL;
	snprintf(scratch, 64, "%u", volume->device.gib); /* size */
	return scratch;
}

static void write_attachment(struct buf *out, const struct volume *volume)
{
	out_open(out, "item");
	out_str(out, "volumeId", volume->base.id);
	out_str(out, "instanceId", volume->instance->base.id);
	out_str(out, "device", volume->device.name);
	out_str(out, "status", "attached");
	out_time_ms(out, "attachTime", volume->base.began_ms);
	out_bool(out, "deleteOnTermination", volume->device.delete_on_termination);
	out_close(out, "item");
}

/* What stands in an item, and alone in CreateVolume's reply. */
static void write_volume(struct ec2_call *call, const struct volume *volume)
{
	const struct block_device *device = &volume->device;
	struct buf *out = call->out;

	out_str(out, "volumeId", volume->base.id);
	out_int(out, "size", device->gib);
	out_str(out, "availabilityZone", volume->base.zone->name);
	out_str(out, "availabilityZoneId", volume->base.zone->id);
	out_str(out, "status", status_of(call->cloud, volume));
	out_time_ms(out, "createTime", volume->base.began_ms);
	out_str(out, "volumeType", device->type);
	if (device->iops)
		out_int(out, "iops", device->iops);
	if (strcmp(device->type, "gp3") == 0)
		out_int(out, "throughput", device->throughput);
	out_bool(out, "encrypted", device->encrypted);
	out_bool(out, "multiAttachEnabled", false);
	out_open(out, "attachmentSet");
	if (volume->instance)
		write_attachment(out, volume);
	out_close(out, "attachmentSet");
	out_tags(out, volume->base.tags.v, volume->base.tags.nr);
}

void act_describe_volumes(struct ec2_call *call)
{
	static const char *const known[] = { "volume-id",   "status",
					     "size",	    "availability-zone",
					     "volume-type", "attachment.instance-id",
					     "tag",	    NULL };
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	const char **ids = params_list(call->params, "VolumeId", IDS_MAX, &nr);

	params_bool(call->params, "IncludeManagedResources", false);
	page_read(call, 5, 1000, PAGE_DEFAULT, &page);
	filters_read(call, known, &filters);
	for (size_t i = 0; i < nr && !params_failed(call->params); i++) {
		if (id_check(call, ids[i], "vol-", "InvalidVolumeID.Malformed") == 0)
			object_need(call, ids[i]);
	}
	if (!ec2_ready(call))
		return;
	out_open(call->out, "volumeSet");
	while ((object = object_next(call->cloud, OBJECT_VOLUME, call->region, object))) {
		const struct volume *volume = (void *)object;
		const struct volume_view view = { call->cloud, volume };
		bool wanted = nr == 0;

		for (size_t i = 0; i < nr; i++)
			wanted = wanted || strcmp(ids[i], object->id) == 0;
		if (!volume_visible(call->cloud, volume) || !wanted ||
		    (int64_t)object->index < page.from ||
		    !filters_match(&filters, &object->tags, volume_field, &view))
			continue;
		if (written++ == page.max)
			break;
		out_open(call->out, "item");
		write_volume(call, volume);
		out_close(call->out, "item");
	}
	out_close(call->out, "volumeSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}

static void read_new(struct ec2_call *call, struct block_device *device)
{
	static const char *const types[] = { "gp3", "gp2", "io1", "io2", "st1", "sc1", "standard" };
	struct sim_params *params = call->params;
	const char *type = params_get(params, "VolumeType");
	bool known = !type;

	snprintf(device->type, sizeof(device->type), "gp2"); /* what EC2 takes where none is said */
	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++)
		known = known || strcmp(types[i], type) == 0;
	if (!known)
		ec2_fail(call, "InvalidParameterValue", "Invalid value '%.32s' for VolumeType.",
			 type);
	else if (type)
		snprintf(device->type, sizeof(device->type), "%s", type);
	params_need(params, "Size");
	device->gib = (unsigned)params_int(params, "Size", 1, GIB_MAX, 1);
	device->encrypted = params_bool(params, "Encrypted", false);
	bool gp3 = strcmp(device->type, "gp3") == 0;
	bool io = strncmp(device->type, "io", 2) == 0;

	if (params_has(params, "Iops") && !gp3 && !io)
		ec2_fail(call, "InvalidParameterCombination",
			 "The parameter iops is not supported for %s volumes", device->type);
	if (io && !params_has(params, "Iops"))
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter iops for %s volumes",
			 device->type);
	if (params_has(params, "Throughput") && !gp3)
		ec2_fail(call, "InvalidParameterCombination",
			 "The parameter throughput is not supported for %s volumes", device->type);
	device->iops = (unsigned)params_int(params, "Iops", io ? 100 : GP3_IOPS, 256000,
					    gp3 ? GP3_IOPS : 0);
	device->throughput =
		(unsigned)params_int(params, "Throughput", GP3_MIBS, 2000, gp3 ? GP3_MIBS : 0);
}

/* The same token again: the same disk, if it is the same request. */
static struct volume *find_token(struct ec2_call *call, const char *token,
				 const struct block_device *device)
{
	struct object *object = NULL;

	while (token[0] &&
	       (object = object_next(call->cloud, OBJECT_VOLUME, call->region, object))) {
		struct volume *volume = (void *)object;

		if (strcmp(volume->token, token) != 0)
			continue;
		if (volume->device.gib != device->gib ||
		    strcmp(volume->device.type, device->type) != 0)
			ec2_fail(call, "IdempotentParameterMismatch",
				 "The token was used with other parameters");
		return volume;
	}
	return NULL;
}

void act_create_volume(struct ec2_call *call)
{
	const char *name = params_need(call->params, "AvailabilityZone");
	const struct place_zone *zone = place_zone_find(call->region, name);
	const char *token = token_read(call);
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct block_device device = { 0 };
	struct volume *volume;

	if (!zone)
		ec2_fail(call, "InvalidZone.NotFound", "The zone '%.64s' does not exist.", name);
	read_new(call, &device);
	tag_specs_read(call, 1u << OBJECT_VOLUME, tags);
	volume = find_token(call, token, &device);
	if (ec2_ready(call)) {
		if (!volume) {
			volume = (void *)object_new(call->cloud, OBJECT_VOLUME, sizeof(*volume),
						    call->region, zone);
			volume->device = device;
			volume->ready_ms = call->cloud->now_ms + call->cloud->config.boot_ms;
			snprintf(volume->token, sizeof(volume->token), "%s", token);
			tags_copy(&volume->base.tags, &tags[OBJECT_VOLUME]);
		}
		write_volume(call, volume);
	}
	tags_release(&tags[OBJECT_VOLUME]);
}

void act_delete_volume(struct ec2_call *call)
{
	const char *id = params_need(call->params, "VolumeId");
	struct volume *volume = NULL;

	if (!params_failed(call->params) &&
	    id_check(call, id, "vol-", "InvalidVolumeID.Malformed") == 0)
		volume = (void *)object_need(call, id);
	if (!ec2_ready(call))
		return;
	if (volume->instance) {
		ec2_fail(call, "VolumeInUse", "Volume %s is currently attached to %s", id,
			 volume->instance->base.id);
		return;
	}
	if (call->cloud->now_ms < volume->ready_ms) {
		ec2_fail(call, "IncorrectState", "The volume '%s' is 'creating'", id);
		return;
	}
	volume->base.ended_ms = call->cloud->now_ms;
	volume->lingers = true;
	out_bool(call->out, "return", true);
}
