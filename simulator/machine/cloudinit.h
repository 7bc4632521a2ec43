/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-data as a simulated machine understands it: the line "#cloud-config", then one JSON object
 * (JSON is YAML) with the keys of fleet/userdata.h and no others:
 *   ssh_authorized_keys  list of lines        ssh_deletekeys  true or false
 *   ssh_keys             ed25519_private, ed25519_public
 *   write_files          list of path, content, permissions ("0644"), owner ("root:root")
 *   bootcmd, runcmd      lists; a string is a line of sh, a list of strings one command
 * https://cloudinit.readthedocs.io/en/latest/reference/modules.html
 */
#ifndef GPUCLOUD_SIMULATOR_MACHINE_CLOUDINIT_H
#define GPUCLOUD_SIMULATOR_MACHINE_CLOUDINIT_H

#include <stddef.h>
#include <sys/types.h>

#include "core/json.h"

struct buf;
struct cJSON;
struct error;

struct cloudinit { /* zeroed: no user-data. What it points to lives in json. */
	struct json json;
	const struct cJSON *authorized_keys, *write_files, *bootcmd, *runcmd; /* lists, or NULL */
	const char *host_private, *host_public;				      /* or NULL */
};

/* len 0: none, all of *ret is zero. Errors are ERROR_USAGE and name the key. */
int cloudinit_parse(const char *data, size_t len, struct cloudinit *ret, struct error *err);
void cloudinit_release(struct cloudinit *cloudinit);

/* One member of write_files, checked before. */
struct cloudinit_file {
	const char *path, *content;
	mode_t mode;
};
void cloudinit_file(const struct cJSON *node, struct cloudinit_file *ret);

/* bootcmd or runcmd as cloud-init runs them: one script for all of its lines. */
void cloudinit_script(const struct cJSON *list, struct buf *out);

#endif
