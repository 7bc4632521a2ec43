/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu-selftest/src/sha256.h"

static const unsigned char magic[8] = { 'G', 'P', 'U', 'C', 'W', 'T', 'S', '1' };

static unsigned char *put32(unsigned char *p, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		*p++ = (unsigned char)(value >> (8 * i));
	return p;
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static size_t head_bytes(const struct model *m)
{
	return sizeof(magic) + 8 + (size_t)m->layers * 16 + 8;
}

size_t weights_bytes(const struct model *m)
{
	return head_bytes(m) + (size_t)model_weights(m) * 4;
}

static void encode_head(const struct model *m, unsigned char *p)
{
	memcpy(p, magic, sizeof(magic));
	p = put32(p + sizeof(magic), m->number);
	p = put32(p, m->layers);
	for (unsigned i = 0; i < m->layers; i++) {
		p = put32(p, m->shapes[i].channels);
		p = put32(p, m->shapes[i].size);
		p = put32(p, m->shapes[i].kernel);
		p = put32(p, m->shapes[i].outputs);
	}
	p = put32(p, model_weights(m));
	put32(p, 0);
}

void weights_encode(const struct model *m, const float *weights, unsigned char *bytes)
{
	unsigned char *p = bytes + head_bytes(m);
	encode_head(m, bytes);
	for (unsigned i = 0; i < model_weights(m); i++) {
		uint32_t bits;
		memcpy(&bits, &weights[i], sizeof(bits));
		p = put32(p, bits);
	}
}

static const char *why_not(const struct model *m, const unsigned char *bytes, size_t length)
{
	unsigned char head[sizeof(magic) + 8 + (size_t)NET_LAYERS_MAX * 16 + 8];
	if (length < sizeof(magic) || memcmp(bytes, magic, sizeof(magic)) != 0)
		return "is no file of weights, and none of";
	if (length >= sizeof(magic) + 4 && get32(bytes + sizeof(magic)) != m->number)
		return "holds the weights of another network than";
	if (length < weights_bytes(m))
		return "ends too early for the weights of";
	encode_head(m, head);
	if (memcmp(bytes, head, head_bytes(m)) != 0)
		return "holds other layers than those of";
	if (length > weights_bytes(m))
		return "is longer than the weights of";
	return NULL;
}

int weights_decode(const struct model *m, const unsigned char *bytes, size_t length, float *weights,
		   char *error, size_t size)
{
	const char *why = why_not(m, bytes, length);
	if (why != NULL) {
		snprintf(error, size, "%s %s", why, m->name);
		return -1;
	}
	const unsigned char *p = bytes + head_bytes(m);
	for (unsigned i = 0; i < model_weights(m); i++, p += 4) {
		uint32_t bits = get32(p);
		memcpy(&weights[i], &bits, sizeof(bits));
		if (!isfinite(weights[i])) {
			snprintf(error, size, "has a weight that is no number: number %u", i);
			return -1;
		}
	}
	return 0;
}

/* At most so many bytes; -1 with errno. A pipe that nobody writes is no reason to wait. */
static ssize_t read_some(const char *path, unsigned char *bytes, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0 && length < room) {
		n = read(fd, bytes + length, room - length);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			length += (size_t)n;
	}
	int code = errno;
	if (fd >= 0)
		close(fd);
	errno = code;
	return n < 0 ? -1 : (ssize_t)length;
}

int weights_read(const struct model *m, const char *path, float *weights, char sha256[65],
		 char *error, size_t size)
{
	size_t room = weights_bytes(m) + 1; /* one more, to see that there is more */
	unsigned char *bytes = malloc(room);
	char why[160];
	int rc = -1;
	ssize_t length = bytes != NULL ? read_some(path, bytes, room) : -1;
	if (length < 0) {
		snprintf(error, size, "cannot read '%s': %s", path,
			 bytes != NULL ? strerror(errno) : "no memory");
	} else if (weights_decode(m, bytes, (size_t)length, weights, why, sizeof(why)) != 0) {
		snprintf(error, size, "'%s' %s", path, why);
	} else {
		sha256_hex(bytes, (size_t)length, sha256);
		rc = 0;
	}
	free(bytes);
	return rc;
}
