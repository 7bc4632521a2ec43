/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vouches for a machine. A key that this computer made or saw being made is worth more than the
 * tag, which everybody with the account's credentials can set; where we have none, the tag is what
 * there is, and follows when the computer that launched the machine replaces its key.
 */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "fleet/hostkeys.h"
#include "fleet/labels.h"
#include "fleet/login_key.h"
#include "fleet/machine_internal.h"

/* From the new key being in place to its tag: a restart of sshd and a request to the cloud. */
#define TAG_LOOKS    4
#define TAG_PAUSE_MS 1000

void trust_release(struct trust *trust)
{
	ssh_key_release(&trust->login);
	ssh_key_release(&trust->seed);
	arena_release(&trust->arena);
	memset(trust, 0, sizeof(*trust));
}

bool trust_same_key(const char *a, const char *b)
{
	char hash_a[SSH_FINGERPRINT_MAX], hash_b[SSH_FINGERPRINT_MAX];
	struct error ignored = ERROR_INIT;

	return ssh_public_fingerprint(a, hash_a, &ignored) == 0 &&
	       ssh_public_fingerprint(b, hash_b, &ignored) == 0 && strcmp(hash_a, hash_b) == 0;
}

static bool is_tagged(const struct visit *visit, const char *line)
{
	char hash[SSH_FINGERPRINT_MAX];
	struct error ignored = ERROR_INIT;

	return ssh_public_fingerprint(line, hash, &ignored) == 0 && strcmp(hash, visit->tag) == 0;
}

static int unknown(const struct visit *visit, struct error *err)
{
	error_set(
		err, ERROR_CONFIG,
		"the host key of %s is not known: it was launched elsewhere and carries no tag %s",
		visit->instance->id, TAG_HOSTKEY);
	return error_hint(err,
			  "launch it with gpucloud, or log in with ssh after checking the key");
}

/* Nothing here is of our own making. */
static int gather_by_tag(const struct visit *visit, struct trust *trust, struct error *err)
{
	trust->by_tag = true;
	if (!visit->tag[0])
		return trust->nr_lines ? 0 : unknown(visit, err);
	if (trust->nr_lines && is_tagged(visit, trust->lines[0]))
		return 0;
	/* What it named before counts no more: that may be the seeded key, which is no secret. */
	trust->nr_lines = 0;
	trust->fingerprint = arena_strdup(&trust->arena, visit->tag);
	return 0;
}

int trust_gather(const struct visit *visit, struct trust *trust, struct error *err)
{
	const struct paths *paths = visit->fleet->paths;
	const struct instance *instance = visit->instance;
	struct error ignored = ERROR_INIT;

	if (login_key_get(paths, &trust->login, err) < 0 ||
	    hostkeys_known(paths, instance->id, &trust->arena, &trust->recorded,
			   &trust->nr_recorded, err) < 0)
		return -1;
	trust->lines = trust->recorded;
	trust->nr_lines = trust->nr_recorded;
	trust->seeded = instance->launch_id[0] &&
			hostkeys_load_seed(paths, instance->launch_id, &trust->seed, &ignored) == 0;
	if (trust->nr_lines && !hostkeys_by_tag(trust->lines[0]))
		return 0;
	if (trust->nr_lines || !trust->seeded)
		return gather_by_tag(visit, trust, err);
	const char **lines = arena_alloc(&trust->arena, sizeof(*lines));
	lines[0] = trust->seed.public_line;
	trust->lines = lines;
	trust->nr_lines = 1;
	return 0;
}

/* 1: the cloud has another tag now. */
static bool read_tag(struct visit *visit)
{
	struct fleet *fleet = visit->fleet;
	const struct instance *instance = visit->instance;
	struct instance_list list = { 0 };
	struct error ignored = ERROR_INIT;
	const struct instance_query query = {
		.regions = &instance->region,
		.nr_regions = 1,
		.ids = &instance->id,
		.nr_ids = 1,
	};
	bool another = false;

	if (fleet_instances(fleet, &query, &list, &ignored) < 0)
		return false;
	if (list.nr == 1 && list.v[0].hostkey && strcmp(list.v[0].hostkey, visit->tag) != 0) {
		snprintf(visit->tag, sizeof(visit->tag), "%s", list.v[0].hostkey);
		another = true;
	}
	instance_list_release(&list);
	return another;
}

/* The record was written to since it was read: a key is recorded before it is put in place. */
static bool has_news(const struct visit *visit, const struct trust *trust)
{
	struct arena arena = { 0 };
	struct error ignored = ERROR_INIT;
	const char *const *lines;
	size_t nr;
	bool news = false;

	if (hostkeys_known(visit->fleet->paths, visit->instance->id, &arena, &lines, &nr,
			   &ignored) == 0)
		for (size_t i = 0; i < nr && !news; i++) {
			news = true;
			for (size_t j = 0; j < trust->nr_recorded && news; j++)
				news = !trust_same_key(lines[i], trust->recorded[j]);
		}
	arena_release(&arena);
	return news;
}

bool trust_renew(struct visit *visit, struct trust *trust)
{
	bool news = has_news(visit, trust);

	for (int i = 0; !news && trust->by_tag && i < TAG_LOOKS; i++) {
		if (i && clock_sleep_ms(visit->fleet->clock, TAG_PAUSE_MS) < 0)
			break;
		news = read_tag(visit);
	}
	return news;
}

/* How a person who did replace the key makes us forget ours; the tag counts then. */
static void hint_forget(const struct visit *visit, const struct trust *trust, struct error *err)
{
	const struct paths *paths = visit->fleet->paths;
	struct buf files = BUF_INIT;

	if (trust->seeded) /* not that it can be believed any more: it keeps the tag out */
		buf_addf(&files, " '%s/hostkeys/%s'", paths->state, visit->instance->launch_id);
	if (trust->nr_recorded)
		buf_addf(&files, " '%s/hosts/%s'", paths->data, visit->instance->id);
	error_hint(err, "if you replaced it from another computer: rm%s", files.data);
	buf_release(&files);
}

static bool tag_differs(const struct visit *visit, const struct trust *trust)
{
	for (size_t i = 0; i < trust->nr_lines; i++)
		if (is_tagged(visit, trust->lines[i]))
			return false;
	return !trust->by_tag && visit->tag[0];
}

int trust_refused(struct visit *visit, const struct trust *trust, struct error *err)
{
	const struct instance *instance = visit->instance;
	/* It may have been changed since we asked: not to be believed, but worth telling. */
	bool differs = tag_differs(visit, trust) ||
		       (!trust->by_tag && read_tag(visit) && tag_differs(visit, trust));

	error_prefix(err,
		     "%s at %s: another machine answers there, or its key was replaced; nothing "
		     "was sent%s",
		     instance->id, instance->public_ip,
		     differs ? " (its tag names another key than the one this computer put there)"
			     : "");
	if (differs)
		hint_forget(visit, trust, err);
	else
		error_hint(err, "gpucloud show %s, gpucloud terminate %s", instance->id,
			   instance->id);
	return -1;
}

int trust_keep(const struct visit *visit, const struct trust *trust, struct error *err)
{
	const struct paths *paths = visit->fleet->paths;
	const char *id = visit->instance->id, *line = visit->seen.host_key;

	/* Seeded, and not replaced yet: `ssh` goes by the record. */
	if (!trust->by_tag && !trust->nr_recorded)
		return hostkeys_record(paths, id, line, err);
	/* Of several keys of ours the newest was seen to work: the others are the seeded one, or never
	 * got into place. */
	if (!trust->by_tag && !(trust->nr_lines > 1 && trust_same_key(line, trust->lines[0])))
		return 0;
	return hostkeys_only(paths, id, line, trust->by_tag, err);
}
