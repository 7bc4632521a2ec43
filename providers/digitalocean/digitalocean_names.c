/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and tags, written and read. Names of firewalls take letters, digits, '.' and '-' only: labels
 * are joined by '.', and their '_' becomes "..", which no label and no border can look like.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define MARK	    "gpucloud."
#define TURN_DIGITS 9

int ocean_launch_id_check(const char *launch_id, struct error *err)
{
	if (!launch_id || !text_is_label(launch_id))
		return error_set(err, ERROR_USAGE, "'%.80s' is no launch id",
				 launch_id ? launch_id : "");
	return 0;
}

/* --- names ----------------------------------------------------------------------------------- */

static void add_label(struct buf *out, const char *label)
{
	for (; *label; label++) {
		if (*label == '_')
			buf_addstr(out, "..");
		else
			buf_addch(out, *label);
	}
}

int ocean_name_write(const struct ocean_name *name, char out[OCEAN_TEXT_MAX + 1], struct error *err)
{
	const char *const parts[] = { name->owner, name->launch_id, name->region, name->extra };
	struct buf text = BUF_INIT;
	int rc = 0;

	buf_addstr(&text, "gpucloud");
	for (size_t i = 0; i < 4; i++) {
		if (i == 3 && !*parts[i])
			break;
		if (!text_is_label(parts[i]))
			rc = error_set(err, ERROR_USAGE, "'%.80s' cannot be part of a name",
				       parts[i]);
		buf_addch(&text, '.');
		add_label(&text, parts[i]);
	}
	if (rc == 0 && text.len > OCEAN_TEXT_MAX)
		rc = error_set(err, ERROR_USAGE, "owner '%.64s' makes names too long", name->owner);
	if (rc == 0)
		snprintf(out, OCEAN_TEXT_MAX + 1, "%s", text.data);
	buf_release(&text);
	return rc;
}

/* One label up to its border; where the text goes on, or NULL. */
static const char *read_label(const char *from, char out[OCEAN_LABEL_MAX + 1])
{
	size_t n = 0;

	for (; *from; from++) {
		char c = *from;

		if (c == '.' && from[1] == '.') {
			c = '_';
			from++;
		} else if (c == '.') {
			break;
		}
		if (n == OCEAN_LABEL_MAX)
			return NULL;
		out[n++] = c;
	}
	out[n] = '\0';
	return text_is_label(out) ? from : NULL;
}

bool ocean_name_read(const char *text, struct ocean_name *ret)
{
	struct ocean_name name = { .extra = "" };
	char *const parts[] = { name.owner, name.launch_id, name.region, name.extra };

	if (!text_starts_with(text, MARK))
		return false;
	text += strlen(MARK) - 1;
	for (size_t i = 0; i < 4; i++) {
		if (i == 3 && !*text)
			break;
		if (*text != '.' || !(text = read_label(text + 1, parts[i])))
			return false;
	}
	if (*text)
		return false;
	*ret = name;
	return true;
}

int ocean_name_of(const struct launch_request *request, struct ocean_name *ret, struct error *err)
{
	char whole[OCEAN_TEXT_MAX + 1];
	struct ocean_name name = { .extra = "" };

	if (ocean_launch_id_check(request->launch_id, err))
		return -1;
	if (!request->owner || !text_is_label(request->owner) || !text_is_label(request->region))
		return error_set(err, ERROR_USAGE, "the launch has no usable owner or region");
	snprintf(name.owner, sizeof(name.owner), "%s", request->owner);
	snprintf(name.launch_id, sizeof(name.launch_id), "%s", request->launch_id);
	snprintf(name.region, sizeof(name.region), "%s", request->region);
	if (ocean_name_write(&name, whole, err))
		return -1;
	*ret = name;
	return 0;
}

/* --- tags ------------------------------------------------------------------------------------ */

static void cut(char *out, size_t max, const char *from, size_t len)
{
	snprintf(out, max, "%.*s", (int)len, from);
}

/* Of "LAUNCH-ATTEMPT": the launch. */
static void launch_of_token(const char *token, char out[OCEAN_LABEL_MAX + 1])
{
	const char *dash = strrchr(token, '-');

	if (dash && dash[1] && strspn(dash + 1, "0123456789") == strlen(dash + 1) &&
	    (size_t)(dash - token) <= OCEAN_LABEL_MAX)
		cut(out, OCEAN_LABEL_MAX + 1, token, (size_t)(dash - token));
	if (!text_is_label(out))
		out[0] = '\0';
}

/* "LAUNCH" or "LAUNCH:TURN". */
static bool read_behind(const char *text, struct ocean_tag *ret)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len > OCEAN_LABEL_MAX)
		return false;
	cut(ret->launch_id, sizeof(ret->launch_id), text, len);
	if (colon) {
		size_t digits = strspn(colon + 1, "0123456789");

		if (!digits || digits > TURN_DIGITS || colon[1 + digits])
			return false;
		ret->turn = (unsigned)strtoul(colon + 1, NULL, 10);
	}
	return text_is_label(ret->launch_id);
}

bool ocean_tag_read(const char *text, struct ocean_tag *ret)
{
	const char *colon = strchr(text, ':'), *more;

	if (!text_starts_with(text, TAG_PREFIX) || !colon || strlen(text) > OCEAN_TEXT_MAX)
		return false;
	more = strchr(colon + 1, ':');
	*ret = (struct ocean_tag){ .turn = 0 };
	cut(ret->key, sizeof(ret->key), text, (size_t)(colon - text));
	cut(ret->value, sizeof(ret->value), colon + 1,
	    more ? (size_t)(more - colon - 1) : strlen(colon + 1));
	if (more)
		return read_behind(more + 1, ret);
	if (strcmp(ret->key, TAG_LAUNCH) == 0 && text_is_label(ret->value))
		cut(ret->launch_id, sizeof(ret->launch_id), ret->value, OCEAN_LABEL_MAX);
	else if (strcmp(ret->key, TAG_TOKEN) == 0)
		launch_of_token(ret->value, ret->launch_id);
	return true;
}

bool ocean_tag_is_copy(const struct ocean_tag *tag)
{
	return strcmp(tag->key, TAG_OWN_OWNER) == 0 || strcmp(tag->key, TAG_OWN_NAME) == 0;
}

int ocean_tag_write(const struct ocean_tag *tag, char out[OCEAN_TEXT_MAX + 1], struct error *err)
{
	int n;

	if (!text_is_token(tag->key, "-_", OCEAN_LABEL_MAX) ||
	    !text_starts_with(tag->key, TAG_PREFIX) ||
	    !text_is_token(tag->value, "-_", 2 * OCEAN_LABEL_MAX))
		return error_set(err, ERROR_USAGE, "'%.64s: %.100s' cannot be a tag", tag->key,
				 tag->value);
	n = snprintf(out, OCEAN_TEXT_MAX + 1, "%s:%s%s%s", tag->key, tag->value,
		     *tag->launch_id ? ":" : "", tag->launch_id);
	if (tag->turn && *tag->launch_id && n > 0 && n < OCEAN_TEXT_MAX - TURN_DIGITS)
		snprintf(out + n, OCEAN_TEXT_MAX + 1 - (size_t)n, ":%u", tag->turn);
	return 0;
}

int ocean_tag_make_name(const char *key, const char *value, const char *launch_id,
			char out[OCEAN_TEXT_MAX + 1], struct error *err)
{
	struct ocean_tag tag = { .turn = 0 };

	if (strlen(key) > OCEAN_LABEL_MAX || strlen(value) > OCEAN_TEXT_MAX)
		return error_set(err, ERROR_USAGE, "'%.64s: %.100s' cannot be a tag", key, value);
	snprintf(tag.key, sizeof(tag.key), "%s", key);
	snprintf(tag.value, sizeof(tag.value), "%s", value);
	snprintf(tag.launch_id, sizeof(tag.launch_id), "%s", launch_id ? launch_id : "");
	return ocean_tag_write(&tag, out, err);
}
