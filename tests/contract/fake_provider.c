/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/contract/fake_provider.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/db.h"
#include "core/mem.h"
#include "fleet/journal.h"

struct provider {
	struct fake *fake;
};

struct fake_state *fake_state_of(struct provider *p)
{
	return p->fake->state;
}

int fake_reach(struct provider *p, enum fake_point point, struct error *err)
{
	if (fake_state_of(p)->die_at == point && point != FAKE_NOWHERE)
		_exit(77);
	if (fake_state_of(p)->lose_at != point || point == FAKE_NOWHERE)
		return 0;
	error_set(err, ERROR_NETWORK, "the reply was lost");
	err->unknown = true;
	return -1;
}

/* Another connection sees only what was committed. */
void fake_read_journal(struct provider *p)
{
	struct error err = ERROR_INIT;
	struct db_stmt *stmt;
	struct db *db;
	char *path = xasprintf("%s/journal.db", p->fake->paths.state);

	assert_int_equal(db_open(path, NULL, true, &db, &err), 0);
	assert_int_equal(db_prepare(db,
				    "SELECT name FROM step WHERE kind = 'instance'"
				    " AND outcome IS NULL ORDER BY seq DESC",
				    &stmt, &err),
			 0);
	if (db_step(stmt, &err) == 1)
		snprintf(fake_state_of(p)->seen_at_intent, 64, "%s", db_text(stmt, 0));
	db_finalize(stmt);
	db_close(db);
	free(path);
}

static const struct tag protect = { "gpucloud-protect", "1" };

void fake_describe(const struct fake_instance *one, struct arena *arena, struct instance *ret)
{
	*ret = (struct instance){
		.provider = "fake",
		.region = arena_strdup(arena, one->region),
		.zone = { arena_strdup(arena, one->zone), "" },
		.id = arena_strdup(arena, one->id),
		.type = FAKE_TYPE,
		.state = one->gone    ? INSTANCE_GONE
			 : one->state ? one->state
				      : INSTANCE_RUNNING,
		.reason = "",
		.spot = one->spot,
		.spot_request = "",
		.public_ip = "192.0.2.1",
		.private_ip = "",
		.image = "image",
		.key_name = "",
		.launched = one->launched,
		.ended = one->ended,
		.name = arena_strdup(arena, one->name),
		.owner = arena_strdup(arena, one->owner),
		.launch_id = arena_strdup(arena, one->launch_id),
		.token = arena_strdup(arena, one->token),
		.expires = one->expires,
		.hostkey = "",
		.price = one->price,
		.price_off = one->price_off,
	};
	struct tag *tags = arena_alloc(arena, (FAKE_TAGS + 1) * sizeof(*tags));
	ret->tags = tags;
	if (one->tag.key)
		tags[ret->nr_tags++] = one->tag;
	else if (one->protected)
		tags[ret->nr_tags++] = protect;
	for (size_t i = 0; i < one->nr_tags; i++)
		tags[ret->nr_tags++] = (struct tag){ arena_strdup(arena, one->keys[i]),
						     arena_strdup(arena, one->values[i]) };
}

int fake_set_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
		 struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	(void)region;
	for (size_t i = 0; i < state->nr; i++) {
		struct fake_instance *one = &state->v[i];
		size_t k = 0;

		if (strcmp(one->id, id) != 0 || one->gone)
			continue;
		while (k < one->nr_tags && strcmp(one->keys[k], tag->key) != 0)
			k++;
		assert_true(k < FAKE_TAGS);
		one->nr_tags += k == one->nr_tags;
		snprintf(one->keys[k], sizeof(one->keys[k]), "%s", tag->key);
		snprintf(one->values[k], sizeof(one->values[k]), "%s", tag->value);
		return 0;
	}
	return error_set(err, ERROR_NOT_FOUND, "there is no '%s'", id);
}

struct fake_instance *fake_make(struct fake_state *state, const struct launch_request *request)
{
	/* Where it does not know a request again, there is a second one now. */
	for (size_t i = 0; i < state->nr && state->mode == FAKE_FULL; i++)
		if (strcmp(state->v[i].token, request->token) == 0)
			return &state->v[i];
	assert_true(state->nr < FAKE_MAX);
	struct fake_instance *one = &state->v[state->nr++];
	memset(one, 0, sizeof(*one));
	snprintf(one->id, sizeof(one->id), "i-%08zx", state->nr);
	snprintf(one->token, sizeof(one->token), "%s", request->token);
	snprintf(one->launch_id, sizeof(one->launch_id), "%s", request->launch_id);
	snprintf(one->name, sizeof(one->name), "%s", request->name);
	snprintf(one->owner, sizeof(one->owner), "%s", request->owner);
	snprintf(one->zone, sizeof(one->zone), "%s", request->zone);
	snprintf(one->region, sizeof(one->region), "%s", request->region);
	one->spot = request->spot;
	one->launched = state->now_ms / 1000;
	one->shows = one->launched + state->shows_after_s;
	one->price = state->price;
	one->price_off = state->price_off;
	return one;
}

static int fake_launch(struct provider *p, const struct launch_request *request,
		       const struct launch_steps *steps, struct launch_result *ret,
		       struct error *err)
{
	struct fake_state *state = fake_state_of(p);
	enum error_kind fail = state->fail[request->zone[strlen(request->zone) - 1] - 'a'];
	char hash[16];

	if (fake_reach(p, FAKE_BEFORE_INTENT, err) < 0)
		return -1;
	snprintf(hash, sizeof(hash), "disk %u", request->disk_gib);
	if (steps->intend(steps->ctx, "instance", request->token, hash, err) < 0)
		return -1;
	fake_read_journal(p);
	if (fake_reach(p, FAKE_AFTER_INTENT, err) < 0)
		return -1;
	snprintf(state->tokens[state->launches++ % FAKE_MAX], 64, "%s", request->token);
	if (fail != ERROR_NONE)
		return error_set(err, fail, "zone %s will not", request->zone);
	struct fake_instance *one = fake_make(state, request);
	if (fake_reach(p, FAKE_AFTER_MAKE, err) < 0 ||
	    steps->done(steps->ctx, "instance", request->token, one->id, err) < 0 ||
	    fake_reach(p, FAKE_AFTER_DONE, err) < 0)
		return -1;
	fake_describe(one, &ret->arena, &ret->instance);
	ret->image = "image";
	ret->image_name = "";
	return 0;
}

bool fake_asked_for(const struct instance_query *query, const struct fake_instance *one)
{
	bool region = false, id = query->nr_ids == 0;

	for (size_t i = 0; i < query->nr_regions; i++)
		region |= strcmp(query->regions[i], one->region) == 0;
	for (size_t i = 0; i < query->nr_ids; i++)
		id |= strcmp(query->ids[i], one->id) == 0;
	return region && id && (!query->name || strcmp(query->name, one->name) == 0) &&
	       (!query->owner || strcmp(query->owner, one->owner) == 0) &&
	       (!query->launch_id || strcmp(query->launch_id, one->launch_id) == 0) &&
	       (!query->token || strcmp(query->token, one->token) == 0) &&
	       (query->with_gone || !one->gone);
}

static int fake_instances(struct provider *p, const struct instance_query *query,
			  struct instance_list *ret, struct error *err)
{
	struct fake_state *state = fake_state_of(p);
	struct instance_list list = { 0 };

	(void)err;
	list.v = arena_alloc(&list.arena, FAKE_MAX * sizeof(*list.v));
	list.failures = arena_alloc(&list.arena, sizeof(*list.failures));
	for (size_t i = 0; i < state->nr && !state->hidden; i++)
		if (fake_asked_for(query, &state->v[i]))
			fake_describe(&state->v[i], &list.arena, &list.v[list.nr++]);
	for (size_t i = 0; i < query->nr_regions && state->region_down; i++) {
		if (strcmp(query->regions[i], "r2") != 0)
			continue;
		list.failures[list.nr_failures].region = "r2";
		error_set(&list.failures[list.nr_failures++].err, ERROR_NETWORK, "r2 is silent");
	}
	*ret = list;
	return 0;
}

static int fake_terminate(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct fake_state *state = fake_state_of(p);

	(void)region;
	state->terminates++;
	if (state->refuses_end)
		return error_set(err, ERROR_AUTH, "'%s' may not be ended", id);
	for (size_t i = 0; i < state->nr && !state->keeps_running; i++) {
		if (strcmp(state->v[i].id, id) != 0)
			continue;
		state->v[i].gone = true;
		state->v[i].ended = state->now_ms / 1000;
	}
	return 0;
}

static int fake_release(struct provider *p, const char *region, const char *launch_id,
			struct release_result *ret, struct error *err)
{
	(void)region;
	(void)launch_id;
	(void)err;
	fake_state_of(p)->releases++;
	*ret = (struct release_result){ .left = fake_state_of(p)->left };
	return 0;
}

static int fake_account(struct provider *p, struct account *ret, struct error *err)
{
	if (fake_state_of(p)->account_down)
		return error_set(err, ERROR_NETWORK, "no answer");
	*ret = (struct account){ .id = fake_state_of(p)->account,
				 .skew_ms = fake_state_of(p)->skew_ms,
				 .principal = "me",
				 .source = "here",
				 .region = FAKE_REGION,
				 .endpoint = "https://127.0.0.1:1" };
	return 0;
}

static int fake_regions(struct provider *p, struct region_list *ret, struct error *err)
{
	static const char *names[] = { FAKE_REGION, "r2" };

	(void)p;
	(void)err;
	*ret = (struct region_list){ .v = names, .nr = 2 };
	return 0;
}

static int fake_region(struct provider *p, const char **ret, struct error *err)
{
	(void)p;
	(void)err;
	*ret = FAKE_REGION;
	return 0;
}

static int fake_endpoint(struct provider *p, const char *region, const char **ret,
			 struct error *err)
{
	(void)p;
	(void)region;
	(void)err;
	*ret = "https://127.0.0.1:1";
	return 0;
}

static void fake_free(struct provider *p)
{
	free(p);
}

static bool fake_is_id(const char *text)
{
	size_t len = strlen(text);

	return strncmp(text, "i-", 2) == 0 && (len == 10 || len == 19) &&
	       strspn(text + 2, "0123456789abcdef") == len - 2;
}

static int fake_region_of(struct provider *p, const char *said, const char **ret, struct error *err)
{
	(void)p;
	(void)err;
	*ret = said;
	return 0;
}

static const struct provider_ops fake_ops = {
	.is_id = fake_is_id,
	.region = fake_region_of,
	.user_data_max = 16384,
	.login = "ubuntu",
	.name = "fake",
	.title = "Fake",
	.caps = PROVIDER_CAP_SPOT | PROVIDER_CAP_REGIONS | PROVIDER_CAP_TAGS | PROVIDER_CAP_TOKEN |
		PROVIDER_CAP_LEFTOVERS | PROVIDER_CAP_STOP | PROVIDER_CAP_GUARD,
	.close = fake_free,
	.default_region = fake_region,
	.endpoint = fake_endpoint,
	.account = fake_account,
	.offers = fake_offers,
	.launch = fake_launch,
	.instances = fake_instances,
	.terminate = fake_terminate,
	.release = fake_release,
	.regions = fake_regions,
	.spot_history = fake_history,
	.leftovers = fake_leftovers,
	.remove = fake_remove,
	.stop = fake_stop,
	.start = fake_start,
	.tag = fake_set_tag,
};

/* What the poorer ones have in common. */
#define FAKE_BARE_SLOTS                                                                     \
	.is_id = fake_is_id, .region = fake_region_of, .login = "ubuntu", .name = "fake",   \
	.close = fake_free, .default_region = fake_region, .endpoint = fake_endpoint,       \
	.account = fake_account, .offers = fake_offers, .launch = fake_bare_launch,         \
	.instances = fake_bare_instances, .terminate = fake_bare_terminate,                 \
	.release = fake_bare_release, .regions = fake_regions, .leftovers = fake_leftovers, \
	.remove = fake_remove, .stop = fake_stop, .start = fake_start

static const struct provider_ops fake_bare_ops = {
	FAKE_BARE_SLOTS,
	.title = "Bare",
	.caps = PROVIDER_CAP_REGIONS | PROVIDER_CAP_LEFTOVERS | PROVIDER_CAP_STOP |
		PROVIDER_CAP_FORGETS | PROVIDER_CAP_USER_DATA,
	.boot_form = BOOT_SCRIPT,
	.user_data_max = 65536,
	.time_limit = TIME_LIMIT_STOPS,
	.limit = fake_limit,
	.off_bills = OFF_BILLS_DISK,
};

static const struct provider_ops fake_bills_ops = {
	FAKE_BARE_SLOTS,
	.tag = fake_set_tag,
	.title = "Bills",
	.caps = PROVIDER_CAP_REGIONS | PROVIDER_CAP_LEFTOVERS | PROVIDER_CAP_STOP |
		PROVIDER_CAP_FORGETS | PROVIDER_CAP_TAGS | PROVIDER_CAP_GUARD |
		PROVIDER_CAP_USER_DATA,
	.boot_form = BOOT_CLOUD_INIT,
	.user_data_max = 65536,
	.time_limit = TIME_LIMIT_NONE,
	.off_bills = OFF_BILLS_ALL,
};

void fake_become(struct fake *fake, enum fake_mode mode)
{
	static const struct provider_ops *const all[] = {
		[FAKE_FULL] = &fake_ops,
		[FAKE_BARE] = &fake_bare_ops,
		[FAKE_BILLS] = &fake_bills_ops,
	};

	fake->state->mode = mode;
	fake->fleet.ops = fake->ops = all[mode];
}

size_t fake_alive(const struct fake *fake)
{
	size_t nr = 0;

	for (size_t i = 0; i < fake->state->nr; i++)
		nr += !fake->state->v[i].gone;
	return nr;
}

/* --- the computer --------------------------------------------------------------------------- */

static int64_t now_ms(void *ctx)
{
	return ((struct fake *)ctx)->state->now_ms;
}

static int sleep_ms(void *ctx, int64_t ms)
{
	struct fake_state *state = ((struct fake *)ctx)->state;

	if (state->no_sleep)
		return -1;
	state->now_ms += ms;
	return 0;
}

static void start(struct fake *fake)
{
	fake->p = xcalloc(1, sizeof(*fake->p));
	fake->p->fake = fake;
	fake->fleet = (struct fleet){
		.settings = fake->settings,
		.paths = &fake->paths,
		.clock = &fake->clock,
		.rng = &fake->rng,
		.ops = fake->ops,
		.provider = fake->p,
		.owner = "me",
	};
}

void fake_open(struct fake *fake)
{
	static const char *const env[] = { "HOME=/nonexistent", NULL };

	memset(fake, 0, sizeof(*fake));
	fake->state = mmap(NULL, sizeof(*fake->state), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(fake->state, MAP_FAILED);
	fake->state->now_ms = FAKE_START * 1000;
	fake->state->account = "1234";
	fake->ops = &fake_ops;
	fake->state->steps[0] = (struct fake_step){ FAKE_START - 90 * 86400, 300000 };
	fake->state->steps[1] = (struct fake_step){ FAKE_START - 40 * 86400, 310000 };
	fake->state->steps[2] = (struct fake_step){ FAKE_START - 86400, 300000 };
	fake->state->nr_steps = 3;
	fake->clock = (struct clock){ fake, now_ms, now_ms, sleep_ms };
	fake->rng = rng_seeded(&fake->state->seeded, 11);
	fake->settings = settings_new(env);
	/* In memory where that is possible: thousands of syncs would only wear the disk. */
	snprintf(fake->dir, sizeof(fake->dir), "%s/gpucloud-test-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(fake->dir));
	fake->paths.state = xasprintf("%s/state", fake->dir);
	start(fake);
}

void fake_restart(struct fake *fake)
{
	fleet_close(&fake->fleet);
	start(fake);
}

static void remove_all(const char *path)
{
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		char *inner = xasprintf("%s/%s", path, entry->d_name);

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlink(inner) != 0)
			remove_all(inner);
		free(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

void fake_close(struct fake *fake)
{
	fleet_close(&fake->fleet);
	settings_free(fake->settings);
	remove_all(fake->dir);
	assert_int_not_equal(access(fake->dir, F_OK), 0);
	free(fake->paths.state);
	munmap(fake->state, sizeof(*fake->state));
}
