/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/machine/cloudinit.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"

#define HEADER	  "#cloud-config"
#define TEXT_MAX  ((size_t)32 << 10)
#define PATH_LEN  1024
#define LISTS_MAX 256

/* Every member's name is one of names (NULL-terminated). */
static int only(const cJSON *node, const char *what, const char *const *names, struct error *err)
{
	if (!cJSON_IsObject(node))
		return error_set(err, ERROR_USAGE, "%s: expected an object", what);
	for (const cJSON *field = json_first(node); field; field = json_next(field)) {
		size_t i = 0;

		while (names[i] && strcmp(names[i], json_name(field)) != 0)
			i++;
		if (!names[i])
			return error_set(err, ERROR_USAGE, "%s: unknown key '%.60s'", what,
					 json_name(field));
	}
	return 0;
}

/* A list, or NULL where the key is absent. */
static int list_of(const cJSON *root, const char *name, const cJSON **ret, struct error *err)
{
	*ret = json_get(root, name);
	if (!cJSON_GetObjectItemCaseSensitive(root, name))
		return 0;
	if (!cJSON_IsArray(*ret) || json_len(*ret) > LISTS_MAX)
		return error_set(err, ERROR_USAGE, "%s: expected a list of at most %d", name,
				 LISTS_MAX);
	return 0;
}

static int check_commands(const cJSON *list, const char *name, struct error *err)
{
	for (const cJSON *node = json_first(list); node; node = json_next(node)) {
		if (json_text(node))
			continue;
		if (!cJSON_IsArray(node) || json_len(node) == 0)
			return error_set(err, ERROR_USAGE,
					 "%s: expected strings or lists of strings", name);
		for (const cJSON *word = json_first(node); word; word = json_next(word)) {
			if (!json_text(word))
				return error_set(err, ERROR_USAGE,
						 "%s: expected strings in its lists", name);
		}
	}
	return 0;
}

static int check_keys(const cJSON *list, struct error *err)
{
	for (const cJSON *node = json_first(list); node; node = json_next(node)) {
		if (!json_text(node) || strchr(json_text(node), '\n'))
			return error_set(err, ERROR_USAGE,
					 "ssh_authorized_keys: expected lines of text");
	}
	return 0;
}

/* Absolute, and nothing in it that leads elsewhere. */
static bool path_is_plain(const char *path)
{
	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return false;
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		size_t n = strcspn(p + 1, "/");

		if (n == 0 || (n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
			return false;
	}
	return true;
}

static int check_file(const cJSON *node, struct error *err)
{
	static const char *const names[] = { "path", "content", "permissions", "owner", NULL };
	const char *path, *content, *mode, *owner;

	if (only(node, "write_files", names, err))
		return -1;
	if (json_string(node, "path", PATH_LEN, &path, err) ||
	    json_string(node, "content", TEXT_MAX, &content, err) ||
	    json_string_opt(node, "permissions", 5, &mode, err) ||
	    json_string_opt(node, "owner", 64, &owner, err)) {
		err->kind = ERROR_USAGE;
		return error_prefix(err, "write_files");
	}
	if (!path_is_plain(path))
		return error_set(err, ERROR_USAGE, "write_files: bad path '%.200s'", path);
	if (mode && (!*mode || strspn(mode, "01234567") != strlen(mode)))
		return error_set(err, ERROR_USAGE, "write_files: bad permissions '%s'", mode);
	if (owner && !text_is_token(owner, ":_-", 64))
		return error_set(err, ERROR_USAGE, "write_files: bad owner");
	return 0;
}

static int host_keys(const cJSON *root, struct cloudinit *ret, struct error *err)
{
	static const char *const names[] = { "ed25519_private", "ed25519_public", NULL };
	const cJSON *node = json_get(root, "ssh_keys");

	if (!node)
		return 0;
	if (only(node, "ssh_keys", names, err))
		return -1;
	if (json_string(node, "ed25519_private", 8192, &ret->host_private, err) ||
	    json_string_opt(node, "ed25519_public", 1024, &ret->host_public, err)) {
		err->kind = ERROR_USAGE;
		return error_prefix(err, "ssh_keys");
	}
	return 0;
}

static int read_all(const cJSON *root, struct cloudinit *ret, struct error *err)
{
	static const char *const names[] = { "ssh_authorized_keys",
					     "ssh_deletekeys",
					     "ssh_keys",
					     "write_files",
					     "bootcmd",
					     "runcmd",
					     NULL };
	const cJSON *deletes = json_get(root, "ssh_deletekeys");

	if (only(root, "user-data", names, err) || host_keys(root, ret, err) ||
	    list_of(root, "ssh_authorized_keys", &ret->authorized_keys, err) ||
	    list_of(root, "write_files", &ret->write_files, err) ||
	    list_of(root, "bootcmd", &ret->bootcmd, err) ||
	    list_of(root, "runcmd", &ret->runcmd, err) || check_keys(ret->authorized_keys, err) ||
	    check_commands(ret->bootcmd, "bootcmd", err) ||
	    check_commands(ret->runcmd, "runcmd", err))
		return -1;
	if (deletes && !cJSON_IsBool(deletes))
		return error_set(err, ERROR_USAGE, "ssh_deletekeys: expected true or false");
	for (const cJSON *node = json_first(ret->write_files); node; node = json_next(node)) {
		if (check_file(node, err))
			return -1;
	}
	return 0;
}

int cloudinit_parse(const char *data, size_t len, struct cloudinit *ret, struct error *err)
{
	struct cloudinit all = { 0 };
	size_t head = sizeof(HEADER) - 1;

	if (len == 0) {
		*ret = all;
		return 0;
	}
	if (len <= head || memcmp(data, HEADER "\n", head + 1) != 0)
		return error_set(err, ERROR_USAGE, "user-data: its first line is not '" HEADER "'");
	if (json_parse(data + head + 1, len - head - 1, "user-data", &all.json, err)) {
		err->kind = ERROR_USAGE;
		return -1;
	}
	if (read_all(all.json.root, &all, err)) {
		json_release(&all.json);
		return -1;
	}
	*ret = all;
	return 0;
}

void cloudinit_release(struct cloudinit *cloudinit)
{
	if (cloudinit->json.root)
		json_release(&cloudinit->json);
	*cloudinit = (struct cloudinit){ 0 };
}

void cloudinit_file(const struct cJSON *node, struct cloudinit_file *ret)
{
	const char *mode = json_text(json_get(node, "permissions"));

	ret->path = json_text(json_get(node, "path"));
	ret->content = json_text(json_get(node, "content"));
	ret->mode = mode ? (mode_t)strtoul(mode, NULL, 8) & 07777 : 0644;
}

static void add_quoted(struct buf *out, const char *word)
{
	buf_addch(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_addstr(out, "'\\''");
		else
			buf_addch(out, *word);
	}
	buf_addch(out, '\'');
}

void cloudinit_script(const struct cJSON *list, struct buf *out)
{
	for (const cJSON *node = json_first(list); node; node = json_next(node)) {
		if (json_text(node)) {
			buf_addstr(out, json_text(node));
		} else {
			for (const cJSON *word = json_first(node); word; word = json_next(word)) {
				add_quoted(out, json_text(word));
				buf_addch(out, ' ');
			}
		}
		buf_addch(out, '\n');
	}
}
