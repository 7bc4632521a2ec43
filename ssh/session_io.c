/* SPDX-License-Identifier: Apache-2.0 */
/* What libssh2 is given instead of malloc, recv and send. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"
#include "ssh/session.h"
#include "ssh/wire.h"

/* A library call reads until the socket is empty; against a host that never stops, this ends it. */
#define STEP_BUDGET ((size_t)128 << 10)

/* More than this unsent means that a host makes us answer and does not read. */
#define UNSENT_MAX ((size_t)1 << 20)

/*
 * Zeroes behind each block of the library's: 1.10.0 reads 32 bytes of an ed25519 host key however
 * short it is, and takes the name of a signal for text that ends where a host said it does.
 */
#define SLACK 64

#define MSG_CHANNEL_REQUEST 98 /* RFC 4254, section 9 */

union block {
	size_t size;
	max_align_t align;
};

/*
 * libssh2 keeps 0 for a command whose exit status never came, so "success" and "nobody said" look
 * alike. Every message is one block of ours while the library reads it, so the look at it before
 * it is freed tells the two apart: byte 98, channel, "exit-status", a flag, the status.
 */
static void look_for_status(struct session *session, const void *data, size_t size)
{
	struct wire wire = wire_of(data, size);

	if (size < 25 || wire_u8(&wire) != MSG_CHANNEL_REQUEST)
		return;
	wire_u32(&wire);
	if (wire_is(wire_string(&wire), "exit-status"))
		session->status_seen = true;
}

static void *session_alloc(size_t count, void **abstract)
{
	struct session *session = *abstract;

	if (count > SESSION_MEMORY_MAX - session->memory) {
		session->memory_out = true;
		return NULL;
	}
	union block *block = calloc(1, sizeof(*block) + count + SLACK);
	if (!block)
		return NULL;
	block->size = count;
	session->memory += count;
	return block + 1;
}

static void session_free(void *ptr, void **abstract)
{
	struct session *session = *abstract;

	if (!ptr)
		return;
	union block *block = (union block *)ptr - 1;
	look_for_status(session, ptr, block->size);
	session->memory -= block->size;
	free(block);
}

static void *session_realloc(void *ptr, size_t count, void **abstract)
{
	void *fresh = session_alloc(count, abstract);

	if (!fresh || !ptr)
		return fresh;
	size_t old = ((union block *)ptr - 1)->size;
	memcpy(fresh, ptr, old < count ? old : count);
	session_free(ptr, abstract);
	return fresh;
}

/* Follows the host's first lines, since the library would read them for ever. */
static int banner_feed(struct session *session, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !session->banner_done; i++) {
		if (++session->banner_len > SESSION_BANNER_MAX)
			return -1;
		if (data[i] != '\n') {
			if (session->line_over) { /* kept until then, for the error's text */
				if (data[i] == '\r')
					continue;
				session->line_len = 0;
				session->line_over = false;
			}
			if (session->line_len == SESSION_BANNER_LINE)
				return -1;
			session->line[session->line_len++] = data[i];
			session->line[session->line_len] = '\0';
			continue;
		}
		if (text_starts_with(session->line, "SSH-")) {
			if (!text_starts_with(session->line, "SSH-2.0-"))
				return -1;
			session->banner_done = true;
		}
		session->line_over = true;
	}
	return 0;
}

static ssize_t session_recv(libssh2_socket_t sock, void *buffer, size_t length, int flags,
			    void **abstract)
{
	struct session *session = *abstract;

	if (sock != session->sock) { /* the agent's socket comes this way as well */
		ssize_t got = recv(sock, buffer, length, flags);

		return got < 0 ? -errno : got;
	}
	if (session->host_wrong || session->banner_wrong || session->too_much)
		return -ECONNABORTED;
	if (session->budget == 0)
		return -EAGAIN;
	ssize_t n = recv(sock, buffer, length < session->budget ? length : session->budget,
			 flags | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return -EAGAIN;
	if (n <= 0) {
		session->lost = true;
		session->lost_errno = n < 0 ? errno : 0;
		return n < 0 ? -errno : 0;
	}
	session->budget -= (size_t)n;
	session->taken += (uint64_t)n;
	if (!session->logged_in) {
		session->received += (size_t)n;
		session->too_much = session->received > SESSION_LOGIN_MAX;
	}
	if (!session->banner_done && banner_feed(session, buffer, (size_t)n) < 0)
		session->banner_wrong = true;
	return session->too_much || session->banner_wrong ? -ECONNABORTED : n;
}

static bool host_known(const struct session_target *target, const unsigned char *blob, size_t len)
{
	char fingerprint[SSH_FINGERPRINT_MAX];

	for (size_t i = 0; i < target->nr_host_keys; i++)
		if (target->host_keys[i].len == len &&
		    !memcmp(target->host_keys[i].data, blob, len))
			return true;
	ssh_fingerprint(blob, len, fingerprint);
	for (size_t i = 0; i < target->nr_fingerprints; i++)
		if (!strcmp(target->fingerprints[i], fingerprint))
			return true;
	return false;
}

/*
 * Called before every send. The library holds the host's key from the reply of the key exchange
 * on, and what it sends next comes after it has verified the host's signature: so the first byte
 * that would follow a wrong key never leaves. A key that changes later is wrong as well.
 */
static void check_host(struct session *session)
{
	size_t len = 0;
	int type;
	const char *key = libssh2_session_hostkey(session->ssh, &len, &type);
	const unsigned char *blob = (const unsigned char *)key;

	if (!key || session->host_wrong)
		return;
	if (session->host_key_len > 0) {
		session->host_wrong =
			len != session->host_key_len || memcmp(blob, session->host_key, len) != 0;
		return;
	}
	if (len > sizeof(session->host_key)) {
		session->host_wrong = true;
		return;
	}
	memcpy(session->host_key, blob, len);
	session->host_key_len = len;
	session->host_wrong = !host_known(session->target, blob, len);
}

static ssize_t session_send(libssh2_socket_t sock, const void *buffer, size_t length, int flags,
			    void **abstract)
{
	struct session *session = *abstract;

	if (sock != session->sock) {
		ssize_t sent = send(sock, buffer, length, flags | MSG_NOSIGNAL);

		return sent < 0 ? -errno : sent;
	}
	check_host(session);
	if (session->host_wrong || session->lost)
		return -ECONNABORTED;
	if (session_unsent(session) + length > UNSENT_MAX) {
		session->too_much = true;
		return -ECONNABORTED;
	}
	/* Queued, always whole: the library cannot bear another packet while one is half sent. */
	if (!session->deaf)
		buf_add(&session->out, buffer, length);
	return (ssize_t)length;
}

static void on_disconnect(LIBSSH2_SESSION *ssh, int reason, const char *message, int message_len,
			  const char *language, int language_len, void **abstract)
{
	struct session *session = *abstract;
	struct buf shown = BUF_INIT;

	(void)ssh;
	(void)reason;
	(void)language;
	(void)language_len;
	if (message && message_len > 0)
		text_escape(&shown, message, (size_t)message_len < 120 ? (size_t)message_len : 120);
	snprintf(session->said, sizeof(session->said), "%s", shown.data);
	session->lost = true;
	buf_release(&shown);
}

/* The library's interface takes functions as void pointers, which C has no conversion for. */
#define CALLBACK(ssh, which, fn)                                          \
	do {                                                              \
		union {                                                   \
			__typeof__(&(fn)) function;                       \
			void *pointer;                                    \
		} as = { .function = (fn) };                              \
		libssh2_session_callback_set((ssh), (which), as.pointer); \
	} while (0)

LIBSSH2_SESSION *session_library(struct session *session)
{
	session->out = (struct buf)BUF_INIT_MAX(2 * UNSENT_MAX);
	session->ssh =
		libssh2_session_init_ex(session_alloc, session_free, session_realloc, session);
	if (!session->ssh)
		return NULL;
	libssh2_session_set_blocking(session->ssh, 0);
	CALLBACK(session->ssh, LIBSSH2_CALLBACK_RECV, session_recv);
	CALLBACK(session->ssh, LIBSSH2_CALLBACK_SEND, session_send);
	CALLBACK(session->ssh, LIBSSH2_CALLBACK_DISCONNECT, on_disconnect);
	return session->ssh;
}

void session_flush(struct session *session)
{
	while (session_unsent(session) > 0) {
		ssize_t n = send(session->sock, session->out.data + session->out_start,
				 session_unsent(session), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			/* what the host sent before it left is still to be read */
			session->deaf = true;
			session->out_start = session->out.len;
			break;
		}
		session->out_start += (size_t)n;
	}
	if (session_unsent(session) == 0) {
		buf_clear(&session->out);
		session->out_start = 0;
	} else if (session->out_start > UNSENT_MAX / 2) {
		memmove(session->out.data, session->out.data + session->out_start,
			session_unsent(session));
		session->out.len -= session->out_start;
		session->out_start = 0;
	}
}

void session_allow(struct session *session)
{
	session->budget = STEP_BUDGET;
}

void session_wait(struct session *session)
{
	struct pollfd fds[2] = { { .fd = session->sock, .events = POLLIN },
				 { .fd = session->control } };

	session_flush(session);
	if (session_unsent(session) > 0)
		fds[0].events |= POLLOUT;
	poll(fds, 2, -1);
	if (fds[1].revents & (POLLHUP | POLLERR))
		_exit(0);
}
