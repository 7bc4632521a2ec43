/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of disks: they bill until they are deleted, and cannot be while an image needs them.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html
 */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/own_images.h"

#define IDS_MAX	     500
#define OWNERS_MAX   20
#define PAGE_DEFAULT 1000
#define TEXT_LEN_MAX 255

struct snapshot_view {
	const struct cloud *cloud;
	const struct snapshot *snapshot;
};

static const char *status_of(const struct cloud *cloud, const struct snapshot *snapshot)
{
	return cloud->now_ms < snapshot->ready_ms ? "pending" : "completed";
}

static const char *snapshot_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct snapshot_view *view = thing;

	if (i > 0)
		return NULL;
	if (strcmp(name, "snapshot-id") == 0)
		return view->snapshot->base.id;
	if (strcmp(name, "volume-id") == 0)
		return view->snapshot->volume;
	if (strcmp(name, "status") == 0)
		return status_of(view->cloud, view->snapshot);
	if (strcmp(name, "owner-id") == 0)
		return view->cloud->account;
	if (strcmp(name, "description") == 0)
		return view->snapshot->description;
	snprintf(scratch, 64, "%u", view->snapshot->gib); /* volume-size */
	return scratch;
}

static void write_snapshot(struct ec2_call *call, const struct snapshot *snapshot)
{
	bool ready = call->cloud->now_ms >= snapshot->ready_ms;
	struct buf *out = call->out;

	out_str(out, "snapshotId", snapshot->base.id);
	out_str(out, "volumeId", snapshot->volume);
	out_str(out, "status", status_of(call->cloud, snapshot));
	out_time_ms(out, "startTime", snapshot->base.began_ms);
	out_str(out, "progress", ready ? "100%" : "0%");
	out_str(out, "ownerId", call->cloud->account);
	out_int(out, "volumeSize", snapshot->gib);
	out_str(out, "description", snapshot->description);
	out_bool(out, "encrypted", snapshot->encrypted);
	out_str(out, "storageTier", "standard");
	out_tags(out, snapshot->base.tags.v, snapshot->base.tags.nr);
}

/* Owner.N: the account is the only one that has any. */
static bool read_owners(struct ec2_call *call)
{
	size_t nr;
	const char **owners = params_list(call->params, "Owner", OWNERS_MAX, &nr);

	for (size_t i = 0; i < nr; i++) {
		if (strcmp(owners[i], "self") == 0 || strcmp(owners[i], call->cloud->account) == 0)
			return true;
	}
	return nr == 0;
}

void act_describe_snapshots(struct ec2_call *call)
{
	static const char *const known[] = { "snapshot-id", "volume-id",   "status", "owner-id",
					     "description", "volume-size", "tag",    NULL };
	struct object *object = NULL;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	const char **ids = params_list(call->params, "SnapshotId", IDS_MAX, &nr);
	bool mine = read_owners(call);

	page_read(call, 5, 1000, PAGE_DEFAULT, &page);
	filters_read(call, known, &filters);
	for (size_t i = 0; i < nr && !params_failed(call->params); i++) {
		if (id_check(call, ids[i], "snap-", "InvalidSnapshotID.Malformed") == 0)
			object_need(call, ids[i]);
	}
	if (!ec2_ready(call))
		return;
	out_open(call->out, "snapshotSet");
	while ((object = object_next(call->cloud, OBJECT_SNAPSHOT, call->region, object))) {
		const struct snapshot_view view = { call->cloud, (const void *)object };
		bool wanted = nr == 0;

		for (size_t i = 0; i < nr; i++)
			wanted = wanted || strcmp(ids[i], object->id) == 0;
		if (object->ended_ms || !wanted || !mine || (int64_t)object->index < page.from ||
		    !filters_match(&filters, &object->tags, snapshot_field, &view))
			continue;
		if (written++ == page.max)
			break;
		out_open(call->out, "item");
		write_snapshot(call, view.snapshot);
		out_close(call->out, "item");
	}
	out_close(call->out, "snapshotSet");
	if (object)
		page_next(call, (int64_t)object->index, 0);
}

struct snapshot *snapshot_new(struct cloud *cloud, const struct volume *volume,
			      const char *description, const struct tag_set *tags)
{
	struct snapshot *snapshot = (void *)object_new(cloud, OBJECT_SNAPSHOT, sizeof(*snapshot),
						       volume->base.region, NULL);

	memcpy(snapshot->volume, volume->base.id, sizeof(snapshot->volume));
	snapshot->gib = volume->device.gib;
	snapshot->encrypted = volume->device.encrypted;
	snapshot->description = xstrdup(description);
	snapshot->ready_ms = cloud->now_ms + cloud->config.boot_ms;
	tags_copy(&snapshot->base.tags, tags);
	return snapshot;
}

void act_create_snapshot(struct ec2_call *call)
{
	const char *id = params_need(call->params, "VolumeId");
	const char *description = params_get(call->params, "Description");
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct volume *volume = NULL;

	if (!params_failed(call->params) &&
	    id_check(call, id, "vol-", "InvalidVolumeID.Malformed") == 0)
		volume = (void *)object_need(call, id);
	if (volume && call->cloud->now_ms < volume->ready_ms)
		ec2_fail(call, "IncorrectState", "The volume '%s' is 'creating'", id);
	if (description && strlen(description) > TEXT_LEN_MAX)
		ec2_fail(call, "InvalidParameterValue", "The description is over %d characters",
			 TEXT_LEN_MAX);
	tag_specs_read(call, 1u << OBJECT_SNAPSHOT, tags);
	if (ec2_ready(call))
		write_snapshot(call,
			       snapshot_new(call->cloud, volume, description ? description : "",
					    &tags[OBJECT_SNAPSHOT]));
	tags_release(&tags[OBJECT_SNAPSHOT]);
}

/* The image that needs it, or NULL. */
static const struct image *image_of(const struct ec2_call *call, const struct snapshot *snapshot)
{
	struct object *object = NULL;

	while ((object = object_next(call->cloud, OBJECT_IMAGE, call->region, object))) {
		const struct image *image = (const void *)object;

		for (size_t i = 0; !object->ended_ms && i < image->nr_disks; i++) {
			if (image->snapshots[i] == snapshot)
				return image;
		}
	}
	return NULL;
}

void act_delete_snapshot(struct ec2_call *call)
{
	const char *id = params_need(call->params, "SnapshotId");
	struct snapshot *snapshot = NULL;
	const struct image *image;

	if (!params_failed(call->params) &&
	    id_check(call, id, "snap-", "InvalidSnapshotID.Malformed") == 0)
		snapshot = (void *)object_need(call, id);
	if (!ec2_ready(call))
		return;
	image = image_of(call, snapshot);
	if (image) {
		ec2_fail(call, "InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s",
			 id, image->base.id);
		return;
	}
	snapshot->base.ended_ms = call->cloud->now_ms;
	out_bool(call->out, "return", true);
}
