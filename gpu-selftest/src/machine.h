/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux knows of NVIDIA's devices, without the driver's libraries: /sys, /proc and /dev. */
#ifndef GPUCLOUD_SELFTEST_MACHINE_H
#define GPUCLOUD_SELFTEST_MACHINE_H

#include <stdbool.h>

#define MACHINE_GPUS 64

struct machine {
	unsigned count;		   /* PCI devices of NVIDIA that are GPUs */
	char id[MACHINE_GPUS][32]; /* "0000:3b:00.0" */
	bool pci;		   /* there is a PCI bus to look at */
	bool module;		   /* the kernel module is loaded */
	bool denied;		   /* /dev/nvidia0 or nvidiactl is there, but not for us */
	bool restricted;	   /* a container or a variable shows us some of the GPUs only */
	char cpu[128];		   /* the processor's name */
	char kernel_module[128];   /* first line of /proc/driver/nvidia/version */
};

/* root: a folder that stands for /, in tests; "" otherwise */
void machine_look(struct machine *m, const char *root);

/* Same device: hex, any width of the domain, any case. */
bool machine_same_bus_id(const char *a, const char *b);

#endif
