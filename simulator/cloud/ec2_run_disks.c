/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of a launch. */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/run.h"

#define GIB_MAX	 65536
#define GP3_IOPS 3000
#define GP3_MIBS 125

static void add_root(struct run_spec *spec)
{
	struct block_device *root;

	spec->disks = arena_alloc(&spec->arena, BLOCK_DEVICES_MAX * sizeof(*spec->disks));
	root = &spec->disks[spec->nr_disks++];
	root->name = arena_strdup(&spec->arena, spec->image->root_device);
	root->gib = spec->root_gib;
	snprintf(root->type, sizeof(root->type), "gp3");
	root->iops = GP3_IOPS;
	root->throughput = GP3_MIBS;
	root->delete_on_termination = true;
}

static struct block_device *device_for(struct ec2_call *call, struct run_spec *spec,
				       const char *name)
{
	struct block_device *disk;

	for (size_t i = 0; i < spec->nr_disks; i++) {
		if (strcmp(spec->disks[i].name, name) == 0)
			return &spec->disks[i];
	}
	if (!text_starts_with(name, "/dev/") || strlen(name) > 24 ||
	    spec->nr_disks == BLOCK_DEVICES_MAX) {
		ec2_fail(call, "InvalidBlockDeviceMapping", "Invalid device name %.64s", name);
		return NULL;
	}
	disk = &spec->disks[spec->nr_disks++];
	disk->name = arena_strdup(&spec->arena, name);
	snprintf(disk->type, sizeof(disk->type), "gp3");
	disk->iops = GP3_IOPS;
	disk->throughput = GP3_MIBS;
	disk->delete_on_termination = true;
	return disk;
}

static void check_disk(struct ec2_call *call, const struct run_spec *spec,
		       const struct block_device *disk)
{
	bool root = disk == &spec->disks[0];

	if (disk->gib == 0)
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter size or snapshotId");
	else if (root && disk->gib < spec->root_gib)
		ec2_fail(call, "InvalidBlockDeviceMapping",
			 "Volume of size %uGB is smaller than snapshot 'snap-%s', expect size >= "
			 "%uGB",
			 disk->gib, spec->image_id + strlen("ami-"), spec->root_gib);
}

static void read_type(struct ec2_call *call, const char *ebs, struct block_device *disk)
{
	static const char *const types[] = { "gp3", "gp2", "io1", "io2", "st1", "sc1", "standard" };
	const char *type =
		params_get(call->params, params_name(call->params, "%s.VolumeType", ebs));
	bool known = false;

	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++)
		known = known || strcmp(types[i], type) == 0;
	if (type && !known)
		ec2_fail(call, "InvalidParameterValue", "Invalid value '%.32s' for VolumeType.",
			 type);
	else if (type)
		snprintf(disk->type, sizeof(disk->type), "%s", type);
}

static void read_disk(struct ec2_call *call, struct run_spec *spec, size_t n)
{
	struct sim_params *params = call->params;
	const char *mapping = params_name(params, "BlockDeviceMapping.%zu", n);
	const char *ebs = params_name(params, "%s.Ebs", mapping);
	const char *name = params_need(params, params_name(params, "%s.DeviceName", mapping));
	struct block_device *disk = params_failed(params) ? NULL : device_for(call, spec, name);

	if (!disk)
		return;
	read_type(call, ebs, disk);
	bool gp3 = strcmp(disk->type, "gp3") == 0;

	disk->gib = (unsigned)params_int(params, params_name(params, "%s.VolumeSize", ebs), 1,
					 GIB_MAX, disk->gib);
	if (params_has(params, params_name(params, "%s.Iops", ebs)) && !gp3)
		ec2_fail(call, "InvalidParameterCombination",
			 "The parameter iops is not supported for %s volumes", disk->type);
	disk->iops = (unsigned)params_int(params, params_name(params, "%s.Iops", ebs), GP3_IOPS,
					  80000, disk->iops);
	disk->throughput = (unsigned)params_int(params, params_name(params, "%s.Throughput", ebs),
						GP3_MIBS, 2000, disk->throughput);
	disk->delete_on_termination =
		params_bool(params, params_name(params, "%s.DeleteOnTermination", ebs), true);
	disk->encrypted = params_bool(params, params_name(params, "%s.Encrypted", ebs), false);
	check_disk(call, spec, disk);
}

void run_read_disks(struct ec2_call *call, struct run_spec *spec)
{
	size_t nr = params_count(call->params, "BlockDeviceMapping", BLOCK_DEVICES_MAX);

	add_root(spec);
	for (size_t i = 1; i <= nr && !params_failed(call->params); i++)
		read_disk(call, spec, i);
}
