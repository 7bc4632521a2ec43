/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/hold.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/buf.h"
#include "fleet/expiry.h"
#include "fleet/look.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"
#include "fleet/reap.h"
#include "fleet/script.h"

#define RENEW_MS    60000
#define RENEW_MAX_S (INT64_C(366) * 86400) /* what the machine takes */

/* As renew.sh says. */
enum {
	RENEWED = 0,
	RENEW_NO_RIGHT = 1,
	RENEW_NO_LIMIT = 2,
	RENEW_NOT_TAKEN = 3,
};

int hold_renew(struct machine *machine, int64_t seconds, struct error *err)
{
	struct buf out = BUF_INIT_MAX(4096);
	struct remote_exit ended = { 0 };
	char words[32];

	if (seconds < 1)
		seconds = 1;
	if (seconds > RENEW_MAX_S)
		seconds = RENEW_MAX_S;
	snprintf(words, sizeof(words), "%" PRId64, seconds);
	int rc = script_run(machine, machine_renew_script, words, RENEW_MS, &out, &ended, err);
	buf_release(&out);
	if (rc < 0)
		return error_prefix(err, "cannot renew the machine's time limit");
	switch (ended.code) {
	case RENEWED:
		return 0;
	case RENEW_NO_LIMIT:
		return 1;
	case RENEW_NO_RIGHT:
		return error_set(err, ERROR_REMOTE,
				 "cannot renew the machine's time limit: its user may not use "
				 "sudo");
	case RENEW_NOT_TAKEN:
		error_set(err, ERROR_REMOTE,
			  "the machine did not take up its new time limit: nothing counts it down");
		return error_hint(err, "systemctl status gpucloud-ttl   (on the machine)");
	default:
		return error_set(err, ERROR_REMOTE,
				 "renewing the machine's time limit ended with %d", ended.code);
	}
}

static int set_tag(struct fleet *fleet, const struct instance *instance, const char *key,
		   int64_t value, struct error *err)
{
	char text[32];
	const struct tag tag = { key, text };

	snprintf(text, sizeof(text), "%" PRId64, value);
	if (!(fleet->ops->caps & PROVIDER_CAP_TAGS))
		return error_set(err, ERROR_UNSUPPORTED, "%s has no tags", fleet->ops->title);
	if (fleet->ops->tag(fleet->provider, instance->region, instance->id, &tag, err) < 0)
		return error_prefix(err, "cannot set the tag %s of %s", key, instance->id);
	return 0;
}

/* The machine first: were it the other way round, it could end before the tag says so. */
static int move_limit(struct fleet *fleet, const struct instance *instance, int64_t now,
		      struct hold *hold, struct error *err)
{
	struct machine machine = { 0 };
	int rc;

	/* One that does not run counts nothing down. */
	if (instance->state == INSTANCE_RUNNING) {
		if (machine_connect(fleet, instance, LOOK_CONNECT_MS, NULL, &machine, err) < 0) {
			error_prefix(err, "its time limit must be renewed on the machine itself");
			return error_hint(err, "nothing was changed; it ends at the time that "
					       "'gpucloud show' tells");
		}
		rc = hold_renew(&machine, hold->until - now, err);
		machine_close(&machine);
		if (rc < 0)
			return -1;
		hold->renewed = rc == 0;
	}
	if (set_tag(fleet, instance, TAG_EXPIRES, hold->until, err) < 0)
		return -1;
	hold->expires = hold->until;
	hold->moved = true;
	return 0;
}

int hold_set(struct fleet *fleet, const struct instance *instance, int64_t seconds,
	     struct hold *ret, struct error *err)
{
	int64_t now = look_now(fleet, fleet->provider, instance->region);
	struct hold hold = { .until = seconds ? now + seconds : 0, .expires = instance->expires };

	if (seconds && instance->expires && instance->expires < hold.until &&
	    move_limit(fleet, instance, now, &hold, err) < 0)
		return -1;
	if (set_tag(fleet, instance, TAG_HOLD, hold.until, err) < 0)
		return -1;
	*ret = hold;
	return 0;
}

int hold_protect(struct fleet *fleet, const struct instance *instance, bool protect,
		 struct error *err)
{
	return set_tag(fleet, instance, TAG_PROTECT, protect, err);
}
