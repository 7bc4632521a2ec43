/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push that was cut off (power, network, SIGKILL) leaves its half-written files on the machine. The
 * next push into that folder removes them. Another push may be at work there: only what has not been
 * written to for a while goes, by the machine's own clock, which a file we have just written tells.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/push.h"

#define AGE_S	    120
#define ANSWERS_MAX 64 /* of one folder's listing: a few thousand names are enough to look at */

/* One folder being read. */
struct push_look {
	struct push *push;
	struct push_look *next;
	char *folder;
	unsigned char handle[SFTP_HANDLE_MAX];
	size_t handle_len;
	unsigned answers;
};

static void look_done(struct push_look *look)
{
	struct buf body = BUF_INIT;

	if (look->handle_len > 0) {
		wire_put_string(&body, look->handle, look->handle_len);
		sftp_request(&look->push->sftp, SFTP_CLOSE, &body, NULL, NULL, 0);
		buf_release(&body);
	}
	struct push_look **link = &look->push->looks;
	while (*link != look)
		link = &(*link)->next;
	*link = look->next;
	free(look->folder);
	free(look);
}

/* As sftp_temp_name makes them, and nothing else. */
static bool is_ours(struct wire_str name)
{
	static const char prefix[] = SFTP_TEMP_PREFIX;
	const size_t len = sizeof(prefix) - 1;

	if (name.len != len + SFTP_TEMP_DIGITS || memcmp(name.data, prefix, len) != 0)
		return false;
	for (size_t i = len; i < name.len; i++)
		if (!strchr("0123456789abcdef", name.data[i]) || !name.data[i])
			return false;
	return true;
}

static void note_stray(struct push_look *look, struct wire_str name)
{
	struct push *push = look->push;
	size_t len = strlen(look->folder);

	if (push->nr_strays == PUSH_STRAYS_MAX)
		return;
	push->strays[push->nr_strays++] =
		xasprintf("%s%s%.*s", look->folder, len && look->folder[len - 1] == '/' ? "" : "/",
			  (int)name.len, name.data);
}

static void ask(struct push_look *look);

static int on_names(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		    struct error *err)
{
	struct push_look *look = ctx;
	uint32_t nr = reply->type == SFTP_NAME ? wire_u32(&reply->body) : 0;

	(void)arg;
	for (uint32_t i = 0; i < nr && !reply->body.bad; i++) {
		struct wire_str name = wire_string(&reply->body);
		struct sftp_attrs attrs;

		wire_string(&reply->body); /* the same as ls -l shows it */
		if (sftp_attrs(&reply->body, &attrs) && is_ours(name))
			note_stray(look, name);
	}
	if (reply->body.bad) {
		look_done(look);
		return sftp_bad(sftp, "a damaged listing", err);
	}
	if (nr > 0 && ++look->answers < ANSWERS_MAX)
		ask(look);
	else
		look_done(look);
	return 0;
}

static void ask(struct push_look *look)
{
	struct buf body = BUF_INIT;

	wire_put_string(&body, look->handle, look->handle_len);
	sftp_request(&look->push->sftp, SFTP_READDIR, &body, on_names, look, 0);
	buf_release(&body);
}

static int on_opened(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		     struct error *err)
{
	struct push_look *look = ctx;
	struct wire_str handle = { NULL, 0 };

	(void)arg;
	if (reply->type == SFTP_HANDLE)
		handle = wire_string(&reply->body);
	if (reply->body.bad || handle.len > sizeof(look->handle)) {
		look_done(look);
		return sftp_bad(sftp, "an impossible folder handle", err);
	}
	if (handle.len == 0) { /* not ours to read: its leftovers stay */
		look_done(look);
		return 0;
	}
	memcpy(look->handle, handle.data, handle.len);
	look->handle_len = handle.len;
	ask(look);
	return 0;
}

void push_sweep_look(struct push *push, const char *folder)
{
	if (sftp_room(&push->sftp) == 0)
		return;
	struct push_look *look = xcalloc(1, sizeof(*look));
	look->push = push;
	look->folder = xstrdup(folder);
	look->next = push->looks;
	push->looks = look;
	sftp_path_request(&push->sftp, SFTP_OPENDIR, folder, on_opened, look, 0);
}

static int on_now(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		  struct error *err)
{
	struct push *push = ctx;
	struct sftp_attrs attrs;

	(void)sftp;
	(void)arg;
	(void)err;
	push->now_known =
		reply->type == SFTP_ATTRS && sftp_attrs(&reply->body, &attrs) && attrs.has_mtime;
	if (push->now_known)
		push->now = attrs.mtime;
	return 0;
}

/* As it is now: somebody may have gone on writing since the folder was read. */
static int on_stray(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		    struct error *err)
{
	const struct push *push = ctx;
	struct sftp_attrs attrs;

	(void)err;
	if (reply->type == SFTP_ATTRS && sftp_attrs(&reply->body, &attrs) && attrs.has_mode &&
	    (S_ISREG(attrs.mode) || S_ISLNK(attrs.mode)) && attrs.has_mtime &&
	    attrs.mtime <= push->now - AGE_S)
		sftp_path_request(sftp, SFTP_REMOVE, push->strays[arg], NULL, NULL, 0);
	return 0;
}

int push_sweep_remove(struct push *push, struct error *err)
{
	if (sftp_drain(&push->sftp, err) < 0)
		return -1;
	if (push->nr_strays == 0 || !push->placed)
		return 0;
	sftp_path_request(&push->sftp, SFTP_STAT, push->placed, on_now, push, 0);
	if (sftp_drain(&push->sftp, err) < 0)
		return -1;
	for (size_t i = 0; i < push->nr_strays && push->now_known && push->now > AGE_S; i++) {
		while (sftp_room(&push->sftp) == 0)
			if (sftp_step(&push->sftp, err) < 0)
				return -1;
		sftp_path_request(&push->sftp, SFTP_LSTAT, push->strays[i], on_stray, push, i);
	}
	return sftp_drain(&push->sftp, err);
}

void push_sweep_release(struct push *push)
{
	for (size_t i = 0; i < push->nr_strays; i++)
		free(push->strays[i]);
	push->nr_strays = 0;
	while (push->looks) {
		struct push_look *look = push->looks;

		push->looks = look->next;
		free(look->folder);
		free(look);
	}
	free(push->placed);
	push->placed = NULL;
}
