/* SPDX-License-Identifier: Apache-2.0 */
/* The end of one thing that is left over. */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

/* Without its tag or its firewall a droplet would be open to everybody. */
static int check_free(struct provider *p, const struct leftover *leftover, struct error *err)
{
	struct instance_list living = { 0 };
	int rc = 0;

	if (ocean_living(p, leftover->launch_id, &living, err))
		return -1;
	if (living.nr)
		rc = error_set(err, ERROR_CONFLICT, "%s '%s' guards droplet %s still",
			       leftover_kind_name(leftover->kind), leftover->id, living.v[0].id);
	instance_list_release(&living);
	return rc;
}

static bool is_id(const struct leftover *leftover)
{
	struct ocean_tag tag;

	if (leftover->kind == LEFTOVER_SECURITY_GROUP)
		return text_is_token(leftover->id, "-", 36) && strlen(leftover->id) == 36;
	if (leftover->kind == LEFTOVER_KEY)
		return ocean_is_id(leftover->id);
	return leftover->kind == LEFTOVER_TAG && ocean_tag_read(leftover->id, &tag) &&
	       strcmp(tag.launch_id, leftover->launch_id) == 0;
}

/* Tags before the firewall: its name alone tells whose they are. */
int ocean_remove(struct provider *p, const struct leftover *leftover, struct error *err)
{
	unsigned ignored = 0;
	int rc;

	if (!leftover->id || !is_id(leftover))
		return error_set(err, ERROR_USAGE, "'%.80s' is no %s's id",
				 leftover->id ? leftover->id : "",
				 leftover_kind_name(leftover->kind));
	if (ocean_launch_id_check(leftover->launch_id, err))
		return -1;
	if (leftover->kind == LEFTOVER_KEY)
		rc = ocean_delete(p, REST_PATH("account", "keys", leftover->id), "SSH key",
				  leftover->id, err);
	else if (check_free(p, leftover, err) ||
		 ocean_tags_release(p, leftover->launch_id, &ignored, err))
		rc = -1;
	else if (leftover->kind == LEFTOVER_TAG)
		rc = 0;
	else
		rc = ocean_delete(p, REST_PATH("firewalls", leftover->id), "firewall", leftover->id,
				  err);
	return rc < 0 ? -1 : 0;
}
