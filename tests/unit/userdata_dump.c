/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the user-data of the options given, for tests of other languages:
 *
 *   userdata_dump [--script USER] [--login LINE] [--host-key] [--seed FILE] [--ttl SECONDS]
 *                 [--max BYTES]
 *
 * --script: a startup script for that user's login. --host-key makes a fresh host key, --seed reads
 * one; its public line goes to stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "fleet/userdata.h"
#include "ssh/key.h"

static int fail(const struct error *err)
{
	fprintf(stderr, "%s\n", err->message);
	return 1;
}

int main(int argc, char **argv)
{
	struct userdata userdata = { 0 };
	struct ssh_key host_key = { 0 };
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	size_t max = 16384;
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--host-key")) {
			if (ssh_key_make("", &host_key, &err) < 0)
				rc = fail(&err);
			userdata.host_key = &host_key;
			continue;
		}
		if (!strcmp(argv[i], "--script")) {
			userdata.form = USERDATA_SCRIPT;
			userdata.login = value;
		} else if (!strcmp(argv[i], "--seed")) {
			if (ssh_key_load(value, &host_key, &err) < 0)
				rc = fail(&err);
			userdata.host_key = &host_key;
		} else if (!strcmp(argv[i], "--login"))
			userdata.login_key = value;
		else if (!strcmp(argv[i], "--ttl"))
			userdata.ttl_s = strtoll(value, NULL, 10);
		else if (!strcmp(argv[i], "--max"))
			max = strtoul(value, NULL, 10);
		else
			rc = 2;
		i++;
	}
	if (rc == 0 && userdata_make(&userdata, max, &out, &err) < 0)
		rc = fail(&err);
	if (rc == 0) {
		fwrite(out.data, 1, out.len, stdout);
		fprintf(stderr, "%s\n", host_key.public_line);
	}
	buf_wipe(&out);
	ssh_key_release(&host_key);
	return rc;
}
