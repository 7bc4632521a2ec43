/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be left over, kind by kind: how it is listed, read, priced and removed.
 *
 * Prices are list prices of us-east-1 as of 2026-01, the same for every region, so "about": disks
 * https://aws.amazon.com/ebs/pricing/, addresses https://aws.amazon.com/vpc/pricing/. A snapshot is
 * priced as if all of its disk had been written.
 */
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/aws/ec2.h"

#define HOURS_PER_MONTH 730
#define GIB_MAX		65536
#define IOPS_MAX	1000000
#define LAUNCH_NAME_MAX 96

#define SNAPSHOT_GIB 50000 /* micro-dollars a month */
#define ARCHIVE_GIB  12500
#define ADDRESS_HOUR 5000 /* micro-dollars an hour */

/* Micro-dollars a month: per GiB, per operation a second and MiB a second above what is included. */
static const struct disk_price {
	const char *type;
	int64_t gib, iops, mibs;
	uint64_t free_iops, free_mibs;
} disk_prices[] = {
	{ "gp3", 80000, 5000, 40000, 3000, 125 },
	{ "gp2", 100000, 0, 0, 0, 0 },
	{ "io1", 125000, 65000, 0, 0, 0 },
	{ "io2", 125000, 65000, 0, 0, 0 },
	{ "st1", 45000, 0, 0, 0, 0 },
	{ "sc1", 15000, 0, 0, 0, 0 },
	{ "standard", 50000, 0, 0, 0, 0 },
};

/* A figure that is none counts as 0: it must not hide the thing. */
static uint64_t number(const struct _xmlNode *item, const char *path, uint64_t max)
{
	struct error ignored = ERROR_INIT;
	uint64_t value = 0;

	return ec2_number(item, path, max, &value, &ignored) == 0 ? value : 0;
}

static int64_t above(uint64_t value, uint64_t included)
{
	return value > included ? (int64_t)(value - included) : 0;
}

static int64_t price_disk(const struct _xmlNode *item, uint64_t gib)
{
	const char *type = xml_text(item, "volumeType");
	uint64_t iops = number(item, "iops", IOPS_MAX);
	uint64_t mibs = number(item, "throughput", IOPS_MAX);

	for (size_t i = 0; gib && i < ARRAY_SIZE(disk_prices); i++) {
		const struct disk_price *price = &disk_prices[i];

		if (text_equal(type, price->type))
			return ((int64_t)gib * price->gib +
				above(iops, price->free_iops) * price->iops +
				above(mibs, price->free_mibs) * price->mibs) /
			       HOURS_PER_MONTH;
	}
	return MONEY_UNKNOWN;
}

static const char *id_or_empty(const struct _xmlNode *item, const char *path, const char *prefix,
			       struct arena *arena)
{
	const char *id = xml_text(item, path);

	return ec2_id_ok(id, prefix) ? arena_strdup(arena, id) : "";
}

static bool read_volume(const struct _xmlNode *item, struct arena *arena, struct leftover *leftover)
{
	const char *status = xml_text(item, "status");

	if (text_equal(status, "deleting") || text_equal(status, "deleted"))
		return false;
	leftover->attached = id_or_empty(item, "attachmentSet/item/instanceId", "i-", arena);
	leftover->size_gib = number(item, "size", GIB_MAX);
	leftover->price = price_disk(item, leftover->size_gib);
	return true;
}

static bool read_snapshot(const struct _xmlNode *item, struct arena *arena,
			  struct leftover *leftover)
{
	bool archived = text_equal(xml_text(item, "storageTier"), "archive");

	(void)arena;
	leftover->size_gib = number(item, "volumeSize", GIB_MAX);
	leftover->price = leftover->size_gib ? (int64_t)leftover->size_gib *
						       (archived ? ARCHIVE_GIB : SNAPSHOT_GIB) /
						       HOURS_PER_MONTH
					     : MONEY_UNKNOWN;
	return true;
}

/* Its snapshots bill, not the image. */
static bool read_image(const struct _xmlNode *item, struct arena *arena, struct leftover *leftover)
{
	(void)arena;
	(void)leftover;
	return !text_equal(xml_text(item, "imageState"), "deregistered");
}

static bool read_address(const struct _xmlNode *item, struct arena *arena,
			 struct leftover *leftover)
{
	leftover->attached = id_or_empty(item, "instanceId", "i-", arena);
	leftover->price = ADDRESS_HOUR;
	return true;
}

/* What a service of AWS's made goes with that service. */
static bool read_interface(const struct _xmlNode *item, struct arena *arena,
			   struct leftover *leftover)
{
	leftover->attached = id_or_empty(item, "attachment/instanceId", "i-", arena);
	return !text_equal(xml_text(item, "requesterManaged"), "true");
}

/* Whoever tagged a group or key of theirs like ours gave it another name. */
static bool is_our_name(const struct _xmlNode *item, const char *path,
			const struct leftover *leftover)
{
	char name[LAUNCH_NAME_MAX];

	ec2_launch_name(name, leftover->launch_id);
	return text_equal(xml_text(item, path), name);
}

static bool read_group(const struct _xmlNode *item, struct arena *arena, struct leftover *leftover)
{
	(void)arena;
	return is_our_name(item, "groupName", leftover);
}

static bool read_key(const struct _xmlNode *item, struct arena *arena, struct leftover *leftover)
{
	(void)arena;
	return is_our_name(item, "keyName", leftover);
}

const struct ec2_leftover_kind ec2_leftover_kinds[EC2_LEFTOVER_KINDS] = {
	[LEFTOVER_SPOT_REQUEST] = { .kind = LEFTOVER_SPOT_REQUEST,
				    .action = "DescribeSpotInstanceRequests",
				    .set = "spotInstanceRequestSet",
				    .id = "spotInstanceRequestId",
				    .prefix = "sir-",
				    .created = "createTime",
				    .state = "open",
				    .paged = true,
				    .removal = "CancelSpotInstanceRequests",
				    .parameter = "SpotInstanceRequestId.1" },
	[LEFTOVER_ADDRESS] = { .kind = LEFTOVER_ADDRESS,
			       .action = "DescribeAddresses",
			       .set = "addressesSet",
			       .id = "allocationId",
			       .prefix = "eipalloc-",
			       .read = read_address,
			       .removal = "ReleaseAddress",
			       .parameter = "AllocationId" },
	[LEFTOVER_INTERFACE] = { .kind = LEFTOVER_INTERFACE,
				 .action = "DescribeNetworkInterfaces",
				 .set = "networkInterfaceSet",
				 .id = "networkInterfaceId",
				 .prefix = "eni-",
				 .paged = true,
				 .read = read_interface,
				 .removal = "DeleteNetworkInterface",
				 .parameter = "NetworkInterfaceId" },
	[LEFTOVER_VOLUME] = { .kind = LEFTOVER_VOLUME,
			      .action = "DescribeVolumes",
			      .set = "volumeSet",
			      .id = "volumeId",
			      .prefix = "vol-",
			      .created = "createTime",
			      .paged = true,
			      .read = read_volume,
			      .removal = "DeleteVolume",
			      .parameter = "VolumeId" },
	[LEFTOVER_IMAGE] = { .kind = LEFTOVER_IMAGE,
			     .action = "DescribeImages",
			     .set = "imagesSet",
			     .id = "imageId",
			     .prefix = "ami-",
			     .created = "creationDate",
			     .paged = true,
			     .mine = true,
			     .read = read_image,
			     .removal = "DeregisterImage",
			     .parameter = "ImageId" },
	[LEFTOVER_SNAPSHOT] = { .kind = LEFTOVER_SNAPSHOT,
				.action = "DescribeSnapshots",
				.set = "snapshotSet",
				.id = "snapshotId",
				.prefix = "snap-",
				.created = "startTime",
				.paged = true,
				.mine = true,
				.read = read_snapshot,
				.removal = "DeleteSnapshot",
				.parameter = "SnapshotId" },
	[LEFTOVER_SECURITY_GROUP] = { .kind = LEFTOVER_SECURITY_GROUP,
				      .action = "DescribeSecurityGroups",
				      .set = "securityGroupInfo",
				      .id = "groupId",
				      .prefix = "sg-",
				      .paged = true,
				      .read = read_group,
				      .removal = "DeleteSecurityGroup",
				      .parameter = "GroupId" },
	[LEFTOVER_KEY] = { .kind = LEFTOVER_KEY,
			   .action = "DescribeKeyPairs",
			   .set = "keySet",
			   .id = "keyName",
			   .created = "createTime",
			   .read = read_key,
			   .removal = "DeleteKeyPair",
			   .parameter = "KeyName" },
};

static int64_t created(const struct ec2_leftover_kind *kind, const struct _xmlNode *item)
{
	const char *text = kind->created ? xml_text(item, kind->created) : NULL;
	struct error ignored = ERROR_INIT;
	int64_t s;

	if (text && *text && time_parse(text, "time", &s, &ignored) == 0)
		return s;
	return ec2_tag_time(item, TAG_MADE);
}

int ec2_leftover_parse(const struct ec2_leftover_kind *kind, const struct _xmlNode *item,
		       const char *region, struct arena *arena, struct leftover *ret,
		       struct error *err)
{
	const char *launch = ec2_tag(item, TAG_LAUNCH), *id = xml_text(item, kind->id);

	/* Servers that do not know a filter send everything. */
	if (!launch || !text_is_token(launch, "-_", 63))
		return 0;
	if (kind->state && !text_equal(xml_text(item, "state"), kind->state))
		return 0;
	if (kind->prefix && ec2_id(item, kind->id, kind->prefix, &id, err))
		return -1;
	struct leftover leftover = {
		.provider = "aws",
		.region = region,
		.kind = kind->kind,
		.id = id ? id : "",
		.launch_id = arena_strdup(arena, launch),
		.name = ec2_tag_text(arena, item, TAG_NAME),
		.owner = ec2_tag_text(arena, item, TAG_OWNER),
		.attached = "",
		.created = created(kind, item),
	};
	if (kind->read && !kind->read(item, arena, &leftover))
		return 0;
	leftover.id = arena_strdup(arena, leftover.id);
	*ret = leftover;
	return 1;
}
