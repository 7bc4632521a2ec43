/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There are no tags: names carry what tags would. Read strictly, for anybody may give a machine any
 * name: what does not come out as it would have been written is none of ours.
 */
#include <arpa/inet.h>
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

/* ".198-51-100-7", or nothing. */
static bool read_address(const char *text, struct pspace_name *ret)
{
	struct in_addr v4;
	char back[16];

	if (!*text)
		return true;
	if (*text++ != '.' || strlen(text) >= sizeof(back) || strchr(text, '.'))
		return false;
	for (size_t i = 0; i <= strlen(text); i++)
		back[i] = text[i] == '-' ? '.' : text[i];
	return inet_pton(AF_INET, back, &v4) == 1 &&
	       inet_ntop(AF_INET, &v4, ret->address, sizeof(ret->address)) &&
	       strcmp(ret->address, back) == 0;
}

bool pspace_name_read_script(const char *text, struct pspace_name *ret)
{
	struct pspace_name name = { .owner = "" };
	const char *at = text;

	if (!text || !text_starts_with(text, PREFIX))
		return false;
	at += strlen(PREFIX);
	if (!take_label(&at, name.owner))
		return false;
	snprintf(name.launch_id, sizeof(name.launch_id), "%.*s", PSPACE_LAUNCH_ID, at);
	if (!pspace_launch_id_ok(name.launch_id) || !read_address(at + PSPACE_LAUNCH_ID, &name))
		return false;
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
	pspace_name_script_noting(owner, launch_id, "", out);
}

void pspace_name_script_noting(const char *owner, const char *launch_id, const char *address,
			       char out[PSPACE_NAME_MAX + 1])
{
	int len = snprintf(out, PSPACE_NAME_MAX + 1, PREFIX "%s.%s%s", owner, launch_id,
			   *address ? "." : "");

	/* Dots part the labels. */
	for (; *address && len < PSPACE_NAME_MAX; address++)
		out[len++] = (char)(*address == '.' ? '-' : *address);
	out[len < PSPACE_NAME_MAX ? len : PSPACE_NAME_MAX] = '\0';
}
