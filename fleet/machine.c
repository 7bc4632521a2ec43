/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/machine.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "fleet/admit.h"
#include "fleet/look.h"
#include "fleet/machine_internal.h"
#include "fleet/simulator_profile.h"

#define CONNECT_MS     15000
#define FIRST_MS       5000 /* then it is looked whether anything lets us in at all */
#define PAUSE_FIRST_MS 500
#define PAUSE_MAX_MS   5000
#define CONSOLE_LINES  12
#define RENEWALS       2 /* somebody else replaces the host key at this moment */
#define EARLY	       "HostKeyEarly"

int machine_port(const struct settings *settings, uint16_t *ret, struct error *err)
{
	const char *text = settings_get(settings, "ssh_port");
	unsigned port = 0;

	if (!text)
		text = "22";
	if (strlen(text) <= 5)
		for (const char *p = text; *p; p++)
			port = *p >= '0' && *p <= '9' ? port * 10 + (unsigned)(*p - '0') : 100000;
	if (port < 1 || port > 65535)
		return error_set(err, ERROR_CONFIG, "setting 'ssh_port': '%.20s' is not a TCP port",
				 text);
	*ret = (uint16_t)port;
	return 0;
}

/* Whoever is refused wants to know as whom, and with what. */
static int login_refused(const struct visit *visit, const char *user, struct error *err)
{
	error_prefix(err, "%s", visit->instance->id);
	return error_hint(err,
			  "set ssh_user if its user is not '%s', or copy '%s/id_ed25519' from the "
			  "computer that launched it",
			  user, visit->fleet->paths->data);
}

static int dial(struct visit *visit, const struct trust *trust, struct remote **ret,
		struct error *err)
{
	struct fleet *fleet = visit->fleet;
	const struct instance *instance = visit->instance;
	const char *user = settings_get(fleet->settings, "ssh_user");
	const char *agent = settings_env(fleet->settings, "SSH_AUTH_SOCK");
	struct remote_target target = {
		.name = instance->id,
		.address = instance->public_ip,
		.user = user ? user : fleet->ops->login,
		.host_keys = trust->lines,
		.nr_host_keys = trust->nr_lines,
		.fingerprints = &trust->fingerprint,
		.nr_fingerprints = trust->fingerprint ? 1 : 0,
		.login_key = &trust->login,
		.use_agent = agent != NULL,
		.agent_socket = agent,
		.timeout_ms = visit->timeout_ms,
	};

	if (machine_port(fleet->settings, &target.port, err) < 0)
		return -1;
	if (!instance->public_ip[0])
		return error_set(err, ERROR_NETWORK, "%s has no public address yet", instance->id);
	if (remote_ssh.connect(&target, ret, &visit->seen, err) == 0)
		return 0;
	if (strcmp(err->code, "LoginRefused") == 0)
		return login_refused(visit, target.user, err);
	return -1;
}

/* What is shown may be the image's own key. Not where a key of its own was recorded: a machine that
 * had its script run, or a login by the tag alone. */
static bool may_be_booting(const struct visit *visit, const struct trust *trust)
{
	struct fleet *fleet = visit->fleet;
	const struct instance *instance = visit->instance;

	if (fleet->ops->boot_form != BOOT_SCRIPT || trust->nr_recorded || !instance->launched)
		return false;
	int64_t now = look_now(fleet, fleet->provider, instance->region);
	return now < instance->launched + MACHINE_BOOT_S;
}

static int not_booted(const struct visit *visit, struct error *err)
{
	error_set(err, ERROR_AUTH,
		  "%s at %s shows another host key than ours: its startup script may not have run "
		  "yet; nothing was sent",
		  visit->instance->id, visit->instance->public_ip);
	snprintf(err->code, sizeof(err->code), "%s", EARLY);
	return error_hint(err,
			  "if that stays so the script failed, or it is another machine: gpucloud "
			  "terminate %s",
			  visit->instance->id);
}

int machine_login(struct visit *visit, struct trust *trust, struct machine *machine,
		  struct error *err)
{
	struct remote *remote = NULL;

	/* Its address is nobody's: a connection would go out into the user's network. */
	if (!simulator_profile_has_login(visit->fleet->settings)) {
		error_set(err, ERROR_UNSUPPORTED,
			  "%s is simulated as a state only: nobody can log in to it",
			  visit->instance->id);
		return error_hint(err, "gpucloud-sim start --machines sshd");
	}
	for (int turn = 0;; turn++) {
		if (trust_gather(visit, trust, err) < 0)
			return -1;
		if (dial(visit, trust, &remote, err) == 0)
			break;
		if (strcmp(err->code, "HostKeyMismatch") != 0)
			return -1;
		if (turn == RENEWALS || !trust_renew(visit, trust))
			return may_be_booting(visit, trust) ? not_booted(visit, err)
							    : trust_refused(visit, trust, err);
		trust_release(trust);
		error_clear(err);
	}
	*machine = (struct machine){
		.ops = &remote_ssh,
		.remote = remote,
		.by_agent = visit->seen.by_agent,
	};
	return 0;
}

void machine_note(const struct visit *visit, const char *text)
{
	if (visit->events && visit->events->note)
		visit->events->note(visit->events->ctx, text);
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

static int connect_once(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
			const struct machine_events *events, struct machine *ret, struct error *err)
{
	struct visit visit = {
		.fleet = fleet,
		.instance = instance,
		.events = events,
		.timeout_ms = timeout_ms,
	};
	struct trust trust = { 0 };
	struct machine machine = { 0 };
	struct error why = ERROR_INIT;

	snprintf(visit.tag, sizeof(visit.tag), "%s", instance->hostkey ? instance->hostkey : "");
	int rc = machine_login(&visit, &trust, &machine, err);
	if (rc == 0 && trust.seeded)
		rc = machine_first_login(&visit, &trust, &machine, err);
	/* The next login tries again: no reason to refuse this one. */
	if (rc == 0 && trust_keep(&visit, &trust, &why) < 0)
		machine_note(&visit, why.message);
	if (rc == 0)
		*ret = machine;
	trust_release(&trust);
	return rc;
}

/* True where it is worth trying once more. What was in the way is in err's hint. */
static bool let_us_in(struct fleet *fleet, const struct instance *instance,
		      const struct machine_events *events, struct error *err)
{
	char cidr[FLEET_ADDRESS_MAX];
	struct error why = ERROR_INIT;
	int rc = admit_this_computer(fleet, instance, cidr, &why);

	if (rc > 0)
		events->admitted(events->ctx, instance, cidr);
	else if (rc < 0 && events->note && why.kind != ERROR_CANCELLED)
		events->note(events->ctx, why.message);
	if (rc < 0)
		error_hint(err, "perhaps this computer's address is not let in: %.180s",
			   why.message);
	return rc > 0;
}

static bool is_silent(const struct error *err)
{
	return err->kind == ERROR_NETWORK || err->kind == ERROR_TIMEOUT;
}

/* A firewall takes a change up after a while, and whoever knocked before that may wait for ever: knocks
 * again, in short turns, and the last time for as long as is left. */
static int connect_let_in(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
			  const struct machine_events *events, struct machine *ret,
			  struct error *err)
{
	int64_t start = clock_mono_ms(fleet->clock), left = timeout_ms;

	for (;;) {
		bool last = left < 2 * FIRST_MS;

		error_clear(err);
		if (connect_once(fleet, instance, last ? left : FIRST_MS, events, ret, err) == 0)
			return 0;
		left = timeout_ms - PAUSE_FIRST_MS - (clock_mono_ms(fleet->clock) - start);
		if (last || left <= 0 || !is_silent(err))
			return -1;
		if (clock_sleep_ms(fleet->clock, PAUSE_FIRST_MS) < 0)
			return error_set(err, ERROR_CANCELLED, "interrupted while waiting for %s",
					 instance->id);
	}
}

int machine_connect(struct fleet *fleet, const struct instance *instance, int64_t timeout_ms,
		    const struct machine_events *events, struct machine *ret, struct error *err)
{
	bool may_admit = events && events->admitted && simulator_profile_has_login(fleet->settings);
	int64_t first_ms = may_admit && timeout_ms > FIRST_MS ? FIRST_MS : timeout_ms;
	int64_t start = clock_mono_ms(fleet->clock);
	struct error why = ERROR_INIT;

	if (connect_once(fleet, instance, first_ms, events, ret, &why) == 0)
		return 0;
	bool cut = first_ms < timeout_ms && clock_mono_ms(fleet->clock) - start >= first_ms;
	bool silent = may_admit && is_silent(&why);
	bool let_in = silent && let_us_in(fleet, instance, events, &why);
	if (!let_in && !(silent && cut)) {
		*err = why;
		return -1;
	}
	if ((let_in ? connect_let_in : connect_once)(fleet, instance, timeout_ms, events, ret,
						     err) == 0)
		return 0;
	if (why.hint[0] && !err->hint[0])
		error_hint(err, "%s", why.hint);
	return -1;
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

/* The machine may have said why; of what is wrong on this computer its console knows nothing. */
static bool console_helps(const struct error *err)
{
	return err->kind == ERROR_NETWORK || err->kind == ERROR_TIMEOUT ||
	       err->kind == ERROR_PROTOCOL || strcmp(err->code, "LoginRefused") == 0;
}

static int took_too_long(const struct instance *instance, int64_t timeout_s, struct error *err)
{
	err->kind = ERROR_TIMEOUT;
	return error_prefix(err, "%s did not let us log in within %lld s", instance->id,
			    (long long)timeout_s);
}

int machine_wait(struct fleet *fleet, const struct instance *instance, int64_t timeout_s,
		 const struct machine_events *events, struct machine *ret, struct error *err)
{
	int64_t start = clock_mono_ms(fleet->clock), pause = PAUSE_FIRST_MS;
	int64_t left = timeout_s * 1000;
	struct machine_events none = { 0 }, again = events ? *events : none;

	again.admitted = NULL; /* once is enough */
	for (bool first = true;; first = false) {
		error_clear(err);
		if (machine_connect(fleet, instance, left < CONNECT_MS ? left : CONNECT_MS,
				    first ? events : &again, ret, err) == 0)
			return 0;
		if (err->kind != ERROR_NETWORK && err->kind != ERROR_TIMEOUT &&
		    strcmp(err->code, EARLY) != 0)
			break;
		int64_t waited = clock_mono_ms(fleet->clock) - start;
		left = timeout_s * 1000 - waited - pause;
		if (left <= 0) {
			took_too_long(instance, timeout_s, err);
			break;
		}
		if (events && events->waiting)
			events->waiting(events->ctx, instance, err->message, waited / 1000);
		if (clock_sleep_ms(fleet->clock, pause) < 0)
			return error_set(err, ERROR_CANCELLED, "interrupted while waiting for %s",
					 instance->id);
		pause = pause * 3 / 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 3 / 2;
	}
	if (console_helps(err))
		tell_console(fleet, instance, events);
	return -1;
}

void machine_close(struct machine *machine)
{
	if (machine->ops)
		machine->ops->close(machine->remote);
	memset(machine, 0, sizeof(*machine));
}
