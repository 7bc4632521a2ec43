/* SPDX-License-Identifier: Apache-2.0 */
/* One command over remote_ssh, for bench_remote.py: connect, verify, log in, run, end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/error.h"
#include "ssh/remote.h"
#include "ssh/worker.h"

static int out(void *ctx, const char *data, size_t len, struct error *err)
{
	(void)ctx;
	if (fwrite(data, 1, len, stdout) != len)
		return error_errno(err, ERROR_IO, "cannot write");
	return 0;
}

static int run(char *const *argv, struct remote_exit *how, struct error *err)
{
	const struct remote_stream stream = { .out = out };
	const char *keys[1] = { argv[5] };
	struct ssh_key key;
	struct remote_seen seen;
	struct remote *remote = NULL;

	if (ssh_key_load(argv[4], &key, err) < 0)
		return -1;
	struct remote_target target = { .address = argv[1],
					.port = (uint16_t)strtoul(argv[2], NULL, 10),
					.user = argv[3],
					.host_keys = keys,
					.nr_host_keys = 1,
					.login_key = &key,
					.timeout_ms = 10000 };
	int rc = remote_ssh.connect(&target, &remote, &seen, err);
	if (rc == 0)
		rc = remote_ssh.exec(remote, argv[6], &stream, 0, how, err);
	remote_ssh.close(remote);
	ssh_key_release(&key);
	return rc;
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct remote_exit how = { .code = 125 };

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (argc != 7) {
		fprintf(stderr, "usage: ssh_once HOST PORT USER KEY HOST_KEY_LINE COMMAND\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (run(argv, &how, &err) < 0) {
		fprintf(stderr, "ssh_once: %s\n", err.message);
		return 125;
	}
	return how.code;
}
