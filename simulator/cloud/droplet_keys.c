/* SPDX-License-Identifier: Apache-2.0 */
/* SSH keys of the account, and the account itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/droplet.h"

#define KEY_TEXT_MAX 8192

static cJSON *key_json(const struct droplet_key *key)
{
	cJSON *out = cJSON_CreateObject();

	cJSON_AddNumberToObject(out, "id", (double)key->id);
	cJSON_AddStringToObject(out, "fingerprint", key->fingerprint);
	cJSON_AddStringToObject(out, "public_key", key->public_key);
	cJSON_AddStringToObject(out, "name", key->name);
	return out;
}

/* "type key [comment]": what is encoded must begin with the type's own name. */
static bool decode_key(const char *line, struct buf *blob)
{
	static const char *const types[] = { "ssh-ed25519",
					     "ssh-rsa",
					     "ecdsa-sha2-nistp256",
					     "ecdsa-sha2-nistp384",
					     "ecdsa-sha2-nistp521",
					     "sk-ssh-ed25519@openssh.com",
					     "sk-ecdsa-sha2-nistp256@openssh.com" };
	size_t len = strcspn(line, " "), i = 0;
	const char *data = line + len + (line[len] == ' ');

	while (i < ARRAY_SIZE(types) &&
	       (strlen(types[i]) != len || strncmp(types[i], line, len) != 0))
		i++;
	if (i == ARRAY_SIZE(types) || strchr(line, '\n') ||
	    base64_decode(blob, data, strcspn(data, " ")) != 0)
		return false;
	return blob->len > 4 + len + 4 && memcmp(blob->data, "\0\0\0", 3) == 0 &&
	       (unsigned char)blob->data[3] == len && memcmp(blob->data + 4, line, len) == 0;
}

/* MD5 of the encoded key, in pairs of digits. */
static void fingerprint(const struct buf *blob, char out[48])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	unsigned len = 0;

	if (EVP_Digest(blob->data, blob->len, digest, &len, EVP_md5(), NULL) != 1)
		out_of_memory();
	for (size_t i = 0; i < 16; i++)
		snprintf(out + 3 * i, 48 - 3 * i, "%02x%s", digest[i], i < 15 ? ":" : "");
}

/* Trailing white space is not part of a key: it is how files end. */
static char *trimmed(const char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	return xstrndup(text, len);
}

/* Takes line. */
static void add_key(struct droplet_world *world, const struct rest_call *call, const char *name,
		    char *line)
{
	struct buf blob = BUF_INIT_MAX(KEY_TEXT_MAX);
	const struct cloud *cloud = world->cloud;
	struct droplet_key *key;
	char print[48] = "";
	bool ok = decode_key(line, &blob);

	if (ok)
		fingerprint(&blob, print);
	buf_release(&blob);
	if (!ok || droplet_key_find(world, print)) {
		droplet_refuse(call, "%s",
			       ok ? "SSH Key is already in use on your account"
				  : "Key invalid, key should be of the format `type key "
				    "[comment]`");
		free(line);
		return;
	}
	key = xcalloc(1, sizeof(*key));
	key->id = droplet_new_id(world, &world->last_key_id);
	key->name = xstrdup(name);
	key->public_key = line;
	memcpy(key->fingerprint, print, sizeof(print));
	key->began_ms = cloud->now_ms;
	key->seen_ms = cloud->now_ms + cloud->config.visible_after_ms;
	droplet_list_add(&world->keys, key);
	droplet_reply_one(call, 201, "ssh_key", key_json(key));
}

void droplet_create_key(void *self, struct rest_call *call)
{
	const char *name = NULL, *line = NULL;

	if (droplet_need_body(call, (const char *const[]){ "name", "public_key", NULL }) ||
	    droplet_read_text(call, call->body, "name", DROPLET_TEXT_MAX, &name) ||
	    droplet_read_text(call, call->body, "public_key", KEY_TEXT_MAX, &line))
		return;
	if (!name || !*name)
		droplet_refuse(call, "Name can't be blank");
	else if (!line)
		droplet_refuse(call, "public_key must be there");
	else
		add_key(self, call, name, trimmed(line));
}

void droplet_list_keys(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	struct droplet_listing listing;

	if (rest_known_query(call, (const char *const[]){ "page", "per_page", NULL }) ||
	    droplet_listing_begin(&listing, call, "ssh_keys", "account/keys"))
		return;
	for (size_t i = 0; i < world->keys.nr; i++) {
		const struct droplet_key *key = world->keys.v[i];

		if (!key->ended_ms && droplet_listing_wants(&listing))
			cJSON_AddItemToArray(listing.items, key_json(key));
	}
	droplet_listing_end(&listing);
}

static struct droplet_key *need_key(const struct droplet_world *world, const struct rest_call *call)
{
	struct droplet_key *key = droplet_key_find(world, call->segment[2]);

	if (!key)
		droplet_not_found(call);
	return key;
}

void droplet_get_key(void *self, struct rest_call *call)
{
	const struct droplet_key *key;

	if (rest_known_query(call, NULL) == 0 && (key = need_key(self, call)))
		droplet_reply_one(call, 200, "ssh_key", key_json(key));
}

/* Droplets that were made with it keep it. */
void droplet_delete_key(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	struct droplet_key *key = need_key(world, call);

	if (!key || rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return;
	key->ended_ms = world->cloud->now_ms;
	rest_reply(call, 204, NULL);
}

void droplet_get_account(void *self, struct rest_call *call)
{
	const struct droplet_world *world = self;
	const struct fault *fault =
		fault_holds(world->cloud, DROPLET_SERVICE, FAULT_BAD_STANDING, "", "");
	char uuid[CLOUD_ID_MAX], team_uuid[CLOUD_ID_MAX];
	cJSON *account, *team;

	if (rest_known_query(call, NULL))
		return;
	droplet_fixed_uuid(world, "account", uuid);
	droplet_fixed_uuid(world, "team", team_uuid);
	account = cJSON_CreateObject();
	cJSON_AddNumberToObject(account, "droplet_limit", DROPLET_LIMIT);
	cJSON_AddNumberToObject(account, "floating_ip_limit", 3);
	cJSON_AddStringToObject(account, "email", "sim@example.com");
	cJSON_AddStringToObject(account, "name", "Simulated Account");
	cJSON_AddStringToObject(account, "uuid", uuid);
	cJSON_AddBoolToObject(account, "email_verified", true);
	cJSON_AddStringToObject(account, "status", fault ? "locked" : "active");
	cJSON_AddStringToObject(account, "status_message",
				fault && fault->message ? fault->message : "");
	team = cJSON_AddObjectToObject(account, "team");
	cJSON_AddStringToObject(team, "uuid", team_uuid);
	cJSON_AddStringToObject(team, "name", "My Team");
	droplet_reply_one(call, 200, "account", account);
}
