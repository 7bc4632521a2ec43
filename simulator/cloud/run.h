/* SPDX-License-Identifier: Apache-2.0 */
/* RunInstances in two parts: read and check the request (ec2_run_read.c), carry it out (act_run.c). */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_RUN_H
#define GPUCLOUD_SIMULATOR_CLOUD_RUN_H

#include "simulator/cloud/ec2.h"

/* NULL with the failure recorded. The caller frees it with run_spec_free(). */
struct run_spec *run_read(struct ec2_call *call);

/* ec2_run_disks.c: BlockDeviceMapping.N over the image's own root disk. */
void run_read_disks(struct ec2_call *call, struct run_spec *spec);
/* ec2_run_place.c: subnet, zone, security groups. */
void run_read_place(struct ec2_call *call, struct run_spec *spec);

/* Copies a parameter's text into a field; one of the words, NULL-terminated. */
void run_word(struct ec2_call *call, const char *name, const char *const *words, const char *def,
	      char out[12]);

#endif
