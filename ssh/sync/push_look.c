/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine has: tools, the target's tree, and what of an earlier turn has arrived. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"
#include "ssh/remote.h"
#include "ssh/sync/manifest_take.h"
#include "ssh/sync/push.h"
#include "ssh/sync/scripts.h"

#define TOPS_MAX 2000

struct look {
	struct upload *upload;
	struct upload_there there;
	struct manifest_taker taker; /* of the listing under way */
	enum {
		LOOK_FACTS,
		LOOK_TARGET,
		LOOK_STAGED,
		LOOK_OVER
	} at;
	char why[200]; /* a mark that ends it: "nofolder" */
};

void upload_there_release(struct upload_there *there)
{
	manifest_release(&there->target);
	manifest_release(&there->staged);
	arena_release(&there->arena);
	memset(there, 0, sizeof(*there));
}

/* A folder typed wrong costs what is in it. */
int upload_check_mirror(const struct upload *upload, const struct upload_there *there,
			struct error *err)
{
	bool all = !strcmp(there->root, "/");

	if (!upload->options->mirror || upload->file ||
	    (!all && strcmp(there->root, there->home) != 0))
		return 0;
	error_set(err, ERROR_USAGE, "'%s' is %s: nothing there is removed",
		  shown_of(upload->path, strlen(upload->path)).text,
		  all ? "the machine's root" : "the login's home");
	return error_hint(err, "name a folder of its own, or leave --delete out");
}

/* A home with all of its caches need not be listed for the one folder that goes there. */
void upload_set_tops(const struct upload *upload, struct shell *shell)
{
	struct buf tops = BUF_INIT;
	size_t nr = 0;

	for (size_t i = 0; i < upload->here.nr; i++) {
		const struct manifest_entry *entry = &upload->here.v[i];

		if (entry->ignored || !entry->path[0] || strchr(entry->path, '/'))
			continue;
		nr++;
		buf_addf(&tops, "./%s", entry->path);
		buf_addch(&tops, '\0');
	}
	bool some = !upload->options->mirror && !upload->file && nr > 0 && nr <= TOPS_MAX;
	shell_set(shell, "some", some ? "1" : "");
	shell_list(shell, "tops", tops.data, some ? tops.len : 0);
	buf_release(&tops);
}

/* The text behind "=word ", or NULL. */
static const char *behind(const char *mark, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(mark + 1, word, n) && mark[1 + n] == ' ' ? mark + n + 2 : NULL;
}

static uint64_t free_of(const char *text)
{
	char *end;

	errno = 0;
	unsigned long long kib = strtoull(text, &end, 10);
	return errno || end == text || *end || text[0] == '-' || kib > UINT64_MAX / 1024
		       ? UINT64_MAX
		       : (uint64_t)kib * 1024;
}

static int begin_listing(struct look *look)
{
	look->at++;
	manifest_take_init(&look->taker,
			   look->at == LOOK_TARGET ? look->upload->path : look->there.stage);
	return 0;
}

static int on_fact(struct look *look, const char *mark, struct error *err)
{
	struct upload_there *there = &look->there;
	const struct {
		const char *word;
		const char **to;
	} texts[] = { { "root", &there->root },
		      { "name", &there->name },
		      { "stage", &there->stage },
		      { "home", &there->home } };
	const char *text;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((text = behind(mark, texts[i].word))) {
			*texts[i].to = arena_strdup(&there->arena, text);
			return 0;
		}
	if ((text = behind(mark, "has"))) {
		there->has_zstd = there->has_zstd || !strcmp(text, "zstd");
		there->has_gzip = there->has_gzip || !strcmp(text, "gzip");
		there->has_sha256 = there->has_sha256 || !strcmp(text, "sha256sum");
		return 0;
	}
	if ((text = behind(mark, "free"))) {
		there->free_bytes = free_of(text);
		return 0;
	}
	if (!strcmp(mark, "=target") && there->root && there->name && there->stage && there->home)
		return upload_check_mirror(look->upload, there, err) < 0 ? -1 : begin_listing(look);
	snprintf(look->why, sizeof(look->why), "%s", shown_of(mark + 1, strlen(mark + 1)).text);
	look->at = LOOK_OVER;
	return 0;
}

static int on_string(struct look *look, const char *data, size_t len, struct error *err)
{
	struct upload_there *there = &look->there;
	struct manifest_taker *taker = &look->taker;
	bool target = look->at == LOOK_TARGET;

	if (look->at == LOOK_OVER)
		return error_set(err, ERROR_PROTOCOL,
				 "the machine says more than it was asked: '%s'",
				 shown_of(data, len).text);
	if (look->at == LOOK_FACTS) {
		char mark[MANIFEST_PATH_MAX + 100];

		if (len < 2 || data[0] != '=' || len >= sizeof(mark))
			return error_set(err, ERROR_PROTOCOL,
					 "the machine answers with what was not asked: '%s'",
					 shown_of(data, len).text);
		memcpy(mark, data, len);
		mark[len] = '\0';
		return on_fact(look, mark, err);
	}
	if (taker->over) {
		if (!target || len != 7 || memcmp(data, "=staged", len) != 0)
			return manifest_take_string(taker, data, len, err);
		return begin_listing(look);
	}
	if (manifest_take_string(taker, data, len, err) < 0)
		return -1;
	if (!taker->over)
		return 0;
	int rc = manifest_take_end(taker, target ? &there->target : &there->staged, err);
	taker->over = true;
	if (rc == 0 && !target)
		look->at = LOOK_OVER;
	return rc;
}

struct splitter {
	struct look *look;
	struct buf part;
};

/* NUL-ended strings, as they come. */
static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct splitter *splitter = ctx;

	while (len > 0) {
		const char *nul = memchr(data, '\0', len);
		size_t n = nul ? (size_t)(nul - data) : len;
		int rc = 0;

		if (nul && splitter->part.len == 0) {
			rc = on_string(splitter->look, data, n, err);
		} else if (buf_add(&splitter->part, data, n) < 0) {
			return error_set(err, ERROR_PROTOCOL,
					 "the machine says one thing without end");
		} else if (nul) {
			rc = on_string(splitter->look, splitter->part.data, splitter->part.len,
				       err);
			buf_clear(&splitter->part);
		}
		if (rc < 0)
			return -1;
		data += n + (nul ? 1 : 0);
		len -= n + (nul ? 1 : 0);
	}
	return 0;
}

/* A mark that says why nothing can be sent. */
static int on_refusal(const struct look *look, struct error *err)
{
	const char *why = look->why;
	const char *path = look->upload->path;
	struct shown shown = shown_of(path, strlen(path));

	if (text_starts_with(why, "without ")) {
		error_set(err, ERROR_UNSUPPORTED, "the machine has no GNU %s", why + 8);
		snprintf(err->code, sizeof(err->code), "NoTar");
		return -1;
	}
	if (!strcmp(why, "noparent")) {
		error_set(err, ERROR_NOT_FOUND, "the folder that '%s' is in is not on the machine",
			  shown.text);
		return error_hint(err, "make it there: gpucloud exec NAME mkdir -p FOLDER");
	}
	if (!strcmp(why, "nofolder"))
		return error_set(err, ERROR_CONFLICT,
				 "'%s' is there on the machine and is no folder", shown.text);
	if (!strcmp(why, "folder"))
		return error_set(err, ERROR_CONFLICT,
				 "'%s' has a folder of that name on the machine", shown.text);
	if (!strcmp(why, "taken")) {
		error_set(err, ERROR_CONFLICT, "another push to '%s' has taken over", shown.text);
		return error_hint(err, "let one of them end, then push again");
	}
	if (text_starts_with(why, "unsafe "))
		return error_set(err, ERROR_CONFLICT,
				 "'%s' is there on the machine, and not as we make it", why + 7);
	return error_set(err, ERROR_PROTOCOL, "the machine answers with what was not asked: '%s'",
			 why);
}

static int finish(struct look *look, const struct shell *shell, const struct remote_exit *how,
		  struct error *err)
{
	struct upload *upload = look->upload;

	if (look->why[0])
		return on_refusal(look, err);
	if (how->code != 0)
		return upload_refused(shell, how, "look at the target", err);
	if (look->at != LOOK_OVER)
		return error_set(err, ERROR_PROTOCOL, "the machine's list of '%s' breaks off",
				 shown_of(upload->path, strlen(upload->path)).text);
	upload_there_release(&upload->there);
	upload->there = look->there;
	memset(&look->there, 0, sizeof(look->there));
	upload->kind = upload->there.has_zstd	? STREAM_ZSTD
		       : upload->there.has_gzip ? STREAM_GZIP
						: STREAM_PLAIN;
	upload->looked = !upload->options->dry_run;
	if (upload->file)
		upload->here.v[0].path = arena_strdup(&upload->here.arena, upload->there.name);
	return 0;
}

int upload_look(struct upload *upload, struct error *err)
{
	struct look look = { .upload = upload, .there = { .free_bytes = UINT64_MAX } };
	struct splitter splitter = { &look, BUF_INIT_MAX(MANIFEST_PATH_MAX + 200) };
	struct shell shell;
	struct remote_exit how;

	shell_init(&shell);
	manifest_take_init(&look.taker, upload->path);
	shell_set(&shell, "path", upload->there_path);
	shell_set(&shell, "file", upload->file ? upload->file : "");
	shell_set(&shell, "token", upload->token);
	shell_set(&shell, "fresh", upload->looked ? "0" : "1");
	shell_set(&shell, "dry", upload->options->dry_run ? "1" : "0");
	shell_set(&shell, "commit_script", sync_commit_script);
	upload_set_tops(upload, &shell);
	shell_script_two(&shell, sync_list_script, sync_push_script, "gpucloud_look");
	shell.ctx = &splitter;
	shell.out = on_out;
	int rc = shell_run(&shell, upload->link->ops, upload->link->remote, 0, &how, err);
	if (rc == 0)
		rc = finish(&look, &shell, &how, err);
	manifest_take_release(&look.taker);
	upload_there_release(&look.there);
	buf_release(&splitter.part);
	shell_release(&shell);
	return rc;
}
