/* SPDX-License-Identifier: Apache-2.0 */
/* Key pairs: imported ones only; a private key never leaves its owner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define LIST_MAX     100
#define NAME_MAX_LEN 255
#define KEY_TEXT_MAX 2048
#define ED25519_BLOB 51 /* "ssh-ed25519" and 32 bytes, each behind its length */
#define RSA_BLOB_MIN (1024 / 8)

static struct key_pair *find_key(const struct ec2_call *call, const char *name)
{
	struct object *object = NULL;

	while ((object = object_next(call->cloud, OBJECT_KEY, call->region, object))) {
		struct key_pair *key = (void *)object;

		if (!object->ended_ms && strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

struct public_key {
	struct buf text, blob;
	bool rsa;
};

/* "ssh-ed25519 AAAA... comment": the blob must begin with the type's own name. */
static bool parse_line(struct public_key *key)
{
	const char *line = key->text.data;
	const char *type = text_starts_with(line, "ssh-ed25519 ") ? "ssh-ed25519"
			   : text_starts_with(line, "ssh-rsa ")	  ? "ssh-rsa"
								  : NULL;
	size_t type_len = type ? strlen(type) : 0;
	const char *blob = line + type_len + 1;

	if (!type || strlen(line) != key->text.len ||
	    base64_decode(&key->blob, blob, strcspn(blob, " \r\n")) != 0)
		return false;
	key->rsa = strcmp(type, "ssh-rsa") == 0;
	if (key->blob.len < 4 + type_len || memcmp(key->blob.data + 4, type, type_len) != 0 ||
	    (unsigned char)key->blob.data[3] != type_len)
		return false;
	return key->rsa ? key->blob.len >= RSA_BLOB_MIN : key->blob.len == ED25519_BLOB;
}

/*
 * Ed25519: base64 of the blob's SHA-256, as EC2 shows it. RSA: bytes with colons between, EC2's
 * shape; EC2 takes MD5 of another encoding, which nothing here needs.
 */
static char *fingerprint(const struct public_key *key)
{
	unsigned char digest[SHA256_LEN];
	struct buf out = BUF_INIT;
	char *text;

	sha256(key->blob.data, key->blob.len, digest);
	if (key->rsa) {
		for (size_t i = 0; i < 16; i++)
			buf_addf(&out, "%s%02x", i ? ":" : "", digest[i]);
	} else {
		base64_encode(&out, digest, sizeof(digest));
	}
	text = xstrdup(out.data);
	buf_release(&out);
	return text;
}

static void write_key(struct buf *out, const struct key_pair *key, bool described)
{
	out_str(out, "keyPairId", key->base.id);
	out_str(out, "keyName", key->name);
	out_str(out, "keyFingerprint", key->fingerprint);
	if (described) {
		out_str(out, "keyType", key->rsa ? "rsa" : "ed25519");
		out_time_ms(out, "createTime", key->base.began_ms);
	}
	out_tags(out, key->base.tags.v, key->base.tags.nr);
}

static void import(struct ec2_call *call, const char *name, const struct public_key *public_key,
		   const struct tag_set *tags)
{
	struct key_pair *key =
		(void *)object_new(call->cloud, OBJECT_KEY, sizeof(*key), call->region, NULL);

	key->name = xstrdup(name);
	key->public_key = xstrdup(public_key->text.data);
	key->fingerprint = fingerprint(public_key);
	key->rsa = public_key->rsa;
	tags_copy(&key->base.tags, tags);
	write_key(call->out, key, false);
}

void act_import_key(struct ec2_call *call)
{
	const char *name = params_need(call->params, "KeyName");
	const char *material = params_need(call->params, "PublicKeyMaterial");
	struct tag_set tags[OBJECT_KIND_COUNT] = { 0 };
	struct public_key key = { BUF_INIT_MAX(KEY_TEXT_MAX), BUF_INIT_MAX(KEY_TEXT_MAX), false };

	tag_specs_read(call, 1u << OBJECT_KEY, tags);
	if (strlen(name) > NAME_MAX_LEN)
		ec2_fail(call, "InvalidParameterValue", "Value for KeyName is over %d characters",
			 NAME_MAX_LEN);
	else if (base64_decode(&key.text, material, strlen(material)) != 0 || !parse_line(&key))
		ec2_fail(call, "InvalidKeyPair.Format",
			 "Key is not in valid OpenSSH public key format");
	else if (find_key(call, name))
		ec2_fail(call, "InvalidKeyPair.Duplicate", "The keypair already exists");
	if (ec2_ready(call))
		import(call, name, &key, &tags[OBJECT_KEY]);
	buf_release(&key.text);
	buf_release(&key.blob);
	tags_release(&tags[OBJECT_KEY]);
}

static const char *key_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct key_pair *key = thing;

	(void)scratch;
	if (i > 0)
		return NULL;
	if (strcmp(name, "key-name") == 0)
		return key->name;
	if (strcmp(name, "fingerprint") == 0)
		return key->fingerprint;
	return key->base.id; /* key-pair-id */
}

static bool listed(const char *const *v, size_t nr, const char *text)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(v[i], text) == 0)
			return true;
	}
	return false;
}

void act_describe_keys(struct ec2_call *call)
{
	static const char *const known[] = { "key-name", "key-pair-id", "fingerprint", "tag",
					     NULL };
	struct object *object = NULL;
	struct filters filters;
	size_t nr_names, nr_ids;
	const char **names = params_list(call->params, "KeyName", LIST_MAX, &nr_names);
	const char **ids = params_list(call->params, "KeyPairId", LIST_MAX, &nr_ids);
	bool with_key = params_bool(call->params, "IncludePublicKey", false);

	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	for (size_t i = 0; i < nr_names; i++) {
		if (!find_key(call, names[i]))
			ec2_fail(call, "InvalidKeyPair.NotFound",
				 "The key pair '%.64s' does not exist", names[i]);
	}
	for (size_t i = 0; i < nr_ids; i++)
		object_need(call, ids[i]);
	out_open(call->out, "keySet");
	while ((object = object_next(call->cloud, OBJECT_KEY, call->region, object))) {
		const struct key_pair *key = (void *)object;

		if (object->ended_ms || (nr_names && !listed(names, nr_names, key->name)) ||
		    (nr_ids && !listed(ids, nr_ids, object->id)) ||
		    !filters_match(&filters, &object->tags, key_field, key))
			continue;
		out_open(call->out, "item");
		write_key(call->out, key, true);
		if (with_key)
			out_str(call->out, "publicKey", key->public_key);
		out_close(call->out, "item");
	}
	out_close(call->out, "keySet");
}

/* Deleting a key that is not there is success, as with EC2. */
void act_delete_key(struct ec2_call *call)
{
	const char *name = params_get(call->params, "KeyName");
	const char *id = params_get(call->params, "KeyPairId");
	struct object *object = NULL;

	if (!name && !id)
		ec2_fail(call, "MissingParameter",
			 "The request must contain the parameter KeyName or KeyPairId");
	if (id && id_check(call, id, "key-", "InvalidKeyPair.Malformed") != 0)
		return;
	if (!ec2_ready(call))
		return;
	object = name ? (void *)find_key(call, name)
		      : object_find(call->cloud, OBJECT_KEY, call->region, id);
	if (object && !object->ended_ms)
		object->ended_ms = call->cloud->now_ms;
	out_bool(call->out, "return", true);
	out_str(call->out, "keyPairId", object ? object->id : NULL);
}
