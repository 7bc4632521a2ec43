/* SPDX-License-Identifier: Apache-2.0 */
/* From an address to a shell: TCP, key exchange, host key. */
#include "ssh/session.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "core/text.h"
#include "ssh/wire.h"

/* What is offered, and nothing else: no SHA-1, no CBC, no finite-field groups, no RSA host key. */
static const struct {
	int method;
	const char *names;
} offers[] = {
	{ LIBSSH2_METHOD_KEX, "curve25519-sha256,curve25519-sha256@libssh.org,"
			      "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521" },
	{ LIBSSH2_METHOD_HOSTKEY,
	  "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521" },
	{ LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr,aes256-ctr,aes192-ctr" },
	{ LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr,aes256-ctr,aes192-ctr" },
	{ LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256,hmac-sha2-512" },
	{ LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256,hmac-sha2-512" },
	{ LIBSSH2_METHOD_COMP_CS, "none" },
	{ LIBSSH2_METHOD_COMP_SC, "none" },
};

/*
 * 1.11.0 brought encrypt-then-MAC without the counter-measure to CVE-2023-48795; both have
 * CVE-2026-55199 and CVE-2026-55200. A distribution's patches do not show in the version.
 */
const char *session_version_refused(const char *version)
{
	bool bad = !strncmp(version, "1.11.0", 6) || !strncmp(version, "1.11.1", 6);

	if (bad && !(version[6] >= '0' && version[6] <= '9'))
		return "it has known holes (CVE-2023-48795, CVE-2026-55199, CVE-2026-55200)";
	return NULL;
}

int session_start_parse(struct wire *wire, struct session_target *ret, struct error *err)
{
	memset(ret, 0, sizeof(*ret));
	wire_text(wire, ret->address, sizeof(ret->address));
	ret->port = wire_u32(wire);
	wire_text(wire, ret->user, sizeof(ret->user));
	ret->nr_host_keys = wire_u32(wire);
	for (size_t i = 0; i < ret->nr_host_keys && i < SESSION_KEYS_MAX && !wire->bad; i++) {
		struct wire_str blob = wire_string(wire);

		if (blob.len > SSH_BLOB_MAX) {
			wire->bad = true;
			break;
		}
		memcpy(ret->host_keys[i].data, blob.data, blob.len);
		ret->host_keys[i].len = blob.len;
	}
	ret->nr_fingerprints = wire_u32(wire);
	for (size_t i = 0; i < ret->nr_fingerprints && i < SESSION_KEYS_MAX && !wire->bad; i++)
		wire_text(wire, ret->fingerprints[i], sizeof(ret->fingerprints[i]));
	struct wire_str key = wire_string(wire);
	ret->use_agent = wire_u8(wire) != 0;
	wire_text(wire, ret->agent_socket, sizeof(ret->agent_socket));
	ret->timeout_ms = wire_u32(wire);
	if (wire->bad || wire->left || ret->nr_host_keys > SESSION_KEYS_MAX ||
	    ret->nr_fingerprints > SESSION_KEYS_MAX)
		return error_set(err, ERROR_PROTOCOL, "the ssh worker was started with nonsense");
	if (key.len > 0)
		secret_set(&ret->login_key, key.data, key.len);
	return 0;
}

static int fail_lost(struct session *session, const char *what, struct error *err)
{
	const struct session_target *target = session->target;

	error_set(err, ERROR_NETWORK, "'%s' port %u closed the connection during the %s%s%s%s%s%s",
		  target->address, target->port, what, session->said[0] ? ": it said '" : "",
		  session->said, session->said[0] ? "'" : "", session->lost_errno ? ": " : "",
		  session->lost_errno ? strerror(session->lost_errno) : "");
	snprintf(err->code, sizeof(err->code), "ConnectionLost");
	err->retryable = true;
	return -1;
}

static int fail_host(struct session *session, struct error *err)
{
	char openssh[SSH_FINGERPRINT_OPENSSH_MAX], tag[SSH_FINGERPRINT_MAX];

	ssh_fingerprint_openssh(session->host_key, session->host_key_len, openssh);
	ssh_fingerprint(session->host_key, session->host_key_len, tag);
	error_set(err, ERROR_AUTH,
		  "the host key of '%s' port %u is not the one expected (it is %s, in a tag %s)",
		  session->target->address, session->target->port, openssh, tag);
	snprintf(err->code, sizeof(err->code), "HostKeyMismatch");
	return error_hint(err, "nothing was sent: this is another machine, or somebody in between");
}

static int fail_banner(struct session *session, struct error *err)
{
	const struct session_target *target = session->target;
	size_t len = strcspn(session->line, "\r\n");
	struct buf shown = BUF_INIT;

	text_escape(&shown, session->line, len < 60 ? len : 60);
	error_set(err, ERROR_PROTOCOL, "what answers at '%s' port %u does not speak SSH 2: '%s%s'",
		  target->address, target->port, shown.data, len > 60 ? "..." : "");
	snprintf(err->code, sizeof(err->code), "NotSsh");
	buf_release(&shown);
	return -1;
}

static int fail_protocol(struct session *session, int rc, const char *what, struct error *err)
{
	const struct session_target *target = session->target;
	size_t len = 0;
	int type;
	char *text = NULL;

	/* A key came, and we never got as far as to answer: what should prove it was wrong. */
	if (session->host_key_len == 0 && libssh2_session_hostkey(session->ssh, &len, &type)) {
		error_set(err, ERROR_PROTOCOL,
			  "'%s' port %u did not prove that its host key is its own",
			  target->address, target->port);
		snprintf(err->code, sizeof(err->code), "HostKeyUnproven");
		return -1;
	}
	libssh2_session_last_error(session->ssh, &text, NULL, 0);
	error_set(err, ERROR_PROTOCOL, "the %s with '%s' port %u failed: %s (libssh2 error %d)",
		  what, target->address, target->port,
		  text && text[0] ? text : "the host broke the protocol", rc);
	snprintf(err->code, sizeof(err->code), "%s",
		 rc == LIBSSH2_ERROR_KEX_FAILURE ? "KeyExchange" : "SshProtocol");
	return -1;
}

int session_fail(struct session *session, int rc, const char *what, struct error *err)
{
	const struct session_target *target = session->target;

	if (session->host_wrong)
		return fail_host(session, err);
	if (session->banner_wrong || (rc == LIBSSH2_ERROR_BANNER_RECV && !session->lost))
		return fail_banner(session, err);
	if (session->too_much || session->memory_out) {
		error_set(err, ERROR_PROTOCOL,
			  "'%s' port %u sent more during the %s than any host needs",
			  target->address, target->port, what);
		snprintf(err->code, sizeof(err->code), "TooMuch");
		return -1;
	}
	if (session->lost)
		return fail_lost(session, what, err);
	return fail_protocol(session, rc, what, err);
}

static void tune(int sock)
{
	const int on = 1, idle = 30, interval = 10, count = 6;
	const unsigned int unacked_ms = 90 * 1000;

	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* A machine that is terminated does not say goodbye. */
	setsockopt(sock, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(sock, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(sock, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(sock, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(sock, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
}

/* 0 or an errno. */
static int connect_one(struct session *session, const struct addrinfo *ai, int wait_ms)
{
	int sock = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failed = 0;
	socklen_t len = sizeof(failed);

	if (sock < 0)
		return errno;
	if (connect(sock, ai->ai_addr, ai->ai_addrlen) < 0)
		failed = errno;
	if (failed == EINPROGRESS) {
		struct pollfd fds[2] = { { .fd = sock, .events = POLLOUT },
					 { .fd = session->control } };
		int n = poll(fds, 2, wait_ms);

		if (fds[1].revents & (POLLHUP | POLLERR))
			_exit(0);
		if (n == 0)
			failed = ETIMEDOUT;
		else if (getsockopt(sock, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
			failed = errno;
	}
	if (failed) {
		close(sock);
		return failed;
	}
	tune(sock);
	session->sock = sock;
	return 0;
}

int session_connect(struct session *session, struct error *err)
{
	const struct session_target *target = session->target;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char port[16];
	int nr = 0, failed = EHOSTUNREACH;

	snprintf(port, sizeof(port), "%u", target->port);
	int rc = getaddrinfo(target->address, port, &hints, &list);
	if (rc != 0) {
		error_set(err, ERROR_NETWORK, "cannot find '%s': %s", target->address,
			  rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		err->retryable = true;
		return -1;
	}
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
		nr++;
	for (const struct addrinfo *ai = list; ai && failed; ai = ai->ai_next)
		failed = connect_one(session, ai, (int)(target->timeout_ms / (unsigned)nr));
	freeaddrinfo(list);
	if (!failed)
		return 0;
	error_set(err, ERROR_NETWORK, "cannot connect to '%s' port %u: %s", target->address,
		  target->port, strerror(failed));
	err->retryable = true;
	return -1;
}

int session_handshake(struct session *session, struct error *err)
{
	const char *why = session_version_refused(libssh2_version(0));
	int rc;

	if (why) {
		error_set(err, ERROR_CONFIG, "refusing libssh2 %s: %s", libssh2_version(0), why);
		return error_hint(err, "install libssh2 1.10.0 with Debian's patches, or one newer "
				       "than 1.11.1");
	}
	if (libssh2_init(0) != 0 || !session_library(session))
		return error_set(err, ERROR_IO, "libssh2 cannot start");
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		if (libssh2_session_method_pref(session->ssh, offers[i].method, offers[i].names) !=
		    0)
			return error_set(err, ERROR_CONFIG, "this libssh2 lacks the ciphers '%s'",
					 offers[i].names);
	do {
		session_allow(session);
		rc = libssh2_session_handshake(session->ssh, session->sock);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			session_wait(session);
	} while (rc == LIBSSH2_ERROR_EAGAIN && !session->lost);
	/* The sends were watched already; this holds even if a library should not have sent. */
	if (rc == 0 && (session->host_key_len == 0 || session->host_wrong)) {
		session->host_wrong = true;
		rc = LIBSSH2_ERROR_HOSTKEY_INIT;
	}
	return rc == 0 ? 0 : session_fail(session, rc, "key exchange", err);
}
