/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of clouds that know no cloud-init: run once, as root, at the first boot. Another's
 * script would do to this computer what it means to do to a machine: it is not run.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "simulator/machine/guest.h"

#define MARK "# gpucloud startup script 1\n" /* fleet/userdata.h has it too */

bool guest_has_script(const char *data, size_t len)
{
	return len >= 2 && memcmp(data, "#!", 2) == 0;
}

static bool is_marked(const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);
	size_t rest = end ? len - (size_t)(end + 1 - data) : 0;

	return rest >= strlen(MARK) && memcmp(end + 1, MARK, strlen(MARK)) == 0;
}

void guest_run_script(const struct guest *guest)
{
	char *sudo = xasprintf("%s/shims/sudo", guest->dir);
	char *path = xasprintf("%s/startup", guest->dir);

	if (!is_marked(guest->data, guest->order.data_len)) {
		console_add(guest->console,
			    "startup script: it is not gpucloud's own, and the simulator runs no "
			    "other on this computer: this machine boots without it, and nobody's "
			    "key was put there.");
	} else if (guest_write(guest, path, guest->data, guest->order.data_len, 0600) == 0) {
		int code = guest_exec(guest, (const char *const[]){ sudo, "/bin/sh", path, NULL });

		console_add(guest->console, "startup script (simulated): ended with %d", code);
	}
	unlink(path); /* there is a host key in it */
	free(path);
	free(sudo);
}
