/* SPDX-License-Identifier: Apache-2.0 */
/* An SFTP server of one folder with one name in it, to be made worse. */
#ifndef GPUCLOUD_TESTS_EVIL_SFTP_H
#define GPUCLOUD_TESTS_EVIL_SFTP_H

#include <sys/stat.h>

#include "evil_case.h"
#include "ssh/sftp.h"

#define CLEAR         \
	"\033[2J\x9b" \
	"31m"

#define PULL .what = TRY_PULL, .kind
#define PUSH .what = TRY_PUSH, .kind
#define BAD  ERROR_PROTOCOL, .code = "SftpProtocol"

/* What the play is about; set before evil_sftp_serve, in the server's own process. */
struct listed {
	const char *name; /* the one in the listing */
	size_t name_len;
	uint32_t mode;
	uint64_t size;
};
extern struct listed listed;

void put_name(struct buf *body, const char *name, size_t len, uint32_t mode, uint64_t size);
void send_attrs(struct evil *evil, uint32_t id, uint32_t mode, uint64_t size);
void send_names(struct evil *evil, uint32_t id, const char *name, size_t len, uint32_t mode,
		uint64_t size);
void send_data(struct evil *evil, uint32_t id, size_t len);

/* The honest one: what is asked of it beyond the listing gets a refusal. */
bool one_name(struct evil *evil, uint8_t type, uint32_t id, struct wire *body);

/* Runs the cases, and looks after each that nothing was written beside the target. */
void run_sftp_cases(struct fixture *fixture, const struct evil_case *cases, size_t nr);

#endif
