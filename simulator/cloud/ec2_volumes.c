/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeVolumes: disks bill until they are deleted, whatever became of their instance. */
#include <stdio.h>
#include <string.h>

#include "simulator/cloud/ec2.h"

#define IDS_MAX	     500
#define PAGE_DEFAULT 500

static const char *status_of(const struct volume *volume)
{
	return volume->instance ? "in-use" : "available";
}

static const char *volume_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct volume *volume = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "volume-id") == 0)
		return volume->base.id;
	if (strcmp(name, "status") == 0)
		return status_of(volume);
	if (strcmp(name, "availability-zone") == 0)
		return volume->base.zone->name;
	if (strcmp(name, "volume-type") == 0)
		return volume->device.type;
	if (strcmp(name, "attachment.instance-id") == 0)
		return volume->instance ? volume->instance->base.id : NULL;
	snprintf(scratch, 64, "%u", volume->device.gib); /* size */
	return scratch;
}

static void write_volume(struct buf *out, const struct volume *volume)
{
	const struct block_device *device = &volume->device;

	out_open(out, "item");
	out_str(out, "volumeId", volume->base.id);
	out_int(out, "size", device->gib);
	out_str(out, "availabilityZone", volume->base.zone->name);
	out_str(out, "availabilityZoneId", volume->base.zone->id);
	out_str(out, "status", status_of(volume));
	out_time_ms(out, "createTime", volume->base.began_ms);
	out_str(out, "volumeType", device->type);
	if (strcmp(device->type, "gp3") == 0) {
		out_int(out, "iops", device->iops);
		out_int(out, "throughput", device->throughput);
	}
	out_bool(out, "encrypted", device->encrypted);
	out_bool(out, "multiAttachEnabled", false);
	out_open(out, "attachmentSet");
	if (volume->instance) {
		out_open(out, "item");
		out_str(out, "volumeId", volume->base.id);
		out_str(out, "instanceId", volume->instance->base.id);
		out_str(out, "device", device->name);
		out_str(out, "status", "attached");
		out_time_ms(out, "attachTime", volume->base.began_ms);
		out_bool(out, "deleteOnTermination", device->delete_on_termination);
		out_close(out, "item");
	}
	out_close(out, "attachmentSet");
	out_tags(out, volume->base.tags.v, volume->base.tags.nr);
	out_close(out, "item");
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
		bool wanted = nr == 0;

		for (size_t i = 0; i < nr; i++)
			wanted = wanted || strcmp(ids[i], object->id) == 0;
		if (object->ended_ms || !wanted || (int64_t)object->index < page.from ||
		    !filters_match(&filters, &object->tags, volume_field, volume))
			continue;
		if (written++ == page.max)
			break;
		write_volume(call->out, volume);
	}
	out_close(call->out, "volumeSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}
