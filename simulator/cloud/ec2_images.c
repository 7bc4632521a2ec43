/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeImages: the public images, then the account's own (ec2_own_images.c). */
#include <string.h>

#include "core/text.h"
#include "simulator/cloud/own_images.h"

#define LIST_MAX 200

static const char *image_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct sim_image *image = thing;

	(void)scratch;
	if (i > 0)
		return NULL;
	if (strcmp(name, "name") == 0)
		return image->name;
	if (strcmp(name, "description") == 0)
		return image->description;
	if (strcmp(name, "architecture") == 0)
		return image->architecture;
	if (strcmp(name, "owner-id") == 0)
		return image->owner_id;
	if (strcmp(name, "owner-alias") == 0)
		return image->owner_alias;
	if (strcmp(name, "root-device-name") == 0)
		return image->root_device;
	if (strcmp(name, "root-device-type") == 0)
		return "ebs";
	if (strcmp(name, "virtualization-type") == 0)
		return "hvm";
	if (strcmp(name, "image-type") == 0)
		return "machine";
	if (strcmp(name, "state") == 0)
		return "available";
	return "true"; /* is-public */
}

static bool owned(const struct sim_image *image, const char *const *owners, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(owners[i], image->owner_id) == 0 ||
		    text_equal(owners[i], image->owner_alias))
			return true;
	}
	return nr == 0;
}

/* What an image id must look like, and that there is such an image. */
static int need_images(struct ec2_call *call, const char *const *ids, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (id_check(call, ids[i], "ami-", "InvalidAMIID.Malformed") != 0)
			return -1;
		const struct object *own =
			object_find(call->cloud, OBJECT_IMAGE, call->region, ids[i]);
		if (!sim_image_find(call->region->name, ids[i]) && (!own || own->ended_ms))
			return ec2_fail(call, "InvalidAMIID.NotFound",
					"The image id '[%s]' does not exist", ids[i]);
	}
	return 0;
}

static void write_image(struct ec2_call *call, const struct sim_image *image, const char *id)
{
	struct buf *out = call->out;

	out_open(out, "item");
	out_str(out, "imageId", id);
	out_strf(out, "imageLocation", "%s/%s", image->owner_alias, image->name);
	out_str(out, "imageState", "available");
	out_str(out, "imageOwnerId", image->owner_id);
	out_str(out, "creationDate", image->created);
	out_bool(out, "isPublic", true);
	out_str(out, "architecture", image->architecture);
	out_str(out, "imageType", "machine");
	out_str(out, "imageOwnerAlias", image->owner_alias);
	out_str(out, "name", image->name);
	out_str(out, "description", image->description);
	out_str(out, "rootDeviceType", "ebs");
	out_str(out, "rootDeviceName", image->root_device);
	out_open(out, "blockDeviceMapping");
	out_open(out, "item");
	out_str(out, "deviceName", image->root_device);
	out_open(out, "ebs");
	out_strf(out, "snapshotId", "snap-%s", id + strlen("ami-"));
	out_int(out, "volumeSize", image->root_gib);
	out_bool(out, "deleteOnTermination", true);
	out_str(out, "volumeType", "gp3");
	out_int(out, "iops", 3000);
	out_int(out, "throughput", 125);
	out_bool(out, "encrypted", false);
	out_close(out, "ebs");
	out_close(out, "item");
	out_close(out, "blockDeviceMapping");
	out_str(out, "virtualizationType", "hvm");
	out_str(out, "hypervisor", "xen");
	out_bool(out, "enaSupport", true);
	out_str(out, "sriovNetSupport", "simple");
	out_str(out, "platformDetails", "Linux/UNIX");
	out_str(out, "usageOperation", "RunInstances");
	out_str(out, "imdsSupport", "v2.0");
	out_str(out, "publicSsmParameterName", image->parameter);
	out_close(out, "item");
}

/* What is asked for, but for the filters. */
struct selection {
	const char **ids, **owners;
	size_t nr_ids, nr_owners;
	const struct filters *filters;
	const struct page *page;
};

static bool is_wanted(const struct selection *selection, const char *id)
{
	for (size_t i = 0; i < selection->nr_ids; i++) {
		if (strcmp(selection->ids[i], id) == 0)
			return true;
	}
	return selection->nr_ids == 0;
}

static bool mine_are_asked(const struct ec2_call *call, const struct selection *selection)
{
	for (size_t i = 0; i < selection->nr_owners; i++) {
		if (strcmp(selection->owners[i], "self") == 0 ||
		    strcmp(selection->owners[i], call->cloud->account) == 0)
			return true;
	}
	return selection->nr_owners == 0;
}

/* Their places come after those of the public ones. Returns where the next page begins, or -1. */
static int64_t write_own(struct ec2_call *call, const struct selection *selection, size_t written)
{
	struct object *object = NULL;

	if (!mine_are_asked(call, selection))
		return -1;
	while ((object = object_next(call->cloud, OBJECT_IMAGE, call->region, object))) {
		const struct own_image_view view = { call->cloud, (const void *)object };
		int64_t place = (int64_t)(sim_images_count() + object->index);

		if (object->ended_ms || place < selection->page->from ||
		    !is_wanted(selection, object->id) ||
		    !own_image_matches(&view, selection->filters))
			continue;
		if (written++ == selection->page->max)
			return place;
		own_image_write(call, view.image);
	}
	return -1;
}

void act_describe_images(struct ec2_call *call)
{
	static const char *const known[] = { "name",
					     "description",
					     "architecture",
					     "owner-id",
					     "owner-alias",
					     "root-device-name",
					     "root-device-type",
					     "virtualization-type",
					     "image-type",
					     "state",
					     "is-public",
					     "tag",
					     NULL };
	const struct tag_set no_tags = { 0 };
	struct filters filters;
	struct page page;
	size_t nr_users, written = 0;
	struct selection selection = { .filters = &filters, .page = &page };

	selection.ids = params_list(call->params, "ImageId", LIST_MAX, &selection.nr_ids);
	selection.owners = params_list(call->params, "Owner", LIST_MAX, &selection.nr_owners);

	params_list(call->params, "ExecutableBy", LIST_MAX, &nr_users);
	params_bool(call->params, "IncludeDeprecated", false);
	params_bool(call->params, "IncludeDisabled", false);
	page_read(call, 1, 1000, 1000, &page);
	filters_read(call, known, &filters);
	if (page.asked && selection.nr_ids > 0)
		ec2_fail(call, "InvalidParameterCombination",
			 "The parameters ImageId and MaxResults cannot be used together");
	if (!ec2_ready(call) || need_images(call, selection.ids, selection.nr_ids) != 0)
		return;
	out_open(call->out, "imagesSet");
	for (size_t i = (size_t)page.from; i < sim_images_count(); i++) {
		const struct sim_image *image = sim_image_at(i);
		char id[SIM_IMAGE_ID_MAX];

		sim_image_id(image, call->region->name, id);
		if (!is_wanted(&selection, id) ||
		    !owned(image, selection.owners, selection.nr_owners) ||
		    !filters_match(&filters, &no_tags, image_field, image))
			continue;
		if (written++ == page.max) {
			out_close(call->out, "imagesSet");
			page_next(call, (int64_t)i, 0);
			return;
		}
		write_image(call, image, id);
	}
	int64_t next = write_own(call, &selection, written);

	out_close(call->out, "imagesSet");
	if (next >= 0)
		page_next(call, next, 0);
}
