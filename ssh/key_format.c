/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/key_format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/text.h"
#include "ssh/wire.h"

#define ARMOUR_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define ARMOUR_END   "-----END OPENSSH PRIVATE KEY-----\n"
#define ARMOUR_WIDTH 70
#define MAGIC	     "openssh-key-v1" /* with its NUL */
#define KEY_TYPE     "ssh-ed25519"

/* The format pads to the cipher's block; "none" counts as eight. */
#define BLOCK 8

static void put_public_blob(struct buf *out, const unsigned char *public_key)
{
	wire_put_text(out, KEY_TYPE);
	wire_put_string(out, public_key, ED25519_LEN);
}

static void put_private_section(struct buf *out, const struct key_parts *parts, unsigned int check)
{
	wire_put_u32(out, check);
	wire_put_u32(out, check);
	put_public_blob(out, parts->public_key);
	/* "private key" is the seed and the public key again */
	wire_put_u32(out, 2 * ED25519_LEN);
	buf_add(out, parts->seed, ED25519_LEN);
	buf_add(out, parts->public_key, ED25519_LEN);
	wire_put_text(out, parts->comment);
	for (unsigned int i = 1; out->len % BLOCK; i++)
		wire_put_u8(out, (uint8_t)i);
}

void key_format_private(const struct key_parts *parts, unsigned int check, struct buf *out)
{
	struct buf binary = BUF_INIT, section = BUF_INIT, blob = BUF_INIT, text = BUF_INIT;

	buf_add(&binary, MAGIC, sizeof(MAGIC));
	wire_put_text(&binary, "none"); /* cipher */
	wire_put_text(&binary, "none"); /* key derivation */
	wire_put_text(&binary, "");
	wire_put_u32(&binary, 1);
	put_public_blob(&blob, parts->public_key);
	wire_put_string(&binary, blob.data, blob.len);
	put_private_section(&section, parts, check);
	wire_put_string(&binary, section.data, section.len);
	base64_encode(&text, binary.data, binary.len);

	buf_addstr(out, ARMOUR_BEGIN);
	for (size_t i = 0; i < text.len; i += ARMOUR_WIDTH) {
		size_t left = text.len - i;

		buf_add(out, text.data + i, left < ARMOUR_WIDTH ? left : ARMOUR_WIDTH);
		buf_addch(out, '\n');
	}
	buf_addstr(out, ARMOUR_END);
	buf_wipe(&binary);
	buf_wipe(&section);
	buf_wipe(&text);
	buf_release(&blob);
}

void key_format_public(const struct key_parts *parts, struct buf *out)
{
	struct buf blob = BUF_INIT;

	put_public_blob(&blob, parts->public_key);
	buf_addstr(out, KEY_TYPE " ");
	base64_encode(out, blob.data, blob.len);
	if (parts->comment[0])
		buf_addf(out, " %s", parts->comment);
	buf_release(&blob);
}

int key_public_of(const unsigned char seed[ED25519_LEN], unsigned char out[ED25519_LEN],
		  struct error *err)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_LEN);
	size_t len = ED25519_LEN;
	int rc = 0;

	if (!pkey || EVP_PKEY_get_raw_public_key(pkey, out, &len) != 1 || len != ED25519_LEN)
		rc = error_set(err, ERROR_CONFIG, "OpenSSL cannot use an ed25519 key");
	EVP_PKEY_free(pkey);
	return rc;
}

static int no_good(struct error *err, const char *name, const char *why)
{
	return error_set(err, ERROR_CONFIG, "cannot use the key '%s': %s", name, why);
}

static int not_ours(struct error *err, const char *name, const char *why)
{
	no_good(err, name, why);
	return error_hint(err,
			  "add it to ssh-agent (ssh-add '%s'), or make one: ssh-keygen -t "
			  "ed25519 -N ''",
			  name);
}

/* The text between the armour's lines, decoded. */
static int unarmour(const char *text, size_t len, const char *name, struct buf *out,
		    struct error *err)
{
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	static const char end[] = "-----END OPENSSH PRIVATE KEY-----";
	struct buf compact = BUF_INIT_MAX(KEY_TEXT_MAX);
	int rc = 0;

	if (len > KEY_TEXT_MAX || memchr(text, '\0', len))
		return no_good(err, name, "it is no key file");
	if (len >= sizeof(begin) && !memcmp(text, "-----BEGIN ", 11) &&
	    memcmp(text, begin, sizeof(begin) - 1)) {
		return not_ours(err, name, "it is in an old format (PEM or PKCS#8)");
	}
	const char *start = text + sizeof(begin) - 1;
	const char *stop = len > sizeof(begin) && !memcmp(text, begin, sizeof(begin) - 1)
				   ? memmem(start, len - (sizeof(begin) - 1), end, sizeof(end) - 1)
				   : NULL;
	if (!stop)
		return no_good(err, name, "it is no OpenSSH private key");
	for (const char *p = start; p < stop; p++)
		if (*p != '\n' && *p != '\r')
			buf_addch(&compact, *p);
	if (base64_decode(out, compact.data, compact.len) < 0)
		rc = no_good(err, name, "its base64 is damaged");
	buf_wipe(&compact);
	return rc;
}

/* The part that would be encrypted, were there a passphrase. */
static int parse_section(struct wire_str section, const char *name, struct key_parts *ret,
			 struct error *err)
{
	struct wire wire = wire_of(section.data, section.len);
	uint32_t check = wire_u32(&wire);
	bool same = wire_u32(&wire) == check;
	struct wire_str type = wire_string(&wire);

	if (!wire.bad && same && !wire_is(type, KEY_TYPE)) {
		bool rsa = wire_is(type, "ssh-rsa");

		return not_ours(err, name,
				rsa ? "it is an RSA key, and only ed25519 keys work here"
				    : "it is not an ed25519 key, and only those work here");
	}
	struct wire_str public_key = wire_string(&wire);
	struct wire_str both = wire_string(&wire);
	struct wire_str comment = wire_string(&wire);
	if (wire.bad || !same || section.len % BLOCK || wire.left >= BLOCK ||
	    public_key.len != ED25519_LEN || both.len != 2 * ED25519_LEN ||
	    memcmp(both.data + ED25519_LEN, public_key.data, ED25519_LEN))
		return no_good(err, name, "it is damaged");
	for (size_t i = 0; i < wire.left; i++)
		if (wire.p[i] != i + 1)
			return no_good(err, name, "it is damaged");
	memcpy(ret->seed, both.data, ED25519_LEN);
	memcpy(ret->public_key, public_key.data, ED25519_LEN);
	/* A comment is only a comment: one that we could not print is left out. */
	ret->comment[0] = '\0';
	if (comment.len < sizeof(ret->comment) && text_is_utf8(comment.data, comment.len)) {
		struct buf shown = BUF_INIT;

		text_escape(&shown, comment.data, comment.len);
		if (shown.len == comment.len) {
			memcpy(ret->comment, comment.data, comment.len);
			ret->comment[comment.len] = '\0';
		}
		buf_release(&shown);
	}
	return 0;
}

static int parse_binary(const struct buf *binary, const char *name, struct key_parts *ret,
			struct error *err)
{
	struct wire wire = wire_of(binary->data, binary->len);

	if (binary->len < sizeof(MAGIC) || memcmp(binary->data, MAGIC, sizeof(MAGIC)))
		return no_good(err, name, "it is no OpenSSH private key");
	wire.p += sizeof(MAGIC);
	wire.left -= sizeof(MAGIC);
	struct wire_str cipher = wire_string(&wire);
	struct wire_str kdf = wire_string(&wire);
	wire_string(&wire); /* options of the key derivation */
	uint32_t nr = wire_u32(&wire);
	struct wire_str blob = wire_string(&wire);
	struct wire_str section = wire_string(&wire);
	if (wire.bad || nr != 1 || wire.left)
		return no_good(err, name, "it is damaged");
	if (!wire_is(cipher, "none") || !wire_is(kdf, "none"))
		return not_ours(err, name, "it has a passphrase, and nobody is asked for one here");
	if (parse_section(section, name, ret, err) < 0)
		return -1;

	struct buf ours = BUF_INIT;
	unsigned char derived[ED25519_LEN];
	int rc = key_public_of(ret->seed, derived, err);
	put_public_blob(&ours, ret->public_key);
	if (rc == 0 && (memcmp(derived, ret->public_key, ED25519_LEN) || ours.len != blob.len ||
			memcmp(ours.data, blob.data, blob.len)))
		rc = no_good(err, name, "its public half belongs to another key");
	buf_release(&ours);
	return rc;
}

int key_parse_private(const char *text, size_t len, const char *name, struct key_parts *ret,
		      struct error *err)
{
	struct buf binary = BUF_INIT_MAX(KEY_TEXT_MAX);
	struct key_parts parts;
	int rc = unarmour(text, len, name, &binary, err);

	memset(&parts, 0, sizeof(parts));
	if (rc == 0)
		rc = parse_binary(&binary, name, &parts, err);
	if (rc == 0)
		*ret = parts;
	explicit_bzero(&parts, sizeof(parts));
	buf_wipe(&binary);
	return rc;
}
