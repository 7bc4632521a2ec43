/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/boot.h"

#include <stdio.h>
#include <string.h>

#include "fleet/hostkeys.h"
#include "fleet/login_key.h"
#include "fleet/userdata.h"

static int host_key(struct fleet *fleet, const char *launch_id, bool again, struct ssh_key *ret,
		    struct error *err)
{
	if (again)
		return hostkeys_load_seed(fleet->paths, launch_id, ret, err);
	if (ssh_key_make("", ret, err) < 0)
		return -1;
	return hostkeys_seed(fleet->paths, launch_id, ret, err);
}

int boot_prepare(struct fleet *fleet, const char *launch_id, int64_t began, int64_t ttl_s,
		 bool again, struct boot *ret, struct error *err)
{
	struct ssh_key login = { 0 }, host = { 0 };
	int rc = -1;

	const struct provider_ops *ops = fleet->ops;
	const char *user = settings_get(fleet->settings, "ssh_user");

	*ret = (struct boot){ .user_data = BUF_INIT_MAX(ops->user_data_max) };
	if (login_key_get(fleet->paths, &login, err) < 0 ||
	    host_key(fleet, launch_id, again, &host, err) < 0 ||
	    ssh_public_fingerprint(host.public_line, ret->hostkey, err) < 0)
		goto out;
	const struct userdata userdata = {
		.form = ops->boot_form == BOOT_SCRIPT ? USERDATA_SCRIPT : USERDATA_CLOUD_INIT,
		.login = user ? user : ops->login,
		.login_key = login.public_line,
		.host_key = &host,
		.ttl_s = ttl_s,
	};
	rc = userdata_make(&userdata, ops->user_data_max, &ret->user_data, err);
	ret->tags[ret->nr_tags++] = (struct tag){ TAG_HOSTKEY, ret->hostkey };
	if (ttl_s) {
		if (rc == 0)
			rc = expiry_format(began + ttl_s, ret->expires, err);
		ret->tags[ret->nr_tags++] = (struct tag){ TAG_EXPIRES, ret->expires };
	}
out:
	ssh_key_release(&host);
	ssh_key_release(&login);
	return rc;
}

void boot_release(struct boot *boot)
{
	buf_wipe(&boot->user_data);
	memset(boot, 0, sizeof(*boot));
	boot->user_data = (struct buf)BUF_INIT;
}
