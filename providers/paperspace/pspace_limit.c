/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time limit that the cloud itself keeps: "auto-shutdown", whole hours from when a machine was last
 * turned on. Set at the launch, moved when the machine may stay longer.
 * https://docs.digitalocean.com/products/paperspace/machines/how-to/auto-shutdown/
 */
#include <stdio.h>

#include <cjson/cJSON.h>

#include "core/clock.h"
#include "providers/paperspace/paperspace.h"

#define HOUR_S	   3600
#define HOURS_MAX  8760 /* a year: nobody lets a machine run longer unseen */
#define HOURS_READ 1000000

void pspace_limit_add(struct cJSON *body, int64_t seconds)
{
	int64_t hours = (seconds + HOUR_S - 1) / HOUR_S;

	cJSON_AddBoolToObject(body, "autoShutdownEnabled", seconds > 0);
	if (seconds <= 0)
		return;
	cJSON_AddNumberToObject(body, "autoShutdownTimeout",
				(double)(hours > HOURS_MAX ? HOURS_MAX : hours));
	cJSON_AddBoolToObject(body, "autoShutdownForce", true);
}

/* The hours it was given, 0 where they cannot be told. False: it has no limit. */
static bool limited(const struct cJSON *machine, int64_t *hours)
{
	struct error ignored = ERROR_INIT;
	bool enabled = false;

	*hours = 0;
	if (json_bool(machine, "autoShutdownEnabled", &enabled, &ignored) == 0 && enabled)
		json_int64(machine, "autoShutdownTimeout", 0, HOURS_READ, hours, &ignored);
	return enabled;
}

/* From when it counts: of one that is off, from its next start, which is now at the earliest. Where the
 * events do not tell, from when it was made: rather too long than cut off. */
static int64_t counts_from(struct provider *p, const struct pspace_machine *machine)
{
	struct pspace_history history = { .id = machine->instance.id };

	if (machine->instance.state == INSTANCE_STOPPED)
		return clock_now(p->env.clock) + rest_skew_ms(&p->rest) / 1000;
	pspace_histories(p, &history, 1);
	return history.err.kind || !history.started ? machine->instance.launched : history.started;
}

static int move(struct provider *p, const char *id, int64_t seconds, const char *what,
		struct error *err)
{
	cJSON *body = cJSON_CreateObject();
	struct rest_call call;

	/* Longer than it can be: the machine's own timer is left. */
	pspace_limit_add(body, seconds <= HOURS_MAX * HOUR_S ? seconds : 0);
	rest_begin(&call, &p->rest, REST_CHANGE, "PUT", REST_PATH("machines", id), "%s", what);
	rest_body(&call, body);
	int rc = rest_send(&call, err);
	rest_release(&call);
	return rc;
}

int pspace_limit(struct provider *p, const char *region, const char *id, int64_t until,
		 struct error *err)
{
	struct pspace_machine machine = { .ours = false };
	struct arena arena = { 0 };
	struct json reply = { NULL };
	char what[160];
	int64_t hours;
	int rc;

	(void)region;
	if (pspace_id_check(id, err) < 0)
		return -1;
	snprintf(what, sizeof(what), "cannot move the auto-shutdown of machine '%s'", id);
	rc = pspace_get(p, REST_PATH("machines", id), what, &reply, err);
	if (rc == 0 && pspace_machine_read(reply.root, &arena, &machine, err) < 0)
		rc = error_prefix(err, "%s", what);
	if (rc == 0 && limited(reply.root, &hours)) {
		int64_t seconds = until - counts_from(p, &machine);

		if (seconds > hours * HOUR_S)
			rc = move(p, id, seconds, what, err);
	}
	json_release(&reply);
	arena_release(&arena);
	return rc;
}
