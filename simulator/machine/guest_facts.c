/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine's kernel says of it: a machine at rest. Below its root, where programs that know
 * GPUCLOUD_TTL_ROOT look. Tests, and whoever tries a policy, change them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/rng.h"
#include "simulator/machine/guest.h"

#define CPUS 4

static int put(const struct guest *guest, const char *path, const char *text)
{
	char *full = xasprintf("%s/%s", guest->root, path);
	int rc = guest_write(guest, full, text, strlen(text), 0644);

	free(full);
	return rc;
}

/* Another one at every boot. */
static int put_boot_id(const struct guest *guest)
{
	unsigned char b[16];
	char text[40];

	rng_system.fill(rng_system.ctx, b, sizeof(b));
	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		 b[14], b[15]);
	return put(guest, "proc/sys/kernel/random/boot_id", text);
}

static int put_cpus(const struct guest *guest)
{
	struct buf text = BUF_INIT;
	int rc;

	buf_addstr(&text, "cpu  4000 0 2000 90000 100 0 50 0 0 0\n");
	for (int i = 0; i < CPUS; i++)
		buf_addf(&text, "cpu%d 1000 0 500 22500 25 0 12 0 0 0\n", i);
	buf_addstr(&text, "intr 0\nctxt 0\n");
	rc = put(guest, "proc/stat", text.data);
	buf_release(&text);
	return rc;
}

static int put_gpus(const struct guest *guest)
{
	char path[64];
	int rc = 0;

	for (unsigned i = 0; i < guest->order.gpus && i < 64 && rc == 0; i++) {
		snprintf(path, sizeof(path), "proc/driver/nvidia/gpus/0000:%02x:00.0/information",
			 16 + i);
		rc = put(guest, path, "simulated\n");
	}
	return rc;
}

int guest_make_facts(const struct guest *guest)
{
	static const char *const facts[][2] = {
		{ "proc/loadavg", "0.02 0.01 0.00 1/100 999\n" },
		{ "proc/net/dev",
		  "Inter-|   Receive                            |  Transmit\n"
		  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
		  "errs drop fifo colls carrier compressed\n"
		  "    lo: 5000 50 0 0 0 0 0 0 5000 50 0 0 0 0 0 0\n"
		  "  ens5: 100000 100 0 0 0 0 0 0 50000 100 0 0 0 0 0 0\n" },
		{ "proc/diskstats",
		  " 259       0 nvme0n1 1000 0 200000 100 500 0 100000 50 0 50 150\n"
		  " 259       1 nvme0n1p1 900 0 190000 90 500 0 100000 50 0 50 140\n" },
		{ "sys/block/nvme0n1/size", "209715200\n" },
		{ "dev/pts/ptmx", "" },
		{ "run/cloud-init/status.json", "{}\n" },
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(facts) && rc == 0; i++)
		rc = put(guest, facts[i][0], facts[i][1]);
	return rc || put_boot_id(guest) || put_cpus(guest) || put_gpus(guest) ? -1 : 0;
}

int guest_boot_done(const struct guest *guest)
{
	return put(guest, "run/cloud-init/result.json", "{}\n");
}
