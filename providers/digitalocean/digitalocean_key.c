/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SSH key of a launch. An account has each key once only, so that launches of one person share it:
 * the first one registers it under its own name, and takes it away with itself; droplets keep what
 * they were made with. One that was there already is somebody's, and stays.
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#tag/SSH-Keys
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define TYPE_MAX 64

static int no_key(struct error *err)
{
	return error_set(err, ERROR_USAGE, "the public key is not one line of OpenSSH's");
}

/* MD5 is no protection here: it is how the cloud names keys. */
static int fingerprint(const struct buf *blob, char out[64], struct error *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(blob->data, blob->len, digest, &len, EVP_md5(), NULL) != 1 || len != 16)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this computer's OpenSSL refuses MD5, by which DigitalOcean names "
				 "SSH keys");
	for (size_t i = 0; i < len; i++)
		snprintf(out + 3 * i, 4, "%02x%s", digest[i], i + 1 < len ? ":" : "");
	return 0;
}

int ocean_key_parse(const char *line, struct ocean_key *ret, struct error *err)
{
	size_t type = strcspn(line, " "), data;
	struct buf blob = BUF_INIT_MAX(sizeof(ret->line));
	int rc = 0;

	data = line[type] ? strcspn(line + type + 1, " \t\r\n") : 0;
	if (!data || type > TYPE_MAX || type + data + 2 > sizeof(ret->line) ||
	    line[strcspn(line, "\r\n")] != '\0' || base64_decode(&blob, line + type + 1, data) != 0)
		rc = no_key(err);
	/* What is encoded begins with its type's own name. */
	else if (blob.len < type + 8 || memcmp(blob.data, "\0\0\0", 3) != 0 ||
		 (unsigned char)blob.data[3] != type || memcmp(blob.data + 4, line, type) != 0)
		rc = no_key(err);
	else
		rc = fingerprint(&blob, ret->fingerprint, err);
	if (rc == 0)
		snprintf(ret->line, sizeof(ret->line), "%.*s", (int)(type + data + 1), line);
	buf_release(&blob);
	return rc;
}

static void begin(struct provider *p, const struct ocean_key *key, const char *name,
		  struct rest_call *call)
{
	struct cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "name", name);
	cJSON_AddStringToObject(body, "public_key", key->line);
	/* Sent twice it is still one key. */
	rest_begin(call, &p->rest, REST_CHANGE, "POST", REST_PATH("account", "keys"),
		   "cannot register the SSH key");
	rest_body(call, body);
}

void ocean_key_show(struct provider *p, const struct ocean_key *key, const char *name,
		    const struct launch_steps *steps)
{
	struct rest_call call;

	begin(p, key, name, &call);
	rest_show(&call, steps);
	rest_release(&call);
}

static int read_id(const struct rest_call *call, char ret_id[OCEAN_ID_TEXT], struct error *err)
{
	int64_t id;

	if (ocean_id(call->json.root, "ssh_key.id", &id, err))
		return error_prefix(err, "%s", call->what);
	snprintf(ret_id, OCEAN_ID_TEXT, "%" PRId64, id);
	return 0;
}

/* 1: there, its id told; 0: not. */
static int find(struct provider *p, const struct ocean_key *key, char ret_id[OCEAN_ID_TEXT],
		struct error *err)
{
	struct rest_call call;
	struct error why = ERROR_INIT;

	rest_begin(&call, &p->rest, REST_READ, "GET",
		   REST_PATH("account", "keys", key->fingerprint), "cannot look up the SSH key");
	int rc = rest_send(&call, &why) ? -1 : read_id(&call, ret_id, &why);
	rest_release(&call);
	if (rc == 0)
		return 1;
	if (why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int ocean_key_exists(struct provider *p, const struct ocean_key *key, struct error *err)
{
	char id[OCEAN_ID_TEXT];

	return find(p, key, id, err);
}

/* Refused with 422 it is there already; unless, by the time of asking, its launch has ended and taken
 * it away: then it is registered after all. */
int ocean_key_make(struct provider *p, const struct ocean_key *key, const char *name,
		   char ret_id[OCEAN_ID_TEXT], struct error *err)
{
	struct error why = ERROR_INIT, ignored = ERROR_INIT;

	for (int try = 1;; try++) {
		struct rest_call call;

		begin(p, key, name, &call);
		int rc = rest_send(&call, &why) ? -1 : read_id(&call, ret_id, &why);
		rest_release(&call);
		if (rc == 0)
			return 0;
		int found = why.http_status == 422 ? find(p, key, ret_id, &ignored) : 0;
		if (found > 0)
			return 0;
		if (found < 0 || why.http_status != 422 || try == 2)
			break;
	}
	*err = ignored.kind == ERROR_NONE ? why : ignored;
	err->unknown = false; /* a key costs nothing, and is found by its name */
	return -1;
}

int ocean_key_read(const struct cJSON *node, struct ocean_name *ret, char ret_id[OCEAN_ID_TEXT],
		   struct error *err)
{
	const char *name;
	int64_t id;

	if (json_string(node, "name", 4096, &name, err))
		return -1;
	if (strlen(name) > OCEAN_TEXT_MAX || !ocean_name_read(name, ret))
		return 0;
	if (ocean_id(node, "id", &id, err))
		return -1;
	snprintf(ret_id, OCEAN_ID_TEXT, "%" PRId64, id);
	return 1;
}
