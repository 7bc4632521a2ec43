/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new machine of ours is told, in the form that its cloud takes, and the tags that say so: our
 * login key, a host key made for it, and its time limit. The host key is on disk before any request
 * leaves.
 */
#ifndef GPUCLOUD_FLEET_BOOT_H
#define GPUCLOUD_FLEET_BOOT_H

#include "core/buf.h"
#include "fleet/expiry.h"
#include "fleet/fleet.h"
#include "ssh/key.h"

#define BOOT_TTL_DEFAULT_S (INT64_C(12) * 3600)

struct boot {
	struct buf user_data;
	char hostkey[SSH_FINGERPRINT_MAX];
	char expires[EXPIRY_LEN];
	struct tag tags[2]; /* point into this struct: do not copy it */
	size_t nr_tags;
};

/*
 * `began` is when the launch began (Unix s), so that repeating an interrupted launch gives the very
 * same bytes: with again, the host key of the first try is used. ttl_s 0: no limit.
 */
int boot_prepare(struct fleet *fleet, const char *launch_id, int64_t began, int64_t ttl_s,
		 bool again, struct boot *ret, struct error *err);
void boot_release(struct boot *boot); /* wipes */

#endif
