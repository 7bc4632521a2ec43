/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a shell script: fleet/machine/startup.sh with its words filled in. */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "fleet/machine/machine_files.h"
#include "fleet/userdata.h"
#include "fleet/userdata_internal.h"

#define LAUNCH_LEN 32
#define LOGIN_MAX  32
#define END_MARK   "GPUCLOUD-END-OF-" /* how each end of a file in the script begins */

/* A word of the script, and what it stands for. */
struct word {
	const char *name;
	const char *text;
	bool file; /* between a quoted end mark and its end: any bytes, to their last newline */
};

/* One block that is never grown: it holds a secret. */
struct block {
	char *data;
	size_t len;
	bool over;
};

static void add(struct block *block, const char *text, size_t len)
{
	if (len > USERDATA_PRINT_MAX - block->len) {
		block->over = true;
		return;
	}
	memcpy(block->data + block->len, text, len);
	block->len += len;
}

/* As adduser has it: nothing that a shell, getent or a path reads as something else. */
static bool is_login(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char other[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	size_t len = name ? strlen(name) : 0;

	return len >= 1 && len <= LOGIN_MAX && strchr(first, name[0]) && strspn(name, other) == len;
}

/* What stands between single quotes. */
static bool is_plain(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789 +/=@.,_-";

	return strspn(text, plain) == strlen(text);
}

/* The script is another one for every launch, by its host key; no secret goes into it. */
static void name_launch(const struct userdata_parts *parts, const char *login,
			char out[LAUNCH_LEN + 1])
{
	char hex[SHA256_HEX_MAX];
	char *all = xasprintf("%s\n%s\n%s\n%s\n", login, parts->login_key, parts->host_public,
			      parts->ttl);

	sha256_hex(all, strlen(all), hex);
	memcpy(out, hex, LAUNCH_LEN);
	out[LAUNCH_LEN] = '\0';
	free(all);
}

static char *join(const char *const *words, size_t nr)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < nr; i++)
		buf_addf(&text, "%s%s", i ? " " : "", words[i]);
	char *joined = xstrdup(text.data);
	buf_release(&text);
	return joined;
}

/* The name between two @ at text, or NULL: an @ that stands for itself. */
static const struct word *word_at(const char *text, const struct word *words, size_t nr)
{
	size_t len = strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	for (size_t i = 0; i < nr && text[1 + len] == '@'; i++)
		if (strlen(words[i].name) == len && strncmp(words[i].name, text + 1, len) == 0)
			return &words[i];
	return NULL;
}

static int add_word(struct block *block, const struct word *word, struct error *err)
{
	size_t len = strlen(word->text);

	if (word->file && len) {
		if (word->text[len - 1] != '\n' || strstr(word->text, END_MARK))
			return error_set(err, ERROR_CONFIG,
					 "startup script: %s is no text that can be in it",
					 word->name);
		len--; /* the template has the newline */
	} else if (!is_plain(word->text)) {
		return error_set(err, ERROR_CONFIG, "startup script: %s would need quoting",
				 word->name);
	}
	add(block, word->text, len);
	return 0;
}

/* What is filled in is not looked through again. */
static int fill(struct block *block, const struct word *words, size_t nr, struct error *err)
{
	static const char head[] = "#!/bin/sh\n";
	const char *at = machine_startup_script + strlen(head);
	int rc = 0;

	add(block, head, strlen(head));
	add(block, USERDATA_SCRIPT_MARK "\n", strlen(USERDATA_SCRIPT_MARK "\n"));
	while (rc == 0 && *at) {
		size_t len = strcspn(at, "@");
		const struct word *word = at[len] ? word_at(at + len, words, nr) : NULL;

		add(block, at, len);
		at += len;
		if (word) {
			rc = add_word(block, word, err);
			at += strlen(word->name) + 2;
		} else if (*at) {
			add(block, at++, 1);
		}
	}
	return rc;
}

int userdata_script(const struct userdata_parts *parts, const char *login, size_t max,
		    struct buf *out, struct error *err)
{
	char launch[LAUNCH_LEN + 1];

	if (!is_login(login))
		return error_set(err, ERROR_CONFIG,
				 "startup script: '%.40s' cannot be the name of a user",
				 login ? login : "");
	name_launch(parts, login, launch);
	char *arm = join(userdata_arm, USERDATA_ARM_WORDS);
	char *enable = join(userdata_arm + USERDATA_ARM_WORDS - USERDATA_ENABLE_WORDS,
			    USERDATA_ENABLE_WORDS);
	const struct word words[] = {
		{ "LAUNCH", launch, false },
		{ "LOGIN", login, false },
		{ "LOGIN_KEY", parts->login_key, false },
		{ "HOST_KEY", parts->host_public, false },
		{ "TTL", parts->ttl, false },
		{ "ARM", arm, false },
		{ "ENABLE", enable, false },
		{ "TTL_SCRIPT", parts->unit ? machine_ttl_script : "", true },
		{ "TTL_UNIT", parts->unit ? parts->unit : "", true },
		{ "HOST_PRIVATE", parts->host_private ? parts->host_private : "", true },
	};
	struct block block = { .data = xmalloc(USERDATA_PRINT_MAX) };
	int rc = fill(&block, words, ARRAY_SIZE(words), err);

	if (rc == 0 && block.over)
		rc = error_set(err, ERROR_USAGE, "user-data is larger than %zu bytes",
			       USERDATA_PRINT_MAX);
	if (rc == 0)
		rc = userdata_emit(block.data, block.len, max, out, err);
	explicit_bzero(block.data, USERDATA_PRINT_MAX);
	free(block.data);
	free(enable);
	free(arm);
	return rc;
}
