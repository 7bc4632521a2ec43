/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"
#include "ssh/key_format.h"
#include "ssh/wire.h"

/* Fills ret from parts, or fails where the public line would not fit. */
static int key_of_parts(const struct key_parts *parts, struct ssh_key *ret, struct error *err)
{
	struct buf pem = BUF_INIT, line = BUF_INIT_MAX(SSH_LINE_MAX - 1);
	unsigned int check;
	int rc = 0;

	key_format_public(parts, &line);
	if (line.overflow)
		rc = error_set(err, ERROR_USAGE, "a key's comment is too long");
	else if (RAND_bytes((unsigned char *)&check, sizeof(check)) != 1)
		rc = error_set(err, ERROR_IO, "OpenSSL has no random numbers");
	if (rc == 0) {
		key_format_private(parts, check, &pem);
		memset(ret, 0, sizeof(*ret));
		secret_set(&ret->private_pem, pem.data, pem.len);
		memcpy(ret->public_line, line.data, line.len + 1);
	}
	buf_wipe(&pem);
	buf_release(&line);
	return rc;
}

static bool comment_is_plain(const char *comment)
{
	struct buf shown = BUF_INIT;

	text_escape(&shown, comment, strlen(comment));
	bool plain = !strcmp(shown.data, comment);
	buf_release(&shown);
	return plain;
}

int ssh_key_make(const char *comment, struct ssh_key *ret, struct error *err)
{
	struct key_parts parts;
	int rc = 0;

	memset(&parts, 0, sizeof(parts));
	if (strlen(comment) >= sizeof(parts.comment) || !comment_is_plain(comment))
		return error_set(err, ERROR_USAGE,
				 "a key's comment must be one plain line of at "
				 "most %zu bytes",
				 sizeof(parts.comment) - 1);
	memcpy(parts.comment, comment, strlen(comment));
	if (RAND_priv_bytes(parts.seed, sizeof(parts.seed)) != 1)
		rc = error_set(err, ERROR_IO, "OpenSSL has no random numbers");
	if (rc == 0)
		rc = key_public_of(parts.seed, parts.public_key, err);
	if (rc == 0)
		rc = key_of_parts(&parts, ret, err);
	OPENSSL_cleanse(&parts, sizeof(parts));
	return rc;
}

void ssh_key_release(struct ssh_key *key)
{
	secret_release(&key->private_pem);
	key->public_line[0] = '\0';
}

static int write_whole(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* link() instead of rename(): it fails where the name is taken, whoever was quicker. */
static int publish(const char *tmp, const char *path, struct error *err)
{
	if (link(tmp, path) == 0)
		return 0;
	if (errno == EEXIST) {
		error_set(err, ERROR_CONFLICT, "refusing to replace the key '%s'", path);
		return error_hint(err, "move it away first if it is no longer used");
	}
	return error_errno(err, ERROR_IO, "cannot write '%s'", path);
}

static int write_new(const char *path, const char *data, size_t len, mode_t mode, struct error *err)
{
	char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	int fd = mkostemp(tmp, O_CLOEXEC);
	int rc = 0;

	if (fd < 0) {
		rc = error_errno(err, ERROR_IO, "cannot write '%s'", path);
		free(tmp);
		return rc;
	}
	if (fchmod(fd, mode) < 0 || write_whole(fd, data, len) < 0 || fsync(fd) < 0)
		rc = error_errno(err, ERROR_IO, "cannot write '%s'", path);
	close(fd);
	if (rc == 0)
		rc = publish(tmp, path, err);
	unlink(tmp);
	if (rc == 0)
		rc = dir_sync_of(path, err);
	free(tmp);
	return rc;
}

int ssh_key_save(const struct ssh_key *key, const char *path, struct error *err)
{
	char *public_path = xasprintf("%s.pub", path);
	struct buf line = BUF_INIT;
	struct stat st;
	int rc = 0;

	buf_addf(&line, "%s\n", key->public_line);
	if (!secret_is_set(&key->private_pem))
		rc = error_set(err, ERROR_USAGE, "there is no key to write to '%s'", path);
	else if (lstat(public_path, &st) ==
		 0) /* somebody's, even if its private half is elsewhere */
		rc = error_set(err, ERROR_CONFLICT, "refusing to replace the key '%s'",
			       public_path);
	if (rc == 0)
		rc = write_new(path, key->private_pem.data, key->private_pem.len, 0600, err);
	if (rc == 0 && write_new(public_path, line.data, line.len, 0644, err) < 0) {
		/* Beside somebody's public half it must not stay. Else it does: it is whole, who
		 * reads it makes the other from it, and somebody may be using it already. */
		if (err->kind == ERROR_CONFLICT)
			unlink(path);
		rc = -1;
	}
	buf_release(&line);
	free(public_path);
	return rc;
}

static int refuse(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERROR_CONFIG, "refusing the key '%s': %s", path, why);
}

/* Of the open file, so that nobody changes it between the look and the reading. */
static int check_ours(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, ERROR_CONFIG, "cannot read the key '%s'", path);
	if (!S_ISREG(st.st_mode))
		return refuse(path, "it is not a regular file", err);
	if (st.st_uid != geteuid())
		return refuse(path, "it belongs to somebody else", err);
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		error_set(err, ERROR_CONFIG, "refusing the key '%s': others may use it (mode %04o)",
			  path, (unsigned)(st.st_mode & 07777));
		return error_hint(err, "chmod 600 '%s'", path);
	}
	return 0;
}

static int read_bounded(int fd, const char *path, char *text, size_t size, size_t *len,
			struct error *err)
{
	for (*len = 0; *len < size;) {
		ssize_t n = read(fd, text + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_CONFIG, "cannot read the key '%s'", path);
		if (n == 0)
			return 0;
		*len += (size_t)n;
	}
	return refuse(path, "it is too large for a key", err);
}

int ssh_key_load(const char *path, struct ssh_key *ret, struct error *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char text[KEY_TEXT_MAX + 1];
	struct key_parts parts;
	size_t len = 0;

	if (fd < 0 && errno == ELOOP)
		return refuse(path, "it is a symbolic link", err);
	if (fd < 0)
		return error_errno(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_CONFIG,
				   "cannot open the key '%s'", path);
	memset(&parts, 0, sizeof(parts));
	int rc = check_ours(fd, path, err);
	if (rc == 0)
		rc = read_bounded(fd, path, text, sizeof(text), &len, err);
	close(fd);
	if (rc == 0)
		rc = key_parse_private(text, len, path, &parts, err);
	if (rc == 0)
		rc = key_of_parts(&parts, ret, err);
	OPENSSL_cleanse(&parts, sizeof(parts));
	OPENSSL_cleanse(text, sizeof(text));
	return rc;
}

static int bad_line(struct error *err, const char *why)
{
	return error_set(err, ERROR_CONFIG, "a public key line is unusable: %s", why);
}

int ssh_public_parse(const char *line, char type[32], unsigned char blob[SSH_BLOB_MAX],
		     size_t *ret_len, struct error *err)
{
	size_t len = strnlen(line, SSH_LINE_MAX);
	size_t type_len = strcspn(line, " \n");
	struct buf decoded = BUF_INIT_MAX(SSH_BLOB_MAX);
	int rc = 0;

	while (len > 0 && len < SSH_LINE_MAX && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len >= SSH_LINE_MAX)
		return bad_line(err, "it is too long");
	if (memchr(line, '\n', len))
		return bad_line(err, "it is more than one line");
	if (type_len == 0 || type_len >= 32 || line[type_len] != ' ')
		return bad_line(err, "it does not start with a key type");
	const char *text = line + type_len + 1;
	size_t text_len = strcspn(text, " \r\n");
	if (text_len == 0 || base64_decode(&decoded, text, text_len) < 0)
		rc = bad_line(err,
			      decoded.overflow ? "the key is too large" : "its base64 is damaged");
	struct wire wire = wire_of(decoded.data, decoded.len);
	struct wire_str inner = wire_string(&wire);
	if (rc == 0 && (wire.bad || wire.left == 0 || inner.len != type_len ||
			memcmp(inner.data, line, type_len)))
		rc = bad_line(err, "its type and its key do not agree");
	if (rc == 0) {
		memcpy(type, line, type_len);
		type[type_len] = '\0';
		memcpy(blob, decoded.data, decoded.len);
		*ret_len = decoded.len;
	}
	buf_release(&decoded);
	return rc;
}

void ssh_fingerprint(const unsigned char *blob, size_t len, char out[SSH_FINGERPRINT_MAX])
{
	unsigned char digest[SHA256_LEN];
	struct buf text = BUF_INIT;

	sha256(blob, len, digest);
	base32_encode(&text, digest, sizeof(digest));
	snprintf(out, SSH_FINGERPRINT_MAX, "%s", text.data);
	buf_release(&text);
}

void ssh_fingerprint_openssh(const unsigned char *blob, size_t len,
			     char out[SSH_FINGERPRINT_OPENSSH_MAX])
{
	unsigned char digest[SHA256_LEN];
	struct buf text = BUF_INIT;

	sha256(blob, len, digest);
	base64_encode(&text, digest, sizeof(digest));
	snprintf(out, SSH_FINGERPRINT_OPENSSH_MAX, "SHA256:%.43s", text.data);
	buf_release(&text);
}

int ssh_public_fingerprint(const char *line, char out[SSH_FINGERPRINT_MAX], struct error *err)
{
	unsigned char blob[SSH_BLOB_MAX];
	char type[32];
	size_t len;

	if (ssh_public_parse(line, type, blob, &len, err) < 0)
		return -1;
	ssh_fingerprint(blob, len, out);
	return 0;
}
