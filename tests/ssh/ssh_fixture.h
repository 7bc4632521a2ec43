/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ssh tests share: a temp folder, a real sshd behind a loopback port, a connection to it,
 * and streams that collect. sshd is Debian's own, `sshd -i` for each connection, never as root: a
 * test run by root gives it a uid of its own. The login name comes from nss_wrapper.
 */
#ifndef GPUCLOUD_TESTS_SSH_FIXTURE_H
#define GPUCLOUD_TESTS_SSH_FIXTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "ssh/remote.h"

#define FIXTURE_USER  "tester"
#define FIXTURE_CONNS 16

struct fixture {
	char dir[64];  /* everything of this test; removed at the end */
	char home[96]; /* the login folder on the "machine" */
	struct ssh_key login, host, other;
	char host_line[SSH_LINE_MAX];
	int listen_fd;
	uint16_t port;
	pthread_t thread;
	bool running;
	volatile bool stop;
	pid_t conns[FIXTURE_CONNS];
	volatile int nr_conns;
	const char *extra; /* lines for sshd_config, set before fixture_start */
};

/* NULL, or why sshd cannot be started here. */
const char *fixture_missing(void);

int fixture_setup(void **state); /* the folder and keys, no sshd */
int fixture_teardown(void **state);
void fixture_start(struct fixture *fixture);

/* Kills the sshd of the newest connection, with all of its children that are still in its group. */
void fixture_cut(struct fixture *fixture);

/* Kills and waits for those that served a connection. */
void fixture_end_conns(struct fixture *fixture);

struct remote_target fixture_target(struct fixture *fixture);

/* Connected with the right key and the right host key. */
struct remote *fixture_connect(struct fixture *fixture);

/* Collects a command's output up to a bound, counts and hashes the rest. */
struct sink {
	struct buf text;
	uint64_t bytes;
	size_t longest; /* piece */
	uint64_t limit; /* refuse more than this, if not 0 */
};
int sink_out(void *ctx, const char *data, size_t len, struct error *err);

struct streams {
	struct sink out, err;
	struct remote_stream stream;
};
void streams_init(struct streams *streams);
void streams_release(struct streams *streams);

/* Runs a command that must start; rc and err as exec gives them. */
int run_command(struct remote *remote, const char *command, struct streams *streams,
		int64_t deadline_ms, struct remote_exit *ret, struct error *err);

/* Fails the test with the error's own words. */
#define must_work(rc, err)                                                   \
	do {                                                                 \
		if ((rc) != 0)                                               \
			fail_msg("%s (%s, %s)", (err)->message, (err)->code, \
				 error_kind_name((err)->kind));              \
	} while (0)

/* Folder helpers. */
void write_file(const char *path, const void *data, size_t len, mode_t mode);
void remove_tree(const char *path);
char *path_in(const char *dir, const char *name); /* malloc'ed */
int count_children(void);			  /* of this process */
int64_t now_ms(void);
void tree_digest(const char *path, char out[SHA256_HEX_MAX]); /* names, modes, content, links */

#endif
