/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to a launch besides its droplet: tags, its key, its firewalls. Found by name, so that
 * nothing of it depends on local state.
 *
 * Whoever calls this knows that the launch's droplet is gone, or never was. One that lives all the same
 * is a double that nobody knows of (a request that was doubled on its way): it is deleted first, and
 * nothing is taken from it while it lives, for without its tag no firewall guards it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define DOUBLES_MS 60000
#define PAUSE_MS   1000 /* the first; each is twice as long as the one before */
#define THINGS_MAX 200	/* of one launch */

/* --- doubles --------------------------------------------------------------------------------- */

/* A tag that does not exist is nobody's: with a token that may only look, that has to do. */
static bool tag_is_unknown(struct provider *p, const char *tag)
{
	struct error why = ERROR_INIT;
	struct rest_call call;

	rest_begin(&call, &p->rest, REST_READ, "GET", REST_PATH("tags", tag),
		   "cannot look up tag '%s'", tag);
	int rc = rest_send(&call, &why);
	rest_release(&call);
	return rc && why.kind == ERROR_NOT_FOUND;
}

/* 0: asked for, or there are none; 1: not yet, one of them is busy. */
static int delete_by_tag(struct provider *p, const char *launch_id, struct error *err)
{
	char tag[OCEAN_TEXT_MAX + 1];
	struct error why = ERROR_INIT;
	struct rest_call call;

	if (ocean_tag_make_name(TAG_LAUNCH, launch_id, NULL, tag, err))
		return -1;
	rest_begin(&call, &p->rest, REST_CHANGE, "DELETE", REST_PATH("droplets"),
		   "cannot delete the droplets of launch '%s'", launch_id);
	rest_query(&call, "tag_name", tag);
	int rc = rest_send(&call, &why);
	rest_release(&call);
	if (rc == 0 || why.kind == ERROR_NOT_FOUND)
		return 0;
	if (ocean_says(&why, "pending event"))
		return 1;
	if (why.kind == ERROR_AUTH && tag_is_unknown(p, tag))
		return 0;
	*err = why;
	return -1;
}

/* How many are listed; -1. */
static int count(struct provider *p, const char *launch_id, struct error *err)
{
	struct instance_list list = { 0 };

	if (ocean_living(p, launch_id, &list, err))
		return -1;
	int n = list.nr > THINGS_MAX ? THINGS_MAX : (int)list.nr;
	instance_list_release(&list);
	return n;
}

/* 0: none is left; > 0: so many still live. */
static int end_doubles(struct provider *p, const char *launch_id, struct error *err)
{
	int64_t deadline = clock_mono_ms(p->env.clock) + DOUBLES_MS;

	for (int64_t pause = PAUSE_MS;; pause *= 2) {
		int left = count(p, launch_id, err);
		int busy = left < 0 ? -1 : delete_by_tag(p, launch_id, err);

		if (left < 0 || busy < 0)
			return -1;
		if (!left && !busy)
			return 0;
		if (clock_mono_ms(p->env.clock) + pause > deadline)
			return left ? left : 1;
		if (ocean_sleep(p, pause, err))
			return -1;
	}
}

/* --- keys and firewalls ---------------------------------------------------------------------- */

struct things {
	const char *launch_id;
	char ids[THINGS_MAX][40];
	size_t nr;
};

static void add(struct things *things, const char *id)
{
	if (things->nr < THINGS_MAX)
		snprintf(things->ids[things->nr++], sizeof(things->ids[0]), "%s", id);
}

static int take_firewall(void *ctx, const struct cJSON *item, struct error *err)
{
	struct things *things = ctx;
	struct ocean_firewall firewall;
	int rc = ocean_firewall_read(item, &firewall, err);

	if (rc > 0 && strcmp(firewall.said.launch_id, things->launch_id) == 0)
		add(things, firewall.id);
	return rc < 0 ? -1 : 0;
}

static int take_key(void *ctx, const struct cJSON *item, struct error *err)
{
	struct things *things = ctx;
	struct ocean_name name;
	char id[OCEAN_ID_TEXT];
	int rc = ocean_key_read(item, &name, id, err);

	if (rc > 0 && strcmp(name.launch_id, things->launch_id) == 0)
		add(things, id);
	return rc < 0 ? -1 : 0;
}

static int release_keys(struct provider *p, const char *launch_id, unsigned *ret_removed,
			struct error *err)
{
	struct things *things = xcalloc(1, sizeof(*things));
	const struct ocean_list list = { .path = REST_PATH("account", "keys"),
					 .what = "cannot list SSH keys",
					 .member = "ssh_keys",
					 .ctx = things,
					 .item = take_key };

	things->launch_id = launch_id;
	int rc = ocean_list(p, &list, err);
	for (size_t i = 0; i < things->nr && rc == 0; i++) {
		rc = ocean_delete(p, REST_PATH("account", "keys", things->ids[i]), "SSH key",
				  things->ids[i], err);
		*ret_removed += rc > 0;
		rc = rc < 0 ? -1 : 0;
	}
	free(things);
	return rc;
}

static int release_firewalls(struct provider *p, const char *launch_id, unsigned *ret_removed,
			     struct error *err)
{
	struct things *things = xcalloc(1, sizeof(*things));
	const struct ocean_list list = { .path = REST_PATH("firewalls"),
					 .what = "cannot list firewalls",
					 .member = "firewalls",
					 .ctx = things,
					 .item = take_firewall };

	things->launch_id = launch_id;
	int rc = ocean_list(p, &list, err);
	for (size_t i = 0; i < things->nr && rc == 0; i++) {
		rc = ocean_delete(p, REST_PATH("firewalls", things->ids[i]), "firewall",
				  things->ids[i], err);
		*ret_removed += rc > 0;
		rc = rc < 0 ? -1 : 0;
	}
	free(things);
	return rc;
}

/* Firewalls last: their names tell whose the rest is, should this be cut off half-way. */
int ocean_release(struct provider *p, const char *region, const char *launch_id,
		  struct release_result *ret, struct error *err)
{
	struct release_result result = { 0 };
	struct error why = ERROR_INIT;
	int living;

	(void)region;
	if (ocean_launch_id_check(launch_id, err))
		return -1;
	living = end_doubles(p, launch_id, &why);
	if (living > 0) {
		result.left = (unsigned)living;
		*ret = result;
		return 0;
	}
	if (living < 0 || ocean_tags_release(p, launch_id, &result.tags, &why) ||
	    release_keys(p, launch_id, &result.keys, &why) ||
	    release_firewalls(p, launch_id, &result.security_groups, &why)) {
		*err = why;
		return -1;
	}
	*ret = result;
	return 0;
}
