/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that talks to a simulator which runs already. */
#include "simulator/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "simulator/options.h"
#include "simulator/serve/admin_client.h"
#include "simulator/serve/runtime.h"

#define END_MS	10000 /* a simulator that was asked nicely */
#define KILL_MS 3000  /* and one that was signalled */
#define POLL_MS 10

/* Asks the one that runs; the reply's text is added to out. */
static int ask(const char *method, const char *order, const char *body, struct buf *out,
	       struct error *err)
{
	struct runtime runtime = { .lock_fd = -1 };
	struct running running = { 0 };
	int rc;

	runtime_find(&runtime);
	rc = runtime_read(&runtime, &running, err);
	if (rc == 0)
		rc = admin_ask(&running, method, order, body, out, err);
	running_release(&running);
	runtime_release(&runtime);
	return rc;
}

static bool gone_within(pid_t pid, int64_t ms)
{
	int64_t end = clock_mono_ms(&clock_system) + ms;

	while (!process_gone(pid)) {
		if (clock_mono_ms(&clock_system) >= end)
			return false;
		clock_sleep_ms(&clock_system, POLL_MS);
	}
	return true;
}

/* Only a process that holds the lock of this folder and runs this program is ours to signal. */
static int end_by_force(const struct runtime *runtime, pid_t pid, struct error *err)
{
	static const int signals[] = { SIGTERM, SIGKILL };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (!runtime_locked(runtime) || !process_is_simulator(pid))
			break;
		kill(pid, signals[i]);
		if (gone_within(pid, KILL_MS))
			return 0;
	}
	if (process_gone(pid))
		return 0;
	return error_set(err, ERROR_TIMEOUT, "the simulator (process %ld) does not end", (long)pid);
}

/* What one that was killed left behind; somebody else's lock is left alone. */
static void clear_away(struct runtime *runtime)
{
	struct error ignored = ERROR_INIT;

	if (access(runtime->lock, F_OK) && access(runtime->file, F_OK))
		return;
	if (runtime_claim(runtime, &ignored) == 0)
		runtime_leave(runtime);
}

int command_stop(const struct options *options, struct error *err)
{
	struct runtime runtime = { .lock_fd = -1 };
	struct running running = { 0 };
	struct buf reply = BUF_INIT;
	struct error why = ERROR_INIT;
	int rc;

	(void)options;
	runtime_find(&runtime);
	rc = runtime_read(&runtime, &running, err);
	if (rc == 0) {
		/* Whether it answered matters less than whether it ends. */
		rc = admin_ask(&running, "POST", "stop", "{}", &reply, &why);
		if (rc || !gone_within(running.pid, END_MS))
			rc = end_by_force(&runtime, running.pid, err);
	}
	if (rc == 0 || err->kind == ERROR_NOT_FOUND)
		clear_away(&runtime);
	if (rc == 0)
		printf("stopped: %s\n", running.endpoint);
	buf_release(&reply);
	running_release(&running);
	runtime_release(&runtime);
	return rc;
}

static const char *field(const cJSON *node, const char *name)
{
	const cJSON *value = json_get(node, name);

	return value && json_text(value) ? json_text(value) : "";
}

static int print_status(const char *endpoint, const struct buf *reply, struct error *err)
{
	struct json json = { 0 };
	int64_t live, requests;
	int rc = json_parse(reply->data, reply->len, "reply", &json, err);

	if (rc == 0)
		rc = json_int64(json.root, "live_resources", 0, INT32_MAX, &live, err);
	if (rc == 0)
		rc = json_int64(json.root, "requests", 0, INT64_C(1) << 53, &requests, err);
	if (rc == 0)
		printf("running (simulated): %s\n"
		       "simulated time: %s\n"
		       "live resources: %lld, billing $%s an hour (simulated)\n"
		       "requests so far: %lld\n",
		       endpoint, field(json.root, "now"), (long long)live,
		       field(json.root, "usd_per_hour"), (long long)requests);
	json_release(&json);
	return rc;
}

int command_status(const struct options *options, struct error *err)
{
	struct runtime runtime = { .lock_fd = -1 };
	struct running running = { 0 };
	struct buf reply = BUF_INIT;
	int rc;

	runtime_find(&runtime);
	rc = runtime_read(&runtime, &running, err);
	if (rc == 0)
		rc = admin_ask(&running, "GET", "status", NULL, &reply, err);
	if (rc == 0 && options->json)
		puts(reply.data);
	else if (rc == 0)
		rc = print_status(running.endpoint, &reply, err);
	buf_release(&reply);
	running_release(&running);
	runtime_release(&runtime);
	return rc;
}

/* For eval in a POSIX shell. */
static void print_export(const char *name, const char *value)
{
	printf("export %s='", name);
	for (; *value; value++) {
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	}
	puts("'");
}

/* Clients of the other clouds: each has a path of its own below the endpoint. */
static void print_rest(const struct running *running)
{
	char *paperspace = xasprintf("%s/paperspace/v1", running->endpoint);
	char *ocean = xasprintf("%s/digitalocean/v2", running->endpoint);

	print_export("PAPERSPACE_API_URL", paperspace);
	print_export("PAPERSPACE_API_KEY", running->paperspace_api_key);
	print_export("DIGITALOCEAN_API_URL", ocean);
	print_export("DIGITALOCEAN_TOKEN", running->digitalocean_token);
	free(paperspace);
	free(ocean);
}

int command_env(const struct options *options, struct error *err)
{
	struct runtime runtime = { .lock_fd = -1 };
	struct running running = { 0 };
	int rc;

	(void)options;
	runtime_find(&runtime);
	rc = runtime_read(&runtime, &running, err);
	if (rc == 0) {
		puts("# a simulated cloud: eval \"$(gpucloud-sim env)\"");
		print_export("AWS_ENDPOINT_URL", running.endpoint);
		print_export("AWS_CA_BUNDLE", running.ca_bundle);
		print_export("AWS_ACCESS_KEY_ID", running.access_key_id);
		print_export("AWS_SECRET_ACCESS_KEY", running.secret_access_key);
		print_export("AWS_DEFAULT_REGION", running.region);
		print_export("AWS_REGION", running.region);
		print_rest(&running);
		puts("unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE "
		     "DIGITALOCEAN_ACCESS_TOKEN");
	}
	running_release(&running);
	runtime_release(&runtime);
	return rc;
}

/* Tags are the caller's: what acts on a terminal in them is '?' here. \u0000 to \u001f, \u007f, \b, \f. */
static void tame(char *text)
{
	for (; *text; text++) {
		unsigned code;

		if (*text == 0x7f)
			*text = '?';
		if (text[0] != '\\')
			continue;
		text++;
		if (*text == 'b' || *text == 'f')
			*text = 'n';
		else if (*text == 'u' && sscanf(text + 1, "%4x", &code) == 1 &&
			 (code < 0x20 || code == 0x7f))
			memcpy(text + 1, "003f", 4);
	}
}

static int print_state(struct buf *reply, struct error *err)
{
	static const char format[] = "%-18s %-22s %-14s %-14s %-14s %10s  %-20s  %s\n";
	struct json json = { 0 };
	const cJSON *list;

	tame(reply->data);
	int rc = json_parse(reply->data, reply->len, "reply", &json, err);

	if (rc == 0)
		rc = json_array(json.root, "resources", &list, err);
	if (rc == 0) {
		printf(format, "KIND", "ID", "TYPE", "ZONE", "STATE", "USD/H", "BEGAN", "ENDED");
		for (const cJSON *node = json_first(list); node; node = json_next(node)) {
			const char *ended = field(node, "ended"), *zone = field(node, "zone");

			printf(format, field(node, "kind"), field(node, "id"), field(node, "type"),
			       *zone ? zone : field(node, "region"), field(node, "state"),
			       field(node, "usd_per_hour"), field(node, "began"),
			       *ended ? ended : "-");
		}
	}
	json_release(&json);
	return rc;
}

int command_state(const struct options *options, struct error *err)
{
	struct buf reply = BUF_INIT;
	int rc = ask("GET", "state", NULL, &reply, err);

	if (rc == 0 && options->json)
		puts(reply.data);
	else if (rc == 0)
		rc = print_state(&reply, err);
	buf_release(&reply);
	return rc;
}

int command_fault(const struct options *options, struct error *err)
{
	struct buf reply = BUF_INIT;
	int rc = ask("POST", "fault", options->fault, &reply, err);

	buf_release(&reply);
	return rc;
}

int command_advance(const struct options *options, struct error *err)
{
	struct buf reply = BUF_INIT;
	struct json json = { 0 };
	char *body = xasprintf("{\"seconds\":%lld}", (long long)options->advance_s);
	int rc = ask("POST", "advance", body, &reply, err);

	if (rc == 0)
		rc = json_parse(reply.data, reply.len, "reply", &json, err);
	if (rc == 0)
		printf("simulated time: %s\n", field(json.root, "now"));
	json_release(&json);
	buf_release(&reply);
	free(body);
	return rc;
}
