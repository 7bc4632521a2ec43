/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of the account's own: made of an instance, one snapshot per disk. Deregistering one leaves
 * its snapshots, and they bill on.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/own_images.h"

#define NAME_CHARS   " ()[]./-'@_"
#define TEXT_LEN_MAX 255

static const char *state_of(const struct cloud *cloud, const struct image *image)
{
	return cloud->now_ms < image->ready_ms ? "pending" : "available";
}

static const char *own_image_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct own_image_view *view = thing;
	const struct image *image = view->image;

	(void)scratch;
	if (i > 0)
		return NULL;
	if (strcmp(name, "name") == 0)
		return image->name;
	if (strcmp(name, "description") == 0)
		return image->description ? image->description : "";
	if (strcmp(name, "architecture") == 0)
		return image->like->architecture;
	if (strcmp(name, "owner-id") == 0)
		return view->cloud->account;
	if (strcmp(name, "owner-alias") == 0)
		return NULL;
	if (strcmp(name, "root-device-name") == 0)
		return image->like->root_device;
	if (strcmp(name, "root-device-type") == 0)
		return "ebs";
	if (strcmp(name, "virtualization-type") == 0)
		return "hvm";
	if (strcmp(name, "image-type") == 0)
		return "machine";
	if (strcmp(name, "state") == 0)
		return state_of(view->cloud, image);
	return "false"; /* is-public */
}

bool own_image_matches(const struct own_image_view *view, const struct filters *filters)
{
	return filters_match(filters, &view->image->base.tags, own_image_field, view);
}

static void write_disks(struct buf *out, const struct image *image)
{
	out_open(out, "blockDeviceMapping");
	for (size_t i = 0; i < image->nr_disks; i++) {
		const struct block_device *disk = &image->disks[i];

		out_open(out, "item");
		out_str(out, "deviceName", disk->name);
		out_open(out, "ebs");
		out_str(out, "snapshotId", image->snapshots[i]->base.id);
		out_int(out, "volumeSize", disk->gib);
		out_bool(out, "deleteOnTermination", disk->delete_on_termination);
		out_str(out, "volumeType", disk->type);
		out_bool(out, "encrypted", disk->encrypted);
		out_close(out, "ebs");
		out_close(out, "item");
	}
	out_close(out, "blockDeviceMapping");
}

void own_image_write(struct ec2_call *call, const struct image *image)
{
	struct buf *out = call->out;

	out_open(out, "item");
	out_str(out, "imageId", image->base.id);
	out_strf(out, "imageLocation", "%s/%s", call->cloud->account, image->name);
	out_str(out, "imageState", state_of(call->cloud, image));
	out_str(out, "imageOwnerId", call->cloud->account);
	out_time_ms(out, "creationDate", image->base.began_ms);
	out_bool(out, "isPublic", false);
	out_str(out, "architecture", image->like->architecture);
	out_str(out, "imageType", "machine");
	out_str(out, "name", image->name);
	out_str(out, "description", image->description);
	out_str(out, "rootDeviceType", "ebs");
	out_str(out, "rootDeviceName", image->like->root_device);
	write_disks(out, image);
	out_str(out, "virtualizationType", "hvm");
	out_str(out, "hypervisor", "xen");
	out_bool(out, "enaSupport", true);
	out_str(out, "sriovNetSupport", "simple");
	out_str(out, "platformDetails", "Linux/UNIX");
	out_str(out, "usageOperation", "RunInstances");
	out_str(out, "imdsSupport", "v2.0");
	out_str(out, "sourceInstanceId", image->source);
	out_tags(out, image->base.tags.v, image->base.tags.nr);
	out_close(out, "item");
}

static void check_name(struct ec2_call *call, const char *name)
{
	struct object *object = NULL;

	if (params_failed(call->params))
		return;
	if (strlen(name) < 3 || !text_is_token(name, NAME_CHARS, 128)) {
		ec2_fail(call, "InvalidAMIName.Malformed",
			 "AMI names must be between 3 and 128 characters long, and may contain "
			 "letters, digits and %s",
			 NAME_CHARS);
		return;
	}
	while ((object = object_next(call->cloud, OBJECT_IMAGE, call->region, object))) {
		const struct image *image = (const void *)object;

		if (!object->ended_ms && strcmp(image->name, name) == 0)
			ec2_fail(call, "InvalidAMIName.Duplicate",
				 "AMI name %s is already in use by AMI %s", name, object->id);
	}
}

static struct image *image_new(struct ec2_call *call, const struct instance *instance,
			       const char *name, const struct tag_set *tags)
{
	struct cloud *cloud = call->cloud;
	struct image *image =
		(void *)object_new(cloud, OBJECT_IMAGE, sizeof(*image), call->region, NULL);
	char *description =
		xasprintf("Created by CreateImage(%s) for %s", instance->base.id, image->base.id);
	struct object *object = NULL;

	image->name = xstrdup(name);
	image->like = instance->image;
	memcpy(image->source, instance->base.id, sizeof(image->source));
	image->ready_ms = cloud->now_ms + cloud->config.boot_ms;
	tags_copy(&image->base.tags, &tags[OBJECT_IMAGE]);
	while (image->nr_disks < BLOCK_DEVICES_MAX &&
	       (object = object_next(cloud, OBJECT_VOLUME, call->region, object))) {
		const struct volume *volume = (const void *)object;

		if (volume->instance != instance)
			continue;
		image->disks[image->nr_disks] = volume->device;
		image->disks[image->nr_disks].name = xstrdup(volume->device.name);
		image->snapshots[image->nr_disks++] =
			snapshot_new(cloud, volume, description, &tags[OBJECT_SNAPSHOT]);
	}
	free(description);
	return image;
}

void act_create_image(struct ec2_call *call)
{
	const struct cloud_machines *machines = call->cloud->config.machines;
	const char *id = params_need(call->params, "InstanceId");
	const char *name = params_need(call->params, "Name");
	const char *description = params_get(call->params, "Description");
	bool no_reboot = params_bool(call->params, "NoReboot", false);
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct instance *instance = NULL;

	if (!params_failed(call->params) &&
	    id_check(call, id, "i-", "InvalidInstanceID.Malformed") == 0)
		instance = (void *)object_need(call, id);
	if (instance && instance->state != STATE_RUNNING && instance->state != STATE_STOPPED)
		ec2_fail(call, "IncorrectState", "Instance '%s' is not 'running' or 'stopped'", id);
	check_name(call, name);
	if (description && strlen(description) > TEXT_LEN_MAX)
		ec2_fail(call, "InvalidParameterValue", "The description is over %d characters",
			 TEXT_LEN_MAX);
	tag_specs_read(call, 1u << OBJECT_IMAGE | 1u << OBJECT_SNAPSHOT, tags);
	if (ec2_ready(call)) {
		struct image *image = image_new(call, instance, name, tags);

		image->description = description ? xstrdup(description) : NULL;
		if (machines && !no_reboot && instance->state == STATE_RUNNING)
			machines->reboot(machines->ctx, id);
		out_str(call->out, "imageId", image->base.id);
	}
	tags_release(&tags[OBJECT_IMAGE]);
	tags_release(&tags[OBJECT_SNAPSHOT]);
}

void act_deregister_image(struct ec2_call *call)
{
	const char *id = params_need(call->params, "ImageId");
	bool with_snapshots = params_bool(call->params, "DeleteAssociatedSnapshots", false);
	struct image *image = NULL;

	if (!params_failed(call->params) &&
	    id_check(call, id, "ami-", "InvalidAMIID.Malformed") == 0) {
		if (sim_image_find(call->region->name, id))
			ec2_fail(call, "AuthFailure", "Not authorized for image:%s", id);
		else
			image = (void *)object_need(call, id);
	}
	if (!ec2_ready(call))
		return;
	image->base.ended_ms = call->cloud->now_ms;
	for (size_t i = 0; with_snapshots && i < image->nr_disks; i++)
		image->snapshots[i]->base.ended_ms = call->cloud->now_ms;
	out_bool(call->out, "return", true);
}
