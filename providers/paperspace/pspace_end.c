/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping, starting, ending. A machine must be off before it can be deleted, and takes its time for
 * that: every call takes the one step that is possible now.
 * https://docs.digitalocean.com/products/paperspace/machines/how-to/deactivate/
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define STOP_MAX_S 600

struct ending {
	struct provider *p;
	const char *id;
	struct arena arena;
	struct pspace_machine machine;
	struct pspace_history history;
};

static int say(char out[128], const char *verb, const char *id)
{
	return snprintf(out, 128, "cannot %s machine '%s'", verb, id);
}

static int patch(struct provider *p, const char *verb, const char *id, struct error *err)
{
	char what[128];

	say(what, verb, id);
	return pspace_act(p, "PATCH", REST_PATH("machines", id, verb), what, err);
}

/* Refused for the state it is in, as far as one can tell: both codes are used for that. */
static bool is_refusal(const struct error *err)
{
	return err->kind == ERROR_CONFLICT || err->kind == ERROR_USAGE;
}

static int look(struct ending *ending, struct error *err)
{
	struct json reply = { NULL };
	char what[128];
	int rc;

	say(what, "look at", ending->id);
	rc = pspace_get(ending->p, REST_PATH("machines", ending->id), what, &reply, err);
	if (rc == 0 && pspace_machine_read(reply.root, &ending->arena, &ending->machine, err) < 0)
		rc = error_prefix(err, "%s", what);
	json_release(&reply);
	return rc;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Between being taken from its machine and being released it bills, and says nothing of whose it was: it
 * is written down first, for whoever comes after us. Without a script there is nothing to write on. */
static int note_address(struct ending *ending, const char *ip, struct error *err)
{
	struct pspace_scripts scripts = { .nr = 0 };
	struct error why = ERROR_INIT;
	int rc = 0;

	if (pspace_scripts_list(ending->p, ending->machine.instance.launch_id, &scripts, err) < 0)
		return -1;
	if (scripts.nr && strcmp(scripts.v[0].name.address, ip) != 0 &&
	    pspace_script_note(ending->p, &scripts.v[0], ip, &why) < 0 &&
	    why.kind != ERROR_NOT_FOUND) {
		*err = why;
		rc = -1;
	}
	pspace_scripts_release(&scripts);
	return rc;
}

/* The address first, while the machine still says that it is its: afterwards nobody could tell whose
 * it was, and it would bill on. Of a machine that is not ours it is its owner's. */
static int release_address(struct ending *ending, struct error *err)
{
	struct pspace_addresses addresses = { .nr = 0 };
	int rc = 0;

	if (!ending->machine.ours || !ending->machine.is_static)
		return 0;
	if (pspace_addresses_list(ending->p, &addresses, err) < 0)
		return -1;
	for (size_t i = 0; i < addresses.nr && rc == 0; i++)
		if (!strcmp(addresses.v[i].machine, ending->id) &&
		    (rc = note_address(ending, addresses.v[i].ip, err)) == 0)
			rc = pspace_address_release(ending->p, addresses.v[i].ip, true, err);
	pspace_addresses_release(&addresses);
	return rc;
}

static int delete_machine(struct ending *ending, struct error *err)
{
	char what[128];

	if (release_address(ending, err) < 0)
		return -1;
	say(what, "delete", ending->id);
	return pspace_delete(ending->p, REST_PATH("machines", ending->id), what, err) < 0 ? -1 : 0;
}

/* It may have gone off, or away, since it was looked at. */
static int stop_first(struct ending *ending, struct error *err)
{
	enum instance_state before = ending->machine.instance.state;
	struct error why = ERROR_INIT, again = ERROR_INIT;

	if (patch(ending->p, "stop", ending->id, &why) == 0 || why.kind == ERROR_NOT_FOUND)
		return 0;
	/* On its way up it cannot be stopped: the next call will. */
	if (is_refusal(&why) && before == INSTANCE_PENDING)
		return 0;
	if (is_refusal(&why) && look(ending, &again) == 0 &&
	    ending->machine.instance.state != before)
		return 0;
	if (is_refusal(&why) && again.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* A stop that failed may fail for ever; the deletion need not. */
static int end_stuck(struct ending *ending, struct error *err)
{
	struct error why = ERROR_INIT;

	if (delete_machine(ending, &why) == 0)
		return 0;
	if (!is_refusal(&why)) {
		*err = why;
		return -1;
	}
	if (stop_first(ending, &why) == 0)
		return 0;
	*err = why;
	return error_hint(err, "it does not stop: ask Paperspace's support, and name them '%s'",
			  ending->id);
}

/* Whatever still shuts down after so long will not; it bills. */
static bool hangs(const struct ending *ending)
{
	struct provider *p = ending->p;
	int64_t since = ending->history.stopping;

	return since &&
	       clock_now(p->env.clock) + rest_skew_ms(&p->rest) / 1000 - since >= STOP_MAX_S;
}

static int next_step(struct ending *ending, struct error *err)
{
	enum instance_state state = ending->machine.instance.state;

	if (state == INSTANCE_ENDING || state == INSTANCE_GONE)
		return 0;
	if (state == INSTANCE_STOPPED)
		return delete_machine(ending, err);
	if (ending->history.stop_failed || state == INSTANCE_UNKNOWN ||
	    (state == INSTANCE_STOPPING && hangs(ending)))
		return end_stuck(ending, err);
	return state == INSTANCE_STOPPING ? 0 : stop_first(ending, err);
}

int pspace_terminate(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct ending ending = { .p = p, .id = id, .history = { .id = id } };
	struct error why = ERROR_INIT;
	int rc;

	(void)region;
	if (pspace_id_check(id, err) < 0)
		return -1;
	rc = look(&ending, &why);
	if (rc < 0 && why.kind == ERROR_NOT_FOUND) {
		rc = 0; /* gone already */
	} else if (rc == 0) {
		pspace_histories(p, &ending.history, 1);
		pspace_machine_add_history(&ending.machine, &ending.history, &ending.arena);
		rc = next_step(&ending, &why);
	}
	if (rc < 0)
		*err = why;
	arena_release(&ending.arena);
	return rc;
}

/* --- stop, start, restart --------------------------------------------------------------------- */

/* Already there, or on the way, is as good as done. */
static int change(struct provider *p, const char *verb, const char *id, enum instance_state there,
		  enum instance_state under_way, struct error *err)
{
	struct ending ending = { .p = p, .id = id };
	struct error why = ERROR_INIT, ignored = ERROR_INIT;
	int rc;

	if (pspace_id_check(id, err) < 0)
		return -1;
	rc = patch(p, verb, id, &why);
	if (rc < 0 && is_refusal(&why) && look(&ending, &ignored) == 0) {
		enum instance_state state = ending.machine.instance.state;

		if (state == there || state == under_way)
			rc = 0;
		else
			why.kind = ERROR_CONFLICT;
		if (rc < 0 && !why.hint[0])
			error_hint(&why, "it is %s: try again once it has settled",
				   instance_state_name(state));
	}
	if (rc < 0)
		*err = why;
	arena_release(&ending.arena);
	return rc;
}

int pspace_stop(struct provider *p, const char *region, const char *id, struct error *err)
{
	(void)region;
	return change(p, "stop", id, INSTANCE_STOPPED, INSTANCE_STOPPING, err);
}

int pspace_start(struct provider *p, const char *region, const char *id, struct error *err)
{
	(void)region;
	return change(p, "start", id, INSTANCE_RUNNING, INSTANCE_PENDING, err);
}

int pspace_restart(struct provider *p, const char *region, const char *id, struct error *err)
{
	(void)region;
	if (pspace_id_check(id, err) < 0)
		return -1;
	return patch(p, "restart", id, err);
}
