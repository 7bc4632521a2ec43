/* SPDX-License-Identifier: Apache-2.0 */
/* One push or pull over remote_ssh, for bench_copy.py: connect, verify, log in, copy, end. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "ssh/remote.h"
#include "ssh/sync/sync.h"
#include "ssh/worker.h"

#define CONNECT_MS 10000

static int run(char *const *argv, struct sync_result *result, struct error *err)
{
	const char *keys[1] = { argv[5] };
	struct sync_link link = { .ops = &remote_ssh };
	struct ssh_key key;
	struct remote_seen seen;
	bool push = !strcmp(argv[6], "push");

	if (ssh_key_load(argv[4], &key, err) < 0)
		return -1;
	struct remote_target target = { .address = argv[1],
					.port = (uint16_t)strtoul(argv[2], NULL, 10),
					.user = argv[3],
					.host_keys = keys,
					.nr_host_keys = 1,
					.login_key = &key,
					.timeout_ms = CONNECT_MS };
	int rc = remote_ssh.connect(&target, &link.remote, &seen, err);
	if (rc == 0 && push)
		rc = sync_push(&link, argv[7], argv[8], NULL, NULL, result, err);
	else if (rc == 0)
		rc = sync_pull(&link, argv[7], argv[8], NULL, NULL, result, err);
	remote_ssh.close(link.remote);
	ssh_key_release(&key);
	return rc;
}

int main(int argc, char **argv)
{
	struct sync_result result = { .method = "" };
	struct error err = ERROR_INIT;

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (argc != 9 || (strcmp(argv[6], "push") != 0 && strcmp(argv[6], "pull") != 0)) {
		fprintf(stderr, "usage: copy_once HOST PORT USER KEY HOST_KEY_LINE "
				"push|pull FROM TO\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (run(argv, &result, &err) < 0) {
		fprintf(stderr, "copy_once: %s\n", err.message);
		return 1;
	}
	printf("%s files %" PRIu64 " bytes %" PRIu64 " wire %" PRIu64 " turns %u\n", result.method,
	       result.files, result.bytes, result.wire_bytes, result.turns);
	return 0;
}
