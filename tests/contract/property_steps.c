/* SPDX-License-Identifier: Apache-2.0 */
/* What people do with gpucloud, on a computer that may crash at any request. */
#include "tests/contract/property.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "fleet/labels.h"
#include "fleet/recover.h"
#include "fleet/stop.h"
#include "fleet/sweep.h"
#include "fleet/terminate.h"

static const char *const names[] = { "a", "b", "c" };

void tell(struct run *run, const char *fmt, ...)
{
	size_t len = strlen(run->story);
	va_list args;

	va_start(args, fmt);
	vsnprintf(run->story + len, sizeof(run->story) - len, fmt, args);
	va_end(args);
}

void tell_story(const struct run *run)
{
	for (const char *line = run->story; *line;) {
		size_t len = strcspn(line, "\n");

		fprintf(stderr, "%.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

uint64_t below(struct run *run, uint64_t n)
{
	return rng_below(&run->rng, n);
}

/* --- what the cloud itself knows ------------------------------------------------------------ */

static const char *tag_of(const struct cloud_resource *resource, const char *key)
{
	for (size_t i = 0; i < resource->nr_tags; i++)
		if (strcmp(resource->tags[i].key, key) == 0)
			return resource->tags[i].value;
	return "";
}

static void note_living(void *ctx, const struct cloud_resource *resource)
{
	struct living *living = ctx;

	/* What is shutting down bills no more and is nobody's any longer. */
	if (strcmp(resource->kind, "instance") != 0 || resource->ended_ms ||
	    strcmp(resource->state, "shutting-down") == 0 ||
	    strcmp(resource->state, "deactivating") == 0 || living->nr == LIVE_MAX)
		return;
	snprintf(living->v[living->nr].id, CLOUD_ID_MAX, "%s", resource->id);
	snprintf(living->v[living->nr].launch, 64, "%s", tag_of(resource, TAG_LAUNCH));
	snprintf(living->v[living->nr].name, 64, "%s", tag_of(resource, TAG_NAME));
	/* Without tags, the name says it: "gpucloud.OWNER.NAME.LAUNCH-ATTEMPT". */
	sscanf(tag_of(resource, "name"), "gpucloud.%*[^.].%63[^.].%63[^-]",
	       living->v[living->nr].name, living->v[living->nr].launch);
	living->nr++;
}

void find_living(struct run *run, struct living *living)
{
	living->nr = 0;
	cloud_each_resource(run->world.sim.cloud, note_living, living);
}

bool lives(struct run *run, const char *id_or_name)
{
	struct living living;

	find_living(run, &living);
	for (size_t i = 0; i < living.nr; i++)
		if (strcmp(living.v[i].id, id_or_name) == 0 ||
		    strcmp(living.v[i].name, id_or_name) == 0)
			return true;
	return false;
}

/* --- what a person does --------------------------------------------------------------------- */

struct sought {
	const char *id;
	bool ended;
};

static void note_ended(void *ctx, const struct cloud_resource *resource)
{
	struct sought *sought = ctx;

	if (strcmp(resource->kind, "instance") == 0 && strcmp(resource->id, sought->id) == 0)
		sought->ended = resource->ended_ms != 0;
}

/* To the last: shutting down is not yet gone. */
static bool has_ended(struct run *run, const char *id)
{
	struct sought sought = { .id = id };

	cloud_each_resource(run->world.sim.cloud, note_ended, &sought);
	return sought.ended;
}

void recovered(void *ctx, const char *line)
{
	struct run *run = ctx;

	tell(run, "    %.100s\n", line);
}

static void plan_crash(struct run *run)
{
	uint64_t dice = below(run, 6);

	if (dice < 2)
		world_crash_in(&run->world, dice ? 0 : 1 + (int)below(run, 30), below(run, 2));
}

static void after(struct run *run, const char *what, int rc, const struct error *err)
{
	bool died = world_reboot(&run->world);

	tell(run, "  %s: %s%s%.120s\n", what,
	     died     ? "crashed"
	     : rc < 0 ? "failed"
		      : "ok",
	     rc < 0 ? ": " : "", rc < 0 ? err->message : "");
}

static int launch_named(struct run *run, const char *name, struct error *err)
{
	struct fleet *fleet = &run->world.fleet;
	const bool has_spot = (fleet->ops->caps & PROVIDER_CAP_SPOT) != 0;
	const struct plan_options wanted = { .type = run->world.cloud->type,
					     .region = run->world.cloud->region,
					     .spot = has_spot && below(run, 4) > 0,
					     .on_demand = MONEY_UNKNOWN };
	const struct launch_events events = { 0 };
	struct launch_options options = { .name = name, .ssh_port = 22 };
	struct launch_plan plan = { 0 };
	struct launch_resume resume = { 0 };
	struct launch_outcome outcome = { 0 };

	int rc = launch_find_existing(fleet, name, &outcome, &resume, err);
	/* As the command does: one that is off, or on its way there, is not what was asked for. */
	enum instance_state state = outcome.made.instance.state;
	if (rc == 1 && (state == INSTANCE_STOPPED || state == INSTANCE_STOPPING))
		rc = error_set(err, ERROR_CONFLICT, "'%s' is %s", name, instance_state_name(state));
	if (rc == 2)
		options.resume = &resume;
	if (rc == 0 || rc == 2) {
		rc = launch_plan_make(fleet, &wanted, &plan, err);
		if (rc == 0)
			rc = launch_make(fleet, &plan, &options, &events, &outcome, err);
		if (rc == 0 && below(run, 2))
			rc = launch_wait_running(fleet, &outcome, 120, &events, err);
	}
	launch_plan_release(&plan);
	launch_outcome_release(&outcome);
	launch_resume_release(&resume);
	return rc < 0 ? -1 : 0;
}

static void do_launch(struct run *run)
{
	const char *name = names[below(run, ARRAY_SIZE(names))];
	struct error err = ERROR_INIT;
	char what[32];

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = launch_named(run, name, &err);
	CHECK(run, rc < 0 || lives(run, name)); /* what it says is true */
	snprintf(what, sizeof(what), "launch %s", name);
	after(run, what, rc, &err);
}

int list_all(struct run *run, struct instance_list *list, struct error *err)
{
	const struct instance_query query = { .regions = &run->world.cloud->region,
					      .nr_regions = 1,
					      .owner = WORLD_OWNER };
	int rc = fleet_instances(&run->world.fleet, &query, list, err);

	if (rc == 0 && list->nr_failures) {
		*err = list->failures[0].err;
		instance_list_release(list);
		return -1;
	}
	return rc;
}

static void do_list(struct run *run)
{
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = list_all(run, &list, &err);
	instance_list_release(&list);
	after(run, "list", rc, &err);
}

int end_all(struct run *run, const char *name, struct error *err)
{
	struct instance_list list = { 0 };
	const struct terminate_events events = { 0 };

	if (list_all(run, &list, err) < 0)
		return -1;
	struct ending *endings = xcalloc(list.nr + 1, sizeof(*endings));
	size_t n = 0;
	for (size_t i = 0; i < list.nr; i++)
		if (!name || strcmp(list.v[i].name, name) == 0)
			endings[n++].instance = list.v[i];
	int rc = terminate_all(&run->world.fleet, endings, n, 60, &events, err);
	for (size_t i = 0; i < n; i++)
		CHECK(run, !endings[i].confirmed || has_ended(run, endings[i].instance.id));
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!endings[i].confirmed)
			rc = error_set(err, ERROR_REMOTE, "not confirmed: %s",
				       endings[i].err.message);
	free(endings);
	instance_list_release(&list);
	return rc;
}

static void do_terminate(struct run *run)
{
	const char *name = names[below(run, ARRAY_SIZE(names))];
	struct error err = ERROR_INIT;
	char what[32];

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = end_all(run, name, &err);
	snprintf(what, sizeof(what), "terminate %s", name);
	after(run, what, rc, &err);
}

static void do_wait(struct run *run)
{
	int64_t s = below(run, 8) ? (int64_t)below(run, 30) : 700;

	tell(run, "  wait %lld s\n", (long long)s);
	clock_sleep_ms(&run->world.clock, s * 1000);
}

static void do_lose_journal(struct run *run)
{
	if (below(run, 4))
		return;
	tell(run, "  the journal is lost\n");
	run->forgetful = true;
	world_lose_journal(&run->world);
}

/* One of those that are listed, or NULL. */
static const struct instance *pick(struct run *run, const struct instance_list *list)
{
	return list->nr ? &list->v[below(run, list->nr)] : NULL;
}

static void do_restart(struct run *run)
{
	struct instance_list list = { 0 };
	struct error err = ERROR_INIT;

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = list_all(run, &list, &err);
	const struct instance *one = rc == 0 ? pick(run, &list) : NULL;
	if (one)
		rc = run->world.ops->restart(run->world.p, one->region, one->id, &err);
	after(run, "restart", rc, &err);
	instance_list_release(&list);
}

static void do_power(struct run *run)
{
	enum power want = below(run, 2) ? POWER_STOP : POWER_START;
	const struct power_events events = { 0 };
	struct instance_list list = { 0 };
	struct arena arena = { 0 };
	struct error err = ERROR_INIT;

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	int rc = list_all(run, &list, &err);
	const struct instance *one = rc == 0 ? pick(run, &list) : NULL;
	if (one && power_check(&run->world.fleet, want, one, &err) < 0)
		rc = -1;
	else if (one) {
		struct powered powered = { .instance = *one };

		power_all(&run->world.fleet, want, &powered, 1, 30, &events, &arena);
		err = powered.err;
		rc = powered.confirmed ? 0 : -1;
	}
	after(run, want == POWER_STOP ? "stop" : "start", rc, &err);
	arena_release(&arena);
	instance_list_release(&list);
}

/* Nobody here has a time limit: no sweep may end an instance. */
static void do_sweep(struct run *run)
{
	const struct sweep_options options = { .regions = &run->world.cloud->region,
					       .nr_regions = 1,
					       .grace_s = SWEEP_GRACE_S };
	const struct sweep_events events = { 0 };
	struct sweep sweep = { 0 };
	struct living before;
	struct error err = ERROR_INIT;
	size_t left = 0;

	plan_crash(run);
	recover_all(&run->world.fleet, recovered, run);
	find_living(run, &before);
	int rc = sweep_look(&run->world.fleet, &options, &sweep, &err);
	if (rc == 0)
		rc = sweep_remove(&run->world.fleet, &options, &sweep, 30, &events, &left, &err);
	sweep_release(&sweep);
	for (size_t i = 0; i < before.nr; i++)
		CHECK(run, lives(run, before.v[i].id));
	after(run, "sweep", rc, &err);
}

void do_something(struct run *run)
{
	static void (*const things[])(struct run *) = {
		do_launch,    do_launch,    do_launch,	     do_launch, do_list,
		do_wait,      do_wait,	    do_restart,	     do_power,	do_sweep,
		do_terminate, do_terminate, do_lose_journal,
	};

	things[below(run, ARRAY_SIZE(things))](run);
}
