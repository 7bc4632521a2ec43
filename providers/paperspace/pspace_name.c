/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There are no tags: names carry what tags would. Read strictly, for anybody may give a machine any
 * name: what does not come out as it would have been written is none of ours.
 */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define PREFIX	    "gpucloud."
#define ATTEMPT_MAX 6 /* digits */

bool pspace_launch_id_ok(const char *text)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	return text && strlen(text) == PSPACE_LAUNCH_ID && strspn(text, chars) == PSPACE_LAUNCH_ID;
}

/* "LAUNCHID-1": false for anything else, a second spelling of a number among it. */
static bool read_token(const char *text, struct pspace_name *ret)
{
	const char *number = text + PSPACE_LAUNCH_ID + 1;
	size_t len = strlen(text);

	if (len <= PSPACE_LAUNCH_ID + 1 || len > PSPACE_LAUNCH_ID + 1 + ATTEMPT_MAX ||
	    text[PSPACE_LAUNCH_ID] != '-' || *number == '0' ||
	    number[strspn(number, "0123456789")] != '\0')
		return false;
	snprintf(ret->launch_id, sizeof(ret->launch_id), "%.*s", PSPACE_LAUNCH_ID, text);
	snprintf(ret->token, sizeof(ret->token), "%s", text);
	return pspace_launch_id_ok(ret->launch_id);
}

/* The next label of the name, up to a dot. */
static bool take_label(const char **at, char out[64])
{
	size_t len = strcspn(*at, ".");

	if (!len || len > 63 || (*at)[len] != '.')
		return false;
	snprintf(out, 64, "%.*s", (int)len, *at);
	*at += len + 1;
	return text_is_label(out);
}

bool pspace_name_read_machine(const char *text, struct pspace_name *ret)
{
	struct pspace_name name = { .owner = "" };
	const char *at = text;

	if (!text || !text_starts_with(text, PREFIX))
		return false;
	at += strlen(PREFIX);
	if (!take_label(&at, name.owner) || !take_label(&at, name.name) || !read_token(at, &name))
		return false;
	*ret = name;
	return true;
}

bool pspace_name_read_script(const char *text, struct pspace_name *ret)
{
	struct pspace_name name = { .owner = "" };
	const char *at = text;

	if (!text || !text_starts_with(text, PREFIX))
		return false;
	at += strlen(PREFIX);
	if (!take_label(&at, name.owner) || !pspace_launch_id_ok(at))
		return false;
	snprintf(name.launch_id, sizeof(name.launch_id), "%s", at);
	*ret = name;
	return true;
}

int pspace_name_machine(const struct launch_request *request, char out[PSPACE_NAME_MAX + 1],
			struct error *err)
{
	struct pspace_name back;

	snprintf(out, PSPACE_NAME_MAX + 1, PREFIX "%s.%s.%s", request->owner ? request->owner : "",
		 request->name ? request->name : "", request->token ? request->token : "");
	if (!pspace_name_read_machine(out, &back) || !request->launch_id ||
	    strcmp(back.launch_id, request->launch_id) != 0)
		return error_set(err, ERROR_USAGE,
				 "the launch's owner, name or token cannot be kept in a machine's "
				 "name ('%.120s')",
				 out);
	return 0;
}

void pspace_name_script(const char *owner, const char *launch_id, char out[PSPACE_NAME_MAX + 1])
{
	snprintf(out, PSPACE_NAME_MAX + 1, PREFIX "%s.%s", owner, launch_id);
}
