/* SPDX-License-Identifier: Apache-2.0 */
/* One hostile server, one try, and what every try must keep to: time, memory, words, no process. */
#ifndef GPUCLOUD_TESTS_EVIL_CASE_H
#define GPUCLOUD_TESTS_EVIL_CASE_H

#include "evil_sshd.h"
#include "ssh_fixture.h"

#define EVIL_LATE_MS	1000  /* the deadline of what is to miss it */
#define EVIL_LEAVE_MS	2000  /* and what ending a command there may take beyond it */
#define EVIL_PATIENT_MS 20000 /* and of all else, so that a busy computer does not matter */
#define EVIL_RSS_MAX_KB (600 * 1024L)

enum evil_try {
	TRY_CONNECT,
	TRY_EXEC,
	TRY_PULL,
	TRY_PUSH
};

struct evil_case {
	const char *name;
	evil_play play;
	enum evil_try what;
	enum error_kind kind; /* ERROR_NONE: it works */
	const char *code;     /* of the error, or NULL: any */
	const char *words;    /* in its message, or NULL */
	int status;	      /* of exec, where it works */
	off_t pulled;	      /* size of the file that pull made, if not 0 */
	bool wrong_host;      /* another key than the server's is expected */
	bool or_late;	      /* a slow computer may come to the deadline first */
};

struct evil_seen {
	unsigned char types[4096]; /* messages that the server got */
	size_t nr;
	char out[4096];
	struct error err;
	char local[96]; /* what pull wrote into */
};

/* Plays one case and checks it; `seen` is for further checks. */
void evil_run(struct fixture *fixture, const struct evil_case *evil_case, struct evil_seen *seen);

#endif
