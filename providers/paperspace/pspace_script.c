/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Startup scripts: root pipes them into bash at the first boot, once the network is there. They are
 * things of their own, with a name, and outlive their machine.
 * https://docs.digitalocean.com/reference/paperspace/api-reference/startup-scripts/
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define KEY_MAX 1400 /* RSA of 8192 bits has 1430 characters: nobody needs more than 4096 */

/* --- what it says ----------------------------------------------------------------------------- */

/* It goes between single quotes. */
static int check_key(const char *key, size_t len, struct error *err)
{
	static const char *const kinds[] = { "ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-", "sk-" };
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		known |= text_starts_with(key, kinds[i]);
	if (!known || len > KEY_MAX || key[len + strspn(key + len, "\r\n")])
		return error_set(err, ERROR_USAGE, "the SSH public key is not one OpenSSH line");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)key[i] < ' ' || (unsigned char)key[i] >= 0x7f || key[i] == '\'')
			return error_set(err, ERROR_USAGE,
					 "the SSH public key holds a character that none needs");
	return 0;
}

static void add_key(const char *key, size_t len, struct buf *out)
{
	buf_addf(out,
		 "# This key may log in.\n"
		 "(\n"
		 "\tkey='%.*s'\n"
		 "\thome=~" PSPACE_LOGIN "\n"
		 "\tcase $home in /*) ;; *) home=/home/" PSPACE_LOGIN " ;; esac\n"
		 "\tkeys=$home/.ssh/authorized_keys\n"
		 "\tumask 077\n"
		 "\tmkdir -p \"$home/.ssh\"\n"
		 "\tgrep -qxF \"$key\" \"$keys\" 2>/dev/null || printf '\\n%%s\\n' \"$key\" "
		 ">>\"$keys\"\n"
		 "\tchmod 700 \"$home/.ssh\"\n"
		 "\tchmod 600 \"$keys\"\n"
		 "\tchown -R " PSPACE_LOGIN ": \"$home/.ssh\"\n"
		 ")\n",
		 (int)len, key);
}

/* Whatever its first line says, bash will read it. */
static int check_user_data(const char *data, size_t len, struct error *err)
{
	size_t line = 0;

	if (len > PSPACE_USER_DATA_MAX)
		return error_set(err, ERROR_USAGE,
				 "user-data of %zu bytes: a startup script takes %d at most", len,
				 PSPACE_USER_DATA_MAX);
	if (memchr(data, '\0', len) || !text_is_utf8(data, len))
		return error_set(err, ERROR_USAGE,
				 "user-data: a startup script is text in UTF-8, and this is none");
	while (line < len && data[line] != '\n')
		line++;
	bool cloud_config = len >= 13 && !memcmp(data, "#cloud-config", 13);
	bool other = len >= 2 && !memcmp(data, "#!", 2) && !memmem(data, line, "sh", 2);
	if (!cloud_config && !other)
		return 0;
	error_set(err, ERROR_USAGE, "user-data: Paperspace runs it with bash, and this is %s",
		  cloud_config ? "for cloud-init" : "for another program");
	return error_hint(err, "give a shell script");
}

int pspace_script_text(const struct launch_request *request, struct buf *out, struct error *err)
{
	const char *key = request->ssh_public_key;
	size_t len = key ? strcspn(key, "\r\n") : 0;

	if ((key && check_key(key, len, err) < 0) ||
	    (request->user_data &&
	     check_user_data(request->user_data, request->user_data_len, err) < 0))
		return -1;
	if (!key && !request->user_data)
		return 0;
	if (key) {
		buf_addstr(out, "#!/bin/bash\n");
		add_key(key, len, out);
	}
	if (request->user_data)
		buf_add(out, request->user_data, request->user_data_len);
	if (out->len > PSPACE_SCRIPT_MAX || out->overflow)
		return error_set(err, ERROR_USAGE,
				 "user-data and key come to %zu bytes: a startup script takes %d "
				 "at most",
				 out->len, PSPACE_SCRIPT_MAX);
	return 0;
}

/* --- those there are -------------------------------------------------------------------------- */

struct listing {
	struct pspace_scripts list;
	const char *launch_id;
};

static int take_script(void *ctx, const struct cJSON *item, struct error *err)
{
	struct listing *listing = ctx;
	struct pspace_scripts *list = &listing->list;
	const struct cJSON *machines = json_get(item, "assignedMachineIds");
	const char *id, *name, *machine;
	struct pspace_script script = { .id = "" };

	if (json_string(item, "id", PSPACE_ID_MAX, &id, err) < 0 ||
	    json_string(item, "name", PSPACE_TEXT_MAX, &name, err) < 0)
		return error_prefix(err, "a startup script of the reply");
	if (!pspace_name_read_script(name, &script.name) || json_get(item, "dtDeleted") ||
	    (listing->launch_id && strcmp(listing->launch_id, script.name.launch_id) != 0))
		return 0;
	if (!pspace_id_ok(id))
		return error_set(err, ERROR_PROTOCOL,
				 "a startup script of the reply: field 'id' holds no id");
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->v[i].id, id))
			return 0;
	script.id = arena_strdup(&list->arena, id);
	script.created = pspace_time(item, "dtCreated");
	machine = machines && json_len(machines) ? json_text(json_at(machines, 0)) : NULL;
	if (pspace_id_ok(machine))
		snprintf(script.machine, sizeof(script.machine), "%s", machine);
	list->v = arena_grow(&list->arena, list->v, list->nr, &list->cap, sizeof(*list->v));
	list->v[list->nr++] = script;
	return 0;
}

int pspace_scripts_list(struct provider *p, const char *launch_id, struct pspace_scripts *ret,
			struct error *err)
{
	struct listing listing = { .launch_id = launch_id };
	struct pspace_pages pages = { .what = "cannot list startup scripts",
				      .name = "startup-scripts",
				      .ctx = &listing,
				      .each = take_script };

	if (pspace_list(p, &pages, err) < 0) {
		pspace_scripts_release(&listing.list);
		return -1;
	}
	*ret = listing.list;
	return 0;
}

void pspace_scripts_release(struct pspace_scripts *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

/* --- making one ------------------------------------------------------------------------------- */

static void add_body(struct rest_call *call, const char *name, const struct buf *text)
{
	cJSON *body = cJSON_CreateObject();

	if (name)
		cJSON_AddStringToObject(body, "name", name);
	cJSON_AddStringToObject(body, "script", text->data);
	cJSON_AddBoolToObject(body, "isRunOnce", true);
	rest_body(call, body);
}

void pspace_script_create(struct provider *p, const char *name, const struct buf *text,
			  struct rest_call *call)
{
	rest_begin(call, &p->rest, REST_CREATE, "POST", REST_PATH("startup-scripts"),
		   "cannot make the startup script");
	add_body(call, name, text);
}

static int send(struct rest_call *call, char *id, struct error *err)
{
	const char *made;
	int rc = rest_send(call, err);

	if (rc == 0 && json_string(call->json.root, "id", PSPACE_ID_MAX, &made, err) < 0)
		rc = error_prefix(err, "%s: the reply", call->what);
	else if (rc == 0 && !pspace_id_ok(made))
		rc = error_set(err, ERROR_PROTOCOL, "%s: field 'id' of the reply holds no id",
			       call->what);
	if (rc == 0)
		snprintf(id, PSPACE_ID_MAX + 1, "%s", made);
	/* Whether a script was made is no riddle: it is found by its name. */
	err->unknown = false;
	rest_release(call);
	return rc;
}

int pspace_script_note(struct provider *p, const struct pspace_script *script, const char *ip,
		       struct error *err)
{
	char name[PSPACE_NAME_MAX + 1];
	struct rest_call call;
	cJSON *body = cJSON_CreateObject();

	pspace_name_script_noting(script->name.owner, script->name.launch_id, ip, name);
	cJSON_AddStringToObject(body, "name", name);
	rest_begin(&call, &p->rest, REST_CHANGE, "PUT", REST_PATH("startup-scripts", script->id),
		   "cannot note that address '%s' goes", ip);
	rest_body(&call, body);
	int rc = rest_send(&call, err);
	rest_release(&call);
	return rc;
}

/* One that is there already was made by an interrupted try, maybe with other words in it. */
int pspace_script_make(struct provider *p, const struct launch_request *request,
		       const struct buf *text, char *id, struct error *err)
{
	struct pspace_scripts scripts = { .nr = 0 };
	char name[PSPACE_NAME_MAX + 1];
	struct rest_call call;

	if (pspace_scripts_list(p, request->launch_id, &scripts, err) < 0)
		return -1;
	if (scripts.nr) {
		rest_begin(&call, &p->rest, REST_CHANGE, "PUT",
			   REST_PATH("startup-scripts", scripts.v[0].id),
			   "cannot bring the startup script up to date");
		add_body(&call, NULL, text);
	} else {
		pspace_name_script(request->owner, request->launch_id, name);
		pspace_script_create(p, name, text, &call);
	}
	pspace_scripts_release(&scripts);
	return send(&call, id, err);
}
