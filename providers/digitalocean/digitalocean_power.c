/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends, stops, starts and restarts. A droplet does one thing at a time: what is asked for meanwhile is
 * refused ("pending event").
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#tag/Droplet-Actions
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define PENDING	    "pending event"
#define SHUTDOWN_S  60	/* a system that has not gone down by then will not */
#define FORGOTTEN_S 900 /* that long ago, another stop is a new one */

static int check_id(const char *id, struct error *err)
{
	if (!id || !ocean_is_id(id))
		return error_set(err, ERROR_USAGE, "'%.80s' is no droplet's id", id ? id : "");
	return 0;
}

/* A droplet that is being made, or is busy otherwise, cannot be deleted yet: whoever asks asks again
 * while it is listed. */
int ocean_terminate(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct error why = ERROR_INIT;

	(void)region;
	if (check_id(id, err))
		return -1;
	if (ocean_delete(p, REST_PATH("droplets", id), "droplet", id, &why) >= 0 ||
	    ocean_says(&why, PENDING))
		return 0;
	*err = why;
	return -1;
}

static int act(struct provider *p, const char *id, const char *type, struct error *err)
{
	struct cJSON *body = cJSON_CreateObject();
	struct rest_call call;

	cJSON_AddStringToObject(body, "type", type);
	rest_begin(&call, &p->rest, REST_CHANGE, "POST", REST_PATH("droplets", id, "actions"),
		   "cannot %s droplet '%s'", strcmp(type, "reboot") == 0 ? "restart" : type, id);
	rest_body(&call, body);
	int rc = rest_send(&call, err);
	rest_release(&call);
	if (rc && ocean_says(err, PENDING))
		error_hint(err, "the same in a minute: a droplet does one thing at a time");
	return rc;
}

/* --- stopping -------------------------------------------------------------------------------- */

/* The last of its power actions, as far as it matters. */
struct last {
	char type[32];
	bool under_way;
	int64_t started, age;
};

bool ocean_goes_down(const char *type)
{
	return strcmp(type, "shutdown") == 0 || strcmp(type, "power_off") == 0;
}

static bool is_power(const char *type)
{
	static const char *const types[] = { "create", "power_on", "power_off",	 "shutdown",
					     "reboot", "rebuild",  "power_cycle" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static int read_last(const struct cJSON *root, int64_t now, struct last *ret, struct error *err)
{
	const struct cJSON *actions;
	struct last last = { .started = -1 };

	if (json_array(root, "actions", &actions, err))
		return -1;
	for (const struct cJSON *one = json_first(actions); one; one = json_next(one)) {
		const char *type, *status;
		int64_t started = ocean_time(one, "started_at");

		if (json_string(one, "type", OCEAN_TEXT_MAX, &type, err) ||
		    json_string(one, "status", OCEAN_TEXT_MAX, &status, err))
			return -1;
		if (!is_power(type) || started <= last.started)
			continue;
		snprintf(last.type, sizeof(last.type), "%s", type);
		last.under_way = strcmp(status, "in-progress") == 0;
		last.started = started;
		last.age = now - started;
	}
	*ret = last;
	return 0;
}

static int find_last(struct provider *p, const char *id, struct last *ret, struct error *err)
{
	struct rest_call call;

	rest_begin(&call, &p->rest, REST_READ, "GET", REST_PATH("droplets", id, "actions"),
		   "cannot list the actions of droplet '%s'", id);
	int rc = rest_send(&call, err);
	int64_t now = clock_now(p->env.clock) + rest_skew_ms(&p->rest) / 1000;
	if (rc == 0 && read_last(call.json.root, now, ret, err))
		rc = error_prefix(err, "%s", call.what);
	rest_release(&call);
	return rc;
}

/*
 * A shutdown asks the system, which may not hear it. Who asks again, once it is clear that nothing
 * comes of it, has the plug pulled.
 */
int ocean_stop(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct arena arena = { 0 };
	struct instance instance;
	struct last last;

	(void)region;
	int rc = ocean_droplet(p, id, &arena, &instance, err);
	bool off = rc == 0 && instance.state == INSTANCE_STOPPED;
	arena_release(&arena);
	if (rc || off)
		return rc;
	if (find_last(p, id, &last, err))
		return -1;
	bool asked = strcmp(last.type, "shutdown") == 0 && last.age < FORGOTTEN_S;
	if (asked && last.under_way && last.age < SHUTDOWN_S)
		return 0;
	return act(p, id, asked ? "power_off" : "shutdown", err);
}

/* One that is on may be about to go off: then it can be started once it has. */
int ocean_start(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct arena arena = { 0 };
	struct instance instance;
	struct last last;

	(void)region;
	int rc = ocean_droplet(p, id, &arena, &instance, err);
	bool on = rc == 0 &&
		  (instance.state == INSTANCE_RUNNING || instance.state == INSTANCE_PENDING);
	arena_release(&arena);
	if (rc || !on)
		return rc ? rc : act(p, id, "power_on", err);
	if (find_last(p, id, &last, err))
		return -1;
	if (!last.under_way || !ocean_goes_down(last.type))
		return 0;
	error_set(err, ERROR_CONFLICT, "cannot start droplet '%s': it is going off", id);
	return error_hint(err, "the same in a minute: a droplet does one thing at a time");
}

int ocean_restart(struct provider *p, const char *region, const char *id, struct error *err)
{
	(void)region;
	return check_id(id, err) ? -1 : act(p, id, "reboot", err);
}
