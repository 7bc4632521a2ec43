/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we know of the host keys of machines.
 *
 *   <state>/hostkeys/<launch id>   the private host key made for a launch (0600), from before the
 *                                  launch is sent until its instance is gone: an interrupted launch
 *                                  is repeated with the very same bytes
 *   <data>/hosts/<instance id>     the public keys an instance may show, one line each, newest
 *                                  first, at most HOSTKEYS_KNOWN_MAX; with the comment "tag" where
 *                                  nothing but the cloud's tag vouched for it
 *
 * By instance id, never by address: addresses are used again. Ids are checked before they name a
 * file (ERROR_USAGE). Files are replaced whole and durably; several gpucloud may write at once.
 */
#ifndef GPUCLOUD_FLEET_HOSTKEYS_H
#define GPUCLOUD_FLEET_HOSTKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ssh/key.h"

struct arena;
struct error;
struct paths;

#define HOSTKEYS_KNOWN_MAX 4

/* "TYPE BASE64" of a public line: no comment, nothing else. ERROR_CONFIG: it is no such line. */
int hostkeys_line(const char *line, char out[SSH_LINE_MAX], struct error *err);

/* Keeps the private key of a launch. One is there already: ERROR_CONFLICT, and it stays. */
int hostkeys_seed(const struct paths *paths, const char *launch_id, const struct ssh_key *key,
		  struct error *err);
/* The very bytes that were kept. None there: ERROR_NOT_FOUND. A link, or readable for others: an
 * error that says so. */
int hostkeys_load_seed(const struct paths *paths, const char *launch_id, struct ssh_key *ret,
		       struct error *err);

/* The instance is gone, or never came: removes what is kept of it. Either id may be NULL or "". */
void hostkeys_forget(const struct paths *paths, const char *launch_id, const char *instance_id);

/*
 * Removes private keys that were last written before that time (Unix s) and that nobody wants: their
 * launch was killed before its row was written, or while it was being forgotten; and what a killed
 * write left half done. wanted() is asked only for those that are old enough. Returns how many went.
 */
typedef bool (*hostkeys_wanted_fn)(void *ctx, const char *launch_id);
size_t hostkeys_sweep(const struct paths *paths, int64_t before, hostkeys_wanted_fn wanted,
		      void *ctx);

/*
 * Adds a key the instance may show from now on, as the newest; the oldest past the most is dropped.
 * Recorded (durable at return) before it is installed, so that there is no instant in which a
 * machine shows a key we do not know. A line that is known moves to the front.
 */
int hostkeys_record(const struct paths *paths, const char *instance_id, const char *line,
		    struct error *err);

/* From now on that key and no other: it was seen to work. by_tag: not one that this computer put
 * there, but one that the tag named. Writes nothing where the record says so already. */
int hostkeys_only(const struct paths *paths, const char *instance_id, const char *line, bool by_tag,
		  struct error *err);

/* Of a line from hostkeys_known: only the tag vouched for it, so a new tag may replace it. */
bool hostkeys_by_tag(const char *line);

/*
 * Who replaces the seeded key of a launch does it alone: waits for others at most so long. Returns
 * the lock for hostkeys_unlock, or -1.
 */
int hostkeys_lock(const struct paths *paths, const char *launch_id, int64_t wait_ms,
		  struct error *err);
void hostkeys_unlock(const struct paths *paths, const char *launch_id, int lock);

/*
 * The lines known, newest first; none is a success with *ret_nr 0. A file that is damaged, or not
 * ours alone to write, is ERROR_IO: it never counts as "nothing known".
 */
int hostkeys_known(const struct paths *paths, const char *instance_id, struct arena *arena,
		   const char *const **ret, size_t *ret_nr, struct error *err);

#endif
