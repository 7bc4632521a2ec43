/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "ssh/link.h"
#include "ssh/session.h"
#include "ssh/worker.h"

/* A transfer that stands still this long has ended, however short connect's own time is. */
#define STALL_MIN_MS 1000

static int put_host_keys(struct buf *body, const struct remote_target *target, struct error *err)
{
	unsigned char blob[SSH_BLOB_MAX];
	char type[32];
	size_t len;

	wire_put_u32(body, (uint32_t)target->nr_host_keys);
	for (size_t i = 0; i < target->nr_host_keys; i++) {
		if (ssh_public_parse(target->host_keys[i], type, blob, &len, err) < 0)
			return error_prefix(err, "the host key of '%s'", target->address);
		wire_put_string(body, blob, len);
	}
	wire_put_u32(body, (uint32_t)target->nr_fingerprints);
	for (size_t i = 0; i < target->nr_fingerprints; i++) {
		if (!text_is_token(target->fingerprints[i], "", SSH_FINGERPRINT_MAX - 1))
			return error_set(err, ERROR_CONFIG,
					 "the host key's hash of '%s' is unusable",
					 target->address);
		wire_put_text(body, target->fingerprints[i]);
	}
	return 0;
}

/* A path that no socket can have leads to no agent. */
static bool agent_usable(const struct remote_target *target)
{
	return target->use_agent && target->agent_socket &&
	       strlen(target->agent_socket) < sizeof(((struct session_target *)0)->agent_socket);
}

static int check_target(const struct remote_target *target, struct error *err)
{
	size_t nr = target->nr_host_keys, hashes = target->nr_fingerprints;

	if (!target->address || !target->address[0] ||
	    strlen(target->address) >= sizeof(((struct session_target *)0)->address))
		return error_set(err, ERROR_USAGE, "there is no address to connect to");
	if (target->port == 0)
		return error_set(err, ERROR_USAGE, "port 0 of '%s' cannot be connected to",
				 target->address);
	if (!target->user || !target->user[0] ||
	    strlen(target->user) >= sizeof(((struct session_target *)0)->user))
		return error_set(err, ERROR_USAGE, "there is no usable login name for '%s'",
				 target->address);
	if (nr + hashes == 0 || nr > SESSION_KEYS_MAX || hashes > SESSION_KEYS_MAX)
		return error_set(err, ERROR_CONFIG, "the host key of '%s' is not known",
				 target->address);
	if (target->login_key || agent_usable(target))
		return 0;
	if (target->use_agent && target->agent_socket)
		return error_set(err, ERROR_CONFIG, "the agent's socket has too long a path");
	error_set(err, ERROR_CONFIG, "there is neither a login key nor an agent for '%s'",
		  target->address);
	return error_hint(err, "start ssh-agent and set SSH_AUTH_SOCK, or give a key");
}

static int put_start(struct frame_io *io, const struct remote_target *target, struct error *err)
{
	struct buf body = BUF_INIT_MAX(FRAME_BODY_MAX);
	bool agent = agent_usable(target);
	int64_t timeout = target->timeout_ms;
	int rc;

	wire_put_text(&body, target->address);
	wire_put_u32(&body, target->port);
	wire_put_text(&body, target->user);
	rc = put_host_keys(&body, target, err);
	if (target->login_key)
		wire_put_string(&body, target->login_key->private_pem.data,
				target->login_key->private_pem.len);
	else
		wire_put_text(&body, "");
	wire_put_u8(&body, agent);
	wire_put_text(&body, agent ? target->agent_socket : "");
	wire_put_u32(&body, timeout > 0 && timeout < INT32_MAX ? (uint32_t)timeout : INT32_MAX);
	if (rc == 0 && body.overflow)
		rc = error_set(err, ERROR_CONFIG, "the login key is too large");
	if (rc == 0)
		frame_put(io, FRAME_START, body.data, body.len);
	buf_wipe(&body);
	return rc;
}

static int wait_ready(struct remote *remote, int64_t deadline, struct remote_seen *seen,
		      struct error *err)
{
	struct frame frame;
	int rc = 0;

	while (rc == 0) {
		rc = link_frame(remote, &frame, err);
		if (rc == 0)
			rc = link_step(remote, deadline, "login", -1, NULL, err);
	}
	if (rc < 0) {
		/* nothing was run, so nothing is unknown; a machine that is still booting hangs */
		err->unknown = false;
		err->retryable = err->retryable || err->kind == ERROR_TIMEOUT;
		return -1;
	}
	struct wire wire = wire_of(frame.data, frame.len);
	struct remote_seen shown;
	wire_text(&wire, shown.host_key, sizeof(shown.host_key));
	shown.by_agent = wire_u8(&wire) != 0;
	if (frame.type != FRAME_READY || wire.bad || wire.left)
		return error_set(err, ERROR_PROTOCOL, "the ssh worker for %s is out of step",
				 remote->name);
	if (seen)
		*seen = shown;
	return 0;
}

static void remote_close(struct remote *remote)
{
	if (!remote)
		return;
	link_end(remote);
	free(remote);
}

/* "i-123 at '1.2.3.4' port 22", safe to show. */
static void set_name(struct remote *remote, const struct remote_target *target)
{
	struct buf shown = BUF_INIT;

	if (target->name) {
		text_escape(&shown, target->name, strlen(target->name));
		buf_addstr(&shown, " at ");
	}
	buf_addch(&shown, '\'');
	text_escape(&shown, target->address, strlen(target->address));
	snprintf(remote->name, sizeof(remote->name), "%.280s' port %u", shown.data, target->port);
	buf_release(&shown);
}

static int remote_connect(const struct remote_target *target, struct remote **ret,
			  struct remote_seen *seen, struct error *err)
{
	int64_t deadline = link_deadline(target->timeout_ms);
	int fd;

	if (check_target(target, err) < 0)
		return -1;
	struct remote *remote = xcalloc(1, sizeof(*remote));
	set_name(remote, target);
	remote->stall_ms = target->timeout_ms > STALL_MIN_MS ? target->timeout_ms : STALL_MIN_MS;
	if (ssh_worker_spawn(&remote->pid, &fd, err) < 0) {
		free(remote);
		return -1;
	}
	frame_io_init(&remote->io, fd);
	if (put_start(&remote->io, target, err) < 0 ||
	    wait_ready(remote, deadline, seen, err) < 0) {
		remote_close(remote);
		return -1;
	}
	*ret = remote;
	return 0;
}

const struct remote_ops remote_ssh = {
	.connect = remote_connect,
	.exec = remote_exec,
	.push = remote_push,
	.pull = remote_pull,
	.close = remote_close,
};
