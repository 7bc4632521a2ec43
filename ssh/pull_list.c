/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as the machine tells it. Every name is checked before anything is done with it. */
#include "ssh/pull.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"

#define FOLDERS_AT_ONCE 16

struct listing {
	struct pull *pull;
	size_t index;
	unsigned char handle[SFTP_HANDLE_MAX];
	size_t handle_len;
};

static void queue_add(struct pull_queue *queue, size_t index)
{
	queue->v = xgrow(queue->v, queue->nr, &queue->cap, sizeof(*queue->v));
	queue->v[queue->nr++] = (uint32_t)index;
}

static void classify(struct pull *pull, size_t index, const struct sftp_attrs *attrs)
{
	tree_set_type(&pull->tree, index, attrs->mode, attrs->has_size ? attrs->size : 0);
	if (pull->tree.v[index].type == TREE_DIR)
		queue_add(&pull->folders, index);
}

static int on_kind(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		   struct error *err)
{
	struct pull *pull = ctx;
	struct sftp_attrs attrs;

	if (reply->type != SFTP_ATTRS) {
		char *path = pull_path(pull, (size_t)arg);
		int rc = sftp_refused(reply, "look at", path, err);

		free(path);
		return rc;
	}
	if (!sftp_attrs(&reply->body, &attrs) || !attrs.has_mode)
		return sftp_bad(sftp, "damaged attributes", err);
	classify(pull, (size_t)arg, &attrs);
	return 0;
}

static int add_name(struct listing *listing, struct wire_str name, const struct sftp_attrs *attrs,
		    struct error *err)
{
	struct pull *pull = listing->pull;
	size_t index;

	if (wire_is(name, ".") || wire_is(name, "..")) /* every listing has them */
		return 0;
	if (name.len == 0 || name.len > 255 || memchr(name.data, '/', name.len) ||
	    memchr(name.data, '\0', name.len)) {
		struct shown shown = shown_of(name.data, name.len);

		sftp_bad(&pull->sftp, "a file name that is none", err);
		return error_hint(err, "the name is '%s': do not trust this machine", shown.text);
	}
	if (tree_add(&pull->tree, listing->index, name.data, name.len, &index, err) < 0)
		return -1;
	if (attrs->has_mode)
		classify(pull, index, attrs);
	else
		queue_add(&pull->unknown, index);
	return 0;
}

static int on_names(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		    struct error *err);

static void ask_names(struct listing *listing)
{
	struct buf body = BUF_INIT;

	wire_put_string(&body, listing->handle, listing->handle_len);
	sftp_request(&listing->pull->sftp, SFTP_READDIR, &body, on_names, listing, 0);
	buf_release(&body);
}

static void end_listing(struct listing *listing)
{
	struct buf body = BUF_INIT;

	wire_put_string(&body, listing->handle, listing->handle_len);
	sftp_request(&listing->pull->sftp, SFTP_CLOSE, &body, NULL, NULL, 0);
	buf_release(&body);
	listing->pull->listing--;
	free(listing);
}

static int refused(struct listing *listing, const struct sftp_reply *reply, struct error *err)
{
	char *path = pull_path(listing->pull, listing->index);
	int rc = sftp_refused(reply, "list", path, err);

	free(path);
	free(listing);
	return rc;
}

static int take_names(struct listing *listing, struct wire *wire, struct error *err)
{
	struct sftp *sftp = &listing->pull->sftp;
	uint32_t nr = wire_u32(wire);

	/* a listing that goes on without a name would go on for ever */
	if (nr == 0 || wire->bad)
		return sftp_bad(sftp, "an empty list of names", err);
	for (uint32_t i = 0; i < nr; i++) {
		struct wire_str name = wire_string(wire);
		struct sftp_attrs attrs;

		wire_string(wire); /* as ls prints it */
		if (!sftp_attrs(wire, &attrs))
			return sftp_bad(sftp, "a damaged list of names", err);
		if (add_name(listing, name, &attrs, err) < 0)
			return -1;
	}
	return 0;
}

static int on_names(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		    struct error *err)
{
	struct listing *listing = ctx;

	(void)sftp;
	(void)arg;
	if (reply->type == SFTP_STATUS && reply->code == SFTP_EOF) {
		end_listing(listing);
		return 0;
	}
	if (reply->type != SFTP_NAME)
		return refused(listing, reply, err);
	if (take_names(listing, &reply->body, err) < 0) {
		free(listing);
		return -1;
	}
	ask_names(listing);
	return 0;
}

static int on_folder(struct sftp *sftp, void *ctx, uint64_t arg, struct sftp_reply *reply,
		     struct error *err)
{
	struct listing *listing = ctx;

	(void)arg;
	if (reply->type != SFTP_HANDLE)
		return refused(listing, reply, err);
	struct wire_str handle = wire_string(&reply->body);
	if (reply->body.bad || handle.len > sizeof(listing->handle)) {
		free(listing);
		return sftp_bad(sftp, "an impossible file handle", err);
	}
	memcpy(listing->handle, handle.data, handle.len);
	listing->handle_len = handle.len;
	ask_names(listing);
	return 0;
}

/* Frees the listings whose answers will not come any more. */
static void forget(struct pull *pull)
{
	for (size_t i = 0; i < SFTP_SLOTS; i++) {
		struct sftp_slot *slot = &pull->sftp.slots[i];

		if (slot->used && (slot->fn == on_names || slot->fn == on_folder)) {
			free(slot->ctx);
			slot->fn = NULL;
		}
	}
}

int pull_list(struct pull *pull, struct error *err)
{
	queue_add(&pull->folders, 0);
	for (;;) {
		while (pull->listing < FOLDERS_AT_ONCE && pull->folders.next < pull->folders.nr &&
		       sftp_room(&pull->sftp) > FOLDERS_AT_ONCE) {
			struct listing *listing = xcalloc(1, sizeof(*listing));

			listing->pull = pull;
			listing->index = pull->folders.v[pull->folders.next++];
			pull->listing++;
			char *path = pull_path(pull, listing->index);
			sftp_path_request(&pull->sftp, SFTP_OPENDIR, path, on_folder, listing, 0);
			free(path);
		}
		while (pull->unknown.next < pull->unknown.nr &&
		       sftp_room(&pull->sftp) > 2 * FOLDERS_AT_ONCE) {
			size_t index = pull->unknown.v[pull->unknown.next++];
			char *path = pull_path(pull, index);

			sftp_path_request(&pull->sftp, SFTP_LSTAT, path, on_kind, pull, index);
			free(path);
		}
		if (pull->sftp.nr_used == 0)
			return 0;
		if (sftp_step(&pull->sftp, err) < 0) {
			forget(pull);
			return -1;
		}
	}
}
