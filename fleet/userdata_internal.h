/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fleet/userdata*.c only: what a machine is told, checked, before it takes one of its forms. */
#ifndef GPUCLOUD_FLEET_USERDATA_INTERNAL_H
#define GPUCLOUD_FLEET_USERDATA_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "ssh/key.h"

struct buf;
struct error;

/* No valid input makes more: two keys and the files of fleet/machine. */
#define USERDATA_PRINT_MAX ((size_t)32 << 10)

#define USERDATA_TTL_PATH   "/usr/local/lib/gpucloud/ttl"
#define USERDATA_STATE_PATH "/var/lib/gpucloud/ttl-left"
#define USERDATA_UNIT	    "gpucloud-ttl.service"
#define USERDATA_UNIT_PATH  "/etc/systemd/system/" USERDATA_UNIT

/* What arms the limit; its last words alone do so where systemd is ready and the unit is there. */
#define USERDATA_ARM_WORDS    12
#define USERDATA_ENABLE_WORDS 4
extern const char *const userdata_arm[USERDATA_ARM_WORDS];

struct userdata_parts {
	char login_key[SSH_LINE_MAX + 16]; /* "TYPE BASE64 gpucloud"; "": none */
	char host_public[SSH_LINE_MAX];	   /* "ssh-ed25519 BASE64"; "": none */
	char *host_private;		   /* secret; a key file to its last newline; or NULL */
	char ttl[24];			   /* digits; "": no limit */
	char *unit;			   /* the file; NULL where there is no limit */
};

/* text is one block that never grew: it may be secret. */
int userdata_emit(const char *text, size_t len, size_t max, struct buf *out, struct error *err);

/* userdata_script.c: the form of a shell script. login: as in struct userdata. */
int userdata_script(const struct userdata_parts *parts, const char *login, size_t max,
		    struct buf *out, struct error *err);

#endif
