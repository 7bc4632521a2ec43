/* SPDX-License-Identifier: Apache-2.0 */
/* Proving who we are: the login key first, then what an agent holds. Nothing else is ever tried. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "ssh/session.h"
#include "ssh/wire.h"

/* sshd hangs up after six refusals. */
#define AGENT_KEYS_MAX 5

/* The host said no; the library says the same where the connection broke. */
static bool refused(const struct session *session, int rc)
{
	if (session->lost || session->too_much || session->memory_out || session->host_wrong)
		return false;
	return rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
	       rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED;
}

static int login_with_key(struct session *session)
{
	const struct session_target *target = session->target;
	int rc;

	do {
		session_allow(session);
		/* read with strlen: a secret is NUL-terminated */
		rc = libssh2_userauth_publickey_frommemory(
			session->ssh, target->user, strlen(target->user), NULL, 0,
			target->login_key.data, target->login_key.len, NULL);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			session_wait(session);
	} while (rc == LIBSSH2_ERROR_EAGAIN && !session->lost);
	return rc;
}

/* RSA would be signed with SHA-1, which no sshd of today takes; security keys are not known. */
static bool key_usable(const struct libssh2_agent_publickey *key)
{
	struct wire wire = wire_of(key->blob, key->blob_len);
	struct wire_str type = wire_string(&wire);

	return wire_is(type, "ssh-ed25519") || wire_is(type, "ecdsa-sha2-nistp256") ||
	       wire_is(type, "ecdsa-sha2-nistp384") || wire_is(type, "ecdsa-sha2-nistp521");
}

static int login_with_identity(struct session *session, LIBSSH2_AGENT *agent,
			       struct libssh2_agent_publickey *key)
{
	int rc;

	do {
		session_allow(session);
		rc = libssh2_agent_userauth(agent, session->target->user, key);
		if (rc == LIBSSH2_ERROR_EAGAIN)
			session_wait(session);
	} while (rc == LIBSSH2_ERROR_EAGAIN && !session->lost);
	return rc;
}

/* *tried counts the keys that were offered; what it returns is of the last one. */
static int login_with_agent(struct session *session, int *tried)
{
	LIBSSH2_AGENT *agent = libssh2_agent_init(session->ssh);
	struct libssh2_agent_publickey *key = NULL;
	int rc = LIBSSH2_ERROR_AUTHENTICATION_FAILED;

	if (!agent)
		return LIBSSH2_ERROR_ALLOC;
	libssh2_agent_set_identity_path(agent, session->target->agent_socket);
	if (libssh2_agent_connect(agent) != 0 || libssh2_agent_list_identities(agent) != 0) {
		*tried = -1;
		return rc;
	}
	while (refused(session, rc) && *tried < AGENT_KEYS_MAX &&
	       libssh2_agent_get_identity(agent, &key, key) == 0) {
		if (!key_usable(key))
			continue;
		(*tried)++;
		rc = login_with_identity(session, agent, key);
	}
	libssh2_agent_disconnect(agent);
	return rc;
}

static int fail_refused(const struct session_target *target, int tried, struct error *err)
{
	bool key = secret_is_set(&target->login_key);
	char agent[64] = "";

	if (target->use_agent && tried < 0)
		snprintf(agent, sizeof(agent), "the agent cannot be reached");
	else if (target->use_agent)
		snprintf(agent, sizeof(agent), "%d of the agent's keys", tried);
	error_set(err, ERROR_AUTH, "'%s' does not let '%s' in (tried: %s%s%s)", target->address,
		  target->user, key ? "the login key" : "", key && agent[0] ? ", " : "", agent);
	snprintf(err->code, sizeof(err->code), "LoginRefused");
	return -1;
}

int session_login(struct session *session, struct error *err)
{
	const struct session_target *target = session->target;
	int rc = LIBSSH2_ERROR_AUTHENTICATION_FAILED, tried = 0;

	if (secret_is_set(&target->login_key))
		rc = login_with_key(session);
	if (refused(session, rc) && target->use_agent) {
		rc = login_with_agent(session, &tried);
		session->by_agent = rc == 0;
	}
	if (refused(session, rc))
		return fail_refused(target, tried, err);
	if (rc != 0)
		return session_fail(session, rc, "login", err);
	session->logged_in = true;
	return 0;
}
