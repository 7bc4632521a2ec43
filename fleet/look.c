/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/parallel.h"
#include "fleet/idle_store.h"
#include "fleet/journal.h"
#include "fleet/machine.h"
#include "fleet/reap.h"

#define DAY_S INT64_C(86400)

int64_t look_now(struct fleet *fleet, struct provider *provider, const char *region)
{
	struct error ignored = ERROR_INIT;
	const char *endpoint;
	int64_t skew_ms = 0;

	if (fleet->http && fleet->ops->endpoint(provider, region, &endpoint, &ignored) == 0)
		skew_ms = http_skew_ms(fleet->http, endpoint);
	return (clock_now_ms(fleet->clock) + skew_ms) / 1000;
}

struct each {
	struct fleet *fleet;
	look_fn fn;
};

/* A provider's handle belongs to one thread; to open one costs no request. */
static void each_one(void *ctx, void *item)
{
	const struct each *each = ctx;
	struct fleet fleet = *each->fleet;
	struct error ignored = ERROR_INIT;
	const struct provider_env env = {
		.http = fleet.http,
		.clock = fleet.clock,
		.rng = fleet.rng,
		.settings = fleet.settings,
		.host = fleet.host,
		.home = fleet.paths->home,
	};

	fleet.journal = NULL;
	fleet.provider = NULL;
	/* It reads the same settings as the first one did, which was opened. */
	if (fleet.ops->open(&env, &fleet.provider, &ignored) == 0)
		each->fn(&fleet, item);
	/* Where labels are in the journal, it may have opened one of its own. */
	journal_close(fleet.journal);
	fleet.ops->close(fleet.provider);
}

void look_each(struct fleet *fleet, void *items, size_t n, size_t item_size, look_fn fn)
{
	struct each each = { fleet, fn };

	parallel_for(items, n, item_size, LOOK_WIDTH, each_one, &each);
}

static void note_admitted(void *ctx, const struct instance *instance, const char *cidr)
{
	struct look *look = ctx;

	(void)instance;
	snprintf(look->admitted, sizeof(look->admitted), "%s", cidr);
}

static void look_once(struct fleet *fleet, void *item)
{
	struct look *look = item;
	struct machine machine = { 0 };
	const char *region = look->instance->region;
	const struct machine_events events = { .ctx = look,
					       .admitted = look->admit ? note_admitted : NULL };

	error_clear(&look->err);
	if (machine_connect(fleet, look->instance, LOOK_CONNECT_MS, &events, &machine,
			    &look->err) == 0) {
		look->reached = probe_take(&machine, look_now(fleet, fleet->provider, region),
					   &look->probe, &look->err) == 0;
		machine_close(&machine);
	}
	/* Rates are per second of the time between two answers: it counts when this one was there. */
	look->probe.taken = look_now(fleet, fleet->provider, region);
	if (!look->reached)
		probe_failed(look->err.message, look->probe.taken, &look->probe);
}

void look_all(struct fleet *fleet, struct look *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		error_set(&v[i].err, ERROR_CONFIG, "it was not looked at");
		probe_failed(v[i].err.message, 0, &v[i].probe);
	}
	look_each(fleet, v, n, sizeof(*v), look_once);
}

int look_keep(struct idle_store *store, const char *scope, const struct look *look,
	      int64_t window_s, struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct reap_policy policy;

	if (!look->reached)
		return 0;
	/* Whoever asks about a shorter time must not cost `reap` what it goes by. */
	reap_policy_read(look->instance, &policy, &ignored);
	if (policy.idle_s > window_s)
		window_s = policy.idle_s;
	return idle_store_add(store, scope, look->instance->id, &look->probe, window_s + DAY_S,
			      err);
}

int look_judge(struct idle_store *store, const char *scope, const struct look *look,
	       int64_t window_s, int64_t now, struct idle_judgement *ret, struct error *err)
{
	const struct idle_policy policy = idle_policy_default(window_s);
	struct probe *looks = NULL;
	size_t nr = 0;
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	/* One look before the window may be what its first rate is counted from. */
	if (store)
		rc = idle_store_looks(store, scope, look->instance->id,
				      now - window_s - 2 * policy.most_apart_s, &looks, &nr, err);
	if (rc < 0)
		return -1;
	if (!nr || looks[nr - 1].taken != look->probe.taken || !look->reached) {
		looks = xrealloc(looks, (nr + 1) * sizeof(*looks));
		looks[nr++] = look->probe;
	}
	idle_judge(looks, nr, &policy, now, ret);
	free(looks);
	return 0;
}
