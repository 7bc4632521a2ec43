/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/machine.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/hostkeys.h"
#include "fleet/login_key.h"

#define CONNECT_MS     15000
#define PAUSE_FIRST_MS 500
#define PAUSE_MAX_MS   5000
#define ROTATE_MS      30000
#define CONSOLE_LINES  12

/* Everything a connection needs to know; strings in the arena. */
struct trust {
	struct arena arena;
	const char *const *lines;
	size_t nr_lines;
	const char *fingerprint;
	struct ssh_key login;
	struct ssh_key seed;
	bool seeded; /* the seeded key is still to be replaced */
};

static void trust_release(struct trust *trust)
{
	ssh_key_release(&trust->login);
	ssh_key_release(&trust->seed);
	arena_release(&trust->arena);
}

static int gather(struct fleet *fleet, const struct instance *instance, struct trust *trust,
		  struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (login_key_get(fleet->paths, &trust->login, err) < 0 ||
	    hostkeys_known(fleet->paths, instance->id, &trust->arena, &trust->lines,
			   &trust->nr_lines, err) < 0)
		return -1;
	trust->seeded =
		instance->launch_id[0] &&
		hostkeys_load_seed(fleet->paths, instance->launch_id, &trust->seed, &ignored) == 0;
	if (trust->nr_lines)
		return 0;
	if (trust->seeded) {
		const char **lines = arena_alloc(&trust->arena, sizeof(*lines));

		lines[0] = trust->seed.public_line;
		trust->lines = lines;
		trust->nr_lines = 1;
		return 0;
	}
	if (instance->hostkey && instance->hostkey[0]) {
		trust->fingerprint = instance->hostkey;
		return 0;
	}
	error_set(
		err, ERROR_CONFIG,
		"the host key of %s is not known: it was launched elsewhere and carries no tag %s",
		instance->id, TAG_HOSTKEY);
	return error_hint(err,
			  "launch it with gpucloud, or log in with ssh after checking the key");
}

static int dial(struct fleet *fleet, const struct instance *instance, const struct trust *trust,
		int64_t timeout_ms, struct remote **ret, struct remote_seen *seen,
		struct error *err)
{
	const char *user = settings_get(fleet->settings, "ssh_user");
	const char *port_text = settings_get(fleet->settings, "ssh_port");
	unsigned long port = port_text ? strtoul(port_text, NULL, 10) : 22;
	const char *agent = settings_env(fleet->settings, "SSH_AUTH_SOCK");
	const struct remote_target target = {
		.address = instance->public_ip,
		.port = (uint16_t)port,
		.user = user ? user : "ubuntu",
		.host_keys = trust->lines,
		.nr_host_keys = trust->nr_lines,
		.fingerprints = &trust->fingerprint,
		.nr_fingerprints = trust->fingerprint ? 1 : 0,
		.login_key = &trust->login,
		.use_agent = agent != NULL,
		.agent_socket = agent,
		.timeout_ms = timeout_ms,
	};

	if (port < 1 || port > 65535)
		return error_set(err, ERROR_CONFIG, "setting 'ssh_port' is not a TCP port");
	if (!instance->public_ip[0])
		return error_set(err, ERROR_NETWORK, "%s has no public address yet", instance->id);
	if (remote_ssh.connect(&target, ret, seen, err) == 0)
		return 0;
	if (strcmp(err->code, "HostKeyMismatch") == 0) {
		error_prefix(err, "%s at %s", instance->id, instance->public_ip);
		error_hint(err,
			   "another machine answers there, or its key was changed: nothing was "
			   "sent. gpucloud show %s; gpucloud terminate %s",
			   instance->id, instance->id);
	}
	return -1;
}

/* Collects what a command prints; the ceiling is the buffer's. */
struct collected {
	struct buf *out;
	struct buf diag;
	const char *in;
	size_t in_len;
};

static int take(struct buf *buf, const char *data, size_t len, struct error *err)
{
	if (buf_add(buf, data, len) < 0)
		return error_set(err, ERROR_PROTOCOL, "the machine printed more than %zu bytes",
				 buf->max);
	return 0;
}

static int take_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct collected *collected = ctx;

	return take(collected->out, data, len, err);
}

static int take_err(void *ctx, const char *data, size_t len, struct error *err)
{
	struct collected *collected = ctx;

	(void)err;
	buf_add(&collected->diag, data, len); /* the first few KiB are enough */
	return 0;
}

int machine_output(struct machine *machine, const char *command, int64_t deadline_ms,
		   struct buf *out, struct remote_exit *ret, struct error *err)
{
	struct collected collected = { .out = out, .diag = BUF_INIT_MAX(4096) };
	const struct remote_stream stream = { .ctx = &collected, .out = take_out, .err = take_err };
	int rc = machine->ops->exec(machine->remote, command, &stream, deadline_ms, ret, err);

	if (rc == 0 && ret->code != 0 && collected.diag.len)
		log_info("machine", "'%s' ended with %d: %s", command, ret->code,
			 collected.diag.data);
	buf_release(&collected.diag);
	return rc;
}

/* One command of the rotation; anything but success ends it. */
static int must(struct machine *machine, const char *command, struct buf *out, struct error *err)
{
	struct remote_exit ended;

	buf_clear(out);
	if (machine_output(machine, command, ROTATE_MS, out, &ended, err) < 0)
		return -1;
	if (ended.code != 0)
		return error_set(err, ERROR_REMOTE, "'%.60s' ended with %d on the machine", command,
				 ended.code);
	return 0;
}

/* The new key is in place: the tag tells other computers, and the seed has done its work. */
static int settle(struct fleet *fleet, const struct instance *instance, const char *line,
		  struct error *err)
{
	char fingerprint[SSH_FINGERPRINT_MAX];

	if (ssh_public_fingerprint(line, fingerprint, err) < 0)
		return -1;
	const struct tag tag = { TAG_HOSTKEY, fingerprint };
	if ((fleet->ops->caps & PROVIDER_CAP_TAGS) &&
	    fleet->ops->tag(fleet->provider, instance->region, instance->id, &tag, err) < 0)
		return -1;
	hostkeys_forget(fleet->paths, instance->launch_id, NULL); /* the seed has done its work */
	return 0;
}

/* The machine makes a key beside the old one and shows its public half. */
static int make_host_key(struct machine *machine, struct buf *line, struct error *err)
{
	static const char command[] =
		"sudo -n rm -f /etc/ssh/gpucloud_new /etc/ssh/gpucloud_new.pub && "
		"sudo -n ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/gpucloud_new && "
		"sudo -n cat /etc/ssh/gpucloud_new.pub";
	unsigned char blob[SSH_BLOB_MAX];
	char type[32];
	size_t len;

	if (must(machine, command, line, err) < 0)
		return -1;
	line->data[strcspn(line->data, "\r\n")] = '\0';
	if (ssh_public_parse(line->data, type, blob, &len, err) < 0)
		return -1;
	if (strcmp(type, "ssh-ed25519") != 0)
		return error_set(err, ERROR_PROTOCOL, "the machine made a key of type '%s'", type);
	return 0;
}

/*
 * The seeded host key was readable in the user-data for everybody on the machine. The machine makes
 * its own; its public half is recorded here before it is put in place, so that a crash in between
 * leaves two keys that are both ours.
 */
static int rotate(struct fleet *fleet, const struct instance *instance, struct machine *machine,
		  struct error *err)
{
	static const char install[] =
		"sudo -n mv /etc/ssh/gpucloud_new.pub /etc/ssh/ssh_host_ed25519_key.pub && "
		"sudo -n mv /etc/ssh/gpucloud_new /etc/ssh/ssh_host_ed25519_key && "
		"{ sudo -n systemctl restart ssh || sudo -n systemctl restart sshd; }";
	struct buf line = BUF_INIT_MAX(SSH_LINE_MAX - 1);
	struct buf nothing = BUF_INIT_MAX(4096);
	int rc = make_host_key(machine, &line, err);

	if (rc == 0)
		rc = hostkeys_record(fleet->paths, instance->id, line.data, err);
	if (rc == 0)
		rc = must(machine, install, &nothing, err);
	if (rc == 0)
		rc = settle(fleet, instance, line.data, err);
	buf_release(&nothing);
	buf_release(&line);
	return rc;
}

/* The first login: what was shown is recorded, and the seed is replaced. */
static void first_login(struct fleet *fleet, const struct instance *instance,
			const struct trust *trust, const struct remote_seen *seen,
			const struct machine_events *events, struct machine *machine)
{
	char shown[SSH_FINGERPRINT_MAX], seed[SSH_FINGERPRINT_MAX];
	struct error err = ERROR_INIT;
	int rc = 0;

	if (!trust->seeded && !trust->fingerprint)
		return;
	rc = hostkeys_record(fleet->paths, instance->id, seen->host_key, &err);
	if (rc == 0 && trust->seeded) {
		rc = ssh_public_fingerprint(seen->host_key, shown, &err) < 0 ||
				     ssh_public_fingerprint(trust->seed.public_line, seed, &err) < 0
			     ? -1
			     : 0;
		if (rc == 0 && strcmp(shown, seed) == 0)
			rc = rotate(fleet, instance, machine, &err);
		else if (rc == 0) /* an earlier rotation was interrupted after it had taken hold */
			rc = settle(fleet, instance, seen->host_key, &err);
		machine->rotated = rc == 0;
	}
	if (rc == 0)
		return;
	/* No reason to refuse the login: both keys are recorded, the next login tries again. */
	error_prefix(&err, "the host key could not be replaced");
	if (events && events->note)
		events->note(events->ctx, err.message);
}

static int connect_once(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
			const struct machine_events *events, struct machine *ret,
			struct error *err)
{
	struct trust trust = { 0 };
	struct remote_seen seen = { 0 };
	struct remote *remote = NULL;
	int rc = gather(fleet, instance, &trust, err);

	if (rc == 0)
		rc = dial(fleet, instance, &trust, timeout_ms, &remote, &seen, err);
	if (rc == 0) {
		*ret = (struct machine){ .ops = &remote_ssh, .remote = remote };
		first_login(fleet, instance, &trust, &seen, events, ret);
	}
	trust_release(&trust);
	return rc;
}

int machine_connect(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
		    const struct machine_events *events, struct machine *ret, struct error *err)
{
	if (connect_once(fleet, instance, timeout_ms, events, ret, err) < 0)
		return -1;
	if (!ret->rotated)
		return 0;
	/* Once more, so that it is the new key that was seen to work. */
	machine_close(ret);
	if (connect_once(fleet, instance, timeout_ms, events, ret, err) < 0)
		return error_prefix(err, "after the host key was replaced");
	ret->rotated = true;
	return 0;
}

/* The end of what the machine printed while it booted: usually says why nobody can log in. */
static void tell_console(struct fleet *fleet, const struct instance *instance,
			 const struct machine_events *events)
{
	struct buf text = BUF_INIT_MAX((size_t)64 << 10);
	struct error ignored = ERROR_INIT;

	if (!(fleet->ops->caps & PROVIDER_CAP_CONSOLE) || !events || !events->note ||
	    fleet->ops->console(fleet->provider, instance->region, instance->id, &text, &ignored) <
		    0) {
		buf_release(&text);
		return;
	}
	size_t lines = 0, start = text.len;
	while (start > 0 && lines <= CONSOLE_LINES)
		lines += text.data[--start] == '\n' && start + 1 < text.len;
	if (text.len)
		events->note(events->ctx, "the last lines of its console:");
	for (char *line = text.data + (start ? start + 1 : 0); *line;) {
		size_t len = strcspn(line, "\r\n");
		char end = line[len];

		line[len] = '\0';
		if (len)
			events->note(events->ctx, line);
		line += len + (end != '\0');
	}
	buf_release(&text);
}

int machine_wait(struct fleet *fleet, const struct instance *instance, int64_t timeout_s,
		 const struct machine_events *events, struct machine *ret, struct error *err)
{
	int64_t start = clock_mono_ms(fleet->clock), pause = PAUSE_FIRST_MS;

	for (;;) {
		error_clear(err);
		if (machine_connect(fleet, instance, CONNECT_MS, events, ret, err) == 0)
			return 0;
		int64_t waited = (clock_mono_ms(fleet->clock) - start) / 1000;
		bool later = err->kind == ERROR_NETWORK || err->kind == ERROR_TIMEOUT;
		if (!later)
			break;
		if (waited >= timeout_s) {
			err->kind = ERROR_TIMEOUT;
			error_prefix(err, "%s did not let us log in within %lld s", instance->id,
				     (long long)timeout_s);
			break;
		}
		if (events && events->waiting)
			events->waiting(events->ctx, instance, err->message, waited);
		if (clock_sleep_ms(fleet->clock, pause) < 0)
			return error_set(err, ERROR_CANCELLED, "interrupted while waiting for %s",
					 instance->id);
		pause = pause * 3 / 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 3 / 2;
	}
	if (err->kind != ERROR_CANCELLED)
		tell_console(fleet, instance, events);
	return -1;
}

void machine_close(struct machine *machine)
{
	if (machine->ops)
		machine->ops->close(machine->remote);
	memset(machine, 0, sizeof(*machine));
}
